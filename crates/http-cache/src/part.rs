//! Parts of a representation: what stored 206s hold, and what they answer (RFC 9111 sections 3.3
//! and 3.4). What they lack is in `missing`.
//!
//! The bytes that a part holds are those that came, reckoned from the first position of its
//! Content-Range: where a body is shorter than its Content-Range says, what lies behind it is not
//! held. Parts of one version become one, with holes where they do not touch.

use std::ops::Range;

use http::{HeaderMap, HeaderValue, header};

use crate::{
    Held,
    range::Spec,
    record::{Coded, Input},
};

/// Ranges of one representation that are kept side by side. Parts that would make more of them do
/// not become one.
const MAX_RUNS: usize = 1024;

/// Which bytes of the complete representation a stored body holds. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) held: Held,
    /// The length of the complete representation, if the origin said it.
    pub(crate) complete: Option<u64>,
    /// Its Content-Range reaches the end of the representation, but its body does not.
    cut: bool,
    /// None once it is of several responses.
    exchange: Option<Exchange>,
}

/// The request and the response that a part came by.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exchange {
    range: HeaderValue,
    content_range: HeaderValue,
}

/// What a part has for one range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cover {
    /// These bytes, all of them held.
    Held(Range<u64>),
    /// The representation has no such bytes.
    Unsatisfiable,
    /// Not all of it.
    Lacking,
}

impl Part {
    /// The part that a 206 to a request with this Range brings. `length` is what its body states.
    ///
    /// None if it is in several parts, if its Content-Range cannot be read, or if its body is
    /// longer than that says: then nobody knows what the bytes are.
    pub(crate) fn of(
        range: &HeaderValue,
        headers: &HeaderMap,
        length: Option<u64>,
    ) -> Option<Part> {
        let (content_range, said, complete) = content_range(headers)?;
        let stated = said.end - said.start;
        let held = length.unwrap_or(stated);
        if held == 0 || held > stated || is_multipart(headers) {
            return None;
        }
        Some(Part {
            held: Held::of(said.start..said.start + held),
            complete,
            cut: held < stated && complete == Some(said.end),
            exchange: Some(Exchange {
                range: copy(range),
                content_range: copy(content_range),
            }),
        })
    }

    /// These bytes, whatever brought them. None if there are none.
    pub(crate) fn holding(held: Held, complete: u64) -> Option<Part> {
        (!held.is_empty()).then_some(Part {
            held,
            complete: Some(complete),
            cut: false,
            exchange: None,
        })
    }

    /// How many bytes it holds.
    pub(crate) fn length(&self) -> u64 {
        self.held.total()
    }

    /// The positions of its first byte and after its last one.
    pub(crate) fn span(&self) -> Range<u64> {
        let runs = self.held.runs();
        let start = runs.first().map_or(0, |run| run.start);
        start..runs.last().map_or(0, |run| run.end)
    }

    /// Whether nothing lacks.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
            .is_some_and(|complete| self.held.covers(&(0..complete)))
    }

    /// The Content-Range that the origin answered this very Range with. To repeat it with the
    /// bytes that came with it is right whatever the origin made of the Range.
    pub(crate) fn replay(&self, range: &HeaderValue) -> Option<&HeaderValue> {
        let exchange = self.exchange.as_ref()?;
        (exchange.range == range).then_some(&exchange.content_range)
    }

    /// The Content-Range that these bytes came with.
    pub(crate) fn came_with(&self) -> Option<&HeaderValue> {
        self.exchange.as_ref().map(|e| &e.content_range)
    }

    /// What it has for a range.
    pub(crate) fn cover(&self, spec: Spec) -> Cover {
        let wanted = match (self.complete, spec) {
            (Some(complete), spec) => match spec.within(complete) {
                Some(wanted) => wanted,
                None => return Cover::Unsatisfiable,
            },
            // Where the end is not known, nothing can be said that hangs on it.
            (None, Spec::Between(first, last)) => first..last.saturating_add(1),
            (None, Spec::From(_) | Spec::Last(_)) => return Cover::Lacking,
        };
        // RFC 9110 section 15.3.7: a 206 may hold less than what was asked for. That is done
        // only where the origin itself, asked for all up to the end, has sent no more than this:
        // a client that does not look at Content-Range would take it for the end.
        let is_open = matches!(spec, Spec::From(_));
        let end = match self.cut && is_open {
            true => wanted.end.min(self.span().end),
            false => wanted.end,
        };
        let wanted = wanted.start..end;
        match !wanted.is_empty() && self.held.covers(&wanted) {
            true => Cover::Held(wanted),
            false => Cover::Lacking,
        }
    }

    /// Together with another part. None if they are not known to be of representations of one
    /// length, or would be too many ranges.
    pub(crate) fn joined(&self, other: &Part) -> Option<Part> {
        let complete = self.complete.filter(|_| self.complete == other.complete)?;
        let held = self.held.clone().union(&other.held);
        (held.runs().len() <= MAX_RUNS)
            .then(|| Part::holding(held, complete))
            .flatten()
    }

    /// Bytes on the heap.
    pub(crate) fn weight(&self) -> usize {
        let exchange = self.exchange.as_ref();
        let runs = size_of_val(self.held.runs());
        size_of::<Part>() + runs + exchange.map_or(0, |e| e.range.len() + e.content_range.len())
    }
}

impl Coded for Part {
    fn encode(&self, out: &mut Vec<u8>) {
        self.held.runs().len().encode(out);
        self.held.runs().iter().for_each(|run| run.encode(out));
        self.complete.encode(out);
        self.cut.encode(out);
        self.exchange.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        let count = usize::decode(input).filter(|count| (1..=MAX_RUNS).contains(count))?;
        let mut held = Held::default();
        for _ in 0..count {
            held.insert(Coded::decode(input)?);
        }
        let complete = <Option<u64>>::decode(input)?;
        let end = held.runs().last().map_or(0, |run| run.end);
        let are_apart = held.runs().len() == count;
        let fits = complete.is_none_or(|complete| end <= complete);
        (are_apart && fits).then_some(Part {
            held,
            complete,
            cut: Coded::decode(input)?,
            exchange: Coded::decode(input)?,
        })
    }
}

impl Coded for Exchange {
    fn encode(&self, out: &mut Vec<u8>) {
        self.range.encode(out);
        self.content_range.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        Some(Exchange {
            range: Coded::decode(input)?,
            content_range: Coded::decode(input)?,
        })
    }
}

/// The Range field that asks for these bytes out of `complete`.
pub(crate) fn range_field(bytes: &Range<u64>, complete: u64) -> Option<HeaderValue> {
    let text = match bytes.end >= complete {
        true => format!("bytes={}-", bytes.start),
        false => format!("bytes={}-{}", bytes.start, bytes.end.saturating_sub(1)),
    };
    HeaderValue::try_from(text).ok()
}

/// Reads Content-Range (RFC 9110 section 14.4): the field, the bytes, and the complete length if
/// it is known. None if it stands there several times, or says what cannot be.
fn content_range(headers: &HeaderMap) -> Option<(&HeaderValue, Range<u64>, Option<u64>)> {
    let mut lines = headers.get_all(header::CONTENT_RANGE).iter();
    let value = lines.next().filter(|_| lines.next().is_none())?;
    let text = value.to_str().ok()?.trim_ascii();
    let (unit, rest) = text.split_once(' ')?;
    let (bytes, complete) = rest.trim_ascii_start().split_once('/')?;
    let (first, last) = bytes.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    let complete = match complete {
        "*" => None,
        digits => Some(number(digits)?),
    };
    let end = last.checked_add(1)?;
    let is_sane = unit.eq_ignore_ascii_case("bytes")
        && first <= last
        && complete.is_none_or(|complete| end <= complete);
    is_sane.then_some((value, first..end, complete))
}

/// Digits alone: `parse` would take a sign.
fn number(digits: &str) -> Option<u64> {
    let is_number = digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

/// RFC 9110 section 15.3.7.2.
fn is_multipart(headers: &HeaderMap) -> bool {
    let name = b"multipart/byteranges";
    let types = headers.get_all(header::CONTENT_TYPE).iter();
    types
        .filter_map(|value| value.as_bytes().get(..name.len()))
        .any(|start| start.eq_ignore_ascii_case(name))
}

/// A copy with memory of its own: as received, it would keep a connection's read buffer alive.
fn copy(value: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::testing::map;

    const RANGE: HeaderValue = HeaderValue::from_static("bytes=4-");

    fn of(content_range: &'static str, length: Option<u64>) -> Option<Part> {
        Part::of(&RANGE, &map(&[("content-range", content_range)]), length)
    }

    fn part(content_range: &'static str, length: u64) -> Part {
        of(content_range, Some(length)).unwrap()
    }

    #[test]
    fn holds_the_bytes_that_came() {
        let whole = part("bytes 4-9/10", 6);
        assert_eq!((whole.span(), whole.complete), (4..10, Some(10)));
        assert_eq!(of("bytes 4-9/10", None), Some(whole.clone()));
        assert_eq!(of("Bytes  4-9/10", None).unwrap().held, whole.held);
        assert_eq!(part("bytes 4-9/10", 5).span(), 4..9);
        assert_eq!(part("bytes 4-9/*", 6).complete, None);
        assert_eq!(
            part("bytes 0-18446744073709551613/18446744073709551614", 1).span(),
            0..1
        );
    }

    #[test]
    fn what_cannot_be_is_no_part() {
        for content_range in [
            "bytes 4-3/10",
            "bytes 4-10/10",
            "bytes */10",
            "bytes 4-9",
            "bytes 4-9/",
            "bytes 4-9/x",
            "bytes +4-9/10",
            "bytes -4-9/10",
            "bytes=4-9/10",
            "lines 4-9/10",
            "4-9/10",
            "",
            "bytes 0-18446744073709551615/*",
            "bytes 0-99999999999999999999/*",
        ] {
            assert_eq!(of(content_range, None), None, "{content_range}");
        }
        assert_eq!(of("bytes 4-9/10", Some(7)), None);
        assert_eq!(of("bytes 4-9/10", Some(0)), None);
        let twice = [("content-range", "bytes 4-9/10"); 2];
        assert_eq!(Part::of(&RANGE, &map(&twice), None), None);
        let multipart = [
            ("content-range", "bytes 4-9/10"),
            ("content-type", "Multipart/ByteRanges; boundary=x"),
        ];
        assert_eq!(Part::of(&RANGE, &map(&multipart), None), None);
        assert_eq!(Part::of(&RANGE, &map(&[]), None), None);
    }

    #[test]
    fn answers_what_it_holds_and_no_more() {
        let middle = part("bytes 2-5/10", 4);
        for (spec, cover) in [
            (Spec::Between(2, 5), Cover::Held(2..6)),
            (Spec::Between(3, 4), Cover::Held(3..5)),
            (Spec::Between(1, 4), Cover::Lacking),
            (Spec::Between(3, 6), Cover::Lacking),
            (Spec::Between(10, 12), Cover::Unsatisfiable),
            (Spec::From(3), Cover::Lacking),
            (Spec::Last(8), Cover::Lacking),
            (Spec::Last(0), Cover::Unsatisfiable),
        ] {
            assert_eq!(middle.cover(spec), cover, "{spec:?}");
        }
        let end = part("bytes 4-9/10", 6);
        assert_eq!(end.cover(Spec::From(6)), Cover::Held(6..10));
        assert_eq!(end.cover(Spec::Last(6)), Cover::Held(4..10));
        assert_eq!(end.cover(Spec::Last(7)), Cover::Lacking);
        assert_eq!(end.cover(Spec::Between(6, 99)), Cover::Held(6..10));
    }

    #[test]
    fn without_the_complete_length_only_explicit_ranges_are_known() {
        let part = part("bytes 4-9/*", 6);
        assert_eq!(part.cover(Spec::Between(6, 9)), Cover::Held(6..10));
        assert_eq!(part.cover(Spec::Between(6, 10)), Cover::Lacking);
        assert_eq!(part.cover(Spec::Between(99, 100)), Cover::Lacking);
        assert_eq!(part.cover(Spec::From(6)), Cover::Lacking);
        assert_eq!(part.cover(Spec::Last(1)), Cover::Lacking);
        assert!(!part.is_complete());
    }

    #[test]
    fn an_end_that_the_origin_did_not_send_is_not_held() {
        let cut = part("bytes 4-9/10", 5);
        assert_eq!(cut.cover(Spec::From(6)), Cover::Held(6..9));
        assert_eq!(cut.cover(Spec::From(9)), Cover::Lacking);
        assert_eq!(cut.cover(Spec::Last(1)), Cover::Lacking);
        assert_eq!(cut.cover(Spec::Last(3)), Cover::Lacking);
        assert_eq!(cut.cover(Spec::Between(6, 9)), Cover::Lacking);
        assert_eq!(cut.cover(Spec::Between(6, 8)), Cover::Held(6..9));
        // One that says itself that it ends before is not cut.
        assert_eq!(part("bytes 4-8/10", 5).cover(Spec::From(6)), Cover::Lacking);
        assert_eq!(part("bytes 4-8/10", 4).cover(Spec::From(6)), Cover::Lacking);
    }

    #[test]
    fn the_same_range_is_answered_as_it_was() {
        let part = part("bytes 3-8/10", 5);
        assert_eq!(part.replay(&RANGE).unwrap(), "bytes 3-8/10");
        assert_eq!(part.replay(&HeaderValue::from_static("bytes=4-9")), None);
    }

    #[test]
    fn joins_what_is_of_the_same_length() {
        let (front, back) = (part("bytes 0-4/10", 5), part("bytes 5-9/10", 5));
        let joined = front.joined(&back).unwrap();
        assert!(joined.is_complete());
        assert_eq!(back.joined(&front), Some(joined.clone()));
        assert_eq!(joined.replay(&RANGE), None);
        assert_eq!(front.joined(&part("bytes 5-9/11", 5)), None);
        assert_eq!(part("bytes 0-4/*", 5).joined(&part("bytes 5-9/*", 5)), None);
    }

    #[test]
    fn what_does_not_touch_leaves_a_hole() {
        let joined = part("bytes 2-3/10", 2).joined(&part("bytes 6-7/10", 2));
        let joined = joined.unwrap();
        assert_eq!((joined.span(), joined.length()), (2..8, 4));
        for (spec, cover) in [
            (Spec::Between(2, 3), Cover::Held(2..4)),
            (Spec::Between(6, 7), Cover::Held(6..8)),
            (Spec::Between(3, 6), Cover::Lacking),
            (Spec::Between(4, 5), Cover::Lacking),
        ] {
            assert_eq!(joined.cover(spec), cover, "{spec:?}");
        }
    }

    #[test]
    fn ranges_without_number_are_not_kept_side_by_side() {
        let one = |at: u64| Part::holding(Held::of(at..at + 1), 1 << 40).unwrap();
        let last = 2 * MAX_RUNS as u64;
        let full = (1..MAX_RUNS as u64).fold(one(0), |all, n| all.joined(&one(2 * n)).unwrap());
        assert_eq!(full.joined(&one(last)), None);
        // What touches makes no more of them.
        assert!(full.joined(&one(last - 1)).is_some());
    }

    #[test]
    fn asks_for_what_lacks() {
        assert_eq!(range_field(&(5..10), 10).unwrap(), "bytes=5-");
        assert_eq!(range_field(&(0..5), 10).unwrap(), "bytes=0-4");
    }
}
