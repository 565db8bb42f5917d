//! What may happen to the stored responses of one key. Pure: memory and disk do the same.

use std::sync::Arc;

use perigee_http_cache::CacheKey;

use crate::{Purges, Revision, Stored, StoredId, Verdict, disk::log::MAX_STRETCH};

/// Pieces that one stored body is made of, beside one for each full stretch that it has on disk: parts
/// that touch are kept as they came. What would make more of them is not joined.
const MAX_PIECES: u64 = 8192;

/// Pieces of a body, whatever its length: a record of its key has place for them.
const MOST_PIECES: u64 = 1 << 17;

/// How much may be stored under one key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Stored responses, at least one; the oldest goes.
    pub(crate) variants: usize,
    /// Bytes of all of them; the newest is stored whatever it takes.
    pub(crate) bytes: u64,
    /// Bytes that one body may have: parts that would have more together are not joined.
    pub(crate) object: u64,
}

/// Puts a response in front of the others of its key, in place of those that cannot stay beside
/// it. A part becomes one with what is there of the same version; no byte is copied. None if it is
/// not to be stored: another fetch may have brought more meanwhile.
pub(crate) fn put(
    old: &[Stored],
    new: Stored,
    limits: Limits,
    weigh: impl Fn(&Stored) -> u64,
) -> Option<Vec<Stored>> {
    if old.is_empty() {
        return Some(vec![new]);
    }
    let new = match old.iter().find_map(|old| joined(&new, old, limits)) {
        Some(both) => both,
        None if old.iter().any(|old| new.head.yields_to(&old.head)) => return None,
        None => new,
    };
    let beside = old
        .iter()
        .filter(|other| other.head.stays_beside(&new.head));
    let mut bytes = weigh(&new);
    let others: Vec<Stored> = beside
        .take(limits.variants.saturating_sub(1))
        .take_while(|other| {
            bytes = bytes.saturating_add(weigh(other));
            bytes <= limits.bytes
        })
        .cloned()
        .collect();
    Some(std::iter::once(new).chain(others).collect())
}

/// Pieces that a body with so many bytes may be made of.
fn most_pieces(length: u64) -> u64 {
    (MAX_PIECES + length / MAX_STRETCH as u64).min(MOST_PIECES)
}

/// The new part together with a stored response, if they belong together and are not too much.
fn joined(new: &Stored, old: &Stored, limits: Limits) -> Option<Stored> {
    let head = new.head.joined(&old.head)?;
    let body = new.body.over(&old.body)?;
    let length = body.length()?;
    let is_bounded = body.pieces() as u64 <= most_pieces(length) && length <= limits.object;
    is_bounded.then(|| Stored {
        head: Arc::new(head),
        body,
        ..new.clone()
    })
}

/// Puts `new` in the place of the response with this id, and in front. None if that is gone.
pub(crate) fn freshen(old: &[Stored], id: StoredId, new: Stored) -> Option<Vec<Stored>> {
    let others = remove(old, id)?;
    let beside = others
        .into_iter()
        .filter(|other| other.head.stays_beside(&new.head))
        .collect::<Vec<_>>();
    Some(std::iter::once(new).chain(beside).collect())
}

/// Removes the response with this id alone. None if it is gone.
pub(crate) fn remove(old: &[Stored], id: StoredId) -> Option<Vec<Stored>> {
    old.iter().find(|stored| stored.id == id)?;
    let others = old.iter().filter(|stored| stored.id != id);
    Some(others.cloned().collect())
}

/// What purges have made of responses that were checked up to `checked`: those that are not gone,
/// as stale as they are. None if no purge since then was about any.
pub(crate) fn check(
    purges: &Purges,
    key: &CacheKey,
    old: &[Stored],
    checked: Revision,
) -> Option<Vec<Stored>> {
    let verdict = |stored: &Stored| {
        let since = stored.checked.max(checked);
        purges.verdict(key, Some(&stored.head), since)
    };
    if old.iter().all(|stored| verdict(stored) == Verdict::Holds) {
        return None;
    }
    let left = old
        .iter()
        .filter_map(|stored| judged(stored, verdict(stored)));
    Some(left.collect())
}

/// What a verdict makes of a response. None: it is gone.
pub(crate) fn judged(stored: &Stored, verdict: Verdict) -> Option<Stored> {
    match verdict {
        Verdict::Holds => Some(stored.clone()),
        Verdict::Stale(at) => Some(Stored {
            head: Arc::new(stored.head.stale_since(at)),
            ..stored.clone()
        }),
        Verdict::Gone => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_body_may_have_all_its_stretches() {
        let stretch = MAX_STRETCH as u64;
        assert_eq!(most_pieces(1000), MAX_PIECES);
        for stretches in [1, 10_000, 100_000] {
            assert!(most_pieces(stretches * stretch) > stretches);
        }
        assert_eq!(most_pieces(u64::MAX), MOST_PIECES);
    }
}
