//! Counts that many threads count on at once: each has a line of memory of its own to count on, so that
//! none waits for another one's processor.

use std::{
    cell::Cell,
    num::NonZero,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    thread::available_parallelism,
};

/// Lines at most.
const MOST: usize = 16;

/// `N` counts.
#[derive(Debug)]
pub(crate) struct Tally<const N: usize> {
    /// As many as a power of two.
    lines: Box<[Line<N>]>,
}

/// The counts of some threads, mostly of one.
#[derive(Debug)]
#[repr(align(64))]
struct Line<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Tally<N> {
    fn default() -> Self {
        let threads = available_parallelism().map_or(1, NonZero::get);
        let line = |_| Line(std::array::from_fn(|_| AtomicU64::new(0)));
        let lines = threads.next_power_of_two().min(MOST);
        Tally {
            lines: (0..lines).map(line).collect(),
        }
    }
}

impl<const N: usize> Tally<N> {
    /// Adds to each of these counts.
    pub(crate) fn add<const M: usize>(&self, counts: [(usize, u64); M]) {
        let own = thread() & (self.lines.len() - 1);
        let Some(Line(line)) = self.lines.get(own) else {
            return;
        };
        for (which, count) in counts {
            if let Some(counter) = line.get(which) {
                counter.fetch_add(count, Relaxed);
            }
        }
    }

    /// A count of all threads.
    pub(crate) fn sum(&self, which: usize) -> u64 {
        let counts = self.lines.iter().filter_map(|Line(line)| line.get(which));
        counts.map(|count| count.load(Relaxed)).sum()
    }
}

/// The number of this thread, in the order in which threads began to count.
fn thread() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    NUMBER.get().unwrap_or_else(|| {
        let number = THREADS.fetch_add(1, Relaxed);
        NUMBER.set(Some(number));
        number
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_threads_count_is_summed_up() {
        let tally = Tally::<3>::default();
        std::thread::scope(|scope| {
            for _ in 0..2 * MOST {
                scope.spawn(|| {
                    for _ in 0..100 {
                        tally.add([(0, 1), (2, 7)]);
                    }
                });
            }
        });
        let all = 2 * MOST as u64 * 100;
        assert_eq!([0, 1, 2].map(|it| tally.sum(it)), [all, 0, 7 * all]);
    }

    #[test]
    fn two_threads_count_on_lines_of_their_own() {
        let line = |_| std::thread::spawn(thread).join().expect("does not panic");
        let numbers: std::collections::BTreeSet<usize> = (0..4).map(line).collect();
        assert_eq!(numbers.len(), 4);
        assert_eq!(align_of::<Line<8>>(), 64);
        assert_eq!(size_of::<Line<8>>(), 64);
    }
}
