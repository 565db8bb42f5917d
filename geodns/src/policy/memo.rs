//! What was chosen before, so that the next one of a network need not be.

use std::net::IpAddr;

use xxhash_rust::xxh3::xxh3_64;

use super::{
    addresses::MOST,
    chain::Candidate,
    choose::{Pick, Reason},
    edges::Edges,
};
use crate::{
    snapshot::{Family, Standard},
    zone::ZoneService,
};

/// How much a worker remembers, at most: 2 MB, and 64 KB of tags.
const SLOTS: usize = 1 << 15;
/// A choice may be in so many places, so that many fit before one takes another's place. Their tags are
/// together in a cache line.
const WAYS: usize = 8;

/// What was chosen before, by one worker, of one snapshot. Of fixed size; what was chosen for another
/// network may take its place. Good for one snapshot: [`Memo::forget`] when there is another.
pub(crate) struct Memo {
    /// Of each slot a part of its key's hash, so that few slots are looked at in vain; 0: none.
    tags: Vec<[u16; WAYS]>,
    slots: Vec<[Slot; WAYS]>,
    most: usize,
    /// What is from another time is forgotten. Never 0, which is the time of empty slots.
    time: u32,
    /// Room for the candidates of one choice.
    pub(super) candidates: Vec<Candidate>,
}

/// A key and what was chosen for it, in one cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Slot {
    key: Key,
    time: u32,
    ttl: u32,
    edges: [u8; MOST],
    pop: u16,
    rule: u16,
    scope: u8,
    count: u8,
    standard: Standard,
    spilled: bool,
}

/// All that a choice depends on, beside the snapshot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    address: [u64; 2],
    /// The service and the turn. Askers can choose neither.
    of: u64,
    family: Family,
    /// Whose address: nobody's, an IPv4 or an IPv6 one.
    kind: u8,
}

impl Memo {
    /// One for a worker that lives long.
    pub(crate) fn new() -> Self {
        Memo::with_slots(SLOTS)
    }

    /// One that remembers nothing.
    pub(crate) fn none() -> Self {
        Memo::with_slots(0)
    }

    pub(super) fn with_slots(most: usize) -> Self {
        Memo {
            tags: Vec::new(),
            slots: Vec::new(),
            most,
            time: 1,
            candidates: Vec::new(),
        }
    }

    /// Forgets all: the snapshot is another one.
    pub(crate) fn forget(&mut self) {
        self.time = self.time.wrapping_add(1);
        // After four thousand million snapshots, an old one could be taken for new.
        if self.time == 0 {
            self.slots.clear();
            self.tags.clear();
            self.time = 1;
        }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Pick> {
        let hash = key.hash();
        let set = self.set(hash)?;
        let (tags, slots) = (self.tags.get(set)?, self.slots.get(set)?);
        let tag = tag(hash);
        let tagged = tags.iter().zip(slots).filter(|(of, _)| **of == tag);
        let mut slots = tagged.map(|(_, slot)| slot);
        let slot = slots.find(|slot| slot.time == self.time && slot.key == *key)?;
        Some(slot.pick())
    }

    pub(super) fn put(&mut self, key: Key, pick: Pick) {
        if self.slots.is_empty() && self.most > 0 {
            // Only a worker that is asked needs the room.
            let sets = self.most.div_ceil(WAYS);
            self.slots.resize(sets, [Slot::EMPTY; WAYS]);
            self.tags.resize(sets, [0; WAYS]);
        }
        let time = self.time;
        let hash = key.hash();
        let Some(set) = self.set(hash) else {
            return;
        };
        let (Some(tags), Some(slots)) = (self.tags.get_mut(set), self.slots.get_mut(set)) else {
            return;
        };
        let free = |slot: &Slot| slot.time != time || slot.key == key;
        // If none is free, one is taken that differs from key to key.
        let any = || tag(hash) as usize / 2 % WAYS;
        let at = slots.iter().position(free).unwrap_or_else(any);
        if let Some(slot) = Slot::new(key, time, pick) {
            (tags[at], slots[at]) = (tag(hash), slot);
        }
    }

    fn set(&self, hash: u64) -> Option<usize> {
        (hash as usize).checked_rem(self.slots.len())
    }
}

/// Never 0.
fn tag(hash: u64) -> u16 {
    (hash >> 48) as u16 | 1
}

impl Slot {
    const EMPTY: Slot = Slot {
        key: Key {
            address: [0; 2],
            of: 0,
            family: Family::V4,
            kind: 0,
        },
        time: 0,
        ttl: 0,
        edges: [0; MOST],
        pop: 0,
        rule: 0,
        scope: 0,
        count: 0,
        standard: Standard::Any,
        spilled: false,
    };

    /// `None` of what does not fit: of a PoP with more than 256 edges, mostly.
    fn new(key: Key, time: u32, pick: Pick) -> Option<Self> {
        let (edges, count) = pick.edges.narrowed()?;
        Some(Slot {
            key,
            time,
            ttl: pick.ttl,
            edges,
            pop: match count {
                0 => 0,
                _ => u16::try_from(pick.pop).ok()?,
            },
            rule: u16::try_from(pick.reason.rule).ok()?,
            scope: pick.scope,
            count,
            standard: pick.reason.standard,
            spilled: pick.reason.spilled,
        })
    }

    fn pick(&self) -> Pick {
        Pick {
            pop: self.pop.into(),
            ttl: self.ttl,
            edges: Edges::widened(self.edges, self.count),
            reason: Reason {
                rule: self.rule.into(),
                standard: self.standard,
                spilled: self.spilled,
            },
            scope: self.scope,
        }
    }
}

impl Key {
    pub(super) fn new(
        service: &ZoneService,
        family: Family,
        address: Option<IpAddr>,
        turn: u64,
    ) -> Self {
        let (kind, address) = match address {
            None => (0, 0),
            Some(IpAddr::V4(v4)) => (4, u128::from(v4.to_bits())),
            Some(IpAddr::V6(v6)) => (6, v6.to_bits()),
        };
        Key {
            address: [(address >> 64) as u64, address as u64],
            // An odd factor makes another number of each turn.
            of: service.seed ^ turn.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            family,
            kind,
        }
    }

    fn hash(&self) -> u64 {
        let [high, low] = self.address;
        let of = self.of ^ u64::from(self.kind | (self.family as u8) << 7);
        let mut bytes = [0; 24];
        for (to, word) in bytes.chunks_exact_mut(8).zip([high, low, of]) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        xxh3_64(&bytes)
    }
}

const _: () = assert!(size_of::<Slot>() == 64);
