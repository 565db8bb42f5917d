//! What may be stored (RFC 9111 section 3).

use http::{Method, StatusCode, header};

use crate::{
    Cookies, NotStored, Policy, RequestHead, StoredHead,
    directives::{RequestDirectives, ResponseDirectives},
    freshness::{Freshness, is_heuristically_cacheable},
    noted::{Line, Noted},
    present::{Present, has_field},
    vary,
};

/// Why a response must not be stored, if it must not.
pub(crate) fn refusal(
    request: &RequestHead<'_>,
    status: StatusCode,
    noted: &Noted<'_>,
    directives: &ResponseDirectives,
    policy: &Policy,
) -> Option<NotStored> {
    if let Some(why) = request_refusal(request, directives, policy) {
        return Some(why);
    }
    // Section 5.2.2.3: must-understand asks for a status whose caching is understood, and takes
    // the place of no-store then.
    if directives.must_understand && !is_understood(status) {
        return Some(NotStored::Status);
    }
    if (directives.no_store && !directives.must_understand) || directives.private {
        return Some(NotStored::Directive);
    }
    // Section 4.1: no later request could match.
    if noted.present.has(Present::VARY) && vary::names(noted.headers).is_none() {
        return Some(NotStored::VaryStar);
    }
    // 1xx is not final; 304 and a 206 that is a part are dealt with before (sections 4.3.4 and
    // 3.3), and what comes here has no meaning; 416 is the answer to a Range, which is not in the
    // key.
    let is_whole_and_final = !status.is_informational()
        && status != StatusCode::PARTIAL_CONTENT
        && status != StatusCode::NOT_MODIFIED
        && status != StatusCode::RANGE_NOT_SATISFIABLE;
    let is_allowed = policy.ttl_of(status).is_some()
        || policy.negative_ttl_of(status).is_some()
        || directives.public
        || directives.max_age.is_some()
        || directives.s_maxage.is_some()
        || (!matches!(noted.expires, Line::No) && !directives.targeted)
        || is_heuristically_cacheable(status);
    (!is_whole_and_final || !is_allowed).then_some(NotStored::Status)
}

fn request_refusal(
    request: &RequestHead<'_>,
    directives: &ResponseDirectives,
    policy: &Policy,
) -> Option<NotStored> {
    // A GET's content has no meaning (RFC 9110 section 9.3.1), but origins give it one, and it is
    // not in the cache key.
    let present = Present::of(request.headers);
    let has_content = present.has(Present::FRAMING) && request.has_content();
    let is_cached = *request.method == Method::GET && !has_content && !policy.passes_by(request);
    // Section 3.5.
    let is_shareable = !has_field(request.headers, &header::AUTHORIZATION)
        || directives.must_revalidate
        || directives.public
        || directives.s_maxage.is_some();
    // Section 5.2.1.5.
    let no_store = present.has(Present::CONTROL)
        && RequestDirectives::of(request.headers, policy.obey_request_directives).no_store;
    (!is_cached || !is_shareable || no_store).then_some(NotStored::Request)
}

/// Why a response that may be stored is not worth it, or not safe to share: its head, and whether it sets
/// cookies as it is stored.
pub(crate) fn reluctance(
    request: &RequestHead<'_>,
    (head, sets_cookies): (&StoredHead, bool),
    directives: &ResponseDirectives,
    freshness: Freshness,
    policy: &Policy,
) -> Option<NotStored> {
    if bares_cookies(sets_cookies, directives, freshness, policy) {
        return Some(NotStored::SetCookie);
    }
    let is_meant_for_all = is_meant_for_all(directives, freshness, policy);
    if !is_meant_for_all && request.headers.contains_key(header::COOKIE) {
        return Some(NotStored::Cookie);
    }
    (!head.is_worth_keeping()).then_some(NotStored::NothingToGain)
}

/// Whether storing would hand a cookie to others than the one it was set for.
pub(crate) fn bares_cookies(
    sets_cookies: bool,
    directives: &ResponseDirectives,
    freshness: Freshness,
    policy: &Policy,
) -> bool {
    sets_cookies && !is_meant_for_all(directives, freshness, policy)
}

/// Whether what has to do with cookies may be shared all the same (RFC 9111 section 7.3): the
/// origin must say so in so many words. What an operator gives a lifetime to, or what only holds
/// when the origin is asked again, it has not said that of.
fn is_meant_for_all(
    directives: &ResponseDirectives,
    freshness: Freshness,
    policy: &Policy,
) -> bool {
    policy.cookies != Cookies::Strict
        && freshness.explicit
        && !freshness.lifetime.is_zero()
        && !directives.no_cache
}

/// The final statuses of RFC 9110 section 15, but 206 and 304, which are not stored on their own.
fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=205 | 300..=303 | 305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505
    )
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect()
    }

    fn of(
        method: &Method,
        request: &[(&'static str, &'static str)],
        status: u16,
        response: &[(&'static str, &'static str)],
        obey: bool,
    ) -> Option<NotStored> {
        let (request, response) = (map(request), map(response));
        let head = RequestHead {
            method,
            headers: &request,
        };
        let policy = Policy {
            obey_request_directives: obey,
            ..Policy::default()
        };
        let status = StatusCode::from_u16(status).unwrap();
        let noted = Noted::of(&response);
        let directives = ResponseDirectives::of(&noted, &policy.targets);
        refusal(&head, status, &noted, &directives, &policy)
    }

    fn get(status: u16, cache_control: &'static str) -> Option<NotStored> {
        of(
            &Method::GET,
            &[],
            status,
            &[("cache-control", cache_control)],
            false,
        )
    }

    #[test]
    fn only_a_get_without_content_is_stored() {
        let fresh = [("cache-control", "max-age=9")];
        assert_eq!(of(&Method::GET, &[], 200, &fresh, false), None);
        for method in [Method::HEAD, Method::POST, Method::PUT] {
            assert_eq!(
                of(&method, &[], 200, &fresh, false),
                Some(NotStored::Request)
            );
        }
        for content in [("content-length", "5"), ("transfer-encoding", "chunked")] {
            assert_eq!(
                of(&Method::GET, &[content], 200, &fresh, false),
                Some(NotStored::Request)
            );
        }
        assert_eq!(
            of(&Method::GET, &[("content-length", "0")], 200, &fresh, false),
            None
        );
    }

    #[test]
    fn an_authorized_answer_is_shared_only_where_the_origin_says_so() {
        let authorized = [("authorization", "Basic QQ==")];
        for (cache_control, why) in [
            ("max-age=9", Some(NotStored::Request)),
            ("max-age=9, public", None),
            ("s-maxage=9", None),
            ("max-age=9, must-revalidate", None),
            ("max-age=9, proxy-revalidate", Some(NotStored::Request)),
        ] {
            let response = [("cache-control", cache_control)];
            assert_eq!(
                of(&Method::GET, &authorized, 200, &response, false),
                why,
                "{cache_control}"
            );
        }
    }

    #[test]
    fn the_clients_no_store_counts_where_it_is_obeyed() {
        let request = [("cache-control", "No-Store")];
        let response = [("cache-control", "max-age=9")];
        assert_eq!(of(&Method::GET, &request, 200, &response, false), None);
        let obeyed = of(&Method::GET, &request, 200, &response, true);
        assert_eq!(obeyed, Some(NotStored::Request));
    }

    #[test]
    fn no_store_and_private_are_not_stored() {
        for cache_control in ["no-store", "max-age=9, NO-STORE", "private, max-age=9"] {
            assert_eq!(
                get(200, cache_control),
                Some(NotStored::Directive),
                "{cache_control}"
            );
        }
        assert_eq!(get(200, "private=\"x-a\", max-age=9"), None);
    }

    /// RFC 9213 section 2.2: what Cache-Control and Expires say is for other caches.
    #[test]
    fn a_targeted_field_decides_alone_whether_to_store() {
        let beside = |targeted, status, others: &[(&'static str, &'static str)]| {
            let fields = [&[("cdn-cache-control", targeted)], others].concat();
            of(&Method::GET, &[], status, &fields, false)
        };
        let forbidden = [("cache-control", "no-store, private")];
        assert_eq!(beside("max-age=9", 200, &forbidden), None);
        let allowed = [
            ("cache-control", "max-age=9"),
            ("expires", "Sun, 06 Nov 2044 08:49:37 GMT"),
        ];
        for targeted in ["no-store", "private"] {
            let why = Some(NotStored::Directive);
            assert_eq!(beside(targeted, 200, &allowed), why, "{targeted}");
        }
        assert_eq!(beside("extension", 500, &allowed), Some(NotStored::Status));
        assert_eq!(beside("not a dictionary", 500, &allowed), None);
    }

    #[test]
    fn must_understand_takes_the_place_of_no_store_for_known_statuses() {
        let cache_control = "no-store, must-understand, max-age=9";
        assert_eq!(get(200, cache_control), None);
        assert_eq!(get(599, cache_control), Some(NotStored::Status));
        assert_eq!(
            get(599, "must-understand, max-age=9"),
            Some(NotStored::Status)
        );
        assert_eq!(
            get(200, "private, must-understand"),
            Some(NotStored::Directive)
        );
    }

    #[test]
    fn vary_star_is_not_stored() {
        let response = [("cache-control", "max-age=9"), ("vary", "a, *")];
        assert_eq!(
            of(&Method::GET, &[], 200, &response, false),
            Some(NotStored::VaryStar)
        );
    }

    #[test]
    fn other_statuses_need_explicit_freshness() {
        for status in [201, 302, 400, 403, 429, 451, 500, 503, 599] {
            assert_eq!(get(status, ""), Some(NotStored::Status), "{status}");
            assert_eq!(get(status, "max-age=9"), None, "{status}");
            assert_eq!(get(status, "public"), None, "{status}");
            let expires = [("expires", "Sun, 06 Nov 1994 08:49:37 GMT")];
            assert_eq!(
                of(&Method::GET, &[], status, &expires, false),
                None,
                "{status}"
            );
        }
        for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
            assert_eq!(get(status, ""), None, "{status}");
        }
        for status in [101, 103, 206, 304, 416] {
            assert_eq!(
                get(status, "max-age=9"),
                Some(NotStored::Status),
                "{status}"
            );
        }
    }
}
