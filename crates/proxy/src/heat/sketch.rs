//! Counts of how often each of very many keys came within a window, in memory that does not grow.
//!
//! A count-min sketch with conservative update (Cormode and Muthukrishnan 2005, Estan and Varghese
//! 2002), in two generations: that of the running window, and the one before, which counts for less
//! the more of the window has gone by. What other keys add to a count on average is taken
//! off, so that in a great crowd a key must come more often to look hot.

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

const ROWS: usize = 4;
const COLUMN_BITS: u32 = 15;
const COLUMNS: usize = 1 << COLUMN_BITS;

/// 256 KiB.
type Counts = Box<[u16]>;

/// See the module. Takes 512 KiB.
#[derive(Debug)]
pub(super) struct Sketch {
    running: Counts,
    before: Counts,
    /// How many were counted in each of the two.
    total: (u64, u64),
    since: Instant,
    window: Duration,
    /// A secret, so that nobody can choose keys that fall together.
    hasher: RandomState,
}

impl Sketch {
    pub(super) fn new(window: Duration, now: Instant) -> Self {
        let empty = || vec![0; ROWS * COLUMNS].into_boxed_slice();
        Sketch {
            running: empty(),
            before: empty(),
            total: (0, 0),
            since: now,
            window: window.max(Duration::from_millis(1)),
            hasher: RandomState::new(),
        }
    }

    /// Counts one, and tells how many they are now.
    pub(super) fn count(&mut self, key: u64, now: Instant) -> u32 {
        self.turn(now);
        let cells = self.cells(key);
        let least = least(&self.running, &cells);
        for cell in cells {
            if let Some(count) = self.running.get_mut(cell)
                && *count == least
            {
                *count = count.saturating_add(1);
            }
        }
        self.total.0 += 1;
        self.estimate(&cells, now)
    }

    /// How many they are now.
    pub(super) fn look(&mut self, key: u64, now: Instant) -> u32 {
        self.turn(now);
        self.estimate(&self.cells(key), now)
    }

    fn estimate(&self, cells: &[usize; ROWS], now: Instant) -> u32 {
        let of = |counts: &Counts, total: u64| {
            f64::from(least(counts, cells)) - total as f64 / COLUMNS as f64
        };
        let gone = now.saturating_duration_since(self.since).as_secs_f64();
        let left = 1.0 - (gone / self.window.as_secs_f64()).min(1.0);
        let running = of(&self.running, self.total.0).max(0.0);
        // What other keys add to one that is rare is less than the mean: one is one.
        let own = f64::from(least(&self.running, cells).min(1));
        let before = of(&self.before, self.total.1).max(0.0);
        (running.max(own) + before * left).round() as u32
    }

    /// Begins another window when this one is over.
    fn turn(&mut self, now: Instant) {
        let gone = now.saturating_duration_since(self.since);
        if gone < self.window {
            return;
        }
        std::mem::swap(&mut self.running, &mut self.before);
        self.running.fill(0);
        self.total = (0, self.total.0);
        self.since += self.window;
        if gone >= self.window * 2 {
            self.before.fill(0);
            self.total.1 = 0;
            self.since = now;
        }
    }

    fn cells(&self, key: u64) -> [usize; ROWS] {
        let hash = self.hasher.hash_one(key);
        std::array::from_fn(|row| {
            let column = (hash >> (row as u32 * COLUMN_BITS)) as usize & (COLUMNS - 1);
            row * COLUMNS + column
        })
    }
}

fn least(counts: &Counts, cells: &[usize; ROWS]) -> u16 {
    let counts = cells.iter().filter_map(|cell| counts.get(*cell));
    counts.min().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    #[test]
    fn counts_slide_out_of_the_window() {
        let start = Instant::now();
        let mut sketch = Sketch::new(WINDOW, start);
        let counts: Vec<_> = (0..100).map(|_| sketch.count(1, start)).collect();
        assert_eq!(counts, (1..=100).collect::<Vec<_>>());
        let later = [5, 10, 15, 20, 40].map(|s| sketch.look(1, start + Duration::from_secs(s)));
        assert_eq!(later, [100, 100, 50, 0, 0]);
        assert_eq!(sketch.count(1, start + 4 * WINDOW), 1);
    }

    #[test]
    fn what_goes_on_at_one_pace_keeps_its_count() {
        let start = Instant::now();
        let mut sketch = Sketch::new(WINDOW, start);
        for tick in 0..1000_u32 {
            let count = sketch.count(1, start + tick * (WINDOW / 20));
            assert!(tick < 20 || (19..=21).contains(&count), "{tick}: {count}");
        }
    }

    #[test]
    fn among_very_many_keys_the_rare_ones_stay_rare() {
        let start = Instant::now();
        let mut sketch = Sketch::new(WINDOW, start);
        for round in 0..50 {
            // 200,000 requests for as many keys, and fifty for one more.
            for key in 0..4_000 {
                sketch.count(1000 + round * 4_000 + key, start);
            }
            sketch.count(1, start);
        }
        let hot = sketch.look(1, start);
        assert!((35..=65).contains(&hot), "{hot}");
        let looks_hot = (0..20_000).filter(|key| sketch.look(1000 + key, start) >= 10);
        assert!(looks_hot.count() < 20);
    }
}
