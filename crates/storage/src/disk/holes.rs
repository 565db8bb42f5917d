//! What is left of a body when a segment with some of it has gone.

use std::{ops::Range, sync::Arc};

use perigee_http_cache::{Held, StoredHead};

/// The head over those bytes of a body that are left of so many extents: a part, if bytes are gone.
/// `None` if it cannot be one.
pub(super) fn over(
    head: Arc<StoredHead>,
    left: impl ExactSizeIterator<Item = Range<u64>>,
    had: usize,
) -> Option<Arc<StoredHead>> {
    if left.len() == had {
        return Some(head);
    }
    let mut held = Held::default();
    left.for_each(|run| held.insert(run));
    head.with_held(held).map(Arc::new)
}
