//! What a worker remembers of one snapshot, so as not to work it out again.

use crate::{policy, snapshot::Snapshot};

/// What a worker remembers of one snapshot: of fixed size, and forgotten with each new snapshot.
pub(crate) struct Memo {
    of: usize,
    pub(crate) chosen: policy::Memo,
}

impl Memo {
    /// For a worker that lives long.
    pub(crate) fn new() -> Self {
        Memo {
            of: 0,
            chosen: policy::Memo::new(),
        }
    }

    /// One that remembers nothing, for a worker that is there for few questions.
    #[allow(dead_code)]
    pub(crate) fn none() -> Self {
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
