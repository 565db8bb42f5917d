//! What could not be fetched a moment ago is not asked for again at once: for some time all who want
//! it get the same failure, or what is stored; and background refreshes of it come ever more seldom.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use http::StatusCode;
use perigee_http_cache::{CacheKey, Failure, Policy, Recovery, recover};
use perigee_upstream::backoff;

use crate::{
    exchange::Exchange, fetch::Trip, generations::Generations, marks::Whose, next_hop::Hop,
};

/// After the first failure of a refresh, where failures do not stand.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// How a fetch failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// No response came.
    NoAnswer(Failure),
    /// An error of this status, in whose place what is stored may be served.
    Status(u16),
}

/// The last failure of a key.
#[derive(Clone, Copy, Debug)]
struct Failed {
    how: How,
    at: Instant,
    /// In a row.
    times: u32,
    /// Whether the origin itself was asked, for all.
    by_origin: bool,
}

/// Keys that could not be fetched when they were last asked for. Pure but for its lock: time and
/// chance are passed in.
#[derive(Debug)]
pub(crate) struct FailedKeys(Mutex<Generations<Failed>>);

impl FailedKeys {
    /// At most this many; fewer than two: none.
    pub(crate) fn new(max: usize) -> Self {
        FailedKeys(Mutex::new(Generations::new(max)))
    }

    /// Notes a failure.
    pub(crate) fn note(&self, key: &CacheKey, how: How, by_origin: bool, now: Instant) {
        let mut keys = self.lock();
        let before = keys.get(key).map_or(0, |failed| failed.times);
        let failed = Failed {
            how,
            at: now,
            times: before.saturating_add(1),
            by_origin,
        };
        keys.set(key, failed);
    }

    /// It was fetched.
    pub(crate) fn forget(&self, key: &CacheKey) {
        self.lock().remove(key);
    }

    /// The failure of the origin that stands for those who ask now.
    pub(crate) fn standing(&self, key: &CacheKey, policy: &Policy, now: Instant) -> Option<How> {
        let failed = self.lock().get(key)?;
        let age = now.saturating_duration_since(failed.at);
        (failed.by_origin && age < policy.failure_ttl).then_some(failed.how)
    }

    /// Whether it may be refreshed in the background, where nobody waits for it.
    pub(crate) fn may_refresh(
        &self,
        key: &CacheKey,
        policy: &Policy,
        chance: f64,
        now: Instant,
    ) -> bool {
        let Some(failed) = self.lock().get(key) else {
            return true;
        };
        let base = policy.failure_ttl.max(LEAST_PAUSE);
        let most = policy.failure_backoff_max;
        let pause = backoff(failed.times, base, most, chance);
        now.saturating_duration_since(failed.at) >= pause
    }

    fn lock(&self) -> MutexGuard<'_, Generations<Failed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange {
    /// The failure that stands for this fetch, so that the origin is not asked: of a moment ago.
    pub(crate) fn standing_failure(&self, trip: &Trip, now: Instant) -> Option<How> {
        let policy = trip.inbound.policy();
        let key = &trip.inbound.key;
        let how = self.failed_keys.standing(key, policy, now)?;
        let stands = match how {
            How::NoAnswer(_) => true,
            // An error of the origin goes to who asked for it, unless something else does for all.
            How::Status(_) => {
                let request = trip.inbound.as_sent();
                let stored = trip.wanted.stored.as_ref().map(|stored| &*stored.head);
                let (failure, now) = (Failure::Unreachable, SystemTime::now());
                recover(&request, stored, failure, policy, self.in_touch.at(now))
                    == Recovery::ServeStale
            }
        };
        (is_for_all(trip) && stands).then_some(how)
    }

    /// Notes what came of a fetch. That a cap was reached is no fault of the object.
    pub(crate) fn note_outcome(&self, trip: &Trip, outcome: Result<StatusCode, Failure>) {
        let key = &trip.inbound.key;
        let by_origin = || matches!(trip.hops.first(), Some(Hop::Origin(_))) && is_for_all(trip);
        match outcome {
            Err(failure) => {
                let by_origin = by_origin() && failure.retry_after().is_none();
                let how = How::NoAnswer(failure);
                self.failed_keys.note(key, how, by_origin, Instant::now());
            }
            Ok(status) => match status.as_u16() {
                status @ (500 | 502 | 503 | 504) => {
                    let how = How::Status(status);
                    self.failed_keys.note(key, how, by_origin(), Instant::now());
                }
                _ => self.failed_keys.forget(key),
            },
        }
    }
}

/// Whether a failure says something to others, and theirs to this one: not if it may be about one
/// user, who could fail for everybody then, or about bytes that lack in the middle of an answer.
fn is_for_all(trip: &Trip) -> bool {
    trip.wanted.midway.is_none() && trip.whose() != Whose::Authorized
}

#[cfg(test)]
mod tests {
    use perigee_http_cache::Scheme;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const TIMEOUT: How = How::NoAnswer(Failure::Timeout);

    fn key(n: usize) -> CacheKey {
        CacheKey::new(Scheme::Http, "www.example.com", &format!("/{n}"))
    }

    fn policy(failure_ttl: u64) -> Policy {
        Policy {
            failure_ttl: Duration::from_secs(failure_ttl),
            failure_backoff_max: 20 * SECOND,
            ..Policy::default()
        }
    }

    #[test]
    fn a_failure_of_the_origin_stands_for_its_time() {
        let (keys, now) = (FailedKeys::new(10), Instant::now());
        keys.note(&key(1), TIMEOUT, true, now);
        let standing = |n, ttl, after| keys.standing(&key(n), &policy(ttl), now + after);
        assert_eq!(standing(1, 3, 2 * SECOND), Some(TIMEOUT));
        assert_eq!(standing(1, 3, 3 * SECOND), None);
        assert_eq!(standing(1, 0, Duration::ZERO), None, "none is kept");
        assert_eq!(standing(2, 3, SECOND), None);
        keys.note(&key(2), How::Status(503), false, now);
        assert_eq!(standing(2, 3, SECOND), None, "another node may do better");
        keys.forget(&key(1));
        assert_eq!(standing(1, 3, SECOND), None);
    }

    #[test]
    fn refreshes_that_fail_come_ever_more_seldom() {
        let (keys, mut now) = (FailedKeys::new(10), Instant::now());
        let may = |ttl, now| keys.may_refresh(&key(1), &policy(ttl), 1.0, now);
        assert!(may(3, now));
        for pause in [3, 6, 12, 20, 20] {
            keys.note(&key(1), TIMEOUT, false, now);
            assert!(!may(3, now + pause * SECOND - SECOND / 100), "{pause}");
            now += pause * SECOND;
            assert!(may(3, now), "{pause}");
        }
        keys.forget(&key(1));
        keys.note(&key(1), TIMEOUT, true, now);
        assert!(!may(0, now + SECOND / 2) && may(0, now + SECOND));
    }

    #[test]
    fn there_are_never_more_than_the_limit() {
        let (keys, now) = (FailedKeys::new(10), Instant::now());
        for n in 0..1000 {
            keys.note(&key(n), TIMEOUT, true, now);
            assert!(keys.lock().len() <= 10);
            assert_eq!(keys.standing(&key(n), &policy(1), now), Some(TIMEOUT));
        }
    }
}
