//! Preconditions of a client, evaluated on a stored response (RFC 9110 section 13).

use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    StoredHead,
    dates::{self, DateField},
    etag,
};

/// What the preconditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answer as if there were none.
    Proceed,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// Evaluates the preconditions of a GET or HEAD in the order of section 13.2.2. If-Range is left
/// to `range`.
pub(crate) fn evaluate(request: &HeaderMap, stored: &StoredHead) -> Outcome {
    // Section 13.2.1: they count only where the answer without them were a success.
    if !stored.status.is_success() {
        return Outcome::Proceed;
    }
    // Steps 1 and 2.
    let may_proceed = if_match(request, stored)
        .or_else(|| if_unmodified_since(request, stored))
        .unwrap_or(true);
    if !may_proceed {
        return Outcome::Failed;
    }
    // Steps 3 and 4.
    let is_modified = if_none_match(request, stored)
        .or_else(|| if_modified_since(request, stored))
        .unwrap_or(true);
    match is_modified {
        true => Outcome::Proceed,
        false => Outcome::NotModified,
    }
}

/// Section 13.1.1: strong comparison. None if the field is absent.
fn if_match(request: &HeaderMap, stored: &StoredHead) -> Option<bool> {
    let own = stored.etag.as_ref().map(etag::EntityTag::tag);
    etag::list_has(request, &header::IF_MATCH, |tag| match (tag, own) {
        (None, _) => true,
        (Some(tag), Some(own)) => tag.strong_eq(own),
        (Some(_), None) => false,
    })
}

/// Section 13.1.2: true if no tag matches, by weak comparison.
fn if_none_match(request: &HeaderMap, stored: &StoredHead) -> Option<bool> {
    let own = stored.etag.as_ref().map(etag::EntityTag::tag);
    let has = etag::list_has(request, &header::IF_NONE_MATCH, |tag| match (tag, own) {
        (None, _) => true,
        (Some(tag), Some(own)) => tag.weak_eq(own),
        (Some(_), None) => false,
    });
    has.map(|has| !has)
}

/// Section 13.1.3. Without Last-Modified, a cache takes Date, or when the response was received
/// (RFC 9111 section 4.3.2).
fn if_modified_since(request: &HeaderMap, stored: &StoredHead) -> Option<bool> {
    let since = single_date(request, &header::IF_MODIFIED_SINCE, stored)?;
    let modified = stored.last_modified.unwrap_or(stored.date);
    is_modified_since(stored.whole_status(), modified, since)
}

/// None where it does not count: of the successes, it is defined for 200 alone, and parts of it (RFC
/// 9111 section 4.3.2).
pub(crate) fn is_modified_since(
    status: StatusCode,
    modified: SystemTime,
    since: SystemTime,
) -> Option<bool> {
    (status == StatusCode::OK).then_some(modified > since)
}

/// Section 13.1.4: it does not count without a date to compare.
fn if_unmodified_since(request: &HeaderMap, stored: &StoredHead) -> Option<bool> {
    let since = single_date(request, &header::IF_UNMODIFIED_SINCE, stored)?;
    stored.last_modified.map(|modified| modified <= since)
}

fn single_date(
    request: &HeaderMap,
    name: &http::HeaderName,
    stored: &StoredHead,
) -> Option<SystemTime> {
    DateField::of(request, name, stored.received).valid()
}

/// Whether If-Range, if it is there, lets the Range count (section 13.1.5).
pub(crate) fn if_range(request: &HeaderMap, stored: &StoredHead) -> bool {
    let mut lines = request.get_all(header::IF_RANGE).iter();
    let Some(value) = lines.next() else {
        return true;
    };
    if lines.next().is_some() {
        return false;
    }
    if let Some(date) = dates::parse(value.as_bytes(), stored.received) {
        // Exact match, of a date that is strong.
        return strong_date(stored) == Some(date);
    }
    let tag = etag::Tag::of(value.as_bytes());
    stored
        .etag
        .as_ref()
        .is_some_and(|own| own.tag().strong_eq(tag))
}

/// Last-Modified, if it is strong in the sense of RFC 9110 section 8.8.2.2: the response was
/// generated a second or more after it.
fn strong_date(stored: &StoredHead) -> Option<SystemTime> {
    stored.last_modified.filter(|modified| {
        let since = stored.date.duration_since(*modified);
        since.is_ok_and(|since| since.as_secs() >= 1)
    })
}

/// The strong validator of a stored response: what If-Range may carry (RFC 9110 section 13.1.5).
/// A weak tag says that the bytes may differ, whatever the date is.
pub(crate) fn strong_validator(stored: &StoredHead) -> Option<HeaderValue> {
    match &stored.etag {
        Some(own) => own.to_value().filter(|_| !own.tag().is_weak()),
        None if stored.headers.contains_key(header::ETAG) => None,
        None => strong_date(stored).and(stored.headers.get(header::LAST_MODIFIED).cloned()),
    }
}

/// Whether two responses have the same strong validator, so that their parts may be combined
/// (RFC 9111 section 3.4).
pub(crate) fn is_same_version(one: &StoredHead, other: &StoredHead) -> bool {
    match (&one.etag, &other.etag) {
        (Some(tag), Some(others)) => tag.tag().strong_eq(others.tag()),
        (None, None) => {
            let has_tags = |head: &StoredHead| head.headers.contains_key(header::ETAG);
            let date = strong_date(one);
            date.is_some() && date == strong_date(other) && !has_tags(one) && !has_tags(other)
        }
        _ => false,
    }
}

/// Whether two responses have validators that differ.
pub(crate) fn is_other_version(one: &StoredHead, other: &StoredHead) -> bool {
    match (&one.etag, &other.etag) {
        (Some(tag), Some(others)) => !tag.tag().weak_eq(others.tag()),
        _ => match (one.last_modified, other.last_modified) {
            (Some(date), Some(others)) => date != others,
            _ => false,
        },
    }
}

/// The conditional fields that ask whether a stored response still holds (RFC 9111 section
/// 4.3.1); none if it has no validator.
pub(crate) fn conditions(stored: &StoredHead) -> HeaderMap {
    let mut fields = HeaderMap::new();
    if let Some(etag) = stored.etag.as_ref().and_then(etag::EntityTag::to_value) {
        fields.insert(header::IF_NONE_MATCH, etag);
    }
    if stored.last_modified.is_some()
        && let Some(date) = stored.headers.get(header::LAST_MODIFIED)
    {
        fields.insert(header::IF_MODIFIED_SINCE, date.clone());
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::testing;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

    fn of(
        stored: &[(&'static str, &'static str)],
        request: &[(&'static str, &'static str)],
    ) -> Outcome {
        evaluate(&testing::map(request), &testing::head(stored))
    }

    #[test]
    fn if_none_match_compares_weakly_in_lists_and_with_star() {
        for (tags, outcome) in [
            ("\"a\"", Outcome::NotModified),
            ("W/\"a\"", Outcome::NotModified),
            ("\"x\", \"a\", \"y\"", Outcome::NotModified),
            ("*", Outcome::NotModified),
            ("\"x,a\"", Outcome::Proceed),
            ("a", Outcome::Proceed),
            ("\"A\"", Outcome::Proceed),
        ] {
            assert_eq!(
                of(&[("etag", "\"a\"")], &[("if-none-match", tags)]),
                outcome,
                "{tags}"
            );
        }
        assert_eq!(of(&[], &[("if-none-match", "\"a\"")]), Outcome::Proceed);
        assert_eq!(of(&[], &[("if-none-match", "*")]), Outcome::NotModified);
        let two_lines = [("if-none-match", "\"x\""), ("if-none-match", "\"a\"")];
        assert_eq!(of(&[("etag", "\"a\"")], &two_lines), Outcome::NotModified);
    }

    #[test]
    fn if_modified_since_takes_last_modified_else_date() {
        for name in ["last-modified", "date"] {
            for (since, outcome) in [
                (DATE, Outcome::NotModified),
                (LATER, Outcome::NotModified),
                ("Sunday, 06-Nov-94 08:49:37 GMT", Outcome::NotModified),
                (EARLIER, Outcome::Proceed),
                ("yesterday", Outcome::Proceed),
            ] {
                let request = [("if-modified-since", since)];
                assert_eq!(of(&[(name, DATE)], &request), outcome, "{name} {since}");
            }
        }
    }

    #[test]
    fn if_none_match_goes_before_if_modified_since() {
        let stored = [("etag", "\"a\""), ("last-modified", DATE)];
        let differ = [("if-none-match", "\"x\""), ("if-modified-since", DATE)];
        assert_eq!(of(&stored, &differ), Outcome::Proceed);
        let same = [("if-none-match", "\"a\""), ("if-modified-since", EARLIER)];
        assert_eq!(of(&stored, &same), Outcome::NotModified);
    }

    #[test]
    fn if_match_compares_strongly_and_goes_before_if_unmodified_since() {
        let stored = [("etag", "\"a\""), ("last-modified", DATE)];
        for (request, outcome) in [
            (&[("if-match", "\"x\", \"a\"")][..], Outcome::Proceed),
            (&[("if-match", "*")], Outcome::Proceed),
            (&[("if-match", "W/\"a\"")], Outcome::Failed),
            (&[("if-match", "\"x\"")], Outcome::Failed),
            (
                &[("if-match", "\"a\""), ("if-unmodified-since", EARLIER)],
                Outcome::Proceed,
            ),
            (&[("if-unmodified-since", EARLIER)], Outcome::Failed),
            (&[("if-unmodified-since", DATE)], Outcome::Proceed),
            (&[("if-unmodified-since", "x")], Outcome::Proceed),
            (
                &[("if-match", "\"x\""), ("if-none-match", "\"a\"")],
                Outcome::Failed,
            ),
            (
                &[("if-match", "\"a\""), ("if-none-match", "\"a\"")],
                Outcome::NotModified,
            ),
        ] {
            assert_eq!(of(&stored, request), outcome, "{request:?}");
        }
        assert_eq!(
            of(&[("etag", "W/\"a\"")], &[("if-match", "W/\"a\"")]),
            Outcome::Failed
        );
        assert_eq!(
            of(&[], &[("if-unmodified-since", EARLIER)]),
            Outcome::Proceed
        );
    }

    #[test]
    fn only_successes_have_preconditions() {
        let mut head = testing::head(&[("etag", "\"a\""), ("date", DATE)]);
        head.status = StatusCode::NOT_FOUND;
        for field in [
            ("if-none-match", "*"),
            ("if-match", "\"x\""),
            ("if-modified-since", LATER),
        ] {
            assert_eq!(evaluate(&testing::map(&[field]), &head), Outcome::Proceed);
        }
    }

    #[test]
    fn if_range_wants_a_strong_match() {
        let has = |stored: &[_], value| {
            if_range(
                &testing::map(&[("if-range", value)]),
                &testing::head(stored),
            )
        };
        assert!(has(&[("etag", "\"a\"")], "\"a\""));
        assert!(!has(&[("etag", "\"a\"")], "\"b\""));
        assert!(!has(&[("etag", "W/\"a\"")], "W/\"a\""));
        assert!(!has(&[("etag", "\"a\"")], "W/\"a\""));
        assert!(!has(&[], "\"a\""));
        assert!(has(&[("last-modified", DATE), ("date", LATER)], DATE));
        assert!(!has(&[("last-modified", DATE), ("date", DATE)], DATE));
        assert!(!has(&[("last-modified", DATE), ("date", LATER)], LATER));
        assert!(!has(&[("etag", "\"a\""), ("etag", "\"b\"")], "\"a\""));
        assert!(!has(&[("etag", "a")], "a"));
        assert!(!has(&[("etag", "\"a\"")], "\"a\", \"b\""));
        assert!(!has(&[("etag", "\"a\"")], "*"));
        assert!(!has(&[("date", LATER)], DATE));
        assert!(!has(&[("date", DATE)], DATE));
        let rfc850 = "Sunday, 06-Nov-94 08:49:37 GMT";
        assert!(has(&[("last-modified", DATE), ("date", LATER)], rfc850));
        let tagged = [("etag", "\"a\""), ("last-modified", DATE), ("date", LATER)];
        assert!(has(&tagged, DATE) && has(&tagged, "\"a\""));
        let two = testing::map(&[("if-range", "\"a\""), ("if-range", "\"a\"")]);
        assert!(!if_range(&two, &testing::head(&[("etag", "\"a\"")])));
        assert!(if_range(&HeaderMap::new(), &testing::head(&[])));
    }

    #[test]
    fn a_strong_validator_is_a_strong_tag_or_an_old_enough_date() {
        let of = |stored: &[_]| strong_validator(&testing::head(stored));
        let dated = [("last-modified", DATE), ("date", LATER)];
        assert_eq!(of(&[("etag", "\"a\"")]).unwrap(), "\"a\"");
        assert_eq!(of(&dated).unwrap(), DATE);
        assert_eq!(of(&[("last-modified", DATE), ("date", DATE)]), None);
        assert_eq!(of(&[]), None);
        for tags in [&["W/\"a\""][..], &["a"], &["\"a\"", "\"b\""]] {
            let tags: Vec<_> = tags.iter().map(|tag| ("etag", *tag)).collect();
            assert_eq!(of(&[&dated[..], &tags].concat()), None, "{tags:?}");
        }
    }

    #[test]
    fn versions_are_the_same_by_strong_validators_and_other_by_any() {
        let dated = [("last-modified", DATE), ("date", LATER)];
        let other = [("last-modified", EARLIER), ("date", LATER)];
        let (strong, weak, b) = (
            [("etag", "\"a\"")],
            [("etag", "W/\"a\"")],
            [("etag", "\"b\"")],
        );
        let tagged = [&dated[..], &strong].concat();
        for (one, two, same, differ) in [
            (&strong[..], &strong[..], true, false),
            (&strong, &weak, false, false),
            (&weak, &weak, false, false),
            (&strong, &b, false, true),
            (&dated, &dated, true, false),
            (&dated, &other, false, true),
            (
                &[("last-modified", DATE), ("date", DATE)],
                &dated,
                false,
                false,
            ),
            (&dated, &tagged, false, false),
            (&dated, &strong, false, false),
            (&[], &[], false, false),
        ] {
            let (one, two) = (testing::head(one), testing::head(two));
            assert_eq!(is_same_version(&one, &two), same, "{one:?} {two:?}");
            assert_eq!(is_same_version(&two, &one), same, "{one:?} {two:?}");
            assert_eq!(is_other_version(&one, &two), differ, "{one:?} {two:?}");
        }
    }

    #[test]
    fn conditions_are_what_was_stored() {
        let head = testing::head(&[("etag", "W/\"a\""), ("last-modified", DATE)]);
        let expected = [("if-none-match", "W/\"a\""), ("if-modified-since", DATE)];
        assert_eq!(conditions(&head), testing::map(&expected));
        assert!(conditions(&testing::head(&[("last-modified", "yesterday")])).is_empty());
    }
}
