//! What a worker remembers of one snapshot, so as not to work it out again.

use std::fmt;

use crate::{policy, snapshot::Snapshot};

/// What a worker remembers of one snapshot: of fixed size, and forgotten with each new snapshot.
pub struct Memo {
    of: usize,
    pub(crate) chosen: policy::Memo,
}

impl Default for Memo {
    fn default() -> Self {
        Memo::new()
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").finish_non_exhaustive()
    }
}

impl Memo {
    /// For a worker that lives long. It takes up to a few megabytes.
    pub fn new() -> Self {
        Memo {
            of: 0,
            chosen: policy::Memo::new(),
        }
    }

    /// One that remembers nothing, for a worker that is there for few questions.
    pub fn none() -> Self {
        Memo {
            of: 0,
            chosen: policy::Memo::none(),
        }
    }

    /// Forgets what was of another snapshot. Who calls this has held the one before until now, so
    /// that this one cannot be in the same place.
    pub(crate) fn follow(&mut self, snapshot: &Snapshot) {
        let of = std::ptr::from_ref(snapshot).addr();
        if self.of != of {
            self.of = of;
            self.chosen.forget();
        }
    }
}
