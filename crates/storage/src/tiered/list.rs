//! Both tiers, listed as one.

use std::sync::Arc;

use perigee_http_cache::CacheKey;

use super::both::Both;
use crate::{
    Answer, Ask, Entry, Page, Store,
    disk::Found,
    listing::{Cursor, MOST_LOOKED_AT, Walk},
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
        let above = both.memory().walk(after, MOST_LOOKED_AT);
        let walk = merged(above, both.disk().walk(after));
        // A key that both have is come upon twice: one after the other.
        let mut last = None;
        ask.page_of(walk, |seen| match seen {
            Seen::Above(entry) => {
                last = Some(entry.key.clone());
                Some(told(&both, entry))
            }
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

/// In order, that of memory first. Ends where the first of the two does, unless that has no more.
fn merged(above: Walk<Entry>, below: Walk<Found>) -> Walk<Seen> {
    let is_end = above.is_end && below.is_end;
    let last_above = above.found.last().filter(|_| !above.is_end);
    let last_below = below.found.last().filter(|_| !below.is_end);
    let ends = [
        last_above.map(|(place, _)| *place),
        last_below.map(|(place, _)| *place),
    ];
    let border = ends.into_iter().flatten().min();
    let above = above.found.into_iter();
    let below = below.found.into_iter();
    let mut found: Vec<_> = above
        .map(|(place, entry)| (place, Seen::Above(entry)))
        .chain(below.map(|(place, found)| (place, Seen::Below(found))))
        .filter(|(place, _)| border.is_none_or(|border| *place <= border))
        .collect();
    found.sort_by_key(|(place, _)| *place);
    Walk { found, is_end }
}
