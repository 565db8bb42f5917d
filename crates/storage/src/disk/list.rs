//! Listing what is on disk.

use perigee_http_cache::CacheKey;

use super::{record, shared::Shared};
use crate::{
    Ask, Entry, Page, Tiers,
    listing::{Cursor, MOST_LOOKED_AT, Nearest, Place, Walk},
};

/// A key that was come upon.
#[derive(Debug)]
pub(crate) enum Found {
    /// It is in the index.
    Hash(u64),
    /// It is on its way to disk.
    Key(CacheKey),
}

impl Shared {
    /// A page of what is on disk, and on its way there. Blocks the thread.
    pub(super) fn page(&self, ask: &Ask) -> Page {
        let walk = self.walk(ask.after.map(Cursor::place));
        // One on its way may be there by now, and be come upon twice: one after the other.
        let mut last = None;
        ask.page_of(walk, |found| {
            let key = self.key_found(found)?;
            let is_new = last.as_ref() != Some(&key);
            last = Some(key.clone());
            is_new.then(|| self.entry(&key)).flatten()
        })
    }

    /// What is stored under a key. Blocks the thread.
    pub(super) fn entry(&self, key: &CacheKey) -> Option<Entry> {
        let hash = key.stable_hash();
        let changes = self.pending.of(hash, key);
        let (stored, _) = self.on_disk(hash, key);
        let variants = self.with_changes(key, stored, &changes);
        (!variants.is_empty()).then(|| Entry {
            key: key.clone(),
            variants,
            tiers: Tiers {
                memory: false,
                disk: true,
            },
            hits: None,
        })
    }

    /// The next keys behind a place.
    pub(super) fn walk(&self, after: Option<Place>) -> Walk<Found> {
        let mut nearest = Nearest::behind(after, MOST_LOOKED_AT);
        self.pending.each(|key| {
            nearest.show(Place::of_hash(key.stable_hash()), || {
                Found::Key(key.clone())
            });
        });
        self.index.walk(after, &mut nearest, Found::Hash);
        nearest.end()
    }

    /// Which key was come upon; `None` if it is not there any more. Blocks the thread.
    pub(super) fn key_found(&self, found: Found) -> Option<CacheKey> {
        match found {
            Found::Key(key) => Some(key),
            Found::Hash(hash) => self.key_of(hash),
        }
    }

    /// Whose record is in the index under this hash.
    fn key_of(&self, hash: u64) -> Option<CacheKey> {
        let (at, _) = self.index.peek(hash)?;
        let record = self.log.read_key(at.place, 0).ok()?;
        record::key_of(&record.payload).map(CacheKey::from_text)
    }
}
