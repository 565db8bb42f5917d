//! The heads of responses as header blocks. Pure but for the date.

use std::time::SystemTime;

use http::{HeaderMap, StatusCode, header, response};
use http_body::SizeHint;
use perigee_http2::hpack::Encoder;

use crate::http1::{DateText, declared, may_have_content};

/// What content a response has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// None, whatever the handler has.
    Nothing,
    /// So many bytes, at least one.
    Length(u64),
    /// As much as there is.
    Open,
}

impl Content {
    /// The content of a response to this method, and the Content-Length that it says.
    pub(crate) fn of(
        parts: &response::Parts,
        hint: &SizeHint,
        is_head: bool,
    ) -> (Self, Option<u64>) {
        let declared = declared(&parts.headers);
        let may = may_have_content(parts.status);
        if is_head || !may {
            // It says what GET would be answered (RFC 9110 section 8.6).
            let says = declared.filter(|_| may || parts.status == StatusCode::NOT_MODIFIED);
            return (Content::Nothing, says);
        }
        match declared.or_else(|| hint.exact()) {
            Some(0) => (Content::Nothing, Some(0)),
            Some(length) => (Content::Length(length), Some(length)),
            None => (Content::Open, None),
        }
    }
}

/// Writes the head of a response.
pub(crate) fn head(
    status: StatusCode,
    headers: &HeaderMap,
    length: Option<u64>,
    date: &mut DateText,
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
) {
    encoder.status(status.as_u16(), out);
    let mut dated = false;
    for (name, value) in headers {
        dated |= name == header::DATE;
        if !is_ours(name.as_str()) {
            encoder.field(name.as_str().as_bytes(), value.as_bytes(), out);
        }
    }
    if let Some(length) = length {
        content_length(length, encoder, out);
    }
    if !dated {
        encoder.field(b"date", date.at(SystemTime::now()), out);
    }
}

/// Writes fields that are there as text: names in lower case, each line ended by CRLF, Date
/// among them.
pub(crate) fn lines(lines: &[u8], encoder: &Encoder, out: &mut Vec<u8>) {
    let mut rest = lines;
    while let Some(colon) = rest.iter().position(|&b| b == b':') {
        let (name, after) = rest.split_at(colon);
        let end = after.iter().position(|&b| b == b'\n');
        let (value, next) = after.split_at(end.map_or(after.len(), |end| end + 1));
        encoder.field(name, value[1..].trim_ascii(), out);
        rest = next;
    }
}

/// Writes Content-Length.
pub(crate) fn content_length(length: u64, encoder: &Encoder, out: &mut Vec<u8>) {
    let (mut digits, mut at, mut rest) = ([0; 20], 20, length);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    encoder.field(b"content-length", &digits[at..], out);
}

/// Fields of a connection, which there are none of (RFC 9113 section 8.2.2), and of framing.
fn is_ours(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "content-length"
            | "keep-alive"
            | "proxy-connection"
            | "transfer-encoding"
            | "upgrade"
    )
}
