//! Updating a stored response by a 304 (RFC 9111 sections 3.2 and 4.3.4), or by a 206 that
//! brings what it lacked (section 3.4).

use http::{HeaderMap, HeaderName, Method, header};

use crate::{
    Policy, RequestHead, StoredHead, Times, dates::DateField, directives::ResponseDirectives,
    etag::EntityTag, fields, noted::Noted, part::Part, present::has_field, storing,
};

/// What describes the stored bytes, and is no other for a 304 that brings none (section 3.2).
const OF_THE_BODY: [HeaderName; 3] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
];

/// The stored head with the fields of a 304 in place of its own; None if the 304 is for some
/// other response, or forbids to keep this one.
pub(crate) fn freshened(
    request: &RequestHead<'_>,
    stored: &StoredHead,
    not_modified: &HeaderMap,
    policy: &Policy,
    times: Times,
) -> Option<StoredHead> {
    if !identifies(not_modified, stored) {
        return None;
    }
    refreshed(request, stored, not_modified, policy, times)
}

/// The stored head of a part with the fields of a 206 of the same version in place of its own,
/// over a body that holds the bytes of both (`part`).
pub(crate) fn combined(
    request: &RequestHead<'_>,
    stored: &StoredHead,
    partial: &HeaderMap,
    part: Part,
    policy: &Policy,
    times: Times,
) -> Option<StoredHead> {
    let head = refreshed(request, stored, partial, policy, times)?;
    Some(head.holding(part))
}

fn refreshed(
    request: &RequestHead<'_>,
    stored: &StoredHead,
    new: &HeaderMap,
    policy: &Policy,
    times: Times,
) -> Option<StoredHead> {
    // A HEAD validates the stored response to a GET.
    let request = &RequestHead {
        method: &Method::GET,
        headers: request.headers,
    };
    let keep = |headers: &HeaderMap| keep(request, stored, headers, policy, times);
    let mut fields = new_fields(new, policy);
    keep(&updated(stored, &fields, new)).or_else(|| {
        // A cookie that comes with a 304 is for the client that asked, unless all may have it.
        fields.remove(header::SET_COOKIE)?;
        keep(&updated(stored, &fields, new))
    })
}

/// The updated head, if such a response may be stored (section 3).
fn keep(
    request: &RequestHead<'_>,
    stored: &StoredHead,
    headers: &HeaderMap,
    policy: &Policy,
    times: Times,
) -> Option<StoredHead> {
    let status = stored.whole_status();
    let noted = Noted::of(headers);
    let directives = ResponseDirectives::of(&noted, &policy.targets);
    if storing::refusal(request, status, &noted, &directives, policy).is_some() {
        return None;
    }
    let response = (status, &noted);
    let (mut head, freshness) = StoredHead::parse(request, response, &directives, policy, times);
    head.status = stored.status;
    head.length = stored.length;
    head.part.clone_from(&stored.part);
    let sets_cookies = has_field(&head.headers, &header::SET_COOKIE);
    (!storing::bares_cookies(sets_cookies, &directives, freshness, policy)).then_some(head)
}

/// Whether a 304 is for this stored response (section 4.3.4). It answers conditions that were
/// made from this one alone; so without validators it can mean no other, and if it has one, that
/// must match.
fn identifies(not_modified: &HeaderMap, stored: &StoredHead) -> bool {
    if let Some(new) = EntityTag::of(not_modified) {
        return match &stored.etag {
            Some(old) if new.tag().is_weak() => new.tag().weak_eq(old.tag()),
            Some(old) => new.tag().strong_eq(old.tag()),
            // A weak tag that was not known before leaves the date to decide.
            None => new.tag().is_weak() && same_date(not_modified, stored) == Some(true),
        };
    }
    // Several tags that differ identify nothing.
    !not_modified.contains_key(header::ETAG) && same_date(not_modified, stored) != Some(false)
}

/// Whether Last-Modified is that of the stored response; None if the 304 has none.
fn same_date(not_modified: &HeaderMap, stored: &StoredHead) -> Option<bool> {
    match DateField::of(not_modified, &header::LAST_MODIFIED, stored.received) {
        DateField::Absent => None,
        DateField::Invalid => Some(
            not_modified.get(header::LAST_MODIFIED) == stored.headers.get(header::LAST_MODIFIED),
        ),
        DateField::At(date) => Some(stored.last_modified == Some(date)),
    }
}

/// The fields of a 304 or 206 that update those of the stored response (section 3.2).
fn new_fields(not_modified: &HeaderMap, policy: &Policy) -> HeaderMap {
    let directives = ResponseDirectives::of(&Noted::of(not_modified), &policy.targets);
    let mut fields = fields::stored(not_modified, &directives.withheld);
    for name in &OF_THE_BODY {
        fields.remove(name);
    }
    fields
}

/// Section 3.2: each new field replaces all of its name; others stay, and new names are added.
fn updated(stored: &StoredHead, fields: &HeaderMap, not_modified: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::clone(&stored.headers);
    // Without a Date of its own, the new response was generated when it was received.
    headers.remove(header::DATE);
    for name in fields.keys() {
        headers.remove(name);
    }
    // Age is not stored, but says how old the new response is.
    let age = not_modified.get(header::AGE).map(|age| (&header::AGE, age));
    for (name, value) in fields.iter().chain(age) {
        // More fields than a map can hold are left out.
        let _ = headers.try_append(name, value.clone());
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::testing::{at, head, map};

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const OTHER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    type Fields<'a> = &'a [(&'static str, &'static str)];

    fn of(stored: Fields<'_>, not_modified: Fields<'_>) -> Option<StoredHead> {
        for_request(&[], stored, not_modified)
    }

    fn for_request(request: Fields<'_>, stored: Fields<'_>, new: Fields<'_>) -> Option<StoredHead> {
        let request = RequestHead {
            method: &Method::HEAD,
            headers: &map(request),
        };
        let times = Times {
            requested: at(100),
            received: at(100),
        };
        freshened(
            &request,
            &head(stored),
            &map(new),
            &Policy::default(),
            times,
        )
    }

    #[test]
    fn its_validators_say_what_it_is_for() {
        let tagged = [("etag", "\"a\""), ("last-modified", DATE)];
        let dated = [("last-modified", DATE)];
        for (stored, new, is_for_it) in [
            (&tagged[..], &[("etag", "\"a\"")][..], true),
            (&tagged, &[("etag", "W/\"a\"")], true),
            (&tagged, &[("etag", "\"b\"")], false),
            (
                &tagged,
                &[("etag", "\"b\""), ("last-modified", DATE)],
                false,
            ),
            (&tagged, &[("etag", "\"a\""), ("etag", "\"b\"")], false),
            (&tagged, &[("last-modified", DATE)], true),
            (&tagged, &[("last-modified", OTHER)], false),
            (&tagged, &[], true),
            (&dated, &[("last-modified", DATE)], true),
            (
                &dated,
                &[("last-modified", "Sunday, 06-Nov-94 08:49:37 GMT")],
                true,
            ),
            (&dated, &[("last-modified", OTHER)], false),
            (&dated, &[("etag", "\"a\"")], false),
            (
                &dated,
                &[("etag", "W/\"a\""), ("last-modified", DATE)],
                true,
            ),
            (&[("etag", "W/\"a\"")], &[("etag", "W/\"a\"")], true),
            (&[("etag", "W/\"a\"")], &[("etag", "\"a\"")], false),
            (&[], &[], true),
            (&[], &[("etag", "\"a\"")], false),
            (&[], &[("last-modified", DATE)], false),
        ] {
            assert_eq!(of(stored, new).is_some(), is_for_it, "{stored:?} {new:?}");
        }
    }

    #[test]
    fn its_fields_replace_are_added_or_leave_alone() {
        let stored = [
            ("etag", "\"a\""),
            ("x-old", "1"),
            ("x-both", "1"),
            ("x-both", "2"),
            ("content-type", "text/plain"),
            ("content-encoding", "gzip"),
            ("content-length", "10"),
        ];
        let new = [
            ("date", DATE),
            ("x-both", "3"),
            ("x-new", "4"),
            ("content-type", "text/html"),
            ("content-encoding", "br"),
            ("content-length", "99"),
            ("connection", "x-hop"),
            ("x-hop", "5"),
        ];
        let head = of(&stored, &new).unwrap();
        let expected = [
            ("date", DATE),
            ("etag", "\"a\""),
            ("x-old", "1"),
            ("x-both", "3"),
            ("x-new", "4"),
            ("content-type", "text/html"),
            ("content-encoding", "gzip"),
        ];
        assert_eq!(head.headers, map(&expected));
        assert_eq!(head.length, Some(10));
    }

    #[test]
    fn it_is_young_again() {
        let stored = [
            ("cache-control", "max-age=10"),
            ("age", "9"),
            ("date", DATE),
        ];
        let head = of(&stored, &[]).unwrap();
        assert_eq!((head.age(at(100)).as_secs(), head.ttl(at(100))), (0, 10));
        let aged = of(&stored, &[("age", "4"), ("cache-control", "max-age=20")]).unwrap();
        assert_eq!((aged.age(at(101)).as_secs(), aged.ttl(at(101))), (5, 15));
    }

    #[test]
    fn it_may_forbid_to_keep_what_is_stored() {
        let stored = [("cache-control", "max-age=10"), ("etag", "\"a\"")];
        for cache_control in ["no-store", "private"] {
            assert!(of(&stored, &[("cache-control", cache_control)]).is_none());
        }
        assert!(of(&stored, &[("vary", "*")]).is_none());
        assert!(for_request(&[("authorization", "x")], &stored, &[]).is_none());
    }

    /// RFC 9213 section 2.2: of what is stored then, a targeted field governs, whoever sent it.
    #[test]
    fn a_targeted_field_governs_after_a_304_too() {
        let stored = [("cdn-cache-control", "max-age=10"), ("etag", "\"a\"")];
        let head = of(&stored, &[("cache-control", "no-store")]).unwrap();
        assert_eq!(head.lifetime.as_secs(), 10);
        assert!(of(&stored, &[("cdn-cache-control", "no-store")]).is_none());
        let stored = [("cache-control", "no-cache"), ("etag", "\"a\"")];
        let head = of(&stored, &[("cdn-cache-control", "max-age=20")]).unwrap();
        assert_eq!((head.lifetime.as_secs(), head.always_validate), (20, false));
    }

    #[test]
    fn its_cookies_are_kept_only_if_all_may_have_them() {
        let cookie = ("set-cookie", "a=b");
        let head = of(&[("etag", "\"a\"")], &[cookie, ("x-a", "1")]).unwrap();
        assert!(!head.headers.contains_key("set-cookie"));
        assert!(head.headers.contains_key("x-a"));
        let shared = of(
            &[("etag", "\"a\"")],
            &[cookie, ("cache-control", "max-age=9")],
        )
        .unwrap();
        assert!(shared.headers.contains_key("set-cookie"));
        let stored = [("cache-control", "max-age=9"), cookie];
        assert!(of(&stored, &[("cache-control", "no-cache")]).is_none());
    }
}
