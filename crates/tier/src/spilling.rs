//! How much of its clients this node gives away, as readiness tells it.

use std::{
    sync::{
        Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use perigee_cluster::{Spill, SpillConfig};
use tokio::time::sleep;

use crate::{handler::Shared, state::State};

/// How often the load is looked at. Requests under way jump; their mean does not.
const LOOK: Duration = Duration::from_millis(100);

/// The share that is given away now.
#[derive(Debug, Default)]
pub(crate) struct Spilling {
    bits: AtomicU64,
}

impl Spilling {
    pub(crate) fn share(&self) -> f64 {
        f64::from_bits(self.bits.load(Ordering::Relaxed))
    }

    fn set(&self, share: f64) {
        self.bits.store(share.to_bits(), Ordering::Relaxed);
    }
}

/// Looks at the load, and decides each epoch, for as long as there is a node.
pub(crate) async fn watch<S: State>(shared: Weak<Shared<S>>) {
    let (mut spill, mut mean) = (Spill::default(), Mean::default());
    loop {
        sleep(LOOK).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let state = shared.state.load();
        let config = S::common(state.config());
        let Some(limits) = &config.spill else {
            (spill, mean) = (Spill::default(), Mean::default());
            shared.spilling.set(0.0);
            continue;
        };
        let requests = shared.requests.load(Ordering::Relaxed);
        mean.add(requests as f64 / config.capacity.max(1) as f64);
        if let Some(load) = mean.taken_after(limits) {
            let before = spill.share();
            spill = spill.step(load, limits);
            shared.spilling.set(spill.share());
            tell(before, spill.share(), load);
        }
    }
}

/// Says when it begins and when it ends.
fn tell(before: f64, share: f64, load: f64) {
    if before <= 0.0 && share > 0.0 {
        tracing::info!(load, "has too much to do: some clients should go elsewhere");
    } else if before > 0.0 && share <= 0.0 {
        tracing::info!(load, "has room for all its clients again");
    }
}

/// The mean load of an epoch.
#[derive(Debug, Default)]
struct Mean {
    sum: f64,
    looks: u32,
}

impl Mean {
    fn add(&mut self, load: f64) {
        self.sum += load;
        self.looks += 1;
    }

    /// The mean, when the epoch is over; the next one begins then.
    fn taken_after(&mut self, limits: &SpillConfig) -> Option<f64> {
        if LOOK * self.looks < limits.epoch {
            return None;
        }
        let Mean { sum, looks } = std::mem::take(self);
        Some(sum / f64::from(looks.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_an_epoch_is_taken_at_its_end() {
        let limits = SpillConfig {
            epoch: Duration::from_millis(300),
            ..SpillConfig::default()
        };
        let mut mean = Mean::default();
        let mut taken = Vec::new();
        for load in [0.0, 0.3, 0.6, 1.0, 1.0] {
            mean.add(load);
            taken.push(mean.taken_after(&limits).map(|mean| (mean * 10.0).round()));
        }
        assert_eq!(taken, [None, None, Some(3.0), None, None]);
    }
}
