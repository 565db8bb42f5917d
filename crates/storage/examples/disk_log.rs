//! What the disk's log costs: `cargo run --release -p perigee-storage --example disk_log [FOLDER]`.
//!
//! Writes 1,000,000 states of keys with small bodies, then finds them again, and reads blocks of a
//! larger body that is in the page cache. CPU times are of the whole process.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::redundant_pub_crate,
    reason = "the log is crate-private, and this uses some of it"
)]

#[path = "../src/disk"]
mod disk {
    pub mod log;
}

use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use bytes::Bytes;
use disk::log::{
    BLOCK, KeyChange, Log, LogConfig, MAX_STRETCH, NewKey, Place, RealFiles, Shed, Stretch, Written,
};

const KEYS: u64 = 1_000_000;
const PAYLOAD: usize = 400;
const BODY: usize = 1024;

struct Change {
    count: u64,
    body: Bytes,
}

impl KeyChange for Change {
    fn make(&mut self, _: Place) -> Option<NewKey> {
        Some(NewKey {
            payload: vec![self.count as u8; PAYLOAD],
            revision: self.count,
            blocks: vec![self.body.clone()],
        })
    }

    fn written(self: Box<Self>, at: Option<Written>) {
        assert!(at.is_some());
    }
}

fn open(folder: &Path) -> Log {
    let config = LogConfig {
        folder: folder.to_owned(),
        size: 8 << 30,
        segment: 64 << 20,
        queue: 32 << 20,
        readmit: 0,
        pause: Duration::from_secs(1)..Duration::from_secs(60),
    };
    let (log, _) = Log::open(config, Arc::new(RealFiles)).unwrap();
    log.start(Box::new(())).unwrap();
    log
}

/// CPU time of this process so far.
fn cpu() -> Duration {
    let times = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = times.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks = |n: usize| fields[n].parse::<u64>().unwrap();
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}

fn told<T>(what: &str, count: u64, run: impl FnOnce() -> T) -> T {
    let (begin, cpu_begin) = (Instant::now(), cpu());
    let value = run();
    let (took, cpu) = (begin.elapsed(), cpu() - cpu_begin);
    let each = took.as_nanos() as f64 / count as f64 / 1000.0;
    let cpu_each = cpu.as_nanos() as f64 / count as f64 / 1000.0;
    println!(
        "{what}: {took:.2?}, CPU {cpu:.2?}; of {count} each {each:.2} us, CPU {cpu_each:.2} us"
    );
    value
}

/// Offers it until it is taken.
fn offer(mut offer: impl FnMut() -> Result<(), Shed>) {
    while let Err(shed) = offer() {
        assert_eq!(shed, Shed::Full);
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn wait(log: &Log) {
    let (tell, told) = mpsc::channel();
    log.tell(Box::new(move || tell.send(()).unwrap()));
    told.recv().unwrap();
}

fn main() {
    let parent = std::env::args_os().nth(1).map(PathBuf::from);
    let parent = parent.unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::tempdir_in(parent).unwrap();
    let log = open(folder.path());
    let body = Bytes::from(vec![7; BODY]);
    told("write keys", KEYS, || {
        for count in 0..KEYS {
            let body = body.clone();
            offer(|| {
                let body = body.clone();
                let change = Box::new(Change { count, body });
                log.append_key(count.wrapping_mul(0x9e37_79b9_7f4a_7c15), 1500, change)
            });
        }
        wait(&log);
    });
    drop(log);

    let log = told("open again", 1, || open(folder.path()));
    let mut found = Vec::with_capacity(KEYS as usize);
    let recovery = told("recover", KEYS, || log.recover(|key| found.push(key)));
    println!("  {recovery:?}");
    let places = || found.iter().step_by(10);
    let count = places().count() as u64;
    told(
        "read keys and small bodies, in the page cache",
        count,
        || {
            let read = |key: &disk::log::Found| log.read_key_now(key.place, key.length);
            // A segment is opened by the first read that may wait.
            for key in places() {
                if read(key).unwrap().is_none() {
                    log.read_key(key.place, key.length).unwrap();
                }
            }
        },
    );
    stretches(&log);
}

fn stretches(log: &Log) {
    let mut random = vec![0; MAX_STRETCH];
    fastrand::Rng::with_seed(1).fill(&mut random);
    let random = Bytes::from(random);
    let blocks: Vec<_> = random
        .chunks(BLOCK)
        .map(|block| random.slice_ref(block))
        .collect();
    let (tell, told_of) = mpsc::channel::<Option<Stretch>>();
    let count: u64 = 512;
    told("write 1 MiB of a body", count, || {
        for key_hash in 0..count {
            offer(|| {
                let tell = tell.clone();
                let done = Box::new(move |stretch| tell.send(stretch).unwrap());
                log.write(key_hash, blocks.clone(), done)
            });
        }
        wait(log);
    });
    let stretches: Vec<_> = told_of.try_iter().flatten().collect();
    let per_stretch = (MAX_STRETCH / BLOCK) as u64;
    let rounds = 10;
    let mut uncached = 0;
    told("read_now of 64 KiB", rounds * count * per_stretch, || {
        for stretch in std::iter::repeat_n(&stretches, rounds as usize).flatten() {
            for block in 0..per_stretch {
                let read = stretch.read_now(block * BLOCK as u64).unwrap();
                uncached += u64::from(read.is_none());
            }
        }
    });
    println!("  not in the page cache: {uncached}");
}
