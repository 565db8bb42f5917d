//! Several ranges in one answer: multipart/byteranges (RFC 9110 sections 14.6 and 15.3.7.2).

use std::{fmt::Write, ops::Range};

use bytes::Bytes;
use http::HeaderValue;

/// An answer in several parts: for each, what stands before its bytes, and which bytes these are;
/// then the end. The bytes themselves are nowhere in here, so that a body need not be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart {
    /// What stands before the bytes of a part, and their positions in the representation.
    pub parts: Vec<(Bytes, Range<u64>)>,
    /// What stands after the last part.
    pub end: Bytes,
    boundary: String,
}

impl Multipart {
    /// Of these ranges of a representation of `length` bytes and this type. The boundary is made
    /// from `seed` and the ranges, so that one answer is the same each time.
    pub(crate) fn new(
        ranges: Vec<Range<u64>>,
        length: u64,
        content_type: Option<&HeaderValue>,
        seed: &[u8],
    ) -> Multipart {
        let boundary = boundary(seed, &ranges);
        let mut open = format!("--{boundary}\r\n");
        let head = |range: &Range<u64>| {
            let mut head =
                std::mem::replace(&mut open, format!("\r\n--{boundary}\r\n")).into_bytes();
            if let Some(value) = content_type {
                head.extend_from_slice(b"Content-Type: ");
                head.extend_from_slice(value.as_bytes());
                head.extend_from_slice(b"\r\n");
            }
            let last = range.end.saturating_sub(1);
            let line = format!(
                "Content-Range: bytes {}-{last}/{length}\r\n\r\n",
                range.start
            );
            head.extend_from_slice(line.as_bytes());
            Bytes::from(head)
        };
        let heads: Vec<_> = ranges.iter().map(head).collect();
        Multipart {
            parts: heads.into_iter().zip(ranges).collect(),
            end: Bytes::from(format!("\r\n--{boundary}--\r\n")),
            boundary,
        }
    }

    /// Bytes of the whole answer, heads and all.
    pub fn length(&self) -> u64 {
        let part = |(head, range): &(Bytes, Range<u64>)| {
            (head.len() as u64).saturating_add(range.end.saturating_sub(range.start))
        };
        let parts = self.parts.iter().map(part);
        parts.fold(self.end.len() as u64, u64::saturating_add)
    }

    /// The Content-Type of the whole answer.
    pub(crate) fn content_type(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("multipart/byteranges; boundary={}", self.boundary)).ok()
    }
}

/// 128 bits: that they are in the content by accident is not to be expected.
fn boundary(seed: &[u8], ranges: &[Range<u64>]) -> String {
    let mut text = Vec::from(seed);
    for range in ranges {
        text.extend_from_slice(&range.start.to_le_bytes());
        text.extend_from_slice(&range.end.to_le_bytes());
    }
    let mut boundary = String::with_capacity(32);
    let _ = write!(boundary, "{:032x}", xxhash_rust::xxh3::xxh3_128(&text));
    boundary
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTML: HeaderValue = HeaderValue::from_static("text/html");

    #[test]
    fn is_written_as_rfc_9110_has_it() {
        let answer = Multipart::new(vec![7..10, 0..2], 10, Some(&HTML), b"seed");
        let content = b"0123456789";
        let mut text = Vec::new();
        for (head, range) in &answer.parts {
            text.extend_from_slice(head);
            text.extend_from_slice(&content[range.start as usize..range.end as usize]);
        }
        text.extend_from_slice(&answer.end);
        assert_eq!(text.len() as u64, answer.length());
        let boundary = &answer.boundary;
        let expected = format!(
            "--{boundary}\r\nContent-Type: text/html\r\nContent-Range: bytes 7-9/10\r\n\r\n789\
             \r\n--{boundary}\r\nContent-Type: text/html\r\nContent-Range: bytes 0-1/10\r\n\r\n01\
             \r\n--{boundary}--\r\n"
        );
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        let content_type = format!("multipart/byteranges; boundary={boundary}");
        assert_eq!(answer.content_type().unwrap(), content_type);
    }

    #[test]
    fn a_type_that_is_not_known_is_left_out() {
        let answer = Multipart::new(vec![0..1, 2..3], 10, None, b"");
        let text = String::from_utf8(answer.parts[0].0.to_vec()).unwrap();
        assert!(!text.contains("Content-Type"));
    }

    #[test]
    fn the_boundary_is_the_same_for_the_same_answer_alone() {
        let of = |ranges, seed: &[u8]| Multipart::new(ranges, 10, None, seed).boundary;
        assert_eq!(of(vec![0..1, 2..3], b"a"), of(vec![0..1, 2..3], b"a"));
        assert_ne!(of(vec![0..1, 2..3], b"a"), of(vec![0..1, 2..4], b"a"));
        assert_ne!(of(vec![0..1, 2..3], b"a"), of(vec![0..1, 2..3], b"b"));
    }
}
