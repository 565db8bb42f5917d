//! The field lines of answers out of a stored response, written once, when it is stored.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use smallvec::SmallVec;

use crate::{
    PackedHead,
    decide::{BodyPart, Serve},
    labels::is_tag_field,
    present::has_field,
    targeted::is_targeted,
};

/// Fields between the nodes of a CDN: no client gets them.
const OF_NODES: &str = "perigee-";

/// What every answer with a stored response has, as text: field after field, names in lower case and
/// each ended by CRLF. In four parts, so that each kind of answer is the beginning of it: what a 304
/// has, what else all clients get, the tags, which few do, and what none gets. Here: where the parts
/// end, and what is in them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines {
    pub(crate) not_modified: usize,
    pub(crate) shown: usize,
    pub(crate) tags: usize,
    pub(crate) all: usize,
    /// Where the value of the first ETag begins.
    pub(crate) etag: Option<usize>,
    /// Whether there is a Date.
    pub(crate) dated: bool,
    /// Whether there is a Content-Range already.
    pub(crate) ranged: bool,
}

impl Lines {
    /// Appends them.
    pub(crate) fn write(headers: &HeaderMap, out: &mut Vec<u8>) -> Lines {
        let begin = out.len();
        let tagged = has_field(headers, &header::ETAG);
        let mut lines = Lines {
            not_modified: 0,
            shown: 0,
            tags: 0,
            all: 0,
            etag: None,
            dated: false,
            ranged: false,
        };
        let mut later: SmallVec<[(Part, &HeaderName, &HeaderValue); 16]> = SmallVec::new();
        for (name, value) in headers {
            match part_of(name, tagged) {
                Part::NotModified => {
                    let at = write_line(name, value, out) - begin;
                    match *name {
                        header::DATE => lines.dated = true,
                        header::ETAG => _ = lines.etag.get_or_insert(at),
                        _ => {}
                    }
                }
                part => {
                    lines.ranged |= matches!(*name, header::CONTENT_RANGE);
                    later.push((part, name, value));
                }
            }
        }
        lines.not_modified = out.len() - begin;
        let mut write = |part| {
            for (_, name, value) in later.iter().filter(|(is, ..)| *is == part) {
                write_line(name, value, out);
            }
            out.len() - begin
        };
        lines.shown = write(Part::Shown);
        lines.tags = write(Part::Tags);
        lines.all = write(Part::OfNodes);
        lines
    }

    /// Reads all of them. The values share the memory.
    pub(crate) fn read(mut lines: Bytes) -> Option<HeaderMap> {
        let count = lines.iter().filter(|byte| **byte == b'\n').count();
        let mut headers = HeaderMap::try_with_capacity(count).ok()?;
        while !lines.is_empty() {
            let colon = lines.iter().position(|byte| *byte == b':')?;
            let end = lines.iter().position(|byte| *byte == b'\r')?;
            let name = HeaderName::from_bytes(lines.get(..colon)?).ok()?;
            let value = lines.get(colon + 2..end).map(|_| colon + 2..end)?;
            let value = HeaderValue::from_maybe_shared(lines.slice(value)).ok()?;
            headers.try_append(name, value).ok()?;
            let _ = lines.split_to((end + 2).min(lines.len()));
        }
        Some(headers)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    NotModified,
    Shown,
    Tags,
    OfNodes,
}

/// Appends one field; says where its value begins.
pub fn write_line(name: &HeaderName, value: &HeaderValue, out: &mut Vec<u8>) -> usize {
    let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
    // Room for all of it at once: each of these would look for its own.
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    let at = out.len();
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
    at
}

/// In which part a field stands. `tagged`: there is an ETag.
fn part_of(name: &HeaderName, tagged: bool) -> Part {
    match *name {
        header::CACHE_CONTROL
        | header::CONTENT_LOCATION
        | header::DATE
        | header::ETAG
        | header::EXPIRES
        | header::VARY => Part::NotModified,
        header::LAST_MODIFIED if !tagged => Part::NotModified,
        // Most of the others that are usual.
        header::ACCEPT_RANGES
        | header::CONTENT_ENCODING
        | header::CONTENT_TYPE
        | header::LAST_MODIFIED
        | header::SERVER => Part::Shown,
        _ if name.as_str().starts_with(OF_NODES) => Part::OfNodes,
        _ if is_targeted(name) => Part::NotModified,
        _ if is_tag_field(name) => Part::Tags,
        _ => Part::Shown,
    }
}

impl PackedHead<'_> {
    /// Appends as text what [`crate::StoredHead::render`] says to a client, without fields between nodes, and
    /// with tags only if `tags`: Age too, but not Content-Length, whose value it hands back. `None`, and
    /// nothing is appended, for answers that are rare. Date is there always.
    pub fn render_lines(
        self,
        serve: &Serve,
        length: Option<u64>,
        tags: bool,
        out: &mut Vec<u8>,
    ) -> Option<Option<u64>> {
        if self.is_part() || !self.is_dated() {
            return None;
        }
        let length = length.or(self.length());
        let whole = match tags {
            true => self.tagged_lines(),
            false => self.lines(),
        };
        let said = match (serve.status, &serve.body) {
            (StatusCode::PARTIAL_CONTENT, BodyPart::Range(range)) if !self.is_ranged() => {
                out.extend_from_slice(whole);
                content_range(range.start, range.end, length, out);
                Some(range.end.saturating_sub(range.start))
            }
            (_, BodyPart::Range(_) | BodyPart::Multipart(_)) => return None,
            (status, _) if status == self.status() => {
                out.extend_from_slice(whole);
                // RFC 9110 section 8.6: a 204 has no Content-Length.
                length.filter(|_| status != StatusCode::NO_CONTENT)
            }
            (StatusCode::NOT_MODIFIED, _) => {
                out.extend_from_slice(self.not_modified_lines());
                None
            }
            _ => return None,
        };
        out.extend_from_slice(b"age: ");
        decimal(serve.age, out);
        out.extend_from_slice(b"\r\n");
        Some(said)
    }
}

/// RFC 9110 section 14.4; a range is never empty.
fn content_range(start: u64, end: u64, length: Option<u64>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"content-range: bytes ");
    decimal(start, out);
    out.push(b'-');
    decimal(end.saturating_sub(1), out);
    out.push(b'/');
    match length {
        Some(length) => decimal(length, out),
        None => out.push(b'*'),
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in decimal digits. Each hit has some, which formatting would cost more than the
/// rest of its head.
pub fn decimal(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let (mut rest, mut at) = (number, digits.len());
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
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_digits() {
        for number in [0, 1, 9, 10, 99, 100, 1_234_567, u64::MAX] {
            let mut out = b"x".to_vec();
            decimal(number, &mut out);
            assert_eq!(out, format!("x{number}").into_bytes());
        }
    }
}
