//! Response heads into bytes, and how their bodies are delimited (RFC 9112 section 6). Pure but
//! for the date.

use std::{io::Write, time::SystemTime};

use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header, response};
use http_body::SizeHint;

use super::{date::DateText, head::Head};
use crate::guards;

/// How the end of a response body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delimit {
    /// There is none, whatever the handler has.
    Nothing,
    Length(u64),
    /// In chunks, with trailers at the end if the client takes them.
    Chunked {
        trailers: bool,
    },
    /// By the end of the connection.
    Close,
}

/// What the request says of its response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) version: Version,
    pub(crate) is_head: bool,
    pub(crate) takes_trailers: bool,
    /// Whether the client wants the connection kept.
    pub(crate) keep: bool,
}

impl Terms {
    pub(crate) fn of(head: &Head) -> Self {
        let facts = &head.facts;
        Terms {
            version: head.version,
            is_head: head.method == Method::HEAD,
            takes_trailers: facts.takes_trailers,
            // RFC 9112 section 9.3.
            keep: !facts.close && (head.version == Version::HTTP_11 || facts.keep_alive),
        }
    }

    fn is_1_0(&self) -> bool {
        self.version == Version::HTTP_10
    }
}

/// Writes a head; `lines` are fields that are text already: see [`crate::Handler::lines`]. Answers with how the body is delimited, and whether the connection is kept.
pub(crate) fn head(
    parts: &response::Parts,
    lines: &[u8],
    hint: &SizeHint,
    terms: &Terms,
    date: &mut DateText,
    out: &mut Vec<u8>,
) -> (Delimit, bool) {
    let (status, headers) = (parts.status, &parts.headers);
    let Said { declared, close } = Said::of(headers);
    let switches = status == StatusCode::SWITCHING_PROTOCOLS;
    let delimit = delimit(status, declared.or_else(|| hint.exact()), terms);
    let keep = terms.keep && delimit != Delimit::Close && !close && !switches;

    status_line(status, out);
    out.extend_from_slice(lines);
    let mut dated = !lines.is_empty();
    for (name, value) in headers {
        let is_left_out = match *name {
            // Most of those that are usual.
            header::ACCEPT_RANGES
            | header::CACHE_CONTROL
            | header::CACHE_STATUS
            | header::CONTENT_TYPE
            | header::ETAG
            | header::LAST_MODIFIED
            | header::SERVER
            | header::VIA => false,
            header::DATE => {
                dated = true;
                false
            }
            header::TRAILER => !sends_trailers(delimit),
            _ => is_ours(name.as_str(), switches),
        };
        if !is_left_out {
            field(name.as_str(), value, out);
        }
    }
    match (delimit, declared) {
        (Delimit::Length(length), _) => content_length(length, out),
        // To HEAD and in 304 it says what GET would be answered (RFC 9110 section 8.6).
        (Delimit::Nothing, Some(length))
            if terms.is_head && may_have_content(status) || status == StatusCode::NOT_MODIFIED =>
        {
            content_length(length, out);
        }
        (Delimit::Chunked { .. }, _) => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        _ => {}
    }
    if !keep && !switches {
        out.extend_from_slice(b"connection: close\r\n");
    } else if terms.is_1_0() && keep {
        out.extend_from_slice(b"connection: keep-alive\r\n");
    }
    if !dated {
        out.extend_from_slice(b"date: ");
        out.extend_from_slice(date.at(SystemTime::now()));
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    (delimit, keep)
}

/// Writes an interim response (RFC 9110 section 15.2).
pub(crate) fn interim(status: StatusCode, headers: &HeaderMap, out: &mut Vec<u8>) {
    status_line(status, out);
    for (name, value) in headers {
        if !is_ours(name.as_str(), false) {
            field(name.as_str(), value, out);
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the head of a chunk.
pub(crate) fn chunk(length: usize, out: &mut Vec<u8>) {
    // Writing to a `Vec` does not fail.
    let _ = write!(out, "{length:x}\r\n");
}

/// Writes the last chunk and the trailer section (RFC 9112 section 7.1).
pub(crate) fn last_chunk(trailers: &HeaderMap, out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        if perigee_http1::trailers::may_be(name) {
            field(name.as_str(), value, out);
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn delimit(status: StatusCode, length: Option<u64>, terms: &Terms) -> Delimit {
    if terms.is_head || !may_have_content(status) {
        return Delimit::Nothing;
    }
    match length {
        Some(length) => Delimit::Length(length),
        None if terms.is_1_0() => Delimit::Close,
        None => Delimit::Chunked {
            trailers: terms.takes_trailers,
        },
    }
}

pub(crate) fn may_have_content(status: StatusCode) -> bool {
    !status.is_informational()
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::NOT_MODIFIED
}

fn sends_trailers(delimit: Delimit) -> bool {
    delimit == Delimit::Chunked { trailers: true }
}

/// What a handler says of the framing of its response. Found in one look: nearly always there is little.
struct Said {
    /// The length, if it says one.
    declared: Option<u64>,
    /// That the connection is to be closed.
    close: bool,
}

impl Said {
    fn of(headers: &HeaderMap) -> Self {
        let (mut lengths, mut said) = (
            0,
            Said {
                declared: None,
                close: false,
            },
        );
        for (name, value) in headers {
            match *name {
                header::CONTENT_LENGTH => {
                    lengths += 1;
                    said.declared = guards::length(value.as_bytes()).filter(|_| lengths == 1);
                }
                header::CONNECTION => said.close |= guards::has_member(value.as_bytes(), b"close"),
                _ => {}
            }
        }
        said
    }
}

/// The length that the handler says, if it says one.
pub(crate) fn declared(headers: &HeaderMap) -> Option<u64> {
    Said::of(headers).declared
}

/// Fields of framing and of the connection: the server alone writes them, but for those of a
/// switch of protocols.
fn is_ours(name: &str, switches: bool) -> bool {
    match name {
        "connection" | "upgrade" => !switches,
        "content-length" | "transfer-encoding" | "keep-alive" | "proxy-connection" => true,
        _ => false,
    }
}

pub(crate) fn status_line(status: StatusCode, out: &mut Vec<u8>) {
    match status {
        StatusCode::OK => return out.extend_from_slice(b"HTTP/1.1 200 OK\r\n"),
        StatusCode::NOT_MODIFIED => {
            return out.extend_from_slice(b"HTTP/1.1 304 Not Modified\r\n");
        }
        _ => {}
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn field(name: &str, value: &HeaderValue, out: &mut Vec<u8>) {
    // Room for all of it at once: each of these would look for its own.
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

pub(crate) fn content_length(length: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"content-length: ");
    decimal(length, out);
    out.extend_from_slice(b"\r\n");
}

/// A number in digits: nearly every response has one.
fn decimal(mut rest: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        at -= 1;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

#[cfg(test)]
#[path = "encode/tests.rs"]
mod tests;
