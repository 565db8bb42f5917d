//! What a request asks for of a representation's bytes (RFC 9110 section 14).

use std::ops::Range;

use http::{HeaderMap, HeaderValue, header};

/// One range as it is asked for (section 14.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spec {
    /// `first-`
    From(u64),
    /// `first-last`; `first` is not behind `last`.
    Between(u64, u64),
    /// `-suffix`
    Last(u64),
}

/// What a Range field comes to before it is known what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ranges {
    /// There is no Range, or none that is served: the whole is wanted.
    None,
    One(Spec),
    /// Several, in the order asked for.
    Several(Vec<Spec>),
}

/// What ranges come to on a representation whose length is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selected {
    Whole,
    /// 206 with these bytes; never empty.
    Bytes(Range<u64>),
    /// 206 in several parts, in the order asked for; none empty, and no two overlap.
    Several(Vec<Range<u64>>),
    /// 416.
    Unsatisfiable,
}

impl Spec {
    /// The bytes out of `length`; None if there are none (section 14.1.2: unsatisfiable).
    pub(crate) fn within(self, length: u64) -> Option<Range<u64>> {
        let range = match self {
            Spec::From(first) => first..length,
            Spec::Between(first, last) => first..last.saturating_add(1).min(length),
            Spec::Last(suffix) => length.saturating_sub(suffix)..length,
        };
        (!range.is_empty()).then_some(range)
    }

    /// The last bytes of nothing are nothing: satisfiable, but no Content-Range can say it.
    fn is_nothing_of_nothing(self, length: u64) -> bool {
        length == 0 && matches!(self, Spec::Last(suffix) if suffix > 0)
    }
}

/// The position of the first byte that a request asks for by one range, if it says so whatever the
/// length is.
pub fn first_byte(request: &HeaderMap) -> Option<u64> {
    match Ranges::of(request, 1) {
        Ranges::One(Spec::From(first) | Spec::Between(first, _)) => Some(first),
        _ => None,
    }
}

impl Ranges {
    /// Reads the Range field. Other units, what cannot be read, and more than `max` ranges at
    /// once are ignored, as section 14.2 allows.
    pub(crate) fn of(request: &HeaderMap, max: usize) -> Ranges {
        line(request).map_or(Ranges::None, |line| Ranges::of_line(line.as_bytes(), max))
    }

    /// The same of its one line.
    pub(crate) fn of_line(line: &[u8], max: usize) -> Ranges {
        match specs(line, max.max(1)) {
            None => Ranges::None,
            Some(specs) => match specs[..] {
                [] => Ranges::None,
                [spec] => Ranges::One(spec),
                _ => Ranges::Several(specs),
            },
        }
    }

    /// What they come to on `length` bytes. Ranges that overlap are what a broken or malicious
    /// client sends (section 14.2): such a set is ignored.
    pub(crate) fn select(&self, length: u64) -> Selected {
        let specs = match self {
            Ranges::None => return Selected::Whole,
            Ranges::One(spec) => std::slice::from_ref(spec),
            Ranges::Several(specs) => specs,
        };
        if specs.iter().any(|spec| spec.is_nothing_of_nothing(length)) {
            return Selected::Whole;
        }
        let mut bytes: Vec<_> = specs.iter().filter_map(|s| s.within(length)).collect();
        match bytes.len() {
            0 => Selected::Unsatisfiable,
            1 => bytes.pop().map_or(Selected::Whole, Selected::Bytes),
            _ if overlap(&bytes) => Selected::Whole,
            _ => Selected::Several(bytes),
        }
    }
}

/// The Range field, if it stands there once.
pub(crate) fn line(request: &HeaderMap) -> Option<&HeaderValue> {
    let mut lines = request.get_all(header::RANGE).iter();
    lines.next().filter(|_| lines.next().is_none())
}

fn overlap(ranges: &[Range<u64>]) -> bool {
    let mut sorted: Vec<_> = ranges.iter().collect();
    sorted.sort_unstable_by_key(|range| range.start);
    sorted.windows(2).any(|pair| match pair {
        [before, after] => after.start < before.end,
        _ => false,
    })
}

/// Reads `bytes=` and a list of at most `max` ranges. None if any of it is wrong.
fn specs(line: &[u8], max: usize) -> Option<Vec<Spec>> {
    let (unit, set) = line.split_at_checked(b"bytes=".len())?;
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    let mut specs = Vec::new();
    // RFC 9110 section 5.6.1.2: empty members of a list do not count.
    let members = set.split(|b| *b == b',').map(<[u8]>::trim_ascii);
    for member in members.filter(|member| !member.is_empty()) {
        if specs.len() == max {
            return None;
        }
        specs.push(spec(member)?);
    }
    Some(specs)
}

/// Reads `first-last`, `first-` or `-suffix`.
fn spec(member: &[u8]) -> Option<Spec> {
    let dash = member.iter().position(|b| *b == b'-')?;
    let (first, last) = member.split_at(dash);
    match (number(first)?, number(last.get(1..)?)?) {
        (Some(first), Some(last)) => (first <= last).then_some(Spec::Between(first, last)),
        (Some(first), None) => Some(Spec::From(first)),
        (None, Some(suffix)) => Some(Spec::Last(suffix)),
        (None, None) => None,
    }
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
    use crate::stored::testing::map;

    fn select(range: &'static str, length: u64) -> Selected {
        Ranges::of(&map(&[("range", range)]), 3).select(length)
    }

    fn of(range: &'static str) -> Selected {
        select(range, 10)
    }

    #[test]
    fn one_range_is_served() {
        assert_eq!(of("bytes=0-1"), Selected::Bytes(0..2));
        assert_eq!(of("bytes=1-"), Selected::Bytes(1..10));
        assert_eq!(of("bytes=9-9"), Selected::Bytes(9..10));
        assert_eq!(of("bytes=-3"), Selected::Bytes(7..10));
        assert_eq!(of("bytes=-30"), Selected::Bytes(0..10));
        let far = "bytes=5-99999999999999999999999";
        assert_eq!(of(far), Selected::Bytes(5..10));
        assert_eq!(of("Bytes= 0-1"), Selected::Bytes(0..2));
        assert_eq!(of("bytes=,0-1, ,"), Selected::Bytes(0..2));
    }

    #[test]
    fn a_range_behind_the_end_is_unsatisfiable() {
        for range in [
            "bytes=10-",
            "bytes=10-12",
            "bytes=-0",
            "bytes=99999999999999999999999-",
            "bytes=10-,-0,12-13",
        ] {
            assert_eq!(of(range), Selected::Unsatisfiable, "{range}");
        }
        assert_eq!(select("bytes=0-", 0), Selected::Unsatisfiable);
        assert_eq!(select("bytes=-1", 0), Selected::Whole);
        assert_eq!(select("bytes=5-6,-1", 0), Selected::Whole);
    }

    #[test]
    fn what_is_not_served_in_parts_is_answered_whole() {
        for range in [
            "bytes=2-1",
            "bytes=-",
            "bytes=",
            "bytes=,",
            "bytes",
            "bytes=a-b",
            "lines=0-1",
            "bytes=0--1",
            "bytes=1",
            "bytes=+1-2",
            "bytes=0-1;2-3",
            "bytes=0-1,2-1",
        ] {
            assert_eq!(of(range), Selected::Whole, "{range}");
        }
        let twice = map(&[("range", "bytes=0-1"), ("range", "bytes=0-1")]);
        assert_eq!(Ranges::of(&twice, 3), Ranges::None);
    }

    #[test]
    fn several_are_served_in_the_order_asked_for_less_those_that_are_not_there() {
        assert_eq!(of("bytes=8-,0-1"), Selected::Several(vec![8..10, 0..2]));
        assert_eq!(
            of("bytes=0-1, 2-3 ,-1"),
            Selected::Several(vec![0..2, 2..4, 9..10])
        );
        assert_eq!(of("bytes=10-,4-5"), Selected::Bytes(4..6));
    }

    #[test]
    fn too_many_or_overlapping_ranges_are_ignored() {
        assert_eq!(of("bytes=0-0,2-2,4-4,6-6"), Selected::Whole);
        assert_eq!(of("bytes=0-2,2-3"), Selected::Whole);
        assert_eq!(of("bytes=4-5,0-"), Selected::Whole);
        let none = map(&[("range", "bytes=0-1,3-4")]);
        assert_eq!(Ranges::of(&none, 0), Ranges::None);
    }

    proptest! {
        #[test]
        fn ranges_are_inside_not_empty_and_apart(
            line in "bytes=([0-9]{0,3}-[0-9]{0,22},?){1,5}",
            length in prop_oneof![0..1000_u64, any::<u64>()],
        ) {
            let headers = [(header::RANGE, HeaderValue::from_str(&line).unwrap())];
            let ranges = Ranges::of(&headers.into_iter().collect(), 4);
            let bytes = match ranges.select(length) {
                Selected::Bytes(bytes) => vec![bytes],
                Selected::Several(bytes) => bytes,
                Selected::Whole | Selected::Unsatisfiable => vec![],
            };
            prop_assert!(bytes.len() <= 4);
            for (at, one) in bytes.iter().enumerate() {
                prop_assert!(one.start < one.end && one.end <= length);
                let rest = &bytes[at + 1..];
                prop_assert!(rest.iter().all(|other| other.end <= one.start || one.end <= other.start));
            }
        }
    }
}
