//! Frames that are about the connection, or about how a stream goes on.

use perigee_http2::{Fault, Reason, write};

use super::session::{Session, protocol};
use crate::Handler;

impl<H: Handler> Session<H> {
    /// SETTINGS (RFC 9113 section 6.5).
    pub(crate) fn settings(&mut self, payload: &[u8]) -> Result<(), Fault> {
        self.overhead()?;
        self.settled = true;
        let before = i64::from(self.sender.settings.initial_window);
        self.sender.settings.apply(payload)?;
        self.sender.encoder.allow(self.sender.settings.table);
        let by = i64::from(self.sender.settings.initial_window) - before;
        for stream in self.streams.iter() {
            let changed = stream.window.change(by);
            changed.ok_or(Fault::Connection(
                Reason::FlowControl,
                "a window is too large",
            ))?;
        }
        if by > 0 {
            self.unblock();
        }
        self.sender.out.text(write::settings_ack);
        Ok(())
    }

    /// WINDOW_UPDATE (RFC 9113 section 6.9).
    pub(crate) fn window_update(&mut self, id: u32, increment: u32) -> Result<(), Fault> {
        const TOO_LARGE: Fault = Fault::Connection(Reason::FlowControl, "a window is too large");
        self.overhead()?;
        if id == 0 {
            let changed = self.sender.window.change(i64::from(increment));
            changed.ok_or(TOO_LARGE)?;
            self.unblock();
            return Ok(());
        }
        let Some(stream) = self.streams.get(id) else {
            return self.of_no_stream(id, Fault::Stream(0, Reason::No));
        };
        let changed = stream.window.change(i64::from(increment));
        changed.ok_or(Fault::Stream(id, Reason::FlowControl))?;
        if stream.is_blocked {
            self.queue(id);
        }
        Ok(())
    }

    /// RST_STREAM (RFC 9113 section 6.4).
    pub(crate) fn reset(&mut self, id: u32) -> Result<(), Fault> {
        if id > self.last {
            return Err(protocol("a frame on an idle stream"));
        }
        if !self.remove(id, "the client has reset the stream") {
            return self.overhead();
        }
        self.one_reset()
    }

    /// Judges a frame of a stream that is not open: `closed` is what is wrong if it is closed for
    /// long; [`Reason::No`]: nothing.
    pub(crate) fn of_no_stream(&mut self, id: u32, closed: Fault) -> Result<(), Fault> {
        if id > self.last {
            return Err(protocol("a frame on an idle stream"));
        }
        self.overhead()?;
        match closed {
            Fault::Stream(_, Reason::No) => Ok(()),
            _ if self.streams.is_passed_over(id) => Ok(()),
            closed => Err(closed),
        }
    }
}
