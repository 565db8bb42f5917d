//! An object that is much larger than memory: see `bench/huge.rs` for one of 10 GiB.

use crate::harness::huge::{Sizes, run};

const MIB: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_larger_than_memory_is_cached_served_and_resumed() {
    let seen = run(Sizes {
        length: 256 * MIB,
        memory: 32 * MIB,
        queue: 16 * MIB,
        step: 2 * MIB,
    })
    .await;
    // The last part that was stored of it is no older than that.
    assert!(
        seen.resumed >= 64 * MIB,
        "{} bytes were there",
        seen.resumed
    );
    assert!(seen.resumed <= 128 * MIB);
    // The program itself, its memory, its queue, and the buffers of some connections.
    assert!(seen.peak() < 128.0, "{:?}", seen.curve);
    let read: u64 = seen.phases.iter().map(|(.., bytes)| bytes).sum();
    assert!(read > 1024 * MIB, "{:?}", seen.phases);
}
