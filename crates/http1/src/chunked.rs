//! The chunked transfer coding, read strictly (RFC 9112 section 7.1).

use bytes::{Buf, BytesMut};
use httparse::{EMPTY_HEADER, Status};

use crate::{
    BadBody, Bounds, Decoded,
    lines::{ends_in_crlf, has_end},
    trailers,
};

/// Bytes of chunk extensions that are passed over in one body (RFC 9112 section 7.1.1 wants a
/// limit).
const MAX_EXTENSIONS: usize = 16 << 10;

/// Digits of a chunk size, leading zeros included.
const MAX_DIGITS: u8 = 16;

/// Where in a chunked body the reader stands.
#[derive(Debug)]
pub struct Chunked {
    state: State,
    /// White space may follow a chunk size.
    padded: bool,
    /// Bytes of the chunk that are still to come.
    size: u64,
    digits: u8,
    extensions: usize,
    /// Bytes of the trailer section that are known not to hold its end.
    seen: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Padding,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
    End,
}

impl Default for Chunked {
    fn default() -> Self {
        Chunked::new()
    }
}

impl Chunked {
    /// A body that has not begun. White space behind a chunk size is an error.
    pub fn new() -> Self {
        Chunked {
            state: State::Size,
            padded: false,
            size: 0,
            digits: 0,
            extensions: 0,
            seen: 0,
        }
    }

    /// A body that has not begun. White space behind a chunk size is passed over: some servers fill a
    /// fixed width with it, and before an extension the grammar has it (BWS).
    pub fn padded() -> Self {
        Chunked {
            padded: true,
            ..Chunked::new()
        }
    }

    /// What comes next in `buf`, taken off it.
    ///
    /// # Errors
    /// [`BadBody`] for what is no chunked body.
    pub fn decode(&mut self, buf: &mut BytesMut, bounds: Bounds) -> Result<Decoded, BadBody> {
        loop {
            match self.state {
                State::Data if buf.is_empty() => return Ok(Decoded::More),
                State::Data => {
                    let there = u64::try_from(buf.len()).unwrap_or(u64::MAX);
                    let length = usize::try_from(self.size.min(there)).unwrap_or(buf.len());
                    self.size -= length as u64;
                    if self.size == 0 {
                        self.state = State::DataCr;
                    }
                    return Ok(Decoded::Data(buf.split_to(length).freeze()));
                }
                State::Trailers => return self.trailers(buf, bounds),
                State::End => return Ok(Decoded::End),
                _ if buf.is_empty() => return Ok(Decoded::More),
                _ => self.line(buf)?,
            }
        }
    }

    /// Reads of what stands between the data of chunks as much as there is.
    fn line(&mut self, buf: &mut BytesMut) -> Result<(), BadBody> {
        let mut read = 0;
        for &byte in buf.iter() {
            read += 1;
            self.state = self.next(byte)?;
            if matches!(self.state, State::Data | State::Trailers) {
                break;
            }
        }
        buf.advance(read);
        Ok(())
    }

    fn next(&mut self, byte: u8) -> Result<State, BadBody> {
        Ok(match (self.state, byte) {
            (State::Size, b'\r') if self.digits > 0 => State::SizeLf,
            (State::Size, b';') if self.digits > 0 => State::Extension,
            (State::Size, b' ' | b'\t') if self.padded && self.digits > 0 => self.pad()?,
            (State::Padding, b' ' | b'\t') => self.pad()?,
            (State::Padding, b'\r') => State::SizeLf,
            (State::Padding, b';') => State::Extension,
            (State::Size, _) => {
                let digit = char::from(byte).to_digit(16);
                let digit = digit.ok_or(BadBody("a chunk size is not a number"))?;
                if self.digits == MAX_DIGITS {
                    return Err(BadBody("a chunk size is too long"));
                }
                self.digits += 1;
                self.size = self.size << 4 | u64::from(digit);
                State::Size
            }
            (State::Extension, b'\r') => State::SizeLf,
            (State::Extension, b'\t' | b' '..=b'~' | 0x80..) => {
                self.extend()?;
                State::Extension
            }
            (State::SizeLf, b'\n') => {
                self.digits = 0;
                match self.size {
                    0 => State::Trailers,
                    _ => State::Data,
                }
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size,
            _ => return Err(BadBody("a line of the chunked coding does not end in CRLF")),
        })
    }

    fn pad(&mut self) -> Result<State, BadBody> {
        self.extend()?;
        Ok(State::Padding)
    }

    /// One more byte that says nothing.
    fn extend(&mut self) -> Result<(), BadBody> {
        self.extensions += 1;
        match self.extensions > MAX_EXTENSIONS {
            true => Err(BadBody("the chunk extensions are too long")),
            false => Ok(()),
        }
    }

    /// The trailer section, once it is there whole (RFC 9112 section 7.1.2).
    fn trailers(&mut self, buf: &mut BytesMut, bounds: Bounds) -> Result<Decoded, BadBody> {
        const BAD: BadBody = BadBody("the trailer section is malformed");
        if buf.starts_with(b"\r\n") {
            buf.advance(2);
            self.state = State::End;
            return Ok(Decoded::End);
        }
        let window = &buf[..buf.len().min(bounds.max_bytes)];
        let is_full = window.len() == bounds.max_bytes;
        let ended = || has_end(&window[self.seen.saturating_sub(2)..]);
        if self.seen > 0 && !is_full && !ended() {
            self.seen = window.len();
            return Ok(Decoded::More);
        }
        let mut fields = vec![EMPTY_HEADER; bounds.max_fields];
        match httparse::parse_headers(window, &mut fields) {
            Ok(Status::Complete((length, fields))) => {
                if !ends_in_crlf(fields, &window[..length]) {
                    return Err(BAD);
                }
                let trailers = trailers::of(fields).ok_or(BAD)?;
                buf.advance(length);
                self.state = State::End;
                Ok(match trailers.is_empty() {
                    true => Decoded::End,
                    false => Decoded::Trailers(trailers),
                })
            }
            Ok(Status::Partial) if is_full => Err(BadBody("the trailer section is too large")),
            Ok(Status::Partial) => {
                self.seen = window.len();
                Ok(Decoded::More)
            }
            Err(_) => Err(BAD),
        }
    }
}

#[cfg(test)]
#[path = "chunked/tests.rs"]
mod tests;
