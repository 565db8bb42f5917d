//! Response heads out of bytes (RFC 9112 sections 2.2, 4 and 5), the same however the bytes are cut
//! into reads. What RFC 9112 wants a proxy to mend is mended (space before a colon, folded lines);
//! what could be understood in more than one way is refused, by `framing`.

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use httparse::{Error, Header, ParserConfig, Status};
use perigee_http1::{
    lines::{has_end, slice_of},
    maps,
    names::name_of,
};

use super::framing::{self, Fault, Framed};

/// Fields that are parsed without an allocation for the parser.
const ON_STACK: usize = 128;

/// No limit on the bytes of a head is smaller.
pub(crate) const MIN_MAX_HEAD: usize = 8 << 10;

/// How large a response head may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    pub(crate) max_bytes: usize,
    pub(crate) max_fields: usize,
}

impl HeadLimits {
    pub(crate) fn new(max_bytes: usize, max_fields: usize) -> Self {
        HeadLimits {
            max_bytes: max_bytes.max(MIN_MAX_HEAD),
            max_fields,
        }
    }
}

/// A response head.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) framed: Framed,
}

impl Head {
    /// Whether another one follows (RFC 9110 section 15.2). After a 101 none does.
    pub(crate) fn is_interim(&self) -> bool {
        self.status.is_informational() && self.status != StatusCode::SWITCHING_PROTOCOLS
    }
}

/// Reads one head.
#[derive(Debug, Default)]
pub(crate) struct HeadReader {
    /// Bytes that are known not to hold the end of the head.
    seen: usize,
}

impl HeadReader {
    /// Whether nothing of a head has been looked at.
    pub(crate) fn is_new(&self) -> bool {
        self.seen == 0
    }

    /// Takes the head off the front of `buf`, once it is there whole. `to_head`: the request was a
    /// HEAD.
    ///
    /// # Errors
    /// [`Fault`] for what is no response: nothing after it can be trusted.
    pub(crate) fn take(
        &mut self,
        buf: &mut BytesMut,
        to_head: bool,
        limits: HeadLimits,
    ) -> Result<Option<Head>, Fault> {
        let window = &buf[..buf.len().min(limits.max_bytes)];
        let is_full = window.len() == limits.max_bytes;
        // Parsed at the first look and at the end, not again for each byte that trickles in.
        if self.seen > 0 && !is_full && !has_end(&window[self.seen.saturating_sub(2)..]) {
            self.seen = window.len();
            return Ok(None);
        }
        match parse(window, to_head, limits.max_fields)? {
            Some((head, length)) => {
                buf.advance(length);
                self.seen = 0;
                Ok(Some(head))
            }
            None if is_full => Err("its head is too large"),
            None => {
                self.seen = window.len();
                Ok(None)
            }
        }
    }
}

/// A head and its length in bytes, if it is whole.
fn parse(bytes: &[u8], to_head: bool, max_fields: usize) -> Result<Option<(Head, usize)>, Fault> {
    if max_fields <= ON_STACK {
        let mut fields = [const { MaybeUninit::uninit() }; ON_STACK];
        parse_into(bytes, to_head, &mut fields[..max_fields])
    } else {
        parse_into(bytes, to_head, &mut vec![MaybeUninit::uninit(); max_fields])
    }
}

fn parse_into<'b>(
    bytes: &'b [u8],
    to_head: bool,
    fields: &mut [MaybeUninit<Header<'b>>],
) -> Result<Option<(Head, usize)>, Fault> {
    let mut response = httparse::Response::new(&mut []);
    let parsed = ParserConfig::default()
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .parse_response_with_uninit_headers(&mut response, bytes, fields);
    match parsed {
        Ok(Status::Complete(length)) => {
            let head = build(&response, &bytes[..length], to_head)?;
            Ok(Some((head, length)))
        }
        Ok(Status::Partial) => Ok(None),
        Err(Error::TooManyHeaders) => Err("its head has too many fields"),
        Err(Error::Version | Error::Status | Error::Token) => Err("it does not begin as one"),
        Err(_) => Err("its head is malformed"),
    }
}

fn build(
    response: &httparse::Response<'_, '_>,
    bytes: &[u8],
    to_head: bool,
) -> Result<Head, Fault> {
    const BAD: Fault = "its head is malformed";
    let status = response
        .code
        .and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or("its status is none")?;
    let version = match response.version {
        Some(0) => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    // The one copy of the head: values are slices of it, and the buffer is free again.
    let shared = Bytes::copy_from_slice(bytes);
    let mut headers = maps::take(response.headers.len());
    for field in response.headers.iter() {
        let Ok(name) = name_of(field.name.as_bytes()) else {
            return Err(BAD);
        };
        let slice = || slice_of(&shared, bytes, field.value);
        let value = match HeaderValue::from_maybe_shared(slice()) {
            Ok(value) => value,
            // Folds, which are rare, are line ends, which are in no value.
            Err(_) => HeaderValue::from_maybe_shared(unfolded(&slice())).map_err(|_| BAD)?,
        };
        if headers.try_append(name, value).is_err() {
            return Err(BAD);
        }
    }
    let framed = framing::settle(status, version, to_head, &mut headers)?;
    Ok(Head {
        status,
        headers,
        framed,
    })
}

/// A value in one line: one space for each fold (RFC 9112 section 5.2).
fn unfolded(value: &[u8]) -> Bytes {
    let lines = value.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.join(&b' ').into()
}

#[cfg(any(test, fuzzing))]
#[path = "response/bodies.rs"]
pub(crate) mod bodies;

#[cfg(test)]
#[path = "response/tests.rs"]
mod tests;
