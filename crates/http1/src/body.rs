//! Bodies out of bytes, by the framing that their head says.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use crate::Chunked;

/// Why a body is not one: the connection cannot be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadBody(pub &'static str);

impl std::fmt::Display for BadBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadBody {}

/// How large a trailer section may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes.
    pub max_bytes: usize,
    /// Fields.
    pub max_fields: usize,
}

/// A piece of a body.
#[derive(Debug, PartialEq)]
pub enum Decoded {
    /// More bytes are needed.
    More,
    /// Bytes of the content.
    Data(Bytes),
    /// The fields of the trailer section; the end is next.
    Trailers(HeaderMap),
    /// It is whole.
    End,
}

/// Reads one body.
#[derive(Debug)]
pub enum Decoder {
    /// So many bytes are still to come.
    Length(u64),
    /// Chunks, and their end.
    Chunked(Chunked),
    /// All that comes until the connection closes: the end is the caller's to see (RFC 9112 section
    /// 6.3).
    Close,
}

impl Decoder {
    /// What comes next in `buf`, taken off it without a copy.
    ///
    /// # Errors
    /// [`BadBody`] for what is no chunked body.
    pub fn decode(&mut self, buf: &mut BytesMut, bounds: Bounds) -> Result<Decoded, BadBody> {
        match self {
            Decoder::Length(0) => Ok(Decoded::End),
            Decoder::Length(_) | Decoder::Close if buf.is_empty() => Ok(Decoded::More),
            Decoder::Length(left) => {
                let there = u64::try_from(buf.len()).unwrap_or(u64::MAX);
                let length = usize::try_from((*left).min(there)).unwrap_or(buf.len());
                *left -= length as u64;
                Ok(Decoded::Data(buf.split_to(length).freeze()))
            }
            Decoder::Chunked(chunked) => chunked.decode(buf, bounds),
            Decoder::Close => Ok(Decoded::Data(buf.split().freeze())),
        }
    }

    /// How many bytes are still to come, if that is known.
    pub fn left(&self) -> Option<u64> {
        match self {
            Decoder::Length(left) => Some(*left),
            Decoder::Chunked(_) | Decoder::Close => None,
        }
    }
}
