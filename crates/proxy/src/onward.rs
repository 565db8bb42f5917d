//! The request as it is sent onward, and the response as it is sent back: pure functions on heads.

use http::{HeaderMap, HeaderName, HeaderValue, Version, header, request};
use perigee_http_cache::{end_to_end, has_field};
use perigee_upstream::{FieldLines, Outgoing};

use crate::{Inbound, Sender};

/// The field of RFC 8586.
pub const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");

/// Whether a field makes a request conditional or partial (RFC 9110 sections 13.1 and 14.2).
fn is_conditional(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::IF_MATCH
            | header::IF_NONE_MATCH
            | header::IF_MODIFIED_SINCE
            | header::IF_UNMODIFIED_SINCE
            | header::IF_RANGE
            | header::RANGE
    )
}

/// The fields that a request may get on its way to the next tier, beside those it came with.
const MORE_FIELDS: usize = 8;

/// What a node writes of itself into the requests that it sends onward: made once.
#[derive(Debug)]
pub(crate) struct Own {
    /// Its entry in Via, for HTTP/1.0, HTTP/1.1 and HTTP/2.
    via: [Option<HeaderValue>; 3],
    cdn_loop: Option<HeaderValue>,
}

impl Own {
    pub(crate) fn new(node: &str, cdn_id: &str) -> Self {
        let via = |protocol| HeaderValue::try_from(format!("{protocol} {node}")).ok();
        Own {
            via: ["1.0", "1.1", "2"].map(via),
            cdn_loop: HeaderValue::try_from(cdn_id).ok(),
        }
    }

    /// Its entry in Via for a message of this version.
    pub(crate) fn via(&self, version: Version) -> Option<HeaderValue> {
        let [http10, http11, http2] = &self.via;
        match version {
            Version::HTTP_10 => http10.clone(),
            Version::HTTP_2 => http2.clone(),
            _ => http11.clone(),
        }
    }
}

/// Whether this CDN has handled a request before (RFC 8586 section 2), or more than `max` CDNs say
/// that they have: then some of them are likely to go round without us.
///
/// A comma in a parameter's value ends a member here: nothing is hidden by a quote that never ends.
pub fn is_loop(headers: &HeaderMap, cdn_id: &str, max: usize) -> bool {
    static NAME: HeaderName = CDN_LOOP;
    if !has_field(headers, &NAME) {
        return false;
    }
    let lines = headers.get_all(&NAME).iter();
    let members = lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b','));
    let mut ids = members
        .map(|member| member.split(|&byte| byte == b';').next())
        .map(|id| id.unwrap_or_default().trim_ascii())
        .filter(|id| !id.is_empty());
    let is_ours = |id: &[u8]| id.eq_ignore_ascii_case(cdn_id.as_bytes());
    ids.by_ref().take(max).any(is_ours) || ids.next().is_some()
}

/// What a request asks for of what is at its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// What the client asks for.
    AsClient,
    /// The whole response, whatever the client's conditions are.
    Whole,
}

/// The head of the request that goes to the next tier: origin-form target, end-to-end fields,
/// Via (RFC 9110 section 7.6.3), `TE: trailers` where the client says it, since trailers are passed
/// on, and, if `says_loop`, CDN-Loop: that is once per CDN. It is in a box, since it is large and goes through many hands.
pub(crate) fn request_head(
    inbound: &request::Parts,
    asks: Asks,
    own: &Own,
    says_loop: bool,
) -> Box<Outgoing> {
    let mut fields = FieldLines::with_capacity(inbound.headers.len() + MORE_FIELDS);
    let goes_on = |name: &HeaderName| match asks {
        Asks::AsClient => *name != header::EXPECT,
        Asks::Whole => *name != header::EXPECT && !is_conditional(name),
    };
    for (name, value) in end_to_end(&inbound.headers).filter(|(name, _)| goes_on(name)) {
        fields.add(name.clone(), value.clone());
    }
    if takes_trailers(&inbound.headers) {
        fields.add(header::CONNECTION, HeaderValue::from_static("te"));
        fields.add(header::TE, HeaderValue::from_static("trailers"));
    }
    if let Some(via) = own.via(inbound.version) {
        fields.add(header::VIA, via);
    }
    if let Some(id) = own.cdn_loop.as_ref().filter(|_| says_loop) {
        fields.add(CDN_LOOP, id.clone());
    }
    Box::new(Outgoing {
        method: inbound.method.clone(),
        uri: origin_form(&inbound.uri),
        fields,
    })
}

/// CDN-Loop is written once per CDN: by the node that a client came to.
pub(crate) fn says_loop(inbound: &Inbound) -> bool {
    inbound.sender == Sender::Client
}

/// Whether the sender can do with trailers (RFC 9110 section 10.1.4).
fn takes_trailers(headers: &HeaderMap) -> bool {
    if !has_field(headers, &header::TE) {
        return false;
    }
    let codings = headers.get_all(header::TE).iter();
    codings
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

fn origin_form(uri: &http::Uri) -> http::Uri {
    uri.path_and_query()
        .cloned()
        .map_or_else(|| http::Uri::from_static("/"), http::Uri::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn parts(fields: &[(&str, &str)]) -> request::Parts {
        let mut request = Request::get("http://www.example.com/a?b=c");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn goes_on_in_origin_form_with_via_and_cdn_loop() {
        let inbound = parts(&[("connection", "x-hop"), ("x-hop", "1"), ("via", "1.1 a")]);
        let sent = request_head(
            &inbound,
            Asks::AsClient,
            &Own::new("fra-1", "cdn.test"),
            true,
        );
        let head = request::Parts::from(*sent);
        assert_eq!(head.uri.to_string(), "/a?b=c");
        let via: Vec<_> = head.headers.get_all(header::VIA).iter().collect();
        assert_eq!(via, ["1.1 a", "1.1 fra-1"]);
        assert_eq!(head.headers.get(CDN_LOOP).unwrap(), "cdn.test");
        assert!(!head.headers.contains_key("x-hop"));
        assert!(!head.headers.contains_key(header::CONNECTION));
    }

    #[test]
    fn trailers_are_asked_for_where_the_client_asks_for_them() {
        let own = Own::new("a", "cdn.test");
        let asked = |te| parts(&[("te", te)]);
        let sent =
            |te| request::Parts::from(*request_head(&asked(te), Asks::AsClient, &own, false));
        let head = sent("gzip;q=0.5, Trailers");
        assert!(!head.headers.contains_key(CDN_LOOP));
        assert_eq!(head.headers.get(header::TE).unwrap(), "trailers");
        assert_eq!(head.headers.get(header::CONNECTION).unwrap(), "te");
        let head = sent("gzip");
        assert!(!head.headers.contains_key(header::TE));
    }

    #[test]
    fn who_wants_the_whole_says_no_condition() {
        let fields = [
            ("if-none-match", "\"a\""),
            ("range", "bytes=0-1"),
            ("expect", "100-continue"),
            ("accept", "a"),
            ("accept", "b"),
        ];
        let own = Own::new("a", "cdn.test");
        let sent = |asks| request_head(&parts(&fields), asks, &own, false);
        let sent = |asks| request::Parts::from(*sent(asks)).headers;
        let (client, whole) = (sent(Asks::AsClient), sent(Asks::Whole));
        assert_eq!((client.len(), whole.len()), (5, 3), "and Via");
        let accept: Vec<_> = whole.get_all(header::ACCEPT).iter().collect();
        assert_eq!(accept, ["a", "b"]);
        assert!(!client.contains_key(header::EXPECT));
    }

    #[test]
    fn a_loop_is_seen_among_other_cdns_and_with_parameters() {
        let head = parts(&[("cdn-loop", "other; v=1, CDN.test;x=y")]);
        assert!(is_loop(&head.headers, "cdn.test", 9));
        assert!(!is_loop(&head.headers, "cdn", 9));
        assert!(!is_loop(&parts(&[]).headers, "cdn.test", 9));
        let bytes = HeaderValue::from_bytes(b"\xe9, cdn.test").unwrap();
        let hidden = HeaderMap::from_iter([(CDN_LOOP, bytes)]);
        assert!(is_loop(&hidden, "cdn.test", 9));
    }

    #[test]
    fn a_request_that_many_cdns_have_handled_is_a_loop() {
        let head = parts(&[("cdn-loop", "a, b, , c"), ("cdn-loop", "d")]);
        assert!(!is_loop(&head.headers, "cdn.test", 4));
        assert!(is_loop(&head.headers, "cdn.test", 3));
    }
}
