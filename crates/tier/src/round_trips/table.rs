//! Round-trip times by network, in a table that never grows. Pure: time is passed in.

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use ipnet::IpNet;

use super::MeasureConfig;

/// Places that a network may be at. If all are taken, somebody goes.
const WAYS: usize = 8;

/// How much of the mean one connection is, when there were many.
const PART: f32 = 1.0 / 16.0;

/// What is told stays until the mean is so far from it, as a share of it and in milliseconds: so answers
/// do not follow small changes, and all name servers are told the same.
const BAND: f32 = 0.2;
const BAND_MS: f32 = 2.0;

/// Round-trip times by network: the mean of the first connections, then a moving one.
#[derive(Debug)]
pub(super) struct Table {
    prefixes: usize,
    /// Sets of [`WAYS`] places: where a network is follows from its hash, which nobody can foretell.
    places: Box<[Option<Entry>]>,
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    network: IpNet,
    mean_ms: f32,
    /// What is told of it, once there were enough connections.
    told_ms: Option<f32>,
    connections: u32,
    heard: Instant,
}

impl Table {
    /// With room for so many networks, or a few more.
    pub(super) fn new(prefixes: usize) -> Self {
        let sets = prefixes.div_ceil(WAYS).max(1);
        Table {
            prefixes,
            places: vec![None; sets * WAYS].into(),
            hasher: RandomState::new(),
        }
    }

    /// What it was made for.
    pub(super) fn prefixes(&self) -> usize {
        self.prefixes
    }

    /// A connection from this network took so long for a round trip.
    pub(super) fn add(&mut self, network: IpNet, ms: f32, now: Instant, config: &MeasureConfig) {
        let sets = (self.places.len() / WAYS).max(1);
        let set = (self.hasher.hash_one(network) % sets as u64) as usize;
        let Some(set) = self.places.chunks_exact_mut(WAYS).nth(set) else {
            return;
        };
        let is_there = |place: &Option<Entry>| place.is_some_and(|it| it.network == network);
        let found = set.iter().position(is_there);
        let place = match found.and_then(|at| set.get_mut(at)) {
            Some(place) => Some(place),
            None => set.iter_mut().min_by_key(|place| worth(place, now, config)),
        };
        if let Some(place) = place {
            let known = place.filter(|it| it.network == network && it.is_kept(now, config.keep));
            let entry = known.unwrap_or(Entry {
                network,
                mean_ms: 0.0,
                told_ms: None,
                connections: 0,
                heard: now,
            });
            *place = Some(entry.after(ms, now, config.connections));
        }
    }

    /// What is told of each network that was heard of within `keep`, in their order.
    pub(super) fn told(&self, now: Instant, keep: Duration) -> Vec<(IpNet, f32)> {
        let entries = self.places.iter().flatten();
        let mut told: Vec<_> = entries
            .filter(|entry| entry.is_kept(now, keep))
            .filter_map(|entry| Some((entry.network, entry.told_ms?)))
            .collect();
        told.sort_by_key(|(network, _)| *network);
        told.truncate(perigee_cluster::MOST_PREFIXES);
        told
    }
}

/// Who goes first: what is empty or too old; who was hardly ever there, so that many who come once do
/// not drive out those who come often; who was not heard of for longest.
fn worth(
    place: &Option<Entry>,
    now: Instant,
    config: &MeasureConfig,
) -> (bool, bool, Option<Instant>) {
    match place.filter(|entry| entry.is_kept(now, config.keep)) {
        None => (false, false, None),
        Some(entry) => (true, entry.told_ms.is_some(), Some(entry.heard)),
    }
}

impl Entry {
    fn is_kept(&self, now: Instant, keep: Duration) -> bool {
        now.saturating_duration_since(self.heard) <= keep
    }

    fn after(self, ms: f32, now: Instant, enough: u32) -> Self {
        let connections = self.connections.saturating_add(1);
        let part = PART.max(1.0 / connections as f32);
        let mean_ms = self.mean_ms + (ms - self.mean_ms) * part;
        let is_near = |told: &f32| (mean_ms - told).abs() <= (told * BAND).max(BAND_MS);
        let told_ms = match self.told_ms.filter(is_near) {
            Some(told) => Some(told),
            None => (connections >= enough).then(|| (mean_ms * 1_000.0).round() / 1_000.0),
        };
        Entry {
            mean_ms,
            told_ms,
            connections,
            heard: now.max(self.heard),
            ..self
        }
    }
}

#[cfg(test)]
mod tests;
