//! When a stored response may be used (RFC 9111 section 4), fresh, stale or in an emergency.

use std::time::{Duration, SystemTime};

use http::StatusCode;

use crate::{Miss, Now, Policy, RequestHead, StoredHead, answer, directives::RequestDirectives};

/// How a stored response may be used at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// It is fresh, or as stale as the client takes it.
    AsItIs,
    /// It is stale, and to be validated in the background (RFC 5861 section 3).
    WhileRevalidating,
}

/// Whether a stored response may be used without waiting for the next tier; else, why not.
pub(crate) fn without_waiting(
    head: &StoredHead,
    request: &RequestDirectives,
    policy: &Policy,
    now: Now,
) -> Result<Reuse, Miss> {
    // Section 5.2.2.4.
    if head.always_validate || !now.trusts(head) {
        return Err(Miss::Stale);
    }
    let now = now.time;
    if !suits(head, request, now) {
        return Err(Miss::Request);
    }
    let Some(staleness) = staleness(head, now) else {
        return Ok(Reuse::AsItIs);
    };
    // Section 4.2.4: must-revalidate and its kin.
    if head.never_stale {
        return Err(Miss::Stale);
    }
    // Section 5.2.1.2.
    let most = request.max_stale.map(Duration::from_secs);
    if most.is_some_and(|most| staleness <= most) {
        return Ok(Reuse::AsItIs);
    }
    // RFC 5861 section 3: for up to that many seconds.
    let window = head
        .stale_while_revalidate
        .unwrap_or(policy.stale_while_revalidate)
        .min(policy.stale_while_revalidate_max);
    if !window.is_zero() && staleness <= window {
        Ok(Reuse::WhileRevalidating)
    } else {
        Err(Miss::Stale)
    }
}

/// Whether a stored response may stand in when the next tier fails (section 4.2.4, RFC 5861
/// section 4).
pub(crate) fn on_failure(
    request: &RequestHead<'_>,
    head: &StoredHead,
    policy: &Policy,
    now: Now,
) -> bool {
    if !now.trusts(head) {
        return false;
    }
    let now = now.time;
    let directives = RequestDirectives::of(request.headers, policy.obey_request_directives);
    if head.always_validate || !suits(head, &directives, now) {
        return false;
    }
    let is_guess = match answer::select(request, head, policy) {
        // A 412 from what may be out of date.
        Some((status, _)) => status == StatusCode::PRECONDITION_FAILED && status != head.status,
        // RFC 9111 section 3.3: a part that does not hold what is asked for.
        None => true,
    };
    if is_guess {
        return false;
    }
    let window = head.stale_if_error.unwrap_or(policy.stale_if_error);
    match staleness(head, now) {
        None => true,
        Some(staleness) => !head.never_stale && !window.is_zero() && staleness <= window,
    }
}

/// How long it has been stale (section 4.2); None while it is fresh.
fn staleness(head: &StoredHead, now: SystemTime) -> Option<Duration> {
    head.age(now).checked_sub(head.lifetime)
}

/// Whether the request's own directives allow this use (sections 5.2.1.1, 5.2.1.3 and 5.2.1.4).
fn suits(head: &StoredHead, request: &RequestDirectives, now: SystemTime) -> bool {
    let age = head.age(now);
    // RFC 8246 section 2: what is immutable gets no better by age. A reload asks for max-age=0;
    // no-cache is the signal that the client means it, all the same.
    let is_unchanged = head.immutable && age < head.lifetime;
    let is_young = request
        .max_age
        .is_none_or(|most| is_unchanged || age <= Duration::from_secs(most));
    let is_lasting = request
        .min_fresh
        .is_none_or(|least| head.lifetime.saturating_sub(age) >= Duration::from_secs(least));
    !request.no_cache && is_young && is_lasting
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::stored::testing::{at, head, map};

    type Answer = Result<Reuse, Miss>;

    const FRESH: Answer = Ok(Reuse::AsItIs);
    const STALE: Answer = Ok(Reuse::WhileRevalidating);

    fn obeyed(cache_control: &'static str) -> RequestDirectives {
        RequestDirectives::of(&map(&[("cache-control", cache_control)]), true)
    }

    fn under(policy: &Policy, stored: &'static str, request: &'static str, now: u64) -> Answer {
        let stored = head(&[("cache-control", stored)]);
        without_waiting(&stored, &obeyed(request), policy, at(now).into())
    }

    fn of(stored: &'static str, request: &'static str, now: u64) -> Answer {
        under(&Policy::default(), stored, request, now)
    }

    #[test]
    fn fresh_means_younger_than_the_lifetime() {
        assert_eq!(of("max-age=10", "", 9), FRESH);
        assert_eq!(of("max-age=10", "", 10), Err(Miss::Stale));
        assert_eq!(of("max-age=10, no-cache", "", 0), Err(Miss::Stale));
    }

    #[test]
    fn a_client_may_want_it_younger_or_longer_lasting() {
        assert_eq!(of("max-age=10", "no-cache", 0), Err(Miss::Request));
        assert_eq!(of("max-age=10", "max-age=5", 5), FRESH);
        assert_eq!(of("max-age=10", "max-age=5", 6), Err(Miss::Request));
        assert_eq!(of("max-age=10", "min-fresh=5", 5), FRESH);
        assert_eq!(of("max-age=10", "min-fresh=5", 6), Err(Miss::Request));
    }

    /// RFC 8246 section 2.
    #[test]
    fn what_is_immutable_is_not_validated_by_a_reload_while_it_is_fresh() {
        let stored = "max-age=10, immutable";
        assert_eq!(of(stored, "max-age=0", 9), FRESH);
        assert_eq!(of(stored, "no-cache", 9), Err(Miss::Request));
        assert_eq!(of(stored, "max-age=0", 10), Err(Miss::Request));
        assert_eq!(of(stored, "", 10), Err(Miss::Stale));
    }

    #[test]
    fn a_client_may_take_it_stale_unless_the_origin_forbids() {
        assert_eq!(of("max-age=10", "max-stale=5", 15), FRESH);
        assert_eq!(of("max-age=10", "max-stale=5", 16), Err(Miss::Stale));
        assert_eq!(of("max-age=10", "max-stale", 9999), FRESH);
        for forbidden in [
            "max-age=10, must-revalidate",
            "max-age=10, proxy-revalidate",
            "s-maxage=10",
            "max-age=10, no-cache",
        ] {
            assert_eq!(
                of(forbidden, "max-stale", 15),
                Err(Miss::Stale),
                "{forbidden}"
            );
        }
    }

    #[test]
    fn it_may_be_validated_in_the_background_for_as_long_as_it_says() {
        let window = "max-age=10, stale-while-revalidate=5";
        assert_eq!(of(window, "", 9), FRESH);
        assert_eq!(of(window, "", 10), STALE);
        assert_eq!(of(window, "", 15), STALE);
        assert_eq!(of(window, "", 16), Err(Miss::Stale));
        assert_eq!(
            of("max-age=10, stale-while-revalidate=0", "", 10),
            Err(Miss::Stale)
        );
        // What the client takes stale needs no validation; what it does not take is not served.
        assert_eq!(of(window, "max-stale=2", 12), FRESH);
        assert_eq!(of(window, "max-stale=2", 13), STALE);
        assert_eq!(of(window, "max-age=12", 13), Err(Miss::Request));
        assert_eq!(of(window, "no-cache", 12), Err(Miss::Request));
    }

    #[test]
    fn after_a_soft_purge_the_windows_count_from_then() {
        let purged = |stored| head(&[("cache-control", stored)]).stale_since(at(4));
        let of = |stored, now| {
            let (policy, request) = (Policy::default(), obeyed(""));
            without_waiting(&purged(stored), &request, &policy, at(now).into())
        };
        let window = "max-age=10, stale-while-revalidate=5";
        assert_eq!((of(window, 4), of(window, 9)), (STALE, STALE));
        assert_eq!(of(window, 10), Err(Miss::Stale));
        let forbidden = "max-age=10, stale-while-revalidate=5, must-revalidate";
        assert_eq!(of(forbidden, 4), Err(Miss::Stale));
        let request = RequestHead {
            method: &Method::GET,
            headers: &map(&[]),
        };
        let fails = |stored, now| {
            on_failure(
                &request,
                &purged(stored),
                &Policy::default(),
                at(now).into(),
            )
        };
        let on_error = "max-age=10, stale-if-error=20";
        assert!(fails(on_error, 24) && !fails(on_error, 25));
        assert!(!fails("max-age=10, must-revalidate, stale-if-error=20", 5));
    }

    #[test]
    fn the_policy_gives_a_window_to_what_says_none_and_bounds_them_all() {
        let policy = Policy {
            stale_while_revalidate: Duration::from_secs(5),
            stale_while_revalidate_max: Duration::from_secs(7),
            ..Policy::default()
        };
        let until = |stored, last| {
            assert_eq!(under(&policy, stored, "", last), STALE, "{stored}");
            let late = under(&policy, stored, "", last + 1);
            assert_eq!(late, Err(Miss::Stale), "{stored}");
        };
        until("max-age=10", 15);
        until("max-age=10, stale-while-revalidate=3", 13);
        until("max-age=10, stale-while-revalidate=99", 17);
        let none = "max-age=10, stale-while-revalidate=0";
        assert_eq!(under(&policy, none, "", 10), Err(Miss::Stale));
    }

    #[test]
    fn what_must_be_validated_is_not_served_meanwhile() {
        let policy = Policy {
            stale_while_revalidate: Duration::from_secs(60),
            ..Policy::default()
        };
        for forbidden in [
            "max-age=10, stale-while-revalidate=60, must-revalidate",
            "max-age=10, stale-while-revalidate=60, proxy-revalidate",
            "s-maxage=10, stale-while-revalidate=60",
            "max-age=10, stale-while-revalidate=60, no-cache",
        ] {
            let answer = under(&policy, forbidden, "", 11);
            assert_eq!(answer, Err(Miss::Stale), "{forbidden}");
        }
    }

    fn fails(
        stored: &[(&'static str, &'static str)],
        request: &[(&'static str, &'static str)],
        now: u64,
    ) -> bool {
        let policy = Policy {
            obey_request_directives: true,
            ..Policy::default()
        };
        let request = RequestHead {
            method: &Method::GET,
            headers: &map(request),
        };
        on_failure(&request, &head(stored), &policy, at(now).into())
    }

    #[test]
    fn on_failure_the_responses_own_window_goes_before_the_policys() {
        assert!(fails(&[("cache-control", "max-age=10")], &[], 610));
        assert!(!fails(&[("cache-control", "max-age=10")], &[], 611));
        let longer = [("cache-control", "max-age=10, stale-if-error=1000")];
        assert!(fails(&longer, &[], 1010));
        assert!(!fails(&longer, &[], 1011));
        assert!(!fails(
            &[("cache-control", "max-age=10, stale-if-error=0")],
            &[],
            10
        ));
    }

    #[test]
    fn on_failure_nothing_forbidden_is_served() {
        for forbidden in [
            "max-age=10, must-revalidate, stale-if-error=60",
            "max-age=10, proxy-revalidate",
            "s-maxage=10, stale-if-error=60",
            "max-age=10, no-cache, stale-if-error=60",
        ] {
            assert!(
                !fails(&[("cache-control", forbidden)], &[], 11),
                "{forbidden}"
            );
        }
        let stored = [("cache-control", "max-age=10"), ("etag", "\"a\"")];
        assert!(!fails(&stored, &[("cache-control", "no-cache")], 5));
        assert!(!fails(&stored, &[("if-match", "\"b\"")], 5));
        assert!(fails(&stored, &[("if-match", "\"a\"")], 5));
    }

    #[test]
    fn on_failure_must_revalidate_does_not_bar_what_is_fresh() {
        assert!(fails(
            &[("cache-control", "max-age=10, must-revalidate")],
            &[],
            9
        ));
    }
}
