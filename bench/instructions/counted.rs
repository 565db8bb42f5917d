//! What is counted and what is not: callgrind is told the names of two functions here, begins to count
//! where [`counted`] is called, stops where [`uncounted`] is, and each time the other way when they return.

use std::{
    future::{Future, poll_fn},
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    task::{Context, Poll},
};

/// Whether [`counted`] is at work: before that, to stop would be to begin.
static COUNTING: AtomicBool = AtomicBool::new(false);

/// All that this does is counted.
#[inline(never)]
pub(crate) fn counted(work: &mut dyn FnMut()) {
    COUNTING.store(true, Relaxed);
    work();
    // Besides, the call above cannot become a jump so: callgrind would not see where it ends.
    COUNTING.store(false, Relaxed);
}

/// Whoever is at the other end of the wire.
pub(crate) trait Peer {
    /// Does what it can until it must wait; ready when it has nothing more to do.
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// What a peer does is not counted.
#[inline(never)]
fn uncounted(peer: &mut dyn Peer, cx: &mut Context<'_>) -> Poll<()> {
    black_box(peer.step(cx))
}

/// Runs a peer to its end.
pub(crate) fn play(peer: &mut impl Peer) -> impl Future<Output = ()> {
    poll_fn(move |cx| match COUNTING.load(Relaxed) {
        true => uncounted(peer, cx),
        false => peer.step(cx),
    })
}
