//! Invalidation (RFC 9111 section 4.4, RFC 9875 section 3).

use http::{HeaderMap, Method, StatusCode, header};

use crate::{CacheKey, KeyPolicy, TargetUri, labels, reference};

/// What an unsafe request has made invalid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invalidation {
    /// All variants of these: the target URI, and what Location and Content-Location name, as far
    /// as it is of the same origin.
    pub keys: Vec<CacheKey>,
    /// All stored responses of the target's origin that are in one of these groups.
    pub groups: Vec<String>,
}

/// References of one response that are followed; more mean nothing.
const MOST_REFERENCES: usize = 4;

/// What the response to this request makes invalid; None if it makes nothing invalid, because the
/// method is safe or the status says that nothing was done (RFC 9111 section 4.4).
pub fn invalidation(
    method: &Method,
    target: TargetUri<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    policy: &KeyPolicy,
) -> Option<Invalidation> {
    if !invalidates(method, status) {
        return None;
    }
    let key = |path_and_query: &str| policy.key(target.scheme, target.host, path_and_query);
    let mut keys = vec![key(target.path_and_query)];
    for path_and_query in references(target, headers) {
        let key = key(&path_and_query);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Some(Invalidation {
        keys,
        groups: labels::invalidated_groups(headers),
    })
}

/// What Location and Content-Location name of the target's own origin: another one's content is
/// not this origin's to make invalid (RFC 9111 section 4.4).
fn references(target: TargetUri<'_>, headers: &HeaderMap) -> impl Iterator<Item = String> {
    [header::LOCATION, header::CONTENT_LOCATION]
        .into_iter()
        .flat_map(|name| headers.get_all(name))
        .take(MOST_REFERENCES)
        .filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
        .filter_map(move |value| reference::same_origin(target, value.trim()))
}

/// Whether the method is unsafe, or unknown, and the status is 2xx or 3xx. QUERY, and those of
/// WebDAV that IANA has registered as safe, are known.
pub fn invalidates(method: &Method, status: StatusCode) -> bool {
    let is_safe =
        method.is_safe() || matches!(method.as_str(), "PROPFIND" | "REPORT" | "SEARCH" | "QUERY");
    !is_safe && (status.is_success() || status.is_redirection())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scheme, stored::testing::map};

    const TARGET: TargetUri<'_> = TargetUri {
        scheme: Scheme::Http,
        host: "a.test",
        path_and_query: "/b/c?d",
    };

    fn of(status: u16, fields: &[(&'static str, &'static str)]) -> Option<Invalidation> {
        let status = StatusCode::from_u16(status).unwrap();
        let policy = KeyPolicy::default();
        invalidation(&Method::POST, TARGET, status, &map(fields), &policy)
    }

    fn keys(fields: &[(&'static str, &'static str)]) -> Vec<String> {
        let keys = of(201, fields).unwrap().keys;
        keys.iter().map(CacheKey::to_string).collect()
    }

    #[test]
    fn only_unsafe_methods_that_succeed_invalidate() {
        let of = |name: &[u8]| Method::from_bytes(name).unwrap();
        for name in ["POST", "PUT", "DELETE", "PATCH", "MOVE", "M-SEARCH"] {
            let method = of(name.as_bytes());
            assert!(invalidates(&method, StatusCode::NO_CONTENT), "{method}");
            assert!(invalidates(&method, StatusCode::SEE_OTHER), "{method}");
            assert!(!invalidates(&method, StatusCode::NOT_FOUND), "{method}");
            assert!(!invalidates(&method, StatusCode::BAD_GATEWAY), "{method}");
        }
        for name in ["GET", "HEAD", "OPTIONS", "TRACE", "QUERY", "PROPFIND"] {
            let method = of(name.as_bytes());
            assert!(!invalidates(&method, StatusCode::OK), "{method}");
        }
        assert_eq!(super::tests::of(404, &[("location", "/x")]), None);
    }

    #[test]
    fn the_target_and_what_the_answer_names_of_its_origin() {
        assert_eq!(keys(&[]), ["http://a.test/b/c?d"]);
        assert_eq!(
            keys(&[
                ("location", "new"),
                ("content-location", "http://A.test:80/x/../y?z#f"),
            ]),
            [
                "http://a.test/b/c?d",
                "http://a.test/b/new",
                "http://a.test/y?z"
            ]
        );
        assert_eq!(keys(&[("location", "?d")]), ["http://a.test/b/c?d"]);
        for other in ["//b.test/x", "https://a.test/x", "http://a.test:81/x"] {
            assert_eq!(keys(&[("location", other)]).len(), 1, "{other}");
        }
    }

    #[test]
    fn keys_follow_the_services_policy() {
        let policy = KeyPolicy {
            query: crate::QueryRule::Only(Vec::new()),
            ..KeyPolicy::default()
        };
        let fields = map(&[("location", "/x?y")]);
        let found = invalidation(&Method::PUT, TARGET, StatusCode::OK, &fields, &policy).unwrap();
        let keys: Vec<_> = found.keys.iter().map(CacheKey::as_str).collect();
        assert_eq!(keys, ["http://a.test/b/c", "http://a.test/x"]);
    }

    #[test]
    fn groups_are_named_by_a_field_of_their_own() {
        let fields = [("cache-group-invalidation", "\"news\", \"home\"")];
        assert_eq!(of(204, &fields).unwrap().groups, ["news", "home"]);
        assert!(
            of(204, &[("cache-groups", "\"news\"")])
                .unwrap()
                .groups
                .is_empty()
        );
        assert_eq!(of(500, &fields), None);
    }
}
