//! Looking up what is on disk.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use perigee_http_cache::CacheKey;

use super::{
    holes,
    log::{Damaged, KeyRecord, Place, Written},
    pending::Changes,
    record::{self, Run, Variant},
    shared::Shared,
};
use crate::{
    Answer, Body, Stored, Variants,
    body::{Extent, Extents, Medium, Whole},
};

/// Records up to this length are read as a whole, so that a small body comes with its head. Of a
/// longer one only what it begins with is.
const READ_WHOLE: u32 = 72 << 10;

/// What a record says of a key.
pub(super) enum Record {
    /// What it has of it, what is not there any more left out.
    State(Vec<Stored>),
    /// It is that of another key with the same hash.
    OfAnother,
}

impl Shared {
    /// The stored responses of a key, as purges have left them. Waits for nothing that is in the
    /// page cache.
    pub(super) fn lookup(self: &Arc<Self>, key: &CacheKey) -> Answer<Variants> {
        let hash = key.stable_hash();
        // Before the index: see there.
        let changes = self.pending.of(hash, key);
        let Some(at) = self.index.ask(hash) else {
            return Answer::Now(self.with_changes(key, Vec::new(), &changes));
        };
        match self.log.read_key_now(at.place, hint(at)) {
            Ok(Some(record)) => Answer::Now(self.found(hash, key, at, Ok(record), &changes)),
            Err(damaged) => Answer::Now(self.found(hash, key, at, Err(damaged), &changes)),
            Ok(None) => {
                let (shared, key) = (Arc::clone(self), key.clone());
                Answer::of_thread(move || {
                    let record = shared.log.read_key(at.place, hint(at));
                    shared.found(hash, &key, at, record, &changes)
                })
            }
        }
    }

    /// Whether anything may be stored under a key, as far as the index and what is on its way tell.
    pub(super) fn may_have(&self, key: &CacheKey) -> bool {
        let hash = key.stable_hash();
        self.index.peek(hash).is_some() || !self.pending.of(hash, key).is_empty()
    }

    fn found(
        &self,
        hash: u64,
        key: &CacheKey,
        at: Written,
        record: Result<KeyRecord, Damaged>,
        changes: &Changes,
    ) -> Variants {
        let stored = match record.and_then(|record| self.state(key, at.place, record)) {
            Ok(Record::State(stored)) => stored,
            Ok(Record::OfAnother) => Vec::new(),
            Err(damaged) => {
                self.is_lost(hash, at.place, damaged);
                Vec::new()
            }
        };
        let is_there = !stored.is_empty();
        let left = self.with_changes(key, stored, changes);
        if !left.is_empty() {
            self.counters.hits.fetch_add(1, Relaxed);
        } else if is_there && changes.is_empty() {
            // It was purged: nothing can come back out of it.
            self.index.remove_at(hash, at.place);
        }
        left
    }

    /// With what is not written yet. Purges are asked at the end: what has taken the place of
    /// something else since may stay where that is gone.
    pub(super) fn with_changes(
        &self,
        key: &CacheKey,
        stored: Vec<Stored>,
        changes: &Changes,
    ) -> Variants {
        let stored = changes.applied_to(stored, self.limits);
        self.judged(key, stored).into()
    }

    /// What a record says of a key.
    pub(super) fn state(
        &self,
        key: &CacheKey,
        place: Place,
        record: KeyRecord,
    ) -> Result<Record, Damaged> {
        let (text, variants) = record::decode(&record.payload).ok_or(Damaged::Checksum)?;
        if text != key.as_str() {
            return Ok(Record::OfAnother);
        }
        let own = record.blocks.map(|blocks| (place, Whole::new(blocks)));
        let stored = variants.into_iter();
        let stored = stored.filter_map(|variant| self.stored(variant, own.as_ref()));
        Ok(Record::State(stored.collect()))
    }

    /// A stored response, over those of its bytes that are still there; `None` if none are.
    fn stored(&self, variant: Variant, own: Option<&(Place, Whole)>) -> Option<Stored> {
        let Variant {
            id,
            checked,
            head,
            runs,
        } = variant;
        let extents: Vec<Extent> = runs
            .iter()
            .filter_map(|run| self.extent(run, own))
            .collect();
        let left = extents.iter().map(|extent| extent.start..extent.end());
        let head = holes::over(Arc::new(head), left, runs.len())?;
        Some(Stored {
            head,
            body: Body::kept(Extents::of(extents)),
            id,
            checked,
        })
    }

    /// `None` if its segment is gone.
    fn extent(&self, run: &Run, own: Option<&(Place, Whole)>) -> Option<Extent> {
        let medium = match own {
            Some((place, whole)) if *place == run.place => Medium::Memory(whole.clone()),
            _ => Medium::Disk(self.log.stretch(run.place, run.of)?),
        };
        Extent::new(run.start, medium).cut(run.skip.into(), run.length)
    }
}

/// How much of a record is to be read at once.
fn hint(at: Written) -> u32 {
    match at.length <= READ_WHOLE {
        true => at.length,
        false => 0,
    }
}
