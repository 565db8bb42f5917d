//! What a fetch asks for in place of the client's own conditional fields and Range.

use std::ops::Range;

use http::{HeaderMap, HeaderValue, Method, header};

use crate::{
    Policy, RangeMiss, RequestHead, StoredHead, conditional, missing,
    range::{self, Ranges, Selected, Spec},
};

/// The ranges that a request wants of a stored response: its If-Range decides whether its Range
/// counts (RFC 9110 section 13.1.5), and without a Range it says nothing.
pub(crate) fn ranges(request: &HeaderMap, stored: &StoredHead, policy: &Policy) -> Ranges {
    match Ranges::of(request, policy.max_ranges) {
        Ranges::None => Ranges::None,
        ranges if conditional::if_range(request, stored) => ranges,
        _ => Ranges::None,
    }
}

/// Nothing that is stored is of use: one range is asked for as the client did, or the slices that
/// it lies in; all else as the whole. Whether an If-Range holds cannot be said here without a
/// validator to compare: it goes along with the range, if it can hold at all, and the whole is fetched
/// if not.
pub(crate) fn afresh(request: &RequestHead<'_>, policy: &Policy) -> HeaderMap {
    let condition = match strong_condition(request.headers) {
        Ok(condition) => condition,
        Err(()) => return HeaderMap::new(),
    };
    let mut fields = in_part(request, policy);
    if let Some(condition) = condition.filter(|_| !fields.is_empty()) {
        fields.insert(header::IF_RANGE, condition.clone());
    }
    fields
}

/// If-Range, if it is there. An error if it is one that never holds: a date says less than a tag, and a weak
/// tag nothing.
fn strong_condition(request: &HeaderMap) -> Result<Option<&HeaderValue>, ()> {
    let mut lines = request.get_all(header::IF_RANGE).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) if is_strong_tag(line) => Ok(Some(line)),
        (Some(_), _) => Err(()),
    }
}

fn is_strong_tag(value: &HeaderValue) -> bool {
    let text = value.as_bytes();
    text.len() >= 2 && text.starts_with(b"\"") && text.ends_with(b"\"")
}

fn in_part(request: &RequestHead<'_>, policy: &Policy) -> HeaderMap {
    let ranges = Ranges::of(request.headers, policy.max_ranges);
    let mut fields = own(request, &ranges, policy);
    if let Some(range) = fields.get_mut(header::RANGE)
        && let Some(slices) = in_slices(&ranges, policy)
    {
        *range = slices;
    }
    fields
}

/// The Range that asks for the slices in which a range lies, if that is another one. Where it
/// ends with the representation, so do they.
fn in_slices(ranges: &Ranges, policy: &Policy) -> Option<HeaderValue> {
    let slice = policy.slice?;
    let text = match *ranges {
        Ranges::One(Spec::Between(first, last)) => {
            let bytes = first..last.saturating_add(1);
            let wide = missing::slices(&bytes, slice);
            (wide != bytes).then(|| format!("bytes={}-{}", wide.start, wide.end - 1))
        }
        Ranges::One(Spec::From(first)) => {
            let start = missing::slices(&(first..first), slice).start;
            (start != first).then(|| format!("bytes={start}-"))
        }
        _ => None,
    };
    HeaderValue::try_from(text?).ok()
}

/// Whether a stored response still holds (RFC 9111 section 4.3.1). For a part, the client's Range
/// is asked for if it does not (RFC 9110 section 13.2.2), so that no more is fetched then than on
/// a miss.
pub(crate) fn validation(
    request: &RequestHead<'_>,
    stored: &StoredHead,
    policy: &Policy,
) -> HeaderMap {
    let mut fields = conditional::conditions(stored);
    // Which version an If-Range is about, this validation is about another.
    if stored.part.is_some() && !request.headers.contains_key(header::IF_RANGE) {
        fields.extend(in_part(request, policy));
    }
    fields
}

/// What a stored part lacks first to answer this request, on condition that the representation is
/// still the same (RFC 9111 section 3.4). If it cannot be completed, all that the client asks for.
pub(crate) fn completion(
    request: &RequestHead<'_>,
    stored: &StoredHead,
    policy: &Policy,
) -> HeaderMap {
    let ranges = ranges(request.headers, stored, policy);
    if let Some(fields) = first_missing(stored, &ranges, policy) {
        return fields;
    }
    let mut fields = own(request, &ranges, policy);
    // The client has a part of this version. If the origin has another by now, it is told so.
    if !fields.is_empty()
        && let Some(validator) = request.headers.get(header::IF_RANGE)
    {
        fields.insert(header::IF_RANGE, validator.clone());
    }
    fields
}

fn first_missing(stored: &StoredHead, ranges: &Ranges, policy: &Policy) -> Option<HeaderMap> {
    let (held, complete) = (stored.held()?, stored.length?);
    let first = |wanted: &Range<u64>| stored.missing(held, wanted, policy);
    let missing = match ranges.select(complete) {
        Selected::Bytes(bytes) => first(&bytes),
        Selected::Several(ranges) => ranges.iter().find_map(first),
        Selected::Whole | Selected::Unsatisfiable => first(&(0..complete)),
    };
    Some(missing?.fields)
}

/// The client's own Range, if that is one range and parts are fetched.
fn own(request: &RequestHead<'_>, ranges: &Ranges, policy: &Policy) -> HeaderMap {
    let is_forwarded = matches!(ranges, Ranges::One(_))
        && policy.range_miss == RangeMiss::Part
        // RFC 9110 section 14.2: Range is defined for GET alone.
        && *request.method == Method::GET;
    let line = range::line(request.headers).filter(|_| is_forwarded);
    line.map(|line| (header::RANGE, line.clone()))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::testing::{head, map, part};

    type Fields<'a> = &'a [(&'static str, &'static str)];

    const ETAG: (&str, &str) = ("etag", "\"a\"");
    const IF_RANGE: (&str, &str) = ("if-range", "\"a\"");

    fn get(fields: &HeaderMap) -> RequestHead<'_> {
        RequestHead {
            method: &Method::GET,
            headers: fields,
        }
    }

    fn whole_on_miss() -> Policy {
        Policy {
            range_miss: RangeMiss::Whole,
            ..Policy::default()
        }
    }

    #[test]
    fn one_range_is_asked_for_as_the_client_did() {
        fn of(fields: Fields<'_>, policy: &Policy) -> HeaderMap {
            afresh(&get(&map(fields)), policy)
        }
        for line in ["bytes=0-4", "bytes=-5", "Bytes= 3-"] {
            let range = [("range", line)];
            assert_eq!(of(&range, &Policy::default()), map(&range));
            assert!(of(&range, &whole_on_miss()).is_empty());
            let on_condition = [range[0], IF_RANGE];
            assert_eq!(of(&on_condition, &Policy::default()), map(&on_condition));
            assert!(of(&on_condition, &whole_on_miss()).is_empty());
            for never in ["W/\"a\"", "Thu, 01 Jan 1970 00:00:00 GMT", "\""] {
                let on_condition = [range[0], ("if-range", never)];
                assert!(of(&on_condition, &Policy::default()).is_empty());
            }
        }
        for line in ["bytes=0-4,6-7", "bytes=4-3", "lines=1-2"] {
            assert!(of(&[("range", line)], &Policy::default()).is_empty());
        }
        let fields = map(&[("range", "bytes=0-4")]);
        let head = RequestHead {
            method: &Method::HEAD,
            headers: &fields,
        };
        assert!(afresh(&head, &Policy::default()).is_empty());
    }

    #[test]
    fn a_part_is_validated_with_the_range_and_a_whole_without() {
        let request = map(&[("range", "bytes=2-3"), ("if-none-match", "\"x\"")]);
        let policy = Policy::default();
        let condition = ("if-none-match", "\"a\"");
        assert_eq!(
            validation(&get(&request), &part(&[ETAG], "bytes 2-5/10", 4), &policy),
            map(&[condition, ("range", "bytes=2-3")])
        );
        assert_eq!(
            validation(&get(&request), &head(&[ETAG]), &policy),
            map(&[condition])
        );
    }

    fn lacks(stored: Fields<'_>, content_range: &'static str, request: Fields<'_>) -> HeaderMap {
        let stored = part(stored, content_range, 4);
        completion(&get(&map(request)), &stored, &Policy::default())
    }

    #[test]
    fn what_lacks_first_is_asked_for_if_nothing_has_changed() {
        for (content_range, request, asked) in [
            ("bytes 0-3/10", &[][..], "bytes=4-"),
            ("bytes 6-9/10", &[], "bytes=0-5"),
            // What is held between is not worth a request more.
            ("bytes 2-5/10", &[], "bytes=0-"),
            ("bytes 2-5/10", &[("range", "bytes=0-9")], "bytes=0-"),
            ("bytes 2-5/10", &[("range", "bytes=4-7")], "bytes=6-7"),
            ("bytes 2-5/10", &[("range", "bytes=6-7")], "bytes=6-7"),
            ("bytes 2-5/10", &[("range", "bytes=8-8")], "bytes=8-8"),
            ("bytes 2-5/10", &[("range", "bytes=0-3")], "bytes=0-1"),
            (
                "bytes 2-5/10",
                &[("range", "bytes=3-"), IF_RANGE],
                "bytes=6-",
            ),
            ("bytes 0-3/10", &[("range", "bytes=1-2,5-6")], "bytes=5-6"),
            ("bytes 0-3/10", &[("range", "bytes=5-6,8-9")], "bytes=5-6"),
            (
                "bytes 0-3/10",
                &[("range", "bytes=5-6"), ("if-range", "\"b\"")],
                "bytes=4-",
            ),
        ] {
            let expected = map(&[("range", asked), IF_RANGE]);
            let fields = lacks(&[ETAG], content_range, request);
            assert_eq!(fields, expected, "{content_range} {request:?}");
        }
    }

    #[test]
    fn slices_are_asked_for_where_the_policy_says_so() {
        let policy = Policy {
            slice: Some(4),
            ..Policy::default()
        };
        for (line, asked) in [
            ("bytes=5-6", "bytes=4-7"),
            ("bytes=3-4", "bytes=0-7"),
            ("bytes=5-", "bytes=4-"),
            ("Bytes= 4-7", "Bytes= 4-7"),
            ("bytes=-5", "bytes=-5"),
            (
                "bytes=1-18446744073709551615",
                "bytes=0-18446744073709551614",
            ),
        ] {
            let fields = map(&[("range", line)]);
            assert_eq!(afresh(&get(&fields), &policy), map(&[("range", asked)]));
        }
        let stored = part(&[ETAG], "bytes 2-5/10", 4);
        let fields = map(&[("range", "bytes=9-9")]);
        let asked = completion(&get(&fields), &stored, &policy);
        assert_eq!(asked, map(&[("range", "bytes=8-"), IF_RANGE]));
    }

    #[test]
    fn what_cannot_be_combined_is_fetched_as_asked() {
        for (stored, content_range, request, asked) in [
            (&[][..], "bytes 0-3/10", &[][..], &[][..]),
            (&[("etag", "W/\"a\"")], "bytes 0-3/10", &[], &[]),
            (&[ETAG], "bytes 0-3/*", &[], &[]),
            (
                &[],
                "bytes 0-3/10",
                &[("range", "bytes=2-5")],
                &[("range", "bytes=2-5")],
            ),
            (
                &[ETAG],
                "bytes 0-3/*",
                &[("range", "bytes=5-6"), IF_RANGE],
                &[("range", "bytes=5-6"), IF_RANGE],
            ),
            (
                &[],
                "bytes 0-3/10",
                &[("range", "bytes=5-6"), IF_RANGE],
                &[],
            ),
        ] {
            let fields = lacks(stored, content_range, request);
            assert_eq!(fields, map(asked), "{stored:?} {content_range} {request:?}");
        }
    }
}
