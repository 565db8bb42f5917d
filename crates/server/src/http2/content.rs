//! The content of requests, as it comes.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use perigee_http1::trailers;
use perigee_http2::{Fault, Fields, Reason};

use super::{
    STREAM_WINDOW,
    sending::Sender,
    session::Session,
    upload::{Reader, Upload},
    wakes::Signal,
    window::ReceiveWindow,
};
use crate::Handler;

/// The content of a request.
#[derive(Debug)]
pub(crate) struct Receiving {
    upload: Upload,
    window: ReceiveWindow,
    /// Bytes that the head says, and that came.
    says: Option<u64>,
    came: u64,
    /// The client waits to be told to send it (RFC 9110 section 10.1.1).
    continue_due: bool,
    /// All of it has come.
    is_whole: bool,
}

impl Receiving {
    pub(crate) fn new(
        says: Option<u64>,
        continue_due: bool,
        signal: &Arc<Signal>,
    ) -> (Self, Reader) {
        let (upload, reader) = Upload::new(says, signal);
        let receiving = Receiving {
            upload,
            window: ReceiveWindow::new(STREAM_WINDOW),
            says,
            came: 0,
            continue_due,
            is_whole: false,
        };
        (receiving, reader)
    }

    /// Nothing more may come.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Content came, which the window has room for. Bytes of it that nobody waits for.
    fn data(
        &mut self,
        stream: u32,
        data: &[u8],
        flow: usize,
        to: &mut Sender,
    ) -> Result<usize, Fault> {
        self.continue_due = false;
        self.came += data.len() as u64;
        // RFC 9113 section 8.1.1.
        if self.says.is_some_and(|says| self.came > says) {
            return Err(Fault::Stream(stream, Reason::Protocol));
        }
        let is_wanted = self.upload.push(data);
        let dealt_with = if is_wanted { flow - data.len() } else { flow };
        let increment = self.window.dealt_with(dealt_with);
        // What nobody wants stays with the client.
        to.window_update(stream, increment.filter(|_| is_wanted));
        Ok(dealt_with)
    }

    /// It is whole, if it has the length that was said.
    fn end(&mut self, stream: u32, trailers: Option<HeaderMap>) -> Result<(), Fault> {
        self.is_whole = true;
        if self.says.is_some_and(|says| self.came != says) {
            return Err(Fault::Stream(stream, Reason::Protocol));
        }
        self.upload.end(trailers);
        Ok(())
    }

    /// No more of it is read. Bytes that are held of it.
    pub(crate) fn fail(&self, why: &'static str) -> usize {
        self.upload.fail(why);
        self.window.held()
    }

    /// Tells the client what the reader has taken. Bytes of that.
    pub(crate) fn go_on(&mut self, stream: u32, to: &mut Sender) -> usize {
        let progress = self.upload.progress();
        if progress.asked && std::mem::take(&mut self.continue_due) {
            to.interim(stream, StatusCode::CONTINUE);
        }
        if progress.read > 0 {
            let increment = self.window.dealt_with(progress.read);
            to.window_update(stream, increment.filter(|_| !self.is_whole));
        }
        progress.read
    }
}

impl<H: Handler> Session<H> {
    /// DATA (RFC 9113 section 6.1).
    pub(crate) fn data(
        &mut self,
        id: u32,
        data: &[u8],
        flow: usize,
        end: bool,
    ) -> Result<(), Fault> {
        let fits = self.window.came(flow);
        fits.ok_or(Fault::Connection(Reason::FlowControl, "too much content"))?;
        if data.is_empty() && !end {
            self.overhead()?;
        }
        let Some(stream) = self.streams.get(id) else {
            self.dealt_with(flow);
            return self.of_no_stream(id, Fault::Stream(id, Reason::StreamClosed));
        };
        let receiving = stream.receiving.as_mut().filter(|it| !it.is_whole);
        let Some(receiving) = receiving else {
            self.dealt_with(flow);
            return Err(Fault::Stream(id, Reason::StreamClosed));
        };
        if receiving.window.came(flow).is_none() {
            self.dealt_with(flow);
            return Err(Fault::Stream(id, Reason::FlowControl));
        }
        let dealt_with = receiving.data(id, data, flow, &mut self.sender)?;
        if end {
            receiving.end(id, None)?;
        }
        self.dealt_with(dealt_with);
        Ok(())
    }

    /// The trailer section of a request, in `fields`.
    pub(crate) fn trailers(&mut self, id: u32, end: bool, fields: &Fields) -> Result<(), Fault> {
        let malformed = Fault::Stream(id, Reason::Protocol);
        let Some(stream) = self.streams.get(id) else {
            let fault = match id == self.last {
                true => Fault::Connection(Reason::StreamClosed, "HEADERS on a closed stream"),
                false => Fault::Connection(Reason::Protocol, "a stream out of order"),
            };
            return self.of_no_stream(id, fault);
        };
        let receiving = stream.receiving.as_mut().filter(|it| !it.is_whole);
        let receiving = receiving.ok_or(Fault::Stream(id, Reason::StreamClosed))?;
        if !end || fields.is_cut() || fields.len() > self.limits.max_fields {
            return Err(malformed);
        }
        fields.check_trailers().map_err(|_| malformed)?;
        receiving.end(id, Some(kept(fields)))
    }

    /// Content was dealt with: the connection has room for more.
    pub(crate) fn dealt_with(&mut self, bytes: usize) {
        let increment = self.window.dealt_with(bytes);
        self.sender.window_update(0, increment);
    }
}

/// The fields of a trailer section that may stand there.
fn kept(fields: &Fields) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    for (name, value) in fields.iter() {
        let name = HeaderName::from_bytes(name).ok().filter(trailers::may_be);
        let value = HeaderValue::from_bytes(value).ok();
        if let (Some(name), Some(value)) = (name, value) {
            // More than there can be are left out.
            let _ = trailers.try_append(name, value);
        }
    }
    trailers
}
