//! Range requests on a stored whole response (RFC 9110 section 14).

use std::ops::Range;

use http::{HeaderMap, StatusCode, header};

use crate::{StoredHead, conditional};

/// What a Range field comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Answer whole: there is no Range, or none that is served.
    Whole,
    /// 206 with these bytes; never empty.
    Bytes(Range<u64>),
    /// 416.
    Unsatisfiable,
}

/// Evaluates the Range and If-Range of a GET. Ranges of other units, several at once and what
/// cannot be read are ignored, as section 14.2 allows.
pub(crate) fn part(request: &HeaderMap, stored: &StoredHead) -> Part {
    let mut lines = request.get_all(header::RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Part::Whole;
    };
    match stored.length {
        Some(length)
            if stored.status == StatusCode::OK && conditional::if_range(request, stored) =>
        {
            single(line.as_bytes(), length)
        }
        _ => Part::Whole,
    }
}

/// One range of bytes out of `length` (section 14.1.2).
fn single(line: &[u8], length: u64) -> Part {
    let Some((first, last)) = positions(line) else {
        return Part::Whole;
    };
    match (first, last) {
        (Some(first), last) => {
            if last.is_some_and(|last| last < first) {
                return Part::Whole;
            }
            if first >= length {
                return Part::Unsatisfiable;
            }
            let end = last.map_or(length, |last| last.saturating_add(1).min(length));
            Part::Bytes(first..end)
        }
        (None, Some(0)) => Part::Unsatisfiable,
        // Of nothing, the last bytes are nothing: satisfiable, but no Content-Range can say it.
        (None, Some(_)) if length == 0 => Part::Whole,
        (None, Some(suffix)) => Part::Bytes(length.saturating_sub(suffix)..length),
        (None, None) => Part::Whole,
    }
}

/// Reads `bytes=first-last`, `bytes=first-` or `bytes=-suffix`.
fn positions(line: &[u8]) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, set) = line.split_at_checked(b"bytes=".len())?;
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    let set = set.trim_ascii();
    let dash = set.iter().position(|b| *b == b'-')?;
    let (first, last) = set.split_at(dash);
    Some((number(first)?, number(last.get(1..)?)?))
}

/// Digits, or nothing. More than can be told apart count as the most.
fn number(digits: &[u8]) -> Option<Option<u64>> {
    if digits.is_empty() {
        return Some(None);
    }
    let sum = digits.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(sum.saturating_mul(10).saturating_add(digit))
    });
    sum.map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stored::testing;

    fn of(range: &'static str) -> Part {
        single(range.as_bytes(), 10)
    }

    #[test]
    fn one_range_is_served() {
        assert_eq!(of("bytes=0-1"), Part::Bytes(0..2));
        assert_eq!(of("bytes=1-"), Part::Bytes(1..10));
        assert_eq!(of("bytes=9-9"), Part::Bytes(9..10));
        assert_eq!(of("bytes=-3"), Part::Bytes(7..10));
        assert_eq!(of("bytes=-30"), Part::Bytes(0..10));
        assert_eq!(of("bytes=5-99999999999999999999999"), Part::Bytes(5..10));
        assert_eq!(of("Bytes= 0-1"), Part::Bytes(0..2));
    }

    #[test]
    fn a_range_behind_the_end_is_unsatisfiable() {
        for range in [
            "bytes=10-",
            "bytes=10-12",
            "bytes=-0",
            "bytes=99999999999999999999999-",
        ] {
            assert_eq!(of(range), Part::Unsatisfiable, "{range}");
        }
        assert_eq!(single(b"bytes=0-", 0), Part::Unsatisfiable);
        assert_eq!(single(b"bytes=-1", 0), Part::Whole);
    }

    #[test]
    fn what_is_not_served_in_parts_is_answered_whole() {
        for range in [
            "bytes=0-1,3-4",
            "bytes=2-1",
            "bytes=-",
            "bytes=",
            "bytes",
            "bytes=a-b",
            "lines=0-1",
            "bytes=0--1",
            "bytes=1",
            "bytes=+1-2",
        ] {
            assert_eq!(of(range), Part::Whole, "{range}");
        }
    }

    #[test]
    fn only_a_whole_200_of_known_length_has_parts() {
        let request = testing::map(&[("range", "bytes=0-1")]);
        let head = testing::head(&[("content-length", "10"), ("etag", "\"a\"")]);
        assert_eq!(part(&request, &head), Part::Bytes(0..2));
        let twice = testing::map(&[("range", "bytes=0-1"), ("range", "bytes=0-1")]);
        assert_eq!(part(&twice, &head), Part::Whole);
        let other = testing::map(&[("range", "bytes=0-1"), ("if-range", "\"b\"")]);
        assert_eq!(part(&other, &head), Part::Whole);
        assert_eq!(part(&request, &testing::head(&[])), Part::Whole);
        let mut missing = head;
        missing.status = StatusCode::NOT_FOUND;
        assert_eq!(part(&request, &missing), Part::Whole);
    }

    proptest! {
        #[test]
        fn parts_are_inside_and_not_empty(line in "bytes=[0-9]{0,22}-[0-9]{0,22}", length: u64) {
            if let Part::Bytes(range) = single(line.as_bytes(), length) {
                prop_assert!(range.start < range.end && range.end <= length);
            }
        }
    }
}
