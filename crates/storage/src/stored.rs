//! One stored response.

use std::{borrow::Borrow, sync::Arc};

use perigee_http_cache::StoredHead;

use crate::{Body, Revision};

/// One stored response. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its head, parsed when it was stored.
    pub head: Arc<StoredHead>,
    /// Its body, whole or still arriving.
    pub body: Body,
    /// What it is known by.
    pub id: StoredId,
    /// When it was asked for, or was checked against purges before it was stored.
    pub(crate) checked: Revision,
}

/// What has become of a response that came whole ([`crate::Store::keep`]).
#[derive(Clone, Debug)]
pub struct Taken {
    /// The response, which those who wait for it are answered from.
    pub stored: Stored,
    /// Whether it is stored: no purge had made it gone.
    pub is_kept: bool,
}

/// The stored responses of one key, newest first; empty if there are none.
pub type Variants = Arc<[Stored]>;

/// Tells one stored response from all others, in memory and on disk: each fill has one of its own,
/// and so has each head that takes the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoredId(pub(crate) u64);

impl StoredId {
    /// One that no other has, by chance: it must be unique under one key.
    pub(crate) fn new() -> Self {
        StoredId(fastrand::u64(..))
    }
}

impl Stored {
    pub(crate) fn new(head: Arc<StoredHead>, body: Body, checked: Revision) -> Self {
        Stored {
            head,
            body,
            id: StoredId::new(),
            checked,
        }
    }

    /// The same body under a new head, that was asked for then ([`crate::Purges::now`]).
    pub fn freshened(&self, head: Arc<StoredHead>, asked: Revision) -> Self {
        Stored::new(head, self.body.clone(), asked)
    }
}

impl Borrow<StoredHead> for Stored {
    fn borrow(&self) -> &StoredHead {
        &self.head
    }
}
