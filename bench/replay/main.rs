//! Which share of traffic a cache answers: the real store beside LRU, W-TinyLFU, S3-FIFO and SIEVE,
//! and beside who knows the future.
//!
//! `cargo bench -p perigee-storage --bench replay -- [DIVISOR]`; a divisor of 10 replays the first
//! tenth of each trace.

#![allow(missing_docs)]

mod belady;
mod lru;
mod perigee;
mod queue;
mod report;
mod rng;
mod s3_fifo;
mod sieve;
mod trace;
mod w_tinylfu;

use belady::By;
use perigee::{Perigee, Weights};
use report::Cell;
use trace::Trace;

/// A cache that is asked for objects by number, and keeps what it wants of what it did not have.
trait Peer {
    /// Whether it has it.
    fn ask(&mut self, object: u32) -> bool;
}

/// What was asked for, and what of it was there.
#[derive(Clone, Copy, Default)]
struct Hits {
    requests: u64,
    objects: u64,
    asked_for: u64,
    bytes: u64,
}

impl Hits {
    fn count(&mut self, trace: &Trace, object: u32, is_hit: bool) {
        let bytes = u64::from(trace.sizes[object as usize]);
        self.requests += 1;
        self.asked_for += bytes;
        self.objects += u64::from(is_hit);
        self.bytes += if is_hit { bytes } else { 0 };
    }
}

/// The sizes of the cache, as parts of the footprint.
const PARTS: [u64; 3] = [1000, 100, 10];

const PEERS: [&str; 4] = ["LRU", "W-TinyLFU", "S3-FIFO", "SIEVE"];

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse().ok());
    let divisor = numbers.next().unwrap_or(1);
    let traces = trace::all(divisor);
    let weights = Weights::measured();
    report::traces(&traces, &weights);
    let of_trace = |trace| PARTS.map(|part| cell(trace, part, &weights));
    let cells: Vec<Cell> = traces.iter().flat_map(of_trace).collect();
    report::cells(&cells, &PEERS);
}

fn cell(trace: &Trace, part: u64, weights: &Weights) -> Cell {
    let capacity = trace.footprint() / part;
    let sizes: Vec<u64> = trace.sizes.iter().map(|size| weights.of(*size)).collect();
    let future = |by| belady::replay(trace, &sizes, capacity, by);
    Cell {
        trace: trace.name,
        part,
        capacity,
        peers: vec![
            replay(trace, lru::Lru::new(capacity, &sizes)),
            replay(trace, w_tinylfu::WTinyLfu::new(capacity, &sizes)),
            replay(trace, s3_fifo::S3Fifo::new(capacity, &sizes)),
            replay(trace, sieve::Sieve::new(capacity, &sizes)),
        ],
        perigee: replay(trace, Perigee::new(capacity, &trace.sizes)),
        optimum: Hits {
            objects: future(By::TimeAndSize).objects,
            ..future(By::Time)
        },
    }
}

fn replay(trace: &Trace, mut cache: impl Peer) -> Hits {
    let mut hits = Hits::default();
    for &object in &trace.requests {
        let is_hit = cache.ask(object);
        hits.count(trace, object, is_hit);
    }
    hits
}
