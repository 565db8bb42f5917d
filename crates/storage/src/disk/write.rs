//! Changes of what is on disk. They are made on the writer's thread, one after the other: it reads
//! what is there, makes the change, and writes the new state of the key.

use std::sync::Arc;

use perigee_http_cache::CacheKey;

use super::{
    change::Change,
    log::{KeyChange, NewKey, Place, Written},
    pieces::in_memory,
    read::Record,
    shared::Shared,
    state::State,
};
use crate::Stored;

/// The body of a record up to this length is written anew with the state of its key, so that one
/// read brings both as before. A larger one stays where it is.
pub(super) const REWRITE: u32 = 16 << 10;

impl Shared {
    /// Queues a change. It is visible from now on; if the disk does not take it, the key is
    /// forgotten, for what is there of it is not the newest any more.
    pub(super) fn change(self: &Arc<Self>, key: &CacheKey, change: Change) -> bool {
        let hash = key.stable_hash();
        let in_memory = change.body().map_or(0, in_memory);
        let large = change
            .body()
            .filter(|_| in_memory > self.log.max_stretch() as u64)
            .cloned();
        let weight = match large {
            // Counted with its pieces.
            Some(_) => change.weight() - in_memory,
            None => change.weight(),
        };
        let number = self.pending.add(hash, key, change);
        let pieces = large.is_none_or(|body| self.write_body(hash, key, number, &body));
        let rewrite = Rewrite {
            shared: Arc::clone(self),
            key: key.clone(),
            hash,
            number,
            made: Made::Nothing,
            lacks_bytes: false,
        };
        let weight = weight + key.as_str().len() as u64;
        let is_queued = pieces && self.log.append_key(hash, weight, Box::new(rewrite)).is_ok();
        if !is_queued {
            self.outdated(hash, key);
        }
        is_queued
    }

    /// What is on disk of a key, or on its way there, is not the newest any more: all of it is
    /// forgotten, this change and those that wait before it.
    pub(super) fn outdated(self: &Arc<Self>, hash: u64, key: &CacheKey) {
        // In this order: what is being written just now finds that it is not to be there.
        let others = self.pending.forget(hash, key) > 1;
        self.forget_older(hash, others);
        if let Some(above) = self.above().filter(|_| others) {
            above.was_lost(key);
        }
    }

    /// What is on disk of a key, whatever was purged, and whether there is anything.
    pub(super) fn on_disk(&self, hash: u64, key: &CacheKey) -> (Vec<Stored>, bool) {
        let Some((at, _)) = self.index.peek(hash) else {
            return (Vec::new(), false);
        };
        let hint = if at.length <= REWRITE { at.length } else { 0 };
        let record = self.log.read_key(at.place, hint);
        match record.and_then(|record| self.state(key, at.place, record)) {
            Ok(Record::State(stored)) => (stored, true),
            // The newer key takes its place.
            Ok(Record::OfAnother) => (Vec::new(), true),
            Err(damaged) => {
                self.is_lost(hash, at.place, damaged);
                (Vec::new(), true)
            }
        }
    }
}

/// Writes the state of a key anew, with a change of it.
struct Rewrite {
    shared: Arc<Shared>,
    key: CacheKey,
    hash: u64,
    /// That of the change.
    number: u64,
    made: Made,
    /// Bytes that were to be there before it are lost, though the disk goes on.
    lacks_bytes: bool,
}

/// What was made last.
enum Made {
    Nothing,
    /// That there is nothing any more.
    Empty,
    State {
        checked: u64,
    },
}

impl KeyChange for Rewrite {
    fn make(&mut self, at: Place) -> Option<NewKey> {
        self.made = Made::Nothing;
        let shared = &self.shared;
        // Not those after it, though they are there: their bodies may have yet to be written.
        let all = shared.pending.of(self.hash, &self.key);
        let changes = all.clone().up_to(self.number);
        if changes.is_empty() {
            // Lost, or purged.
            return None;
        }
        self.lacks_bytes = changes.lack_bytes();
        let (old, was_there) = shared.on_disk(self.hash, &self.key);
        let mut new = changes.applied_to(old, shared.limits);
        // What is gone by a purge may be freshened by a later change, which came before that.
        if changes.len() == all.len() {
            new = shared.judged(&self.key, new);
        }
        let state = State::of(new, at, shared.log.max_stretch(), |place| {
            shared.log.has(place)
        });
        if state.is_empty() {
            // Written down all the same: after a restart its older records are found again.
            self.made = Made::Empty;
            let may_be_there = was_there || shared.index.is_loading();
            return may_be_there.then(|| state.written_down(&self.key));
        }
        let new = state.written_down(&self.key);
        self.made = Made::State {
            checked: new.revision,
        };
        Some(new)
    }

    fn written(self: Box<Self>, at: Option<Written>) {
        let (shared, hash) = (&self.shared, self.hash);
        let is_pending = || {
            let changes = shared.pending.of(hash, &self.key);
            !changes.up_to(self.number).is_empty()
        };
        let is_lost = match (&self.made, at) {
            (Made::State { checked }, Some(at)) => {
                shared.note_checked(at.place, *checked);
                shared.index.update(hash, at);
                false
            }
            (Made::State { .. }, None) => true,
            // It was not even tried.
            (Made::Nothing, _) => is_pending(),
            (Made::Empty, Some(_)) => {
                shared.index.remove(hash);
                false
            }
            (Made::Empty, None) => {
                shared.forget_older(hash, false);
                false
            }
        };
        if is_lost {
            // What is there is not the newest any more.
            shared.forget_older(hash, false);
        }
        // After the index: see there.
        let was_there = shared.pending.is_done(hash, &self.key, self.number);
        if let Some(at) = at.filter(|_| !was_there) {
            // It was purged while it was written.
            shared.index.remove_at(hash, at.place);
        }
        if let Some(above) = shared.above().filter(|_| is_lost || self.lacks_bytes) {
            above.was_lost(&self.key);
        }
    }
}
