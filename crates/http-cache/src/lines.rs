//! The field lines of answers out of a stored response, written once, when it is stored.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::{
    StoredHead, TAG_FIELDS,
    decide::{BodyPart, Serve},
    targeted::is_targeted,
};

/// Fields between the nodes of a CDN: no client gets them.
const OF_NODES: &str = "perigee-";

/// What every answer with a stored response has, as text: field after field, names in lower case and
/// each ended by CRLF. In three parts, so that each kind of answer is the beginning of it: what a 304
/// has, what else all clients get, and the tags, which few do.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    text: Box<[u8]>,
    /// Where the first and the second part end.
    not_modified: usize,
    shown: usize,
    /// Whether there is a Date.
    dated: bool,
    /// Whether there is a Content-Range already.
    ranged: bool,
}

impl Lines {
    pub(crate) fn of(headers: &HeaderMap) -> Lines {
        let tagged = headers.contains_key(header::ETAG);
        let in_part = |part| {
            let fields = headers.iter();
            fields.filter(move |(name, _)| part_of(name, tagged) == Some(part))
        };
        let bytes = headers.iter().map(|(n, v)| n.as_str().len() + v.len() + 4);
        let mut text = Vec::with_capacity(bytes.sum());
        let mut write = |part| {
            in_part(part).for_each(|(name, value)| field(name.as_str(), value, &mut text));
            text.len()
        };
        let (not_modified, shown) = (write(Part::NotModified), write(Part::Shown));
        write(Part::Tags);
        Lines {
            text: text.into(),
            not_modified,
            shown,
            dated: headers.contains_key(header::DATE),
            ranged: headers.contains_key(header::CONTENT_RANGE),
        }
    }

    /// Bytes on the heap.
    pub(crate) fn weight(&self) -> usize {
        self.text.len()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    NotModified,
    Shown,
    Tags,
}

/// In which part a field stands; `None`: in no answer to a client. `tagged`: there is an ETag.
fn part_of(name: &HeaderName, tagged: bool) -> Option<Part> {
    const GUIDES: [HeaderName; 6] = [
        header::CACHE_CONTROL,
        header::CONTENT_LOCATION,
        header::DATE,
        header::ETAG,
        header::EXPIRES,
        header::VARY,
    ];
    let validates = *name == header::LAST_MODIFIED && !tagged;
    match () {
        () if name.as_str().starts_with(OF_NODES) => None,
        () if validates || GUIDES.contains(name) || is_targeted(name) => Some(Part::NotModified),
        () if TAG_FIELDS.contains(name) => Some(Part::Tags),
        () => Some(Part::Shown),
    }
}

fn field(name: &str, value: &HeaderValue, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The lines of a head, written when somebody first wants them. They say nothing that the head does
/// not, so that they are no part of what it looks like.
#[derive(Clone, Default)]
pub(crate) struct Written(OnceLock<Lines>);

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Written")
    }
}

impl StoredHead {
    /// The lines of its fields.
    pub(crate) fn lines(&self) -> &Lines {
        self.lines.0.get_or_init(|| Lines::of(&self.headers))
    }

    /// Appends as text what [`StoredHead::render`] says to a client, without fields between nodes, and
    /// with tags only if `tags`: Age too, but not Content-Length, whose value it hands back. `None`, and
    /// nothing is appended, for answers that are rare. Date is there always.
    pub fn render_lines(
        &self,
        serve: &Serve,
        length: Option<u64>,
        tags: bool,
        out: &mut Vec<u8>,
    ) -> Option<Option<u64>> {
        let lines = self.lines();
        if self.part.is_some() || !lines.dated {
            return None;
        }
        let length = length.or(self.length);
        let whole = match tags {
            true => &lines.text[..],
            false => &lines.text[..lines.shown],
        };
        let said = match (serve.status, &serve.body) {
            (StatusCode::PARTIAL_CONTENT, BodyPart::Range(range)) if !lines.ranged => {
                out.extend_from_slice(whole);
                content_range(range.start, range.end, length, out);
                Some(range.end.saturating_sub(range.start))
            }
            (_, BodyPart::Range(_) | BodyPart::Multipart(_)) => return None,
            (status, _) if status == self.status => {
                out.extend_from_slice(whole);
                // RFC 9110 section 8.6: a 204 has no Content-Length.
                length.filter(|_| status != StatusCode::NO_CONTENT)
            }
            (StatusCode::NOT_MODIFIED, _) => {
                out.extend_from_slice(&lines.text[..lines.not_modified]);
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
