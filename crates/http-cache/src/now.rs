//! Now, and since when what is stored may be trusted.

use std::time::SystemTime;

use crate::StoredHead;

/// The time of a decision.
///
/// A cache that may not have heard of all that was purged says since when it has: what it received
/// before that is validated before it is used, whatever its freshness and its windows are (as
/// `no-cache` has it, RFC 9111 section 5.2.2.4). A plain time is that of a cache that misses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The time.
    pub time: SystemTime,
    /// What was received, or validated, before this must be validated; `None`: nothing.
    pub trusted_since: Option<SystemTime>,
}

impl From<SystemTime> for Now {
    fn from(time: SystemTime) -> Self {
        Now {
            time,
            trusted_since: None,
        }
    }
}

impl Now {
    /// Whether it may be used without validation, as far as purges go. What seems to come later than
    /// now came at an unknown time: the clock was set back.
    pub(crate) fn trusts(self, head: &StoredHead) -> bool {
        self.trusts_from(head.received)
    }

    /// The same of what was received then.
    pub(crate) fn trusts_from(self, received: SystemTime) -> bool {
        self.trusted_since
            .is_none_or(|since| (since..=self.time).contains(&received))
    }
}
