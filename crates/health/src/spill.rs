//! How much of its clients a node that has too much to do lets go to the next place. Pure.
//!
//! What is told in DNS takes effect with the caches of resolvers, a TTL later. Who looks at the load
//! of now and acts on it acts again and again before anything has changed, and swings. So a [`Spill`]
//! keeps in mind what it has told: it judges the load that will be there when that has taken effect,
//! moves by small steps, gives back more slowly than it gives away, and leaves a band alone.

use std::time::Duration;

/// When a node gives clients away, and how fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpillConfig {
    /// The load, from 0 to 1, above which clients are given away. Default 0.8.
    pub threshold: f64,
    /// The load that is borne rather than to give away all. Between this and the threshold, the more is
    /// given away the more load is borne, so that neighbours who are both busy share what is too much
    /// (as generators with a droop do). Default 0.95.
    pub full: f64,
    /// So far below the threshold they are taken back. Default 0.15.
    pub hysteresis: f64,
    /// From one step to the next. Default 5 s.
    pub epoch: Duration,
    /// How long what was told takes to have its effect: the TTL of the answers. Default 20 s.
    pub settle: Duration,
    /// The most that the share grows while that lasts. Default 0.3.
    pub rise: f64,
    /// The most that it shrinks while that lasts. Default 0.05.
    pub fall: f64,
    /// The most that is given away at all. Default 0.9.
    pub most: f64,
}

impl Default for SpillConfig {
    fn default() -> Self {
        SpillConfig {
            threshold: 0.8,
            full: 0.95,
            hysteresis: 0.15,
            epoch: Duration::from_secs(5),
            settle: Duration::from_secs(20),
            rise: 0.3,
            fall: 0.05,
            most: 0.9,
        }
    }
}

/// What a node gives away now. It begins with nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spill {
    /// What is told.
    share: f64,
    /// What the clients that come now were told, in the mean.
    in_effect: f64,
}

/// Shares are told in steps of this size, so that small movements are no news.
const STEPS: f64 = 128.0;

/// A node that is full does not see how much more there is; it takes it to be so much in all.
const HIDDEN: f64 = 1.2;

impl Spill {
    /// The share of its clients, from 0 to `most`, that should go elsewhere.
    pub fn share(&self) -> f64 {
        (self.share * STEPS).round() / STEPS
    }

    /// One epoch later, in which the load was `load` in the mean: 1 is all that the node is made for.
    /// What is no number changes nothing.
    #[must_use]
    pub fn step(self, load: f64, config: &SpillConfig) -> Self {
        let part = config.epoch.as_secs_f64() / config.settle.max(config.epoch).as_secs_f64();
        // Not finite only with an epoch of zero.
        let part = if part.is_finite() { part } else { 1.0 };
        let in_effect = self.in_effect + (self.share - self.in_effect) * part;
        let share = match load.is_finite() {
            true => self.next_share(load.max(0.0), part, config),
            false => self.share,
        };
        Spill { share, in_effect }
    }

    fn next_share(self, load: f64, part: f64, config: &SpillConfig) -> f64 {
        let borne = config.threshold + (config.full - config.threshold).max(0.0) * self.share;
        let band = borne - config.hysteresis..=borne;
        // What will come when all have heard what is told now.
        let kept = (1.0 - self.share) / (1.0 - self.in_effect).max(f64::MIN_POSITIVE);
        let load = match load >= config.full {
            true => load.max(HIDDEN),
            false => load,
        };
        let coming = load * kept;
        if band.contains(&coming) {
            return self.share;
        }
        // With this share the load comes to be in the middle of the band.
        let middle = f64::midpoint(*band.start(), *band.end());
        let wanted = 1.0 - (1.0 - self.share) * middle / coming.max(f64::MIN_POSITIVE);
        let (lowest, highest) = (
            self.share - config.fall * part,
            self.share + config.rise * part,
        );
        wanted
            .clamp(lowest, highest)
            .clamp(0.0, config.most.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests;
