//! An object that is much larger than memory, through an edge with a disk: half of it is fetched and
//! read by a fast client, a slow one and ranges; the edge is killed; what lacks is fetched; all is
//! read from disk, twice at once. Every byte is checked. What the edge takes of memory meanwhile is
//! printed.
//!
//! `cargo bench -p perigee --bench huge -- [MEBIBYTES] [MEMORY]`; by default 10 GiB and a memory of 128
//! MiB. The disk is a folder for temporary files (`TMPDIR`), and takes as much as the object.

#![allow(missing_docs)]

#[allow(
    dead_code,
    reason = "the scenarios need more of the harness than one object"
)]
#[path = "../tests/harness/mod.rs"]
mod harness;

use harness::huge::{Sizes, run};

const MIB: u64 = 1 << 20;

/// Lines of the curve.
const LINES: usize = 40;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let numbers: Vec<u64> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let number = |index: usize, default| numbers.get(index).copied().unwrap_or(default);
    let (length, memory) = (number(0, 10 << 10) * MIB, number(1, 128) * MIB);
    let seen = run(Sizes {
        length,
        memory,
        queue: 64 * MIB,
        step: 64 * MIB,
    })
    .await;
    println!("{} MiB, a memory of {} MiB", length / MIB, memory / MIB);
    println!("{} MiB were there after the kill", seen.resumed / MIB);
    for (phase, seconds, bytes) in &seen.phases {
        let rate = *bytes as f64 / MIB as f64 / seconds;
        println!("{phase}: {seconds:.1} s, {rate:.0} MiB/s");
    }
    println!("memory of the edge: at most {:.0} MiB", seen.peak());
    println!("seconds, doing, MiB");
    for part in seen.curve.chunks(seen.curve.len().div_ceil(LINES).max(1)) {
        let most = part.iter().max_by(|a, b| a.2.total_cmp(&b.2));
        if let Some((seconds, doing, rss)) = most {
            println!("{seconds:.1}, {doing}, {rss:.0}");
        }
    }
}
