//! The body of the request that is being answered, on its way from the connection to its reader.

use std::{io, sync::Arc};

use bytes::BytesMut;
use http_body::Frame;
use perigee_http1::{BadBody, Chunked, Decoded, Decoder};

use super::pipe::{Appetite, Pipe, Reader};
use crate::{BodyError, Limits, guards::Framing, state::State};

/// Bytes of a body that nobody wants which are read so that the connection can be kept.
const DRAIN: u64 = 64 << 10;

/// A request body that has not been read whole.
#[derive(Debug)]
pub(crate) struct Incoming {
    decoder: Decoder,
    pipe: Arc<Pipe>,
    /// The client waits to be told to send it (RFC 9110 section 10.1.1).
    continue_due: bool,
    /// Its reader gets no more of it.
    closed: bool,
    drained: u64,
    end: Option<Result<(), BadBody>>,
}

/// What a body needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing, for now or for ever.
    Nothing,
    /// Bytes from the client, who has to be told first that it may send them.
    Continue,
    /// Bytes from the client.
    Bytes,
}

/// What reads a body of this framing.
pub(crate) fn decoder(framing: Framing) -> Decoder {
    match framing {
        Framing::Empty => Decoder::Length(0),
        Framing::Length(length) => Decoder::Length(length),
        Framing::Chunked => Decoder::Chunked(Chunked::new()),
    }
}

impl Incoming {
    pub(crate) fn new(
        framing: Framing,
        expects_continue: bool,
        state: &Arc<State>,
    ) -> (Self, Reader) {
        let decoder = decoder(framing);
        let pipe = Pipe::new(state, decoder.left());
        let reader = Reader::new(&pipe);
        let incoming = Incoming {
            decoder,
            pipe,
            continue_due: expects_continue,
            closed: false,
            drained: 0,
            end: None,
        };
        (incoming, reader)
    }

    /// Hands on what is there of the body, as far as its reader wants it.
    pub(crate) fn feed(&mut self, buf: &mut BytesMut, limits: &Limits) -> Need {
        while !self.closed && self.end.is_none() && self.pipe.appetite() == Appetite::Hungry {
            match self.decoder.decode(buf, limits.bounds()) {
                Ok(Decoded::More) if self.continue_due && buf.is_empty() => return Need::Continue,
                Ok(Decoded::More) => return Need::Bytes,
                Ok(Decoded::Data(data)) => {
                    // Who sends without being told to wants to hear nothing of it any more.
                    self.continue_due = false;
                    self.pipe.push(Frame::data(data));
                }
                Ok(Decoded::Trailers(trailers)) => self.pipe.push(Frame::trailers(trailers)),
                Ok(Decoded::End) => {
                    self.end = Some(Ok(()));
                    self.pipe.end();
                }
                Err(bad) => {
                    self.end = Some(Err(bad));
                    self.pipe.fail(BodyError::Broken(Box::new(bad)));
                }
            }
        }
        Need::Nothing
    }

    /// The client was told to go on.
    pub(crate) fn continued(&mut self) {
        self.continue_due = false;
    }

    /// The client will send no more of it.
    pub(crate) fn cut_off(&mut self) {
        self.end = Some(Err(BadBody(
            "the client closed the connection before its end",
        )));
        let error = io::Error::from(io::ErrorKind::UnexpectedEof);
        self.pipe.fail(BodyError::Broken(Box::new(error)));
    }

    /// The head of the response is out. Who waits to be told to send the body will not be.
    pub(crate) fn answered(&mut self) {
        if self.continue_due {
            self.close();
        }
    }

    /// Nobody may read on: the response is out.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        let error = io::Error::other("the response was sent before the end of the request body");
        self.pipe.fail(BodyError::Broken(Box::new(error)));
    }

    /// Whether it has been read to its end.
    pub(crate) fn is_whole(&self) -> bool {
        self.end == Some(Ok(()))
    }

    /// Whether nobody wants it any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.pipe.appetite() == Appetite::Abandoned
    }

    /// Whether what follows it on the connection can still be told from it: not if the client may
    /// or may not send it.
    pub(crate) fn has_an_end(&self) -> bool {
        !self.continue_due && !matches!(self.end, Some(Err(_)))
    }

    /// Drops what is there of the body.
    ///
    /// # Errors
    /// [`BadBody`] once that is no body, or too much.
    pub(crate) fn discard(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<Need, BadBody> {
        if let Some(Err(bad)) = self.end {
            return Err(bad);
        }
        if self.decoder.left().is_some_and(|left| left > DRAIN) {
            return Err(BadBody("nobody wants it, and it is long"));
        }
        while self.end.is_none() {
            match self.decoder.decode(buf, limits.bounds())? {
                Decoded::More => return Ok(Need::Bytes),
                Decoded::Data(data) => {
                    self.drained += data.len() as u64;
                    if self.drained > DRAIN {
                        return Err(BadBody("nobody wants it, and it is long"));
                    }
                }
                Decoded::Trailers(_) => {}
                Decoded::End => self.end = Some(Ok(())),
            }
        }
        Ok(Need::Nothing)
    }
}
