//! What a request over HTTPS holds (RFC 8484 section 4.1), decided from its head.

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{Method, StatusCode, header::CONTENT_TYPE, request::Parts};

/// The media type of messages.
pub(super) const MESSAGE: &str = "application/dns-message";
/// The longest message.
pub(super) const LONGEST: usize = 65_535;

/// Padding must not be there; but who sends it means no harm.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Where the message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// It was in the head: `GET`.
    Message(Vec<u8>),
    /// It is the body: `POST`.
    Body,
}

/// Where the message of a request is, or with which status it is refused.
pub(super) fn held(head: &Parts, path: &str) -> Result<Held, StatusCode> {
    if head.uri.path() != path {
        return Err(StatusCode::NOT_FOUND);
    }
    match head.method {
        Method::GET => in_query(head.uri.query().unwrap_or_default()),
        Method::POST if is_message(head) => Ok(Held::Body),
        Method::POST => Err(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        _ => Err(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn in_query(query: &str) -> Result<Held, StatusCode> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, text) = pairs
        .find(|(key, _)| *key == "dns")
        .ok_or(StatusCode::BAD_REQUEST)?;
    if text.len() > LONGEST / 3 * 4 {
        return Err(StatusCode::URI_TOO_LONG);
    }
    let message = BASE64.decode(text).map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(Held::Message(message))
}

/// Parameters of the media type say nothing about messages.
fn is_message(head: &Parts) -> bool {
    let value = head.headers.get(CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = value.split(';').next().unwrap_or("").trim();
    media_type.eq_ignore_ascii_case(MESSAGE)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn of(method: &str, uri: &str, media_type: &str) -> Result<Held, StatusCode> {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(CONTENT_TYPE, media_type);
        held(&request.body(()).unwrap().into_parts().0, "/dns-query")
    }

    /// The examples of RFC 8484 section 4.1.1.
    #[test]
    fn get_holds_the_message_in_its_uri() {
        let uri = "/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB";
        let message = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01";
        assert_eq!(of("GET", uri, ""), Ok(Held::Message(message.to_vec())));
        let other = uri.replace('?', "?a=b&");
        assert_eq!(of("GET", &other, ""), Ok(Held::Message(message.to_vec())));
        assert_eq!(
            of("GET", "/dns-query?dns=AA==", ""),
            Ok(Held::Message(vec![0]))
        );
    }

    #[test]
    fn post_holds_it_in_its_body() {
        assert_eq!(
            of("POST", "/dns-query", "application/dns-message"),
            Ok(Held::Body)
        );
        assert_eq!(
            of("POST", "/dns-query", "Application/DNS-Message; a=b"),
            Ok(Held::Body)
        );
    }

    #[test]
    fn what_is_no_query_is_refused() {
        let refused = |method, uri, media_type| of(method, uri, media_type).unwrap_err().as_u16();
        assert_eq!(refused("GET", "/other?dns=AAAA", ""), 404);
        assert_eq!(refused("GET", "/dns-query", ""), 400);
        assert_eq!(refused("GET", "/dns-query?dns=%20", ""), 400);
        assert_eq!(refused("POST", "/dns-query", "text/plain"), 415);
        assert_eq!(refused("PUT", "/dns-query", MESSAGE), 405);
        let long = format!("/dns-query?dns={}", "A".repeat(60_000));
        assert!(of("GET", &long, "").is_ok());
    }
}
