//! Both tiers, listed as one.

use std::sync::Arc;

use perigee_http_cache::CacheKey;

use super::both::Both;
use crate::{
    Answer, Ask, Entry, Page, Store,
    disk::Found,
    listing::{Cursor, MOST_LOOKED_AT},
};

/// A key that was come upon.
enum Seen {
    Above(Entry),
    Below(Found),
}

/// The next keys that either has.
pub(super) fn page(both: &Arc<Both>, ask: &Ask) -> Answer<Page> {
    let (both, ask) = (Arc::clone(both), ask.clone());
    Answer::of_thread(move || {
        let after = ask.after.map(Cursor::place);
        let above = both.memory().walk(after, MOST_LOOKED_AT).map(Seen::Above);
        // What memory has need not be read.
        let walk = above.over(both.disk().walk(after).map(Seen::Below));
        // What is being written may be come upon twice: one after the other.
        let mut last = None;
        ask.page_of(walk, |seen| match seen {
            Seen::Above(entry) => Some(told(&both, entry)),
            Seen::Below(found) => {
                let key = both.disk().key_found(found)?;
                let is_new = last.as_ref() != Some(&key);
                last = Some(key.clone());
                is_new.then(|| both.disk().listed(&key)).flatten()
            }
        })
    })
}

/// What either has of one key.
pub(super) fn entry(both: &Arc<Both>, key: &CacheKey) -> Answer<Option<Entry>> {
    match both.memory().shelved(key) {
        Some(entry) => Answer::Now(Some(told(both, entry))),
        None => both.disk().entry(key),
    }
}

/// What is in memory is told as it is there.
fn told(both: &Both, mut entry: Entry) -> Entry {
    entry.tiers.disk = both.disk().may_have(&entry.key);
    entry
}
