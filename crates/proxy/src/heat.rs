//! How often keys that other nodes own are asked for here: what is hot is kept here too.

mod sketch;

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use perigee_http_cache::StoredHead;
use perigee_storage::Revision;

use sketch::Sketch;

/// When a node keeps a copy of what another node of its PoP owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HotCopies {
    /// What was asked for here so often within `window` is hot; 0: nothing is. Default 10.
    pub after: u32,
    /// See `after`. Default 10 s.
    pub window: Duration,
    /// The largest body that is kept, in bytes. Default 8 MiB.
    pub max: u64,
}

impl Default for HotCopies {
    fn default() -> Self {
        HotCopies {
            after: 10,
            window: Duration::from_secs(10),
            max: 8 << 20,
        }
    }
}

/// How the answer to a fetch is kept that the owner of the key is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Copy {
    /// Whether so many ask for it here that it is worth to be kept. What is stored here already, by
    /// an earlier copy or since this node stood in, may be freshened all the same.
    pub(crate) is_hot: bool,
    max: u64,
}

impl Copy {
    /// Whether a response of the owner is kept. What does not say how long it is is not.
    pub(crate) fn takes(self, head: &StoredHead) -> bool {
        self.is_hot && head.length.is_some_and(|length| length <= self.max)
    }
}

/// What is asked for here, and what was purged lately.
#[derive(Debug)]
pub(crate) struct Heat {
    config: HotCopies,
    /// How long a purge may take to reach all nodes of a PoP, or else they validate what they have:
    /// what was purged here since then may be there still, and is not taken from there.
    settled: Duration,
    sketch: Mutex<Sketch>,
    purges: Mutex<Purged>,
}

impl Heat {
    /// `out_of_touch`: a node that has heard of no purges for so long validates what it has. Half as
    /// much again is for what is on its way then.
    pub(crate) fn new(config: HotCopies, out_of_touch: Duration, now: Instant) -> Self {
        Heat {
            config,
            settled: out_of_touch.saturating_add(out_of_touch / 2),
            sketch: Mutex::new(Sketch::new(config.window, now)),
            purges: Mutex::new(Purged::new(now)),
        }
    }

    /// Counts a request for what is placed here on the ring.
    pub(crate) fn asked(&self, place: u64, now: Instant) -> Copy {
        let mut sketch = self.sketch.lock().unwrap_or_else(PoisonError::into_inner);
        self.copy(sketch.count(place, now))
    }

    /// The same, without counting.
    pub(crate) fn would(&self, place: u64, now: Instant) -> Copy {
        let mut sketch = self.sketch.lock().unwrap_or_else(PoisonError::into_inner);
        self.copy(sketch.look(place, now))
    }

    fn copy(&self, asked: u32) -> Copy {
        Copy {
            is_hot: self.config.after > 0 && asked >= self.config.after,
            max: self.config.max,
        }
    }

    /// A moment so long ago that all purges from before have reached the owners; `now` is the
    /// number of the last purge here.
    pub(crate) fn settled(&self, last: Revision, now: Instant) -> Revision {
        let mut purges = self.purges.lock().unwrap_or_else(PoisonError::into_inner);
        purges.before(self.settled, last, now)
    }
}

/// Which purge was the last one, some time ago.
#[derive(Debug)]
struct Purged {
    old: (Revision, Instant),
    young: (Revision, Instant),
}

impl Purged {
    fn new(now: Instant) -> Self {
        let none = (Revision::default(), now);
        Purged {
            old: none,
            young: none,
        }
    }

    /// The last purge of a moment at least so long ago; or none, if nobody looked then.
    fn before(&mut self, ago: Duration, last: Revision, now: Instant) -> Revision {
        let is_past = |(_, at): (Revision, Instant)| now.saturating_duration_since(at) >= ago;
        if is_past(self.young) {
            self.old = self.young;
            self.young = (last, now);
        }
        self.old.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_asked_for_often_is_hot() {
        let start = Instant::now();
        let heat = Heat::new(HotCopies::default(), Duration::from_secs(10), start);
        for _ in 1..10 {
            assert!(!heat.asked(7, start).is_hot);
        }
        assert!(!heat.would(7, start).is_hot, "looking does not count");
        assert!(heat.asked(7, start).is_hot);
        assert!(heat.would(7, start).is_hot);
        assert!(!heat.would(8, start).is_hot);
        assert!(!heat.would(7, start + 20 * SECOND).is_hot, "it cools");
    }

    #[test]
    fn nothing_is_hot_where_that_is_said() {
        let never = HotCopies {
            after: 0,
            ..HotCopies::default()
        };
        let start = Instant::now();
        let heat = Heat::new(never, Duration::from_secs(10), start);
        assert!((0..1000).all(|_| !heat.asked(7, start).is_hot));
    }

    #[test]
    fn a_purge_is_settled_after_a_while_and_not_before() {
        let start = Instant::now();
        let mut purged = Purged::new(start);
        let ago = 15 * SECOND;
        let purges = |second: u64| Revision::new(second / 4);
        for second in 0..200 {
            let before = purged.before(ago, purges(second), start + SECOND * second as u32);
            assert!(before <= purges(second.saturating_sub(15)), "{second}");
            assert!(before >= purges(second.saturating_sub(31)), "{second}");
        }
        let late = purged.before(ago, Revision::new(1000), start + 900 * SECOND);
        assert!(late < Revision::new(1000), "nobody looked meanwhile");
    }

    #[test]
    fn the_longer_nodes_may_be_out_of_touch_the_later_a_purge_is_settled() {
        let (none, seventh) = (Revision::default(), Revision::new(7));
        for (out_of_touch, settled) in [(10 * SECOND, 15 * SECOND), (60 * SECOND, 90 * SECOND)] {
            let start = Instant::now();
            let heat = Heat::new(HotCopies::default(), out_of_touch, start);
            let seen = start + settled;
            assert_eq!(heat.settled(seventh, seen), none);
            assert_eq!(heat.settled(seventh, seen + settled - SECOND), none);
            assert_eq!(heat.settled(seventh, seen + settled), seventh);
        }
    }
}
