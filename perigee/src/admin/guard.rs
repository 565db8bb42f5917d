//! Who may ask. Pure.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::{HeaderMap, HeaderValue, header};

use super::router::Route;

/// Decides whether a request may be answered.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    token: Option<String>,
}

/// Why it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No token, or not the one.
    Unauthorized,
    /// It comes from a web page, perhaps under a name that was bent to this address.
    FromBrowser,
}

impl Guard {
    /// The guard for an address: one that others can reach needs a token.
    pub(crate) fn new(address: SocketAddr, token: Option<String>) -> Result<Self, String> {
        let token = token.filter(|token| !token.is_empty());
        if token.is_none() && !address.ip().is_loopback() {
            return Err(format!(
                "the admin address {address} can be reached from other machines, so it needs a token \
                 (`token_env` in [admin] of the file); or use a loopback address, such as \
                 127.0.0.1:{}",
                address.port()
            ));
        }
        Ok(Guard { token })
    }

    pub(super) fn check(&self, route: Route, headers: &HeaderMap) -> Result<(), Refusal> {
        match &self.token {
            _ if route == Route::Health => Ok(()),
            Some(token) if bears(headers, token) => Ok(()),
            Some(_) => Err(Refusal::Unauthorized),
            // A loopback address keeps other machines out, but not the browser on this one.
            None if headers.contains_key(header::ORIGIN) || !names_an_address(headers) => {
                Err(Refusal::FromBrowser)
            }
            None => Ok(()),
        }
    }
}

/// Whether `Authorization: Bearer` (RFC 6750 section 2.1) has this token; in constant time.
fn bears(headers: &HeaderMap, token: &str) -> bool {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return false;
    };
    let Some((scheme, given)) = split_once(value.as_bytes(), b' ') else {
        return false;
    };
    scheme.eq_ignore_ascii_case(b"bearer")
        && verify_slices_are_equal(given.trim_ascii(), token.as_bytes()).is_ok()
}

fn split_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = bytes.iter().position(|b| *b == at)?;
    Some((bytes.get(..position)?, bytes.get(position + 1..)?))
}

/// Whether Host is an address or `localhost`: any other name may have been bent to this address
/// by whoever owns it (DNS rebinding).
fn names_an_address(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).map(HeaderValue::to_str) else {
        return false;
    };
    let Ok(authority) = host.unwrap_or_default().parse::<http::uri::Authority>() else {
        return false;
    };
    let host = authority.host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn an_address_that_others_reach_needs_a_token() {
        let open = "0.0.0.0:9090".parse().expect("address");
        assert!(Guard::new(open, None).is_err_and(|e| e.contains("token")));
        assert!(Guard::new(open, Some(String::new())).is_err());
        assert!(Guard::new(open, Some("secret".into())).is_ok());
        assert!(Guard::new("[::1]:9090".parse().expect("address"), None).is_ok());
    }

    #[test]
    fn the_token_is_asked_for_everything_but_health() {
        let guard = Guard {
            token: Some("secret".into()),
        };
        let right = headers(&[("authorization", "bearer secret"), ("host", "a.example")]);
        assert_eq!(guard.check(Route::Purge, &right), Ok(()));
        for wrong in [
            "Bearer secre",
            "Bearer secrets",
            "Basic secret",
            "secret",
            "Bearer ",
        ] {
            let fields = headers(&[("authorization", wrong)]);
            let refused = Err(Refusal::Unauthorized);
            assert_eq!(guard.check(Route::Status, &fields), refused, "{wrong}");
        }
        let none = headers(&[]);
        assert_eq!(
            guard.check(Route::Metrics, &none),
            Err(Refusal::Unauthorized)
        );
        assert_eq!(guard.check(Route::Health, &none), Ok(()));
    }

    #[test]
    fn without_a_token_web_pages_are_kept_out() {
        let guard = Guard { token: None };
        for host in [
            "127.0.0.1:9090",
            "localhost:9090",
            "LOCALHOST",
            "[::1]:9090",
        ] {
            let fields = headers(&[("host", host)]);
            assert_eq!(guard.check(Route::Status, &fields), Ok(()), "{host}");
        }
        for fields in [
            headers(&[("host", "rebound.example:9090")]),
            headers(&[("host", "127.0.0.1"), ("origin", "http://evil.example")]),
            headers(&[("host", "127.0.0.1.evil.example")]),
            headers(&[("host", "")]),
            headers(&[]),
        ] {
            let refused = Err(Refusal::FromBrowser);
            assert_eq!(guard.check(Route::Purge, &fields), refused, "{fields:?}");
        }
    }
}
