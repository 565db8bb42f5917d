//! What was chosen before, so that the next one of a network need not be.

use std::net::IpAddr;

use xxhash_rust::xxh3::xxh3_64;

use super::{chain::Candidate, choose::Pick};
use crate::{snapshot::Family, zone::ZoneService};

/// How much a worker remembers, at most: 3 MB.
const SLOTS: usize = 1 << 15;

/// What was chosen before, by one worker, of one snapshot. Of fixed size; what was chosen for another
/// network may take its place. Good for one snapshot: [`Memo::forget`] when there is another.
pub(crate) struct Memo {
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
    #[allow(dead_code)]
    pub(crate) fn new() -> Self {
        Memo::with_slots(SLOTS)
    }

    /// One that remembers nothing.
    pub(crate) fn none() -> Self {
        Memo::with_slots(0)
    }

    pub(super) fn with_slots(most: usize) -> Self {
        Memo {
            slots: Vec::new(),
            most,
            time: 0,
            candidates: Vec::new(),
        }
    }

    #[allow(dead_code)]
    /// Forgets all: the snapshot is another one.
    pub(crate) fn forget(&mut self) {
        self.time = self.time.wrapping_add(1);
        // After four thousand million snapshots, an old one could be taken for new.
        if self.time == 0 {
            self.slots.clear();
        }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Pick> {
        let slot = self.slots.get(key.slot(self.slots.len()))?.as_ref()?;
        (slot.time == self.time && slot.key == *key).then_some(slot.pick)
    }

    pub(super) fn put(&mut self, key: Key, pick: Pick) {
        if self.slots.is_empty() {
            // Only a worker that is asked needs the room.
            self.slots.resize(self.most, None);
        }
        let time = self.time;
        let slot = key.slot(self.slots.len());
        if let Some(slot) = self.slots.get_mut(slot) {
            *slot = Some(Slot { key, time, pick });
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
            service: service.seed,
            address,
            turn,
            family,
            kind,
        }
    }

    fn slot(&self, slots: usize) -> usize {
        let mut bytes = [0; 33];
        bytes[..8].copy_from_slice(&self.service.to_le_bytes());
        bytes[8..24].copy_from_slice(&self.address.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.turn.to_le_bytes());
        bytes[32] = self.kind | (self.family as u8) << 7;
        let hash = usize::try_from(xxh3_64(&bytes)).unwrap_or(0);
        hash.checked_rem(slots).unwrap_or(0)
    }
}
