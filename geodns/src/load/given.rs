//! What each PoP is being given: answers per second, as this name server gives them.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::metrics::Metrics;

/// How often answers are counted.
const LOOK: Duration = Duration::from_secs(1);
/// Over how long the mean is taken, in seconds.
const MEMORY: f64 = 10.0;

/// Answers per second, by PoP.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pops: Mutex<HashMap<String, Rate>>,
}

/// A moving mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rate {
    counted: u64,
    per_second: f64,
}

impl Given {
    /// Answers per second with edges of this PoP.
    pub(crate) fn to(&self, pop: &str) -> f64 {
        self.lock().get(pop).map_or(0.0, |rate| rate.per_second)
    }

    fn take(&self, counted: HashMap<String, u64>, after: Duration) {
        let mut pops = self.lock();
        for (pop, count) in counted {
            let rate = pops.entry(pop).or_default();
            *rate = rate.after(count, after.as_secs_f64());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Rate>> {
        // Each rate is replaced whole.
        self.pops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rate {
    fn after(self, counted: u64, seconds: f64) -> Self {
        let news = counted.saturating_sub(self.counted) as f64 / seconds.max(f64::MIN_POSITIVE);
        let part = (seconds / MEMORY).min(1.0);
        Rate {
            counted,
            per_second: self.per_second + (news - self.per_second) * part,
        }
    }
}

/// Counts for as long as somebody may ask.
pub(crate) async fn watch(given: Weak<Given>, metrics: Metrics) {
    let mut before = Instant::now();
    loop {
        sleep(LOOK).await;
        let Some(given) = given.upgrade() else {
            return;
        };
        let now = Instant::now();
        given.take(metrics.answers_by_pop(), now - before);
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_comes_to_what_is_given_and_goes_again() {
        let given = Given::default();
        let at = |count: u64| HashMap::from([("fra".to_owned(), count)]);
        for second in 1..=60 {
            given.take(at(second * 50), LOOK);
        }
        assert!((given.to("fra") - 50.0).abs() < 1.0, "{}", given.to("fra"));
        for _ in 0..60 {
            given.take(at(3_000), LOOK);
        }
        assert!(given.to("fra") < 1.0);
        assert_eq!(given.to("nyc"), 0.0);
    }
}
