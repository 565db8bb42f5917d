//! Request heads out of bytes: strict (RFC 9112 sections 2.2, 3 and 5), and the same however the
//! bytes are cut into reads. Pure.

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};
use httparse::{Error, Header, Status};
use perigee_http1::{
    lines::{ends_in_crlf, has_end, slice_of},
    names::name_of,
};

use super::{
    door,
    known::{Known, Shown},
};
use crate::{
    Asked, Limits,
    guards::{self, Facts, Framing},
};

/// Fields that are parsed without an allocation for the parser.
const ON_STACK: usize = 128;

/// A request head that is fit to be handled.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) target: Uri,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) framing: Framing,
    pub(crate) facts: Facts,
}

/// A head that was taken off a buffer.
#[derive(Debug)]
pub(crate) enum Taken<T> {
    /// In a box: it is large, and what is answered at once has none.
    Head(Box<Head>),
    /// It has been answered at once, or that has begun.
    Opened(T),
}

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    /// The method is known to be HEAD.
    pub(crate) is_head: bool,
}

impl From<StatusCode> for Refused {
    fn from(status: StatusCode) -> Self {
        Refused {
            status,
            is_head: false,
        }
    }
}

/// Reads one head.
#[derive(Debug, Default)]
pub(crate) struct HeadReader {
    /// Bytes that are known not to hold the end of the head.
    seen: usize,
    /// An empty line was passed over.
    skipped: bool,
}

impl HeadReader {
    /// Takes the head off the front of `buf`, once it is there whole; or has it answered at once by
    /// `open`. `at_end`: no more bytes come. `known`: the fields of the heads before.
    ///
    /// # Errors
    /// [`Refused`]: what to answer. Nothing after it can be trusted.
    pub(crate) fn take<T>(
        &mut self,
        buf: &mut BytesMut,
        limits: &Limits,
        at_end: bool,
        known: &mut Known,
        mut open: impl FnMut(&Asked<'_>) -> Option<T>,
    ) -> Result<Option<Taken<T>>, Refused> {
        if !self.skip_empty_line(buf)? {
            return Ok(None);
        }
        let window = &buf[..buf.len().min(limits.max_head)];
        let is_full = window.len() == limits.max_head;
        // Parsed at the first look and at the end, not again for each byte that trickles in.
        let ended = || has_end(&window[self.seen.saturating_sub(2)..]);
        if self.seen > 0 && !is_full && !at_end && !ended() {
            self.seen = window.len();
            return Ok(None);
        }
        let taken = match known.open(window, &mut open) {
            Some(shown) => match taken_by(known, shown) {
                // It was asked at the door.
                None => parse(window, limits.max_fields, known, |_| None)?,
                taken => taken,
            },
            None => parse(window, limits.max_fields, known, open)?,
        };
        match taken {
            Some((taken, length)) => {
                match length < buf.len() {
                    true => buf.advance(length),
                    // So its space begins where it did.
                    false => buf.clear(),
                }
                Ok(Some(taken))
            }
            None if is_full && window.contains(&b'\n') => {
                Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into())
            }
            None if is_full => Err(StatusCode::URI_TOO_LONG.into()),
            None => {
                self.seen = window.len();
                Ok(None)
            }
        }
    }

    /// One empty line before the request line is passed over (RFC 9112 section 2.2). Whether there
    /// may be a head now.
    fn skip_empty_line(&mut self, buf: &mut BytesMut) -> Result<bool, Refused> {
        if !self.skipped && buf.starts_with(b"\r\n") {
            buf.advance(2);
            self.skipped = true;
        }
        match buf.first() {
            None => Ok(false),
            Some(b'\r') if !self.skipped && buf.len() == 1 => Ok(false),
            Some(b'\r' | b'\n') => Err(StatusCode::BAD_REQUEST.into()),
            Some(_) => Ok(true),
        }
    }
}

/// What comes of a request of which the fields are known, and the length of its head.
fn taken_by<T>(known: &mut Known, shown: Shown<'_, T>) -> Option<(Taken<T>, usize)> {
    let Shown {
        opened,
        is_head,
        target,
        length,
    } = shown;
    if let Some(opened) = opened {
        return Some((Taken::Opened(opened), length));
    }
    let target = Bytes::copy_from_slice(target.as_bytes());
    let target = Uri::from_maybe_shared(target).ok()?;
    let method = if is_head { Method::HEAD } else { Method::GET };
    let head = fit(method, target, Version::HTTP_11, known.fields()?).ok()?;
    Some((Taken::Head(head), length))
}

/// A head and its length in bytes, if it is whole.
fn parse<T>(
    bytes: &[u8],
    max_fields: usize,
    known: &mut Known,
    open: impl FnOnce(&Asked<'_>) -> Option<T>,
) -> Result<Option<(Taken<T>, usize)>, Refused> {
    if max_fields <= ON_STACK {
        let mut fields = [const { MaybeUninit::uninit() }; ON_STACK];
        parse_into(bytes, &mut fields[..max_fields], known, open)
    } else {
        let mut fields = vec![MaybeUninit::uninit(); max_fields];
        parse_into(bytes, &mut fields, known, open)
    }
}

fn parse_into<'b, T>(
    bytes: &'b [u8],
    fields: &mut [MaybeUninit<Header<'b>>],
    known: &mut Known,
    open: impl FnOnce(&Asked<'_>) -> Option<T>,
) -> Result<Option<(Taken<T>, usize)>, Refused> {
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, fields) {
        Ok(Status::Complete(length)) => {
            let bytes = &bytes[..length];
            if !ends_in_crlf(request.headers, bytes) {
                return Err(refused(&request, StatusCode::BAD_REQUEST));
            }
            let opened = door::asked(&mut request).and_then(|asked| {
                let opened = open(&asked);
                known.learn(&asked, bytes);
                opened
            });
            match opened {
                Some(opened) => Ok(Some((Taken::Opened(opened), length))),
                None => build(&request, bytes)
                    .map(|head| Some((Taken::Head(head), length)))
                    .map_err(|status| refused(&request, status)),
            }
        }
        Ok(Status::Partial) => Ok(None),
        Err(Error::TooManyHeaders) => Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into()),
        Err(_) => Err(StatusCode::BAD_REQUEST.into()),
    }
}

fn refused(request: &httparse::Request<'_, '_>, status: StatusCode) -> Refused {
    Refused {
        status,
        is_head: request.method == Some("HEAD"),
    }
}

fn build(request: &httparse::Request<'_, '_>, bytes: &[u8]) -> Result<Box<Head>, StatusCode> {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    let method = request.method.ok_or(BAD)?;
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| BAD)?;
    let target = request.path.ok_or(BAD)?;
    // `Uri` would drop a fragment silently.
    if target.as_bytes().contains(&b'#') {
        return Err(BAD);
    }
    // The one copy of the head: values and target are slices of it, and the buffer is free again.
    let shared = Bytes::copy_from_slice(bytes);
    let slice = |part: &[u8]| slice_of(&shared, bytes, part);
    let target = Uri::from_maybe_shared(slice(target.as_bytes())).map_err(|_| BAD)?;
    let version = match request.version {
        Some(0) => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    let mut facts = Facts::default();
    for field in request.headers.iter() {
        let name = name_of(field.name.as_bytes()).map_err(|_| BAD)?;
        let value = HeaderValue::from_maybe_shared(slice(field.value)).map_err(|_| BAD)?;
        facts.note(&name, &value);
        headers
            .try_append(name, value)
            .map_err(|_| StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)?;
    }
    fit(method, target, version, (headers, facts))
}

/// A head, if it is fit to be handled.
fn fit(
    method: Method,
    target: Uri,
    version: Version,
    (mut headers, facts): (HeaderMap, Facts),
) -> Result<Box<Head>, StatusCode> {
    let framing = facts.framing(version)?;
    facts.check(&method, &target, version, &headers)?;
    guards::settle_host(&target, &mut headers)?;
    Ok(Box::new(Head {
        method,
        target,
        version,
        headers,
        framing,
        facts,
    }))
}

#[cfg(test)]
#[path = "head/tests.rs"]
mod tests;
