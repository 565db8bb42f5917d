//! Requests that are answered here, whatever is stored and whoever the origin is. Pure.

use http::{HeaderValue, Method, StatusCode, header, request};

/// What a request may be made with, for Allow (RFC 9110 section 10.2.1): an origin may allow less.
pub(crate) const ALLOW: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// The status to answer with, if the request goes no further; [`ALLOW`] goes with it. Otherwise a
/// hop is taken off Max-Forwards.
pub(crate) fn status(head: &mut request::Parts) -> Option<StatusCode> {
    match head.method {
        // RFC 9110 section 9.3.8: it shows whoever asks what is sent to the origin, credentials
        // and fields of ours with it.
        Method::TRACE => Some(StatusCode::METHOD_NOT_ALLOWED),
        // Section 9.3.7: about the server in general, which is this one.
        Method::OPTIONS if head.uri.path() == "*" => Some(StatusCode::NO_CONTENT),
        Method::OPTIONS => (!take_hop(head)).then_some(StatusCode::NO_CONTENT),
        // Section 7.6.2: of no other method.
        _ => None,
    }
}

/// Takes a hop off Max-Forwards, if it is there (RFC 9110 section 7.6.2). False if none is left.
fn take_hop(head: &mut request::Parts) -> bool {
    let mut lines = head.headers.get_all(header::MAX_FORWARDS).iter();
    let left = match (lines.next(), lines.next()) {
        (None, _) => return true,
        (Some(line), None) => hops(line),
        (Some(_), Some(_)) => None,
    };
    match left {
        Some(0) => return false,
        Some(left) => {
            let left = HeaderValue::from(left - 1);
            head.headers.insert(header::MAX_FORWARDS, left);
        }
        // It says nothing that anyone can go by.
        None => {
            head.headers.remove(header::MAX_FORWARDS);
        }
    }
    true
}

/// Digits only; more hops than can be counted are as many as can.
fn hops(value: &HeaderValue) -> Option<u32> {
    let digits = value.as_bytes();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(value.to_str().ok()?.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn asked(method: Method, target: &str, max_forwards: &[&str]) -> (Option<u16>, Vec<String>) {
        let mut request = Request::builder().method(method).uri(target);
        for value in max_forwards {
            request = request.header("max-forwards", *value);
        }
        let mut head = request.body(()).unwrap().into_parts().0;
        let status = status(&mut head).map(|status| status.as_u16());
        let left = head.headers.get_all(header::MAX_FORWARDS).iter();
        let left = left.map(|value| value.to_str().unwrap().to_owned());
        (status, left.collect())
    }

    #[test]
    fn trace_is_refused() {
        assert_eq!(asked(Method::TRACE, "/", &["5"]).0, Some(405));
    }

    #[test]
    fn options_with_no_hop_left_are_answered_here() {
        assert_eq!(asked(Method::OPTIONS, "/", &["0"]).0, Some(204));
        assert_eq!(asked(Method::OPTIONS, "/", &["00"]).0, Some(204));
        assert_eq!(asked(Method::OPTIONS, "*", &[]).0, Some(204));
        assert_eq!(asked(Method::OPTIONS, "/", &[]).0, None);
    }

    #[test]
    fn a_hop_is_taken_off() {
        for (said, left) in [
            (&["1"][..], &["0"][..]),
            (&["010"], &["9"]),
            (&["99999999999"], &["4294967294"]),
            (&["-1"], &[]),
            (&["+1"], &[]),
            (&["1.0"], &[]),
            (&[""], &[]),
            (&["3", "0"], &[]),
        ] {
            let (status, hops) = asked(Method::OPTIONS, "/", said);
            assert_eq!(
                (status, hops),
                (None, left.iter().map(ToString::to_string).collect())
            );
        }
    }

    #[test]
    fn other_methods_do_not_count_hops() {
        for method in [Method::GET, Method::POST] {
            let (status, hops) = asked(method, "/", &["0"]);
            assert_eq!((status, hops), (None, vec!["0".to_owned()]));
        }
    }
}
