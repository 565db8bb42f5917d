//! How many requests may be sent again. Pure: time is passed in.
//!
//! Where everything fails, retries multiply the load on what is failing. So they are a share of
//! what is asked, and a few more, so that one request in a quiet hour has its second chance too.

use std::time::Instant;

use crate::window::{SECONDS, Window};

/// How many retries are allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryLimit {
    /// Retries for each request, over the last ten seconds. Default 0.2.
    pub share: f64,
    /// Retries a second that are allowed besides, over the last ten seconds. Default 10.
    pub per_second: u32,
}

impl Default for RetryLimit {
    fn default() -> Self {
        RetryLimit {
            share: 0.2,
            per_second: 10,
        }
    }
}

/// Counts requests and retries. A retry is allowed if with it there are, in the ten seconds that end
/// with this one, no more than the share of the requests and ten times the number for each second.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    limit: RetryLimit,
    /// Requests and retries.
    counts: Window,
}

impl RetryBudget {
    /// Nothing has been asked yet.
    pub fn new(limit: RetryLimit, now: Instant) -> Self {
        RetryBudget {
            limit,
            counts: Window::new(now),
        }
    }

    /// Counts a request that is sent for the first time.
    pub fn request(&mut self, now: Instant) {
        self.counts.now(now)[0] += 1;
    }

    /// Whether one more may be sent again; counts it if so.
    pub fn retry(&mut self, now: Instant) -> bool {
        let [requests, retries] = self.counts.sums(now);
        let share = self.limit.share.max(0.0) * requests as f64;
        let reserve = SECONDS as f64 * f64::from(self.limit.per_second);
        let is_allowed = (retries + 1) as f64 <= share + reserve;
        if is_allowed {
            self.counts.now(now)[1] += 1;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn budget(share: f64, per_second: u32) -> (RetryBudget, Instant) {
        let now = Instant::now();
        (RetryBudget::new(RetryLimit { share, per_second }, now), now)
    }

    fn retries(budget: &mut RetryBudget, wanted: usize, now: Instant) -> usize {
        (0..wanted).filter(|_| budget.retry(now)).count()
    }

    #[test]
    fn when_all_fails_a_share_is_sent_again() {
        let (mut budget, now) = budget(0.2, 0);
        assert!(!budget.retry(now), "nothing was asked");
        for _ in 0..1000 {
            budget.request(now);
        }
        assert_eq!(retries(&mut budget, 1000, now), 200);
    }

    #[test]
    fn a_few_are_always_allowed() {
        let (mut budget, now) = budget(0.0, 1);
        assert_eq!(retries(&mut budget, 100, now), 10);
        assert_eq!(retries(&mut budget, 100, now + Duration::from_secs(9)), 0);
        assert_eq!(retries(&mut budget, 100, now + Duration::from_secs(10)), 10);
    }

    #[test]
    fn what_is_long_past_pays_for_nothing() {
        let (mut budget, now) = budget(1.0, 0);
        budget.request(now);
        assert!(!budget.retry(now + Duration::from_secs(10)));
        budget.request(now + Duration::from_secs(1000));
        assert!(budget.retry(now + Duration::from_secs(1009)));
        assert!(!budget.retry(now + Duration::from_secs(1009)));
        assert!(!budget.retry(now), "time does not run back");
    }

    proptest! {
        /// Against the definition, over the whole history.
        #[test]
        fn follows_the_definition(
            share in 0.0..2.0,
            per_second in 0_u32..4,
            steps in prop::collection::vec((0_u64..3000, 0_usize..20, 0_usize..20), 1..60),
        ) {
            let (mut budget, start) = budget(share, per_second);
            let (mut at, mut history) = (0, Vec::new());
            for (pause, requests, wanted) in steps {
                at += pause;
                let now = start + Duration::from_millis(at);
                for _ in 0..requests {
                    budget.request(now);
                }
                let granted = retries(&mut budget, wanted, now);
                let second = at / 1000;
                history.push((second, requests, granted));
                let window = history.iter().filter(|(s, ..)| s + SECONDS as u64 > second);
                let (asked, again) = window.fold((0, 0), |(a, b), (_, c, d)| (a + c, b + d));
                let most = share * asked as f64 + f64::from(per_second) * SECONDS as f64;
                prop_assert!(granted == 0 || again as f64 <= most, "too many");
                prop_assert!(granted == wanted || (again + 1) as f64 > most, "too few");
            }
        }
    }
}
