//! Which requests are fit to be handled. Pure; hyper has parsed them already, and has answered 400
//! or 431 to what it could not.
//!
//! A request with both Content-Length and Transfer-Encoding arrives here without the former: hyper
//! goes by Transfer-Encoding alone, and closes the connection after the response, as RFC 9112
//! section 6.1 wants it. So what is forwarded is not ambiguous.

use http::{
    HeaderValue, Method, Request, StatusCode, Version,
    header::{HOST, TRANSFER_ENCODING},
    uri::Uri,
};

/// Whether a request may be handled.
///
/// # Errors
/// The status it is to be refused with.
pub(crate) fn check<B>(request: &Request<B>, max_fields: usize) -> Result<(), StatusCode> {
    if request.method() == Method::CONNECT {
        return Err(StatusCode::NOT_IMPLEMENTED);
    }
    // hyper counts them for HTTP/1.1 only.
    if request.headers().len() > max_fields {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    check_target(request.method(), request.uri())?;
    check_coding(request)?;
    check_host(request)
}

/// Request targets (RFC 9112 section 3.2): `/path`, `http://host/path`, and `*` for OPTIONS.
fn check_target(method: &Method, target: &Uri) -> Result<(), StatusCode> {
    let fits = match (target.scheme_str(), target.authority()) {
        (Some(scheme), Some(authority)) => {
            matches!(scheme, "http" | "https") && is_host(authority.as_str().as_bytes())
        }
        (None, None) if target.path() == "*" => method == Method::OPTIONS,
        (None, None) => target.path().starts_with('/'),
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        Err(StatusCode::BAD_REQUEST)
    }
}

/// No transfer coding but chunked is understood here (RFC 9112 section 6.1).
fn check_coding<B>(request: &Request<B>) -> Result<(), StatusCode> {
    let mut codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(StatusCode::NOT_IMPLEMENTED),
    }
}

/// One Host, and a valid one (RFC 9112 section 3.2). HTTP/1.0 may have none; HTTP/2 has
/// `:authority` in its place, and if it has both they say the same (RFC 9113 section 8.3.1).
fn check_host<B>(request: &Request<B>) -> Result<(), StatusCode> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let fits = match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            is_host(host.as_bytes())
                && (request.version() != Version::HTTP_2
                    || request.uri().authority().is_none_or(|authority| {
                        authority
                            .as_str()
                            .as_bytes()
                            .eq_ignore_ascii_case(host.as_bytes())
                    }))
        }
        (None, _) => match request.version() {
            Version::HTTP_11 => false,
            Version::HTTP_2 => request.uri().authority().is_some(),
            _ => true,
        },
        (Some(_), Some(_)) => false,
    };
    if fits {
        Ok(())
    } else {
        Err(StatusCode::BAD_REQUEST)
    }
}

/// Puts the authority of the target, if it has one, in the place of Host (RFC 9112 section 3.2.2),
/// so that Host is what was asked for in every version and form. The target stays as it came.
///
/// # Errors
/// The status to refuse the request with.
pub(crate) fn settle_host<B>(request: &mut Request<B>) -> Result<(), StatusCode> {
    let Some(authority) = request.uri().authority() else {
        return Ok(());
    };
    let same = |host: &HeaderValue| host.as_bytes() == authority.as_str().as_bytes();
    if !request.headers().get(HOST).is_some_and(same) {
        let host =
            HeaderValue::from_str(authority.as_str()).map_err(|_| StatusCode::BAD_REQUEST)?;
        request.headers_mut().insert(HOST, host);
    }
    Ok(())
}

/// Whether this is `host [":" port]` (RFC 3986 section 3.2), without user information. Of a name
/// only what names in use consist of is allowed, so that it means the same to everyone.
fn is_host(value: &[u8]) -> bool {
    let (host, port) = split_port(value);
    let named = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let literal = |b: &u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.');
    let fits = match host.strip_prefix(b"[") {
        Some(rest) => rest
            .strip_suffix(b"]")
            .is_some_and(|address| !address.is_empty() && address.iter().all(literal)),
        None => !host.is_empty() && host.iter().all(named),
    };
    fits && port.len() <= 5 && port.iter().all(u8::is_ascii_digit)
}

fn split_port(value: &[u8]) -> (&[u8], &[u8]) {
    let after_literal = value.iter().rposition(|&b| b == b']').unwrap_or(0);
    match value.iter().rposition(|&b| b == b':') {
        Some(colon) if colon >= after_literal => (&value[..colon], &value[colon + 1..]),
        _ => (value, b""),
    }
}

#[cfg(test)]
#[path = "guards/tests.rs"]
mod tests;
