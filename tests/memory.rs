//! A node takes the memory that it was given, whatever comes and goes.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use http::StatusCode;
use tokio::task::JoinSet;

use crate::{
    harness::{
        cdn::OneEdge,
        client::get,
        origin::{Asked, Origin, fresh},
        wait,
    },
    one_proxy::Proxy,
};

const MIB: u64 = 1 << 20;

/// What the store may take, and the share of it that a process may take in all, beside what it
/// takes with an empty store.
const CAPACITY: u64 = 256 * MIB;
const SHARE: f64 = 1.15;

/// Connections, code that was never used before, and what the runtime keeps.
const BASE: u64 = 16 * MIB;

/// Bytes that are sent many times the capacity.
const CHURN: u64 = 1024 * MIB;

/// A random number of the bits of another one (SplitMix64).
fn mixed(n: u64) -> u64 {
    let z = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) ^ (z >> 31)
}

/// The length of an object: from 1 B to 2 MiB, as many of each magnitude, or as many of each
/// length.
fn length(n: u64) -> usize {
    let share = (mixed(n) >> 11) as f64 / (1_u64 << 53) as f64;
    match n.is_multiple_of(2) {
        true => (2.0_f64).powf(21.0 * share) as usize,
        false => (2.0 * MIB as f64 * share) as usize + 1,
    }
}

async fn origin() -> Origin {
    let content = Bytes::from(vec![b'x'; 2 * MIB as usize]);
    Origin::start(move |asked: Asked| {
        let number = asked.path.rsplit('/').next().and_then(|n| n.parse().ok());
        let body = content.slice(..number.map_or(0, length));
        async move { fresh(body) }
    })
    .await
}

/// What a process takes now (`VmRSS:`), or has ever taken (`VmHWM:`).
fn resident(process: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    kilobytes.unwrap().parse::<u64>().unwrap() * 1024
}

/// Asks for objects, some of them again and again, until so many bytes have come.
async fn churn(edge: SocketAddr, seed: u64, sum: Arc<AtomicU64>) {
    for n in 0.. {
        let before = sum.load(Relaxed);
        if before > CHURN {
            return;
        }
        // What is asked for wanders, so that nothing stays for ever.
        let era = before / (256 * MIB) * 1000;
        let object = era + mixed(seed << 32 | n) % 4000;
        let answer = get(edge, "localhost", &format!("/{object}")).send().await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.body.len(), length(object));
        sum.fetch_add(answer.body.len() as u64, Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_within_bounds_under_churn() {
    let origin = origin().await;
    let proxy = Proxy::start(&origin.url(), &["--memory", "256MiB"]).await;
    let empty = resident(proxy.process.id(), "VmRSS:");
    let sum = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for seed in 1..=8 {
        clients.spawn(churn(proxy.address, seed, Arc::clone(&sum)));
    }
    clients.join_all().await;
    let taken = resident(proxy.process.id(), "VmHWM:") - empty;
    assert!(taken > CAPACITY / 2, "it was not filled: {taken} bytes");
    let bound = (CAPACITY as f64 * SHARE) as u64 + BASE;
    println!("{taken} bytes, of {CAPACITY} that it was given");
    assert!(taken <= bound, "{taken} bytes of {bound}");
}

/// A node that was told so takes its memory without being asked for anything that needs it.
#[tokio::test]
async fn what_is_to_be_taken_before_it_is_needed_is() {
    const PREFAULT: u64 = 48 * MIB;
    let origin = origin().await;
    let node = async |lines: &str| {
        let storage = format!("[storage]\nmemory = \"64MiB\"\n{lines}");
        OneEdge::before(&origin.url(), &storage).await
    };
    let (usual, prefaulted) = (node("").await, node("prefault = \"48MiB\"\n").await);
    assert_eq!(prefaulted.get("/1").await.status, StatusCode::OK);
    let taken = |edge: &OneEdge| resident(edge.process.id(), "VmRSS:");
    wait::until("its memory is there", async || {
        (taken(&prefaulted) >= PREFAULT).then_some(())
    })
    .await;
    let without = taken(&usual);
    assert!(without < PREFAULT, "{without} bytes without it");
}
