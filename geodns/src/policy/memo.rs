//! What was chosen before, so that the next one of a network need not be.

use std::net::IpAddr;

use xxhash_rust::xxh3::xxh3_64;

use super::{chain::Candidate, choose::Pick};
use crate::{snapshot::Family, zone::ZoneService};

/// How much a worker remembers, at most: 3 MB.
const SLOTS: usize = 1 << 15;
/// In so many places behind the one that its key says a choice may be, so that many fit before one
/// takes another's place. Their tags are in one or two cache lines.
const WINDOW: usize = 8;

/// What was chosen before, by one worker, of one snapshot. Of fixed size; what was chosen for another
/// network may take its place. Good for one snapshot: [`Memo::forget`] when there is another.
pub(crate) struct Memo {
    /// Of each slot a part of its key's hash, so that few slots are looked at in vain; 0: none.
    tags: Vec<u32>,
    slots: Vec<Option<Slot>>,
    most: usize,
    /// What is from another time is forgotten.
    time: u32,
    /// Room for the candidates of one choice.
    pub(super) candidates: Vec<Candidate>,
}

#[derive(Clone, Copy)]
struct Slot {
    key: Key,
    time: u32,
    pick: Pick,
}

/// All that a choice depends on, beside the snapshot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    service: u64,
    address: u128,
    turn: u64,
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
            time: 0,
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
        }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Pick> {
        let hash = key.hash();
        let (first, tag) = (self.first(hash)?, tag(hash));
        let at = (first..first + WINDOW).filter(|&at| self.tags.get(at) == Some(&tag));
        let mut slots = at.filter_map(|at| self.slots.get(at)?.as_ref());
        let slot = slots.find(|slot| slot.time == self.time && slot.key == *key)?;
        Some(slot.pick)
    }

    pub(super) fn put(&mut self, key: Key, pick: Pick) {
        if self.slots.is_empty() && self.most > 0 {
            // Only a worker that is asked needs the room.
            self.slots.resize(self.most + WINDOW, None);
            self.tags.resize(self.most + WINDOW, 0);
        }
        let hash = key.hash();
        let Some(first) = self.first(hash) else {
            return;
        };
        let time = self.time;
        let is_free = |at: &usize| {
            let slot = self.slots.get(*at).and_then(Option::as_ref);
            slot.is_none_or(|slot| slot.time != time || slot.key == key)
        };
        let free = (first..first + WINDOW).find(is_free);
        // If none is free, one is taken that differs from key to key.
        let at = free.unwrap_or(first + tag(hash) as usize % WINDOW);
        if let (Some(slot), Some(of)) = (self.slots.get_mut(at), self.tags.get_mut(at)) {
            *slot = Some(Slot { key, time, pick });
            *of = tag(hash);
        }
    }

    fn first(&self, hash: u64) -> Option<usize> {
        (hash as usize).checked_rem(self.slots.len().saturating_sub(WINDOW))
    }
}

/// Never 0.
fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32 | 1
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
            service: service.seed,
            address,
            turn,
            family,
            kind,
        }
    }

    fn hash(&self) -> u64 {
        let mut bytes = [0; 33];
        bytes[..8].copy_from_slice(&self.service.to_le_bytes());
        bytes[8..24].copy_from_slice(&self.address.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.turn.to_le_bytes());
        bytes[32] = self.kind | (self.family as u8) << 7;
        xxh3_64(&bytes)
    }
}
