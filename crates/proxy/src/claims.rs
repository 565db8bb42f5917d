//! Which fields of a client's request go on: what a client may not claim, since an origin might
//! shape a response by it that others are served, is dropped here (RFC 9111 section 4.1: only the
//! key and Vary tell requests apart). What is meant is written afresh. Pure.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use perigee_http_cache::{Scheme, has_field};
use perigee_upstream::FieldLines;

/// What begins like this is a claim of what others have seen or done.
const PREFIXES: [&str; 11] = [
    // Proxies: who asked, for what, how.
    "x-forwarded-",
    "x-original-",
    "x-rewrite-",
    // Frameworks, among themselves.
    "x-middleware-",
    "x-invoke-",
    "x-envoy-",
    // Other CDNs.
    "cf-",
    "fastly-",
    "cloudfront-",
    "x-akamai-",
    "x-azure-",
];

/// Claims that no prefix covers. Sorted.
const NAMES: [&str; 22] = [
    "client-ip",
    "forwarded",
    "front-end-https",
    "proxy",
    "true-client-ip",
    "x-arr-ssl",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-host",
    "x-http-host-override",
    "x-matched-path",
    "x-now-route-matches",
    "x-originating-ip",
    "x-proxy-url",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-remote-addr",
    "x-remote-ip",
    "x-scheme",
    "x-url-scheme",
    "x-wap-profile",
];

/// Another method than the one that the key was made for. They mean something with POST, which is
/// what they were made for, and nothing good with GET and HEAD.
const METHODS: [&str; 3] = [
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// What a request cannot do without: framing, credentials, conditions, what the content is, and
/// what is said to caches and proxies. Goes on even where only some fields do.
const NEEDED: [HeaderName; 28] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::CONNECTION,
    header::UPGRADE,
    header::EXPECT,
    header::VIA,
    header::MAX_FORWARDS,
    HeaderName::from_static("cdn-loop"),
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::PRAGMA,
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LOCATION,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::SEC_WEBSOCKET_EXTENSIONS,
];

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Which fields of its clients' requests a service lets through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFields {
    /// Fields that go on although they are claims. Default none.
    pub keep: Vec<HeaderName>,
    /// If set, nothing else goes on but these, `keep`, and what HTTP itself needs. Default all.
    pub only: Option<Vec<HeaderName>>,
}

impl RequestFields {
    /// Drops what is not to go on.
    pub(crate) fn apply(&self, method: &Method, headers: &mut HeaderMap) {
        // Nearly always there are none.
        if headers.keys().all(|name| self.passes(method, name)) {
            return;
        }
        let gone: Vec<HeaderName> = headers
            .keys()
            .filter(|name| !self.passes(method, name))
            .cloned()
            .collect();
        for name in gone {
            headers.remove(name);
        }
    }

    pub(crate) fn passes(&self, method: &Method, name: &HeaderName) -> bool {
        let claim = || {
            let name = name.as_str();
            is_claim(name) || name.starts_with('x') && overrides(method, name)
        };
        let listed = |only: &Vec<HeaderName>| only.contains(name) || NEEDED.contains(name);
        (!claim() && self.only.as_ref().is_none_or(listed)) || self.keep.contains(name)
    }
}

/// Whether a field says what only the edge or the application may say. That is so too of any name
/// with an underscore: applications that are told fields as variables (CGI, WSGI, Rack, PHP)
/// cannot tell it from the name with a hyphen, which the key, Vary or this list goes by.
fn is_claim(name: &str) -> bool {
    if name.as_bytes().contains(&b'_') {
        return true;
    }
    // Most names begin in another way.
    if !matches!(
        name.as_bytes().first(),
        Some(b'x' | b'c' | b'f' | b'p' | b't')
    ) {
        return false;
    }
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.binary_search(&name).is_ok()
}

/// Whether a request names another method than its own.
pub(crate) fn overrides_method(headers: &HeaderMap) -> bool {
    METHODS.iter().any(|name| headers.contains_key(*name))
}

fn overrides(method: &Method, name: &str) -> bool {
    matches!(*method, Method::GET | Method::HEAD) && METHODS.contains(&name)
}

/// Puts the origin's view of the client onto a request. The scheme is `None` where the origin is not
/// to know it.
pub fn add_claims(fields: &mut FieldLines, client: IpAddr, scheme: Option<Scheme>) {
    static FOR: HeaderName = X_FORWARDED_FOR;
    static PROTO: HeaderName = X_FORWARDED_PROTO;
    static FROM_HOST: HeaderName = X_FORWARDED_HOST;
    let client = address(client);
    let host = fields.get(&header::HOST).cloned();
    // One look for what is nearly never there any more.
    let is_claimed = |name: &HeaderName| *name == FOR || *name == PROTO || *name == FROM_HOST;
    if fields.iter().any(|(name, _)| is_claimed(name)) {
        fields.remove(&PROTO);
        if client.is_some() {
            fields.remove(&FOR);
        }
        if host.is_some() {
            fields.remove(&FROM_HOST);
        }
    }
    if let Some(client) = client {
        fields.add(X_FORWARDED_FOR, client);
    }
    if let Some(scheme) = scheme {
        let scheme = HeaderValue::from_static(scheme.as_str());
        fields.add(X_FORWARDED_PROTO, scheme);
    }
    if let Some(host) = host {
        fields.add(X_FORWARDED_HOST, host);
    }
}

/// An address as the formatter writes it, which takes much longer for the usual kind.
fn address(client: IpAddr) -> Option<HeaderValue> {
    let IpAddr::V4(client) = client else {
        return HeaderValue::try_from(client.to_string()).ok();
    };
    let mut text = [b'.'; "255.255.255.255".len()];
    let mut end = 0;
    for (at, octet) in client.octets().into_iter().enumerate() {
        end += usize::from(at > 0);
        let digits = [octet / 100, octet / 10 % 10, octet % 10];
        let leading = usize::from(octet < 100) + usize::from(octet < 10);
        for digit in &digits[leading..] {
            text[end] = b'0' + digit;
            end += 1;
        }
    }
    HeaderValue::from_bytes(&text[..end]).ok()
}

/// Whether a response says that it is for this client's address: that is written after the stored
/// responses were looked at, so that Vary cannot tell them apart by it (RFC 9111 section 4.1). The
/// scheme and the host, which are written too, are in the key.
pub(crate) fn varies_by_client(response: &HeaderMap) -> bool {
    if !has_field(response, &header::VARY) {
        return false;
    }
    let lines = response.get_all(header::VARY).iter();
    let mut names = lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b','));
    names.any(|name| name.trim_ascii().eq_ignore_ascii_case(b"x-forwarded-for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(fields: &RequestFields, method: Method, names: &[&'static str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for name in names {
            let value = HeaderValue::from_static("1");
            headers.append(HeaderName::from_static(name), value);
        }
        fields.apply(&method, &mut headers);
        // What is removed changes the order of what is left.
        let stays = |name: &&&str| headers.contains_key(**name);
        names
            .iter()
            .filter(stays)
            .map(ToString::to_string)
            .collect()
    }

    fn names(names: &[&'static str]) -> Vec<HeaderName> {
        names.iter().map(|n| HeaderName::from_static(n)).collect()
    }

    #[test]
    fn claims_go_and_the_rest_stays() {
        let all = RequestFields::default();
        for claim in NAMES {
            assert_eq!(left(&all, Method::GET, &[claim]), [""; 0], "{claim}");
        }
        for prefix in PREFIXES {
            assert!(is_claim(&format!("{prefix}a")), "{prefix}");
        }
        let others = [
            "accept",
            "cookie",
            "x-requested-with",
            "x-api-key",
            "x-csrf-token",
            "cache-control",
            "content-type",
            "priority",
            "traceparent",
            "x-request-id",
            "from",
            "x-amz-date",
        ];
        assert_eq!(left(&all, Method::GET, &others), others);
    }

    #[test]
    fn the_list_is_sorted_for_the_search() {
        assert!(NAMES.is_sorted());
    }

    #[test]
    fn a_name_with_an_underscore_is_that_with_a_hyphen_to_some() {
        let all = RequestFields::default();
        let twins = [
            "x_forwarded_host",
            "accept_language",
            "content_length",
            "x-real_ip",
        ];
        assert_eq!(left(&all, Method::GET, &twins), [""; 0]);
        let kept = RequestFields {
            keep: names(&["api_key"]),
            only: None,
        };
        assert_eq!(
            left(&kept, Method::GET, &["api_key", "api_keys"]),
            ["api_key"]
        );
    }

    #[test]
    fn the_method_is_the_one_that_was_asked_with() {
        let all = RequestFields::default();
        for name in METHODS {
            assert_eq!(left(&all, Method::GET, &[name]), [""; 0]);
            assert_eq!(left(&all, Method::HEAD, &[name]), [""; 0]);
            assert_eq!(left(&all, Method::POST, &[name]), [name]);
        }
    }

    #[test]
    fn a_list_of_what_goes_on_leaves_out_all_else() {
        let strict = RequestFields {
            keep: names(&["x-real-ip"]),
            only: Some(names(&["accept-language"])),
        };
        let all = [
            "host",
            "accept",
            "accept-language",
            "x-real-ip",
            "x-host",
            "cookie",
            "range",
        ];
        let passed = ["host", "accept-language", "x-real-ip", "range"];
        assert_eq!(left(&strict, Method::GET, &all), passed);
        // A claim is a claim although it is listed: `keep` is the place to say so.
        let claims = RequestFields {
            only: Some(names(&["x-host"])),
            ..RequestFields::default()
        };
        assert_eq!(left(&claims, Method::GET, &["x-host"]), [""; 0]);
    }

    #[test]
    fn an_address_is_written_as_the_formatter_does() {
        let clients = (0..=255_u8).map(|octet| IpAddr::from([octet, 255 - octet, 0, octet / 2]));
        let others = ["::1", "2001:db8::7", "::ffff:192.0.2.1"].map(|it| it.parse().unwrap());
        for client in clients.chain(others) {
            assert_eq!(address(client).unwrap(), client.to_string().as_str());
        }
    }

    #[test]
    fn the_edge_says_who_asks_and_for_what() {
        let mut fields = FieldLines::default();
        fields.add(header::HOST, HeaderValue::from_static("www.example.com"));
        // Its clients' own, which a service may let through.
        for name in [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST] {
            fields.add(name, HeaderValue::from_static("a"));
        }
        let client = [192, 0, 2, 1].into();
        add_claims(&mut fields, client, Some(Scheme::Https));
        assert_eq!(fields.iter().count(), 4);
        assert_eq!(fields.get(&X_FORWARDED_FOR).unwrap(), "192.0.2.1");
        assert_eq!(fields.get(&X_FORWARDED_PROTO).unwrap(), "https");
        assert_eq!(fields.get(&X_FORWARDED_HOST).unwrap(), "www.example.com");
        add_claims(&mut fields, client, None);
        assert!(!fields.has(&X_FORWARDED_PROTO));
    }
}
