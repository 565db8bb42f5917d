//! Storing the answer to a POST for later GETs (RFC 9110 section 9.3.3).
//!
//! Such a response is stored when the origin says three things of it: that it is the
//! representation that a GET of the very same URI would yield (Content-Location is the target URI,
//! RFC 9110 section 8.7), for how long (explicit freshness), and that all may have it (nothing of
//! RFC 9111 section 3 speaks against it).
//!
//! One client's content shapes what others get then. That is no hole of the cache's making: an
//! origin that reflects what it was sent, and says that this is now the representation of the URI,
//! has in effect let that client change the resource; a GET would yield the same. What a cache
//! could add to that are the doubtful cases, so they are left out: requests that carry
//! Authorization or Cookie, responses that set cookies, and responses that vary with a field which
//! does not mean for a GET what it means for a POST. And since the key says nothing of the
//! content, such a response only ever answers GET and HEAD: every POST goes to the origin, and its
//! answer makes what is stored invalid before it may take its place.

use http::{HeaderMap, Method, StatusCode, header};

use crate::{
    Policy, RequestHead, ResponseHead, StoredHead, TargetUri, Times,
    directives::ResponseDirectives, noted::Noted, present::has_field, reference, storing, vary,
};

/// The head to store the answer to a POST under, if it may be stored.
pub fn posted(
    request: &RequestHead<'_>,
    target: TargetUri<'_>,
    response: ResponseHead<'_>,
    policy: &Policy,
    times: Times,
) -> Option<StoredHead> {
    let is_plain_post = *request.method == Method::POST
        && response.status == StatusCode::OK
        && !request.headers.contains_key(header::AUTHORIZATION)
        && !request.headers.contains_key(header::COOKIE)
        && !response.headers.contains_key(header::SET_COOKIE);
    if !is_plain_post
        || policy.passes_by(request)
        || !is_of_target(target, response.headers)
        || !is_judged(response.headers)
    {
        return None;
    }
    let headers = &without_content(request.headers);
    let method = &Method::GET;
    let as_get = RequestHead { method, headers };
    let (status, noted) = (response.status, &Noted::of(response.headers));
    let directives = ResponseDirectives::of(noted, &policy.targets);
    if storing::refusal(&as_get, status, noted, &directives, policy).is_some() {
        return None;
    }
    let (head, freshness) = StoredHead::parse(&as_get, (status, noted), &directives, policy, times);
    let is_fresh = freshness.explicit && head.ttl(times.received) > 0;
    let judged = (&head, has_field(&head.headers, &header::SET_COOKIE));
    let reluctance = storing::reluctance(&as_get, judged, &directives, freshness, policy);
    (is_fresh && reluctance.is_none()).then_some(head)
}

/// Whether Content-Location is the target URI, query and all. Of several none is believed.
fn is_of_target(target: TargetUri<'_>, response: &HeaderMap) -> bool {
    let mut locations = response.get_all(header::CONTENT_LOCATION).iter();
    let (Some(location), None) = (locations.next(), locations.next()) else {
        return false;
    };
    let location = location.to_str().ok().map(str::trim);
    // An empty one would mean the target too, but nobody means anything by it.
    let resolved = location
        .filter(|location| !location.is_empty())
        .and_then(|location| reference::same_origin(target, location));
    resolved.as_deref() == Some(target.path_and_query)
}

/// Whether it varies with no more than what a POST and a GET say in the same sense.
fn is_judged(response: &HeaderMap) -> bool {
    let judged = [
        header::ACCEPT,
        header::ACCEPT_ENCODING,
        header::ACCEPT_LANGUAGE,
    ];
    vary::names(response).is_some_and(|names| names.iter().all(|name| judged.contains(name)))
}

/// The fields that a GET would have, too.
fn without_content(request: &HeaderMap) -> HeaderMap {
    let mut headers = request.clone();
    for name in [
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::EXPECT,
    ] {
        headers.remove(name);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Decision, Scheme, decide,
        stored::testing::{at, map, times},
    };

    type Fields = [(&'static str, &'static str)];

    const TARGET: TargetUri<'_> = TargetUri {
        scheme: Scheme::Http,
        host: "a.test",
        path_and_query: "/b/c?d",
    };
    const FRESH: (&str, &str) = ("cache-control", "max-age=60");
    const HERE: (&str, &str) = ("content-location", "/b/c?d");

    fn of(method: &Method, request: &Fields, status: u16, response: &Fields) -> Option<StoredHead> {
        let request = RequestHead {
            method,
            headers: &map(request),
        };
        let response = ResponseHead {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &map(response),
        };
        posted(&request, TARGET, response, &Policy::default(), times())
    }

    fn is_stored(request: &Fields, response: &Fields) -> bool {
        let content = [("content-length", "5"), ("content-type", "text/plain")];
        let request = [&content[..], request].concat();
        of(&Method::POST, &request, 200, response).is_some()
    }

    #[test]
    fn what_the_origin_calls_the_representation_of_the_target_is_stored() {
        assert!(is_stored(&[], &[FRESH, HERE]));
        assert!(is_stored(
            &[("transfer-encoding", "chunked")],
            &[FRESH, HERE]
        ));
        for location in ["http://a.test/b/c?d", "c?d", "//A.TEST:80/b/c?d", "?d"] {
            assert!(
                is_stored(&[], &[FRESH, ("content-location", location)]),
                "{location}"
            );
        }
        assert!(is_stored(
            &[("accept-encoding", "br")],
            &[FRESH, HERE, ("vary", "accept-encoding")]
        ));
    }

    #[test]
    fn what_is_of_another_uri_is_not() {
        for location in [
            "/b/c",
            "/b/c?e",
            "https://a.test/b/c?d",
            "http://b.test/b/c?d",
            "",
        ] {
            assert!(
                !is_stored(&[], &[FRESH, ("content-location", location)]),
                "{location}"
            );
        }
        assert!(!is_stored(&[], &[FRESH]));
        assert!(!is_stored(&[], &[FRESH, HERE, HERE]));
    }

    #[test]
    fn without_explicit_freshness_it_is_not() {
        let modified = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert!(!is_stored(&[], &[HERE, modified]));
        for stale in ["max-age=0", "no-store", "private, max-age=60", "no-cache"] {
            assert!(
                !is_stored(&[], &[HERE, ("cache-control", stale)]),
                "{stale}"
            );
        }
        assert!(!is_stored(&[], &[HERE, FRESH, ("age", "60")]));
    }

    #[test]
    fn doubtful_cases_are_left_out() {
        assert!(!is_stored(
            &[("authorization", "Basic eA==")],
            &[FRESH, HERE]
        ));
        let public = ("cache-control", "public, max-age=60");
        assert!(!is_stored(
            &[("authorization", "Basic eA==")],
            &[public, HERE]
        ));
        assert!(!is_stored(&[("cookie", "a=b")], &[FRESH, HERE]));
        assert!(!is_stored(&[], &[FRESH, HERE, ("set-cookie", "a=b")]));
        for vary in ["*", "content-type", "accept, origin", "x-a"] {
            assert!(!is_stored(&[], &[FRESH, HERE, ("vary", vary)]), "{vary}");
        }
        for status in [201, 202, 203, 204, 206, 301, 404] {
            assert!(
                of(&Method::POST, &[], status, &[FRESH, HERE]).is_none(),
                "{status}"
            );
        }
        assert!(of(&Method::PUT, &[], 200, &[FRESH, HERE]).is_none());
        assert!(of(&Method::GET, &[], 200, &[FRESH, HERE]).is_none());
    }

    #[test]
    fn it_answers_a_get_and_no_post() {
        let stored = [of(
            &Method::POST,
            &[("content-length", "5")],
            200,
            &[FRESH, HERE],
        )
        .unwrap()];
        let decision = |method: &Method| {
            let request = RequestHead {
                method,
                headers: &HeaderMap::new(),
            };
            decide(&request, &stored, &Policy::default(), at(1))
        };
        assert!(matches!(decision(&Method::GET), Decision::Serve(_)));
        assert!(matches!(decision(&Method::POST), Decision::Pass { .. }));
    }
}
