//! Request bodies out of bytes, by the framing that their head says. Pure.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use super::chunked::Chunked;
use crate::{Limits, guards::Framing};

/// Why a body is not one: the connection cannot be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadBody(pub(crate) &'static str);

impl std::fmt::Display for BadBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadBody {}

/// A piece of a body.
#[derive(Debug, PartialEq)]
pub(crate) enum Decoded {
    /// More bytes are needed.
    More,
    Data(Bytes),
    /// The fields of the trailer section; the end is next.
    Trailers(HeaderMap),
    End,
}

/// Reads one body.
#[derive(Debug)]
pub(crate) enum Decoder {
    /// So many bytes are still to come.
    Length(u64),
    Chunked(Chunked),
}

impl Decoder {
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Empty => Decoder::Length(0),
            Framing::Length(length) => Decoder::Length(length),
            Framing::Chunked => Decoder::Chunked(Chunked::new()),
        }
    }

    /// What comes next in `buf`, taken off it without a copy.
    ///
    /// # Errors
    /// [`BadBody`] for what is no chunked body.
    pub(crate) fn decode(
        &mut self,
        buf: &mut BytesMut,
        limits: &Limits,
    ) -> Result<Decoded, BadBody> {
        match self {
            Decoder::Length(0) => Ok(Decoded::End),
            Decoder::Length(_) if buf.is_empty() => Ok(Decoded::More),
            Decoder::Length(left) => {
                let there = u64::try_from(buf.len()).unwrap_or(u64::MAX);
                let length = usize::try_from((*left).min(there)).unwrap_or(buf.len());
                *left -= length as u64;
                Ok(Decoded::Data(buf.split_to(length).freeze()))
            }
            Decoder::Chunked(chunked) => chunked.decode(buf, limits),
        }
    }

    /// How many bytes are still to come, if that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        match self {
            Decoder::Length(left) => Some(*left),
            Decoder::Chunked(_) => None,
        }
    }
}
