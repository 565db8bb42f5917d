//! Small bodies that go out: each is copied, so that nobody outside of the store has its memory.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};

/// Bytes that a thread copies to before it needs others. As long as somebody has a part of them, all are
/// there: so they are few.
const BUFFER: usize = 8 << 10;

thread_local! {
    static COPIED: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// A copy of these bytes. Mostly nothing is allocated for it: what nobody has any more is used again.
pub(crate) fn copied(bytes: &[u8]) -> Bytes {
    COPIED.with_borrow_mut(|buffer| {
        if buffer.capacity() < bytes.len() {
            buffer.reserve(bytes.len().max(BUFFER));
        }
        buffer.extend_from_slice(bytes);
        buffer.split().freeze()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_is_used_again_and_nothing_else() {
        let first = copied(&[1; 1000]);
        let kept = first.clone();
        let begin = first.as_ptr();
        drop(first);
        let others: Vec<_> = (0..100).map(|n| copied(&[n; 1000])).collect();
        assert!(kept.iter().all(|byte| *byte == 1));
        for (n, bytes) in others.iter().enumerate() {
            assert!(bytes.len() == 1000 && bytes.iter().all(|byte| usize::from(*byte) == n));
        }
        drop((kept, others));
        let places: std::collections::HashSet<_> =
            (0..100).map(|_| copied(&[2; 1000]).as_ptr()).collect();
        assert!(places.len() <= 16, "{}, {begin:?}", places.len());
    }
}
