//! What the ring costs and how well it shares out: `cargo bench -p perigee-cluster --bench ring`.
//!
//! For rings of 2 to 100 nodes: how long it takes to find the owner of a key, the two next, and the
//! owner with bounded loads; what the busiest and the idlest node have of the mean; and which keys
//! move when one node joins: how many, beside the fair part, and how many of them between others.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use perigee_cluster::{LoadBound, NodeName, Ring, Standing};
use xxhash_rust::xxh3::xxh3_64;

/// Keys of which the shares and the moves are counted.
const KEYS: u64 = 1_000_000;

/// Keys of one measurement: so many that the processor does not remember the last round.
const ASKED: usize = 1 << 20;

/// The least of so many rounds counts.
const ROUNDS: usize = 5;

/// What is measured of a ring.
struct Row {
    nodes: usize,
    built: Duration,
    owner: f64,
    three: f64,
    bounded: f64,
    overloaded: f64,
    most: f64,
    least: f64,
    moved: f64,
    strayed: u64,
}

fn names(count: usize) -> Vec<NodeName> {
    let name = |i: usize| NodeName::from(format!("edge-{i}").as_str());
    (0..count).map(name).collect()
}

fn ring(nodes: &[NodeName]) -> Ring {
    Ring::new(nodes.iter().map(|name| (name, 100)))
}

fn keys() -> impl Iterator<Item = u64> {
    (0..KEYS).map(|i| xxh3_64(&i.to_le_bytes()))
}

/// Nanoseconds that `look_up` takes for one key.
fn nanoseconds(asked: &[u64], look_up: impl Fn(u64) -> usize) -> f64 {
    let round = |_| {
        let begin = Instant::now();
        let found: usize = asked.iter().map(|key| look_up(*key)).sum();
        black_box(found);
        begin.elapsed().as_nanos() as f64 / asked.len() as f64
    };
    (0..ROUNDS).map(round).fold(f64::MAX, f64::min)
}

/// The greatest and the least number of keys of one node, relative to the mean.
fn shares(ring: &Ring) -> (f64, f64) {
    let mut counts = std::collections::HashMap::new();
    for key in keys() {
        *counts.entry(ring.owners(key).next()).or_insert(0_u64) += 1;
    }
    let relative = |count: &u64| *count as f64 * ring.nodes().len() as f64 / KEYS as f64;
    let most = counts.values().map(relative).fold(0.0, f64::max);
    let least = counts.values().map(relative).fold(f64::MAX, f64::min);
    (most, least)
}

/// The share of the keys that move when one node joins, and how many go to another one than that.
fn moves(before: &Ring, after: &Ring, joined: &NodeName) -> (f64, u64) {
    let (mut moved, mut strayed) = (0_u64, 0);
    for key in keys() {
        let (was, is) = (before.owners(key).next(), after.owners(key).next());
        moved += u64::from(was != is);
        strayed += u64::from(was != is && is != Some(joined));
    }
    (moved as f64 / KEYS as f64, strayed)
}

fn measure(nodes: usize, asked: &[u64]) -> Row {
    let names = names(nodes + 1);
    let begin = Instant::now();
    let small = ring(&names[..nodes]);
    let built = begin.elapsed();
    let large = ring(&names);
    let length = |owner: Option<&NodeName>| owner.map_or(0, |name| name.as_str().len());
    let standing = |load| move |_: &NodeName| Some(Standing { share: 1.0, load });
    let within = |key, load| {
        let mut owners = small.owners_within(key, LoadBound::default(), standing(load));
        length(owners.next())
    };
    let (most, least) = shares(&small);
    let (moved, strayed) = moves(&small, &large, &names[nodes]);
    Row {
        nodes,
        built,
        owner: nanoseconds(asked, |key| length(small.owners(key).next())),
        three: nanoseconds(asked, |key| {
            small.owners(key).take(3).map(|n| length(Some(n))).sum()
        }),
        bounded: nanoseconds(asked, |key| within(key, 1)),
        overloaded: nanoseconds(&asked[..ASKED / 16], |key| within(key, 100)),
        most,
        least,
        moved,
        strayed,
    }
}

fn main() {
    let asked: Vec<u64> = (0..ASKED as u64)
        .map(|i| xxh3_64(&(i ^ 0x5eed).to_le_bytes()))
        .collect();
    println!(
        "{} virtual nodes of each, {KEYS} keys; ns each, single thread\n",
        Ring::VIRTUAL_NODES
    );
    println!(
        "| nodes | built in | owner | three owners | owner, bounded | the same, above the floor \
         | busiest, idlest | moved when one joins | 1/(N+1) | moved between others |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for nodes in [2, 3, 5, 6, 10, 20, 50, 99, 100] {
        let row = measure(nodes, &asked);
        println!(
            "| {} | {:.1} ms | {:.0} | {:.0} | {:.0} | {:.0} | {:.3}, {:.3} | {:.2} % | {:.2} % | {} |",
            row.nodes,
            row.built.as_secs_f64() * 1000.0,
            row.owner,
            row.three,
            row.bounded,
            row.overloaded,
            row.most,
            row.least,
            row.moved * 100.0,
            100.0 / (row.nodes as f64 + 1.0),
            row.strayed,
        );
    }
}
