//! What may happen to the stored responses of one key, to be written down.

use crate::{
    Body, Stored, StoredId,
    changes::{self, Limits},
};

/// A change of the stored responses of one key.
#[derive(Debug)]
pub(super) enum Change {
    /// [`changes::put`]
    Put(Stored),
    /// [`changes::freshen`]: in the place of the one with this id.
    Freshen(StoredId, Stored),
    /// [`changes::remove`]
    Remove(StoredId),
}

impl Change {
    /// Makes it of these. `None` where it changes nothing, for it comes too late.
    pub(super) fn of(&self, old: &[Stored], limits: Limits) -> Option<Vec<Stored>> {
        match self {
            Change::Put(new) => {
                let mut put = changes::put(old, new.clone(), limits, length)?;
                // With bytes of older ones it is as purged as they are.
                if let Some(first) = put.first_mut().filter(|first| length(first) > length(new)) {
                    let replaced = old.iter().filter(|old| old.head.same_variant(&new.head));
                    let checked = replaced.map(|old| old.checked).min();
                    first.checked = checked.map_or(new.checked, |old| old.min(new.checked));
                }
                Some(put)
            }
            Change::Freshen(id, new) => {
                let found = old.iter().find(|stored| stored.id == *id)?;
                // Its body may have been moved meanwhile.
                let body = found.body.clone();
                changes::freshen(
                    old,
                    *id,
                    Stored {
                        body,
                        ..new.clone()
                    },
                )
            }
            Change::Remove(id) => changes::remove(old, *id),
        }
    }

    /// The body that is to be written with it.
    pub(super) fn body(&self) -> Option<&Body> {
        match self {
            Change::Put(new) => Some(&new.body),
            Change::Freshen(..) | Change::Remove(_) => None,
        }
    }

    /// Over this body, which is the same in another place.
    pub(super) fn over(&self, body: Body) -> Change {
        match self {
            Change::Put(new) => Change::Put(Stored {
                body,
                ..new.clone()
            }),
            Change::Freshen(id, new) => Change::Freshen(*id, new.clone()),
            Change::Remove(id) => Change::Remove(*id),
        }
    }

    /// Bytes of memory that it holds until it is written.
    pub(super) fn weight(&self) -> u64 {
        match self {
            Change::Put(new) => new.head.weight() as u64 + new.body.weight(),
            Change::Freshen(_, new) => new.head.weight() as u64,
            Change::Remove(_) => 0,
        }
    }
}

/// Bytes that a body takes on disk.
fn length(stored: &Stored) -> u64 {
    stored.body.length().unwrap_or(0)
}
