//! Which fields are forwarded (RFC 9110 section 7.6.1) and which are stored (RFC 9111 section 3.1).

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    Policy, directives::ResponseDirectives, lists, noted::Noted, present::has_field,
    targeted::is_targeted,
};

/// Fields that are for one connection only, whether Connection names them or not. Trailer is not
/// among them: it announces what follows the content, end to end (RFC 9110 section 6.6.2).
static HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Fields that Connection cannot take away. RFC 9110 section 7.6.1 forbids senders to name fields
/// that are for all recipients; a sender that does it wants to deceive the next one.
static NOT_NOMINABLE: [HeaderName; 26] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    header::CACHE_CONTROL,
    header::DATE,
    header::EXPIRES,
    header::AGE,
    header::VARY,
    header::ETAG,
    header::LAST_MODIFIED,
    header::PRAGMA,
    header::AUTHORIZATION,
    header::COOKIE,
    header::SET_COOKIE,
    header::RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
    header::VIA,
    header::EXPECT,
    header::LOCATION,
    HeaderName::from_static("cdn-loop"),
];

/// Removes what is for one connection only (RFC 9110 section 7.6.1): Connection and what it
/// names, Keep-Alive, Proxy-Connection, TE, Transfer-Encoding, Upgrade, Proxy-Authenticate and
/// Proxy-Authorization. Host, fields of framing and of caching, and others that are for all
/// recipients stay, even if Connection names them.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // Nearly always there are none; Connection is one of them.
    if !headers.keys().any(is_hop_by_hop) {
        return;
    }
    for name in nominated(headers) {
        headers.remove(name);
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// The fields that [`remove_hop_by_hop`] leaves.
pub fn end_to_end(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    let nominated = match has_field(headers, &header::CONNECTION) {
        true => nominated(headers),
        false => Vec::new(),
    };
    let fields = headers.iter();
    fields.filter(move |(name, _)| !is_hop_by_hop(name) && !nominated.contains(name))
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    is_hop_by_hop_name(name.as_str().as_bytes())
}

fn is_hop_by_hop_name(name: &[u8]) -> bool {
    matches!(
        name,
        b"connection"
            | b"te"
            | b"transfer-encoding"
            | b"upgrade"
            | b"proxy-authenticate"
            | b"proxy-authorization"
            | b"keep-alive"
            | b"proxy-connection"
    )
}

/// The fields of a response that are for the client whose request fetched it, and for no other:
/// those that `private="..."` and `no-cache="..."` name (RFC 9111 sections 5.2.2.4 and 5.2.2.7).
/// They are not in [`crate::StoredHead::headers`].
pub fn withheld(response: &HeaderMap, policy: &Policy) -> HeaderMap {
    let mut fields = HeaderMap::new();
    let mut names = ResponseDirectives::of(&Noted::of(response), &policy.targets).withheld;
    names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    if names.is_empty() {
        return fields;
    }
    for name in names.iter().filter(|name| !is_unstored(name)) {
        for value in response.get_all(name) {
            fields.append(name, value.clone());
        }
    }
    remove_hop_by_hop(&mut fields);
    fields
}

/// The fields of a response that has come.
pub(crate) enum Fields<'a> {
    /// To be looked at.
    Lent(&'a HeaderMap),
    /// To be taken, if all of them are stored.
    Given(&'a mut HeaderMap),
}

impl Fields<'_> {
    /// As they came.
    pub(crate) fn all(&self) -> &HeaderMap {
        match self {
            Fields::Lent(fields) => fields,
            Fields::Given(fields) => fields,
        }
    }

    /// A copy of those that are stored; `None`, if they can be taken.
    pub(crate) fn copied(&self, noted: &Noted<'_>, withheld: &[HeaderName]) -> Option<HeaderMap> {
        match self {
            Fields::Given(_) if noted.may_be_stored && withheld.is_empty() => None,
            _ => Some(stored(self.all(), withheld)),
        }
    }

    /// Takes what is stored: of that there is no copy.
    pub(crate) fn take(self) -> HeaderMap {
        match self {
            Fields::Lent(fields) => fields.clone(),
            Fields::Given(fields) => {
                fields.remove(header::CONTENT_LENGTH);
                std::mem::take(fields)
            }
        }
    }
}

/// The fields of a response that are stored. Their values are copied into one block of memory of
/// their own: as received, they would keep the connection's whole read buffer alive.
pub(crate) fn stored(response: &HeaderMap, withheld: &[HeaderName]) -> HeaderMap {
    let nominated = nominated(response);
    let is_kept = |name: &HeaderName| {
        !is_unstored(name) && !nominated.contains(name) && !withheld.contains(name)
    };
    let bytes = response.values().map(HeaderValue::len).sum();
    let mut block = Vec::with_capacity(bytes);
    for value in response.values() {
        block.extend_from_slice(value.as_bytes());
    }
    let block = Bytes::from(block);
    // Room for Date, which may have to be added.
    let mut headers = HeaderMap::with_capacity(response.len() + 1);
    let mut at = 0;
    for (name, value) in response {
        let end = at + value.len();
        if is_kept(name)
            && let Ok(copy) = HeaderValue::from_maybe_shared(block.slice(at..end))
        {
            headers.append(name, copy);
        }
        at = end;
    }
    headers
}

/// Whether a field of a response is not stored: what is for one connection only ([`HOP_BY_HOP`]), and
/// what is forwarded all the same. Content-Length is kept as a number, Age as a duration; Trailer has
/// nothing to announce, since trailers are not stored; Warning is obsolete (RFC 9111 section 5.5).
pub(crate) fn is_unstored(name: &HeaderName) -> bool {
    is_unstored_name(name.as_str().as_bytes())
}

/// The same of a name in lower case.
pub(crate) fn is_unstored_name(name: &[u8]) -> bool {
    let is_replaced = matches!(
        name,
        b"age" | b"content-length" | b"trailer" | b"warning" | b"proxy-authentication-info"
    );
    is_replaced || is_hop_by_hop_name(name)
}

/// The fields that Connection names, less those that it must not.
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    lists::members(headers.get_all(header::CONNECTION))
        .filter_map(|member| HeaderName::from_bytes(member).ok())
        .filter(|name| !NOT_NOMINABLE.contains(name) && !is_targeted(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect()
    }

    #[test]
    fn removes_what_connection_names() {
        let mut headers = map(&[
            ("connection", "X-One, close, x-two, bad name"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-three", "3"),
            ("keep-alive", "timeout=5"),
            ("upgrade", "websocket"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("trailer", "x-sum"),
        ]);
        let left = end_to_end(&headers).map(|(n, v)| (n.clone(), v.clone()));
        assert_eq!(
            left.collect::<HeaderMap>(),
            map(&[("x-three", "3"), ("trailer", "x-sum")])
        );
        remove_hop_by_hop(&mut headers);
        assert_eq!(headers, map(&[("x-three", "3"), ("trailer", "x-sum")]));
    }

    #[test]
    fn each_that_is_for_one_connection_goes() {
        for name in &HOP_BY_HOP {
            let mut headers = HeaderMap::from_iter([(name.clone(), HeaderValue::from_static("a"))]);
            assert_eq!(end_to_end(&headers).next(), None);
            remove_hop_by_hop(&mut headers);
            assert!(headers.is_empty(), "{headers:?}");
        }
    }

    #[test]
    fn what_is_for_all_recipients_cannot_be_named_away() {
        for name in &NOT_NOMINABLE {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::CONNECTION,
                HeaderValue::from_str(name.as_str()).unwrap(),
            );
            headers.insert(name, HeaderValue::from_static("1"));
            remove_hop_by_hop(&mut headers);
            assert!(headers.contains_key(name), "{name}");
        }
        let mut headers = map(&[
            ("connection", "cdn-cache-control"),
            ("cdn-cache-control", "no-store"),
        ]);
        remove_hop_by_hop(&mut headers);
        assert_eq!(headers, map(&[("cdn-cache-control", "no-store")]));
    }

    #[test]
    fn stores_end_to_end_fields_only() {
        let headers = map(&[
            ("connection", "x-one"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-two", "again"),
            ("age", "9"),
            ("content-length", "5"),
            ("warning", "110 - \"stale\""),
            ("proxy-authenticate", "Basic"),
            ("proxy-authentication-info", "x"),
            ("set-cookie", "a=b"),
            ("set-cookie", "c=d"),
        ]);
        let kept = stored(&headers, &[header::SET_COOKIE]);
        assert_eq!(kept, map(&[("x-two", "2"), ("x-two", "again")]));
    }

    #[test]
    fn what_is_stored_as_it_came_is_taken() {
        let plain = [("date", "0"), ("content-length", "5"), ("x-a", "1")];
        let mut given = map(&plain);
        let fields = Fields::Given(&mut given);
        assert_eq!(fields.copied(&Noted::of(fields.all()), &[]), None);
        assert_eq!(fields.take(), map(&[("date", "0"), ("x-a", "1")]));
        assert!(given.is_empty());
        let withheld = [HeaderName::from_static("x-a")];
        for more in [("age", "1"), ("connection", "x-a"), ("warning", "110 - -")] {
            let mut given = map(&[&plain[..], &[more]].concat());
            let copy = stored(&given, &[]);
            let fields = Fields::Given(&mut given);
            assert_eq!(fields.copied(&Noted::of(fields.all()), &[]), Some(copy));
        }
        let mut given = map(&plain);
        for fields in [Fields::Lent(&map(&plain)), Fields::Given(&mut given)] {
            let noted = Noted::of(fields.all());
            let copy = Some(map(&[("date", "0")]));
            assert_eq!(fields.copied(&noted, &withheld), copy);
        }
        assert_eq!(given, map(&plain));
    }

    #[test]
    fn withheld_fields_go_to_one_client() {
        let headers = map(&[
            (
                "cache-control",
                "max-age=9, private=\"Set-Cookie, connection\"",
            ),
            ("connection", "close"),
            ("set-cookie", "a=b"),
            ("set-cookie", "c=d"),
            ("x-other", "1"),
        ]);
        assert_eq!(
            withheld(&headers, &Policy::default()),
            map(&[("set-cookie", "a=b"), ("set-cookie", "c=d")])
        );
        assert!(withheld(&map(&[("set-cookie", "a=b")]), &Policy::default()).is_empty());
    }
}
