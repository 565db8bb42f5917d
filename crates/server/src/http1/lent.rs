//! What a connection needs only while it is awake is lent to it by its thread. Most open connections wait
//! for their next request: these have no buffers, and those that are awake use memory that is in the
//! processor's caches.

use std::cell::Cell;

use bytes::BytesMut;

use super::out::Out;

/// Space for one read of heads.
pub(crate) const HEAD_READ: usize = 4 << 10;

/// Space that is lent at most; more is given back to the allocator.
const MOST: usize = 4 * HEAD_READ;

thread_local! {
    static SPARE: Cell<Option<(BytesMut, Out)>> = const { Cell::new(None) };
}

/// Buffers, empty ones.
pub(crate) fn take() -> (BytesMut, Out) {
    SPARE
        .take()
        .unwrap_or_else(|| (BytesMut::with_capacity(HEAD_READ), Out::default()))
}

/// Gives buffers back that are empty. They are dropped if they are large, or somebody still reads of them.
pub(crate) fn give(mut buf: BytesMut, out: Out) {
    debug_assert!(buf.is_empty() && out.is_empty());
    if buf.try_reclaim(HEAD_READ) && buf.capacity() <= MOST {
        SPARE.set(Some((buf, out)));
    }
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;

    use super::*;

    #[test]
    fn what_is_given_back_is_lent_again_unless_somebody_reads_of_it() {
        let (mut buf, out) = take();
        let place = buf.as_ptr();
        buf.put_slice(b"GET");
        bytes::Buf::advance(&mut buf, 3);
        give(buf, out);
        let (mut buf, out) = take();
        assert_eq!((buf.as_ptr(), buf.len()), (place, 0));

        buf.put_slice(b"secret");
        let read = buf.split().freeze();
        give(buf, out);
        let (mut buf, _) = take();
        buf.put_slice(b"public");
        assert_eq!(read, b"secret"[..]);
    }

    #[test]
    fn what_is_large_is_not_kept() {
        let (mut buf, out) = take();
        buf.reserve(MOST + 1);
        give(buf, out);
        assert!(take().0.capacity() <= MOST);
    }
}
