//! Whether what is on its way is purged meanwhile.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use perigee_http_cache::{CacheKey, StoredHead};

use super::{Purges, Revision, Verdict};

/// Looks out for purges of one response, from when it was asked for.
#[derive(Debug)]
pub(crate) struct Watch {
    purges: Arc<Purges>,
    key: CacheKey,
    checked: AtomicU64,
}

impl Watch {
    pub(crate) fn new(purges: &Arc<Purges>, key: &CacheKey, asked: Revision) -> Self {
        Watch {
            purges: Arc::clone(purges),
            key: key.clone(),
            checked: AtomicU64::new(asked.number()),
        }
    }

    /// Whether it must not be stored any more. Cheap where nothing was purged since the last look;
    /// and who looks now and then need not fear that purges are forgotten.
    pub(crate) fn is_gone(&self, head: &StoredHead) -> bool {
        let now = self.purges.now();
        let checked = self.checked();
        if checked >= now {
            return false;
        }
        match self.purges.verdict(&self.key, Some(head), checked) {
            Verdict::Holds => {
                self.checked.fetch_max(now.number(), Relaxed);
                false
            }
            // It stays for whoever puts it into the store to see.
            Verdict::Stale(_) => false,
            Verdict::Gone => true,
        }
    }

    /// No purge up to this one is about it.
    pub(crate) fn checked(&self) -> Revision {
        Revision::new(self.checked.load(Relaxed))
    }
}
