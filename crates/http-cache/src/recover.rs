//! The third moment: no answer came.

use http::StatusCode;

use crate::{Now, Policy, RequestHead, StoredHead, reuse};

/// How the next tier failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection could be made, or it broke before the response head was whole.
    Unreachable,
    /// The response head did not come in time.
    Timeout,
    /// What came is not HTTP.
    Invalid,
    /// The cap on requests to the next tier is reached.
    Overloaded,
    /// The next tier is left alone for so many seconds, since it fails.
    LeftAlone {
        /// Rounded up.
        seconds: u32,
    },
}

impl Failure {
    /// What Retry-After says (RFC 9110 section 10.2.3), where it is known when it may be better:
    /// where one request has no room, the next may have.
    pub fn retry_after(self) -> Option<u32> {
        match self {
            Failure::Overloaded => Some(1),
            Failure::LeftAlone { seconds } => Some(seconds.max(1)),
            Failure::Unreachable | Failure::Timeout | Failure::Invalid => None,
        }
    }
}

/// What to answer with when the next tier failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Serve what is stored, stale (RFC 9111 section 4.2.4).
    ServeStale,
    /// Answer with this status: 502, 503 or 504 (RFC 9110 section 15.6).
    Fail(StatusCode),
}

/// Decides what to answer when no response came. `stored` is what was being revalidated, if
/// anything.
pub fn recover(
    request: &RequestHead<'_>,
    stored: Option<&StoredHead>,
    failure: Failure,
    policy: &Policy,
    now: impl Into<Now>,
) -> Recovery {
    let now = now.into();
    if stored.is_some_and(|stored| reuse::on_failure(request, stored, policy, now)) {
        return Recovery::ServeStale;
    }
    Recovery::Fail(match failure {
        // RFC 9110 section 15.6.3.
        Failure::Unreachable | Failure::Invalid => StatusCode::BAD_GATEWAY,
        // Section 15.6.4.
        Failure::Overloaded | Failure::LeftAlone { .. } => StatusCode::SERVICE_UNAVAILABLE,
        // Section 15.6.5.
        Failure::Timeout => StatusCode::GATEWAY_TIMEOUT,
    })
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::stored::testing::{at, head, map};

    fn of(stored: Option<&StoredHead>, failure: Failure, now: u64) -> Recovery {
        let request = RequestHead {
            method: &Method::GET,
            headers: &map(&[]),
        };
        recover(&request, stored, failure, &Policy::default(), at(now))
    }

    #[test]
    fn without_anything_stored_each_failure_has_its_status() {
        for (failure, status) in [
            (Failure::Unreachable, 502),
            (Failure::Invalid, 502),
            (Failure::Overloaded, 503),
            (Failure::LeftAlone { seconds: 5 }, 503),
            (Failure::Timeout, 504),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(of(None, failure, 0), Recovery::Fail(status));
        }
    }

    #[test]
    fn what_is_unavailable_says_when_it_may_be_there_again() {
        let told = |failure: Failure| failure.retry_after();
        assert_eq!(told(Failure::Overloaded), Some(1));
        assert_eq!(told(Failure::LeftAlone { seconds: 5 }), Some(5));
        assert_eq!(told(Failure::LeftAlone { seconds: 0 }), Some(1));
        assert_eq!(told(Failure::Timeout), None);
    }

    #[test]
    fn what_is_stored_stands_in_for_a_while() {
        let stored = head(&[("cache-control", "max-age=10")]);
        assert_eq!(
            of(Some(&stored), Failure::Timeout, 610),
            Recovery::ServeStale
        );
        let late = of(Some(&stored), Failure::Timeout, 611);
        assert_eq!(late, Recovery::Fail(StatusCode::GATEWAY_TIMEOUT));
    }
}
