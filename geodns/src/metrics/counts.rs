//! The numbers of one worker: only it writes, anybody may read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use perigee_dns_wire::Name;
use xxhash_rust::xxh3::xxh3_64;

use super::{RCODES, TRANSPORTS, TYPES};

/// Services and PoPs that one worker counts apart; what is beyond is counted as others.
const SLOTS: usize = 1_024;
/// Slots that are looked at for one of them.
const LOOKS: usize = 16;

/// The numbers of one worker.
#[derive(Debug)]
pub(super) struct Counts {
    queries: Box<[AtomicU64]>,
    answers: Box<[Slot]>,
    /// Answers that found no slot.
    others: AtomicU64,
}

/// Answers of one service with edges of one PoP.
#[derive(Debug, Default)]
struct Slot {
    service: AtomicU64,
    pop: AtomicU64,
    count: AtomicU64,
}

/// By what a service of this name, without the final dot, is counted.
pub(super) fn service(name: &str) -> u64 {
    let labels = name.trim_end_matches('.').split('.');
    let mut wire = Vec::with_capacity(name.len() + 2);
    for label in labels {
        wire.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
        wire.extend(label.bytes().map(|octet| octet.to_ascii_lowercase()));
    }
    wire.push(0);
    xxh3_64(&wire)
}

/// By what a PoP of this name is counted.
pub(super) fn pop(name: &str) -> u64 {
    xxh3_64(name.as_bytes())
}

impl Counts {
    pub(super) fn new() -> Self {
        Counts {
            queries: (0..TYPES * RCODES * TRANSPORTS)
                .map(|_| AtomicU64::new(0))
                .collect(),
            answers: (0..SLOTS).map(|_| Slot::default()).collect(),
            others: AtomicU64::new(0),
        }
    }

    pub(super) fn query(&self, place: usize) {
        if let Some(count) = self.queries.get(place) {
            add_one(count);
        }
    }

    pub(super) fn answer(&self, name: &Name, pop: u64) {
        let service = xxh3_64(name);
        let hash = usize::try_from(service ^ pop.rotate_left(32)).unwrap_or(usize::MAX);
        for look in 0..LOOKS {
            // There is a power of two of them.
            let place = hash.wrapping_add(look) & self.answers.len().wrapping_sub(1);
            let Some(slot) = self.answers.get(place) else {
                break;
            };
            if slot.count.load(Relaxed) == 0 {
                slot.service.store(service, Relaxed);
                slot.pop.store(pop, Relaxed);
                return add_one(&slot.count);
            }
            if slot.service.load(Relaxed) == service && slot.pop.load(Relaxed) == pop {
                return add_one(&slot.count);
            }
        }
        add_one(&self.others);
    }

    /// Places and numbers that are not 0.
    pub(super) fn queries(&self) -> impl Iterator<Item = (usize, u64)> {
        let counts = self.queries.iter().map(|count| count.load(Relaxed));
        counts.enumerate().filter(|(_, count)| *count > 0)
    }

    /// Services, PoPs and numbers that are not 0. A slot that is just taken may be seen without its
    /// names for once: it is told under others then.
    pub(super) fn answers(&self) -> impl Iterator<Item = ((u64, u64), u64)> {
        let slots = self.answers.iter().map(|slot| {
            let key = (slot.service.load(Relaxed), slot.pop.load(Relaxed));
            (key, slot.count.load(Relaxed))
        });
        let others = std::iter::once(((0, 0), self.others.load(Relaxed)));
        slots.chain(others).filter(|(_, count)| *count > 0)
    }
}

/// There is one writer: no need for a locked addition.
fn add_one(count: &AtomicU64) {
    count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
}
