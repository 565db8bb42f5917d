//! Trailer sections: which fields may stand there.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Fields that are not taken from a trailer section: those of framing, routing, authentication,
/// request modifiers, response control and content (RFC 9110 section 6.5.1). Merged into a head by
/// someone further on they would change what the message means.
const FORBIDDEN: [&str; 46] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "age",
    "authorization",
    "cache-control",
    "cdn-cache-control",
    "cdn-loop",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "forwarded",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "warning",
    "www-authenticate",
];

/// Whether a field may be a trailer. Those by which proxies tell who the client is may not either.
pub fn may_be(name: &HeaderName) -> bool {
    let name = name.as_str();
    FORBIDDEN.binary_search(&name).is_err() && !name.starts_with("x-forwarded-")
}

/// The fields of a trailer section that may stand there. `None` if it is malformed.
pub fn of(fields: &[httparse::Header<'_>]) -> Option<HeaderMap> {
    let mut trailers = HeaderMap::new();
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        let value = HeaderValue::from_bytes(field.value).ok()?;
        if may_be(&name) {
            trailers.try_append(name, value).ok()?;
        }
    }
    Some(trailers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_as_the_search_wants_it() {
        assert!(FORBIDDEN.is_sorted());
    }

    #[test]
    fn only_what_changes_no_meaning_may_be_a_trailer() {
        let may = |name: &'static str| may_be(&HeaderName::from_static(name));
        for name in [
            "server-timing",
            "digest",
            "x-checksum",
            "etag",
            "grpc-status",
        ] {
            assert!(may(name), "{name}");
        }
        for name in ["content-length", "host", "authorization", "x-forwarded-for"] {
            assert!(!may(name), "{name}");
        }
    }
}
