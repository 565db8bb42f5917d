//! Belady's optimum: who knows the future. With sizes the exact one is too hard to compute (it is
//! NP-hard), so there are the two that commonly stand for it. Of what is held and the newcomer, the
//! one goes that is asked for again the latest: that is for bytes. Or the one with the greatest
//! product of that time and its size: that is for objects.

use std::collections::BTreeSet;

use super::{Hits, trace::Trace};

/// What the future decides by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Time,
    TimeAndSize,
}

/// What is held, by when it is asked for again.
struct Held {
    /// By the logarithm of the size where that matters: among objects of about one size, the
    /// latest is the worst.
    classes: Vec<BTreeSet<(u64, u32)>>,
    by: By,
}

impl Held {
    fn class(&mut self, size: u64) -> &mut BTreeSet<(u64, u32)> {
        let class = match self.by {
            By::Time => 0,
            By::TimeAndSize => (size as f64).log2() as usize,
        };
        &mut self.classes[class]
    }

    fn worst(&self, now: u64, sizes: &[u64]) -> Option<(u64, u32)> {
        let latest = self.classes.iter().filter_map(|class| class.last());
        let badness = |(due, object): &(u64, u32)| {
            u128::from(due - now) * u128::from(sizes[*object as usize])
        };
        latest.copied().max_by_key(badness)
    }
}

pub(crate) fn replay(trace: &Trace, sizes: &[u64], capacity: u64, by: By) -> Hits {
    let next = next_uses(trace);
    let mut held = Held {
        classes: vec![BTreeSet::new(); 64],
        by,
    };
    let mut due: Vec<Option<u64>> = vec![None; sizes.len()];
    let (mut bytes, mut hits) = (0, Hits::default());
    for (now, &object) in trace.requests.iter().enumerate() {
        let size = sizes[object as usize];
        let found = due[object as usize].take();
        if let Some(due) = found {
            held.class(size).remove(&(due, object));
            bytes -= size;
        }
        hits.count(trace, object, found.is_some());
        let Some(again) = next[now].filter(|_| size <= capacity) else {
            continue;
        };
        held.class(size).insert((again, object));
        due[object as usize] = Some(again);
        bytes += size;
        while bytes > capacity
            && let Some((when, worst)) = held.worst(now as u64, sizes)
        {
            let size = sizes[worst as usize];
            held.class(size).remove(&(when, worst));
            due[worst as usize] = None;
            bytes -= size;
        }
    }
    hits
}

/// When what each request asks for is asked for the next time.
fn next_uses(trace: &Trace) -> Vec<Option<u64>> {
    let mut seen = vec![None; trace.sizes.len()];
    let mut next = vec![None; trace.requests.len()];
    for (now, &object) in trace.requests.iter().enumerate().rev() {
        next[now] = seen[object as usize].replace(now as u64);
    }
    next
}
