//! What ends streams and connections: faults, floods, and leaving in peace.

use perigee_http2::{Fault, Reason, write};

use super::session::{ANY, LEAVING, Leaving, Session, calm};
use crate::{Handler, stats::count};

impl<H: Handler> Session<H> {
    /// One frame that is no use by itself.
    pub(crate) fn overhead(&mut self) -> Result<(), Fault> {
        let state = &self.exchange.state;
        match self.overhead.take(|| state.age()) {
            true => Ok(()),
            false => Err(calm("too many frames for nothing")),
        }
    }

    pub(crate) fn one_reset(&mut self) -> Result<(), Fault> {
        let state = &self.exchange.state;
        match self.resets.take(|| state.age()) {
            true => Ok(()),
            false => Err(calm("too many streams were reset")),
        }
    }

    pub(crate) fn fault(&mut self, fault: Fault) {
        match fault {
            Fault::Connection(reason, why) => self.fail(reason, why),
            Fault::Stream(_, _) if self.block.is_some() => {
                self.fail(Reason::Protocol, "a frame within a header block");
            }
            Fault::Stream(id, _) if id > self.last => {
                self.fail(Reason::Protocol, "a frame on an idle stream");
            }
            Fault::Stream(id, reason) => {
                if reason == Reason::Protocol {
                    count(&self.exchange.shared.counters.bad_requests);
                }
                match self.one_reset() {
                    Ok(()) => self.give_up(id, reason),
                    Err(fault) => self.fault(fault),
                }
            }
        }
    }

    /// Ends the connection for what the client did (RFC 9113 section 5.4.1).
    pub(crate) fn fail(&mut self, reason: Reason, why: &'static str) {
        count(&self.exchange.shared.counters.bad_requests);
        tracing::debug!(client = %self.exchange.client.address, ?reason, why, "HTTP/2 error");
        let last = match self.leaving {
            Leaving::After(last) => last,
            _ => self.last,
        };
        self.sender
            .out
            .text(|text| write::go_away(last, reason, why, text));
        for stream in self.streams.iter() {
            if let Some(receiving) = &stream.receiving {
                receiving.fail("the connection is over");
            }
        }
        self.streams.clear();
        self.is_failed = true;
    }

    /// The connection is to end once all is answered.
    pub(crate) fn leave(&mut self) {
        if self.leaving == Leaving::No && !self.is_failed {
            self.leaving = Leaving::Announced;
            self.sender.out.text(|text| {
                write::go_away(ANY, Reason::No, "", text);
                write::ping(LEAVING, false, text);
            });
        }
    }

    pub(crate) fn leave_after(&mut self, last: u32) {
        self.leaving = Leaving::After(last);
        self.sender
            .out
            .text(|text| write::go_away(last, Reason::No, "", text));
    }

    /// Nothing more is to be done but to send what is written.
    pub(crate) fn is_over(&self) -> bool {
        let has_left = matches!(self.leaving, Leaving::After(_)) && self.streams.is_empty();
        self.is_failed || has_left
    }
}
