//! Invalidation (RFC 9111 section 4.4).

use http::{Method, StatusCode};

/// Whether the answer to this request makes what is stored under the same URI invalid: the
/// method is unsafe, or unknown, and the status is 2xx or 3xx.
pub fn invalidates(method: &Method, status: StatusCode) -> bool {
    !method.is_safe() && (status.is_success() || status.is_redirection())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unsafe_methods_that_succeed_invalidate() {
        let unknown = Method::from_bytes(b"MOVE").unwrap();
        for method in [
            &Method::POST,
            &Method::PUT,
            &Method::DELETE,
            &Method::PATCH,
            &unknown,
        ] {
            assert!(invalidates(method, StatusCode::NO_CONTENT), "{method}");
            assert!(invalidates(method, StatusCode::SEE_OTHER), "{method}");
            assert!(!invalidates(method, StatusCode::NOT_FOUND), "{method}");
            assert!(!invalidates(method, StatusCode::BAD_GATEWAY), "{method}");
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
            assert!(!invalidates(&method, StatusCode::OK), "{method}");
        }
    }
}
