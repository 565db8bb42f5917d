//! How the edges of a PoP share the work, and what they hold together.
//!
//! Six edges that are one PoP, and then six that know nothing of each other, each with the same
//! memory, get the same traffic: objects by Zipf 0.9, and one more that has 30 % of all requests.
//! Clients come to all edges alike. No shield: what leaves the PoP reaches the origin.
//!
//! `cargo bench -p perigee --bench spread -- [REQUESTS] [OBJECTS] [MIB]`; by default 100000 requests
//! for 4000 objects of 16 KiB, and 8 MiB of memory for each edge. Counts, no times: how fast the
//! machine is does not matter, and `--profile dev` will do.

#![allow(missing_docs)]

#[allow(dead_code, reason = "the scenarios need more of the harness than this")]
#[path = "../tests/harness/mod.rs"]
mod harness;

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use harness::{
    cdn::{Cdn, Plan},
    client::get,
    origin::{Origin, fresh},
};
use http::StatusCode;
use tokio::task::JoinSet;

const EDGES: usize = 6;
const CLIENTS: usize = 16;
const OBJECT: usize = 16 << 10;
const VIRAL_SHARE: f64 = 0.3;

/// Which edge is asked for what: the same for both PoPs.
struct Traffic {
    asks: Vec<(usize, usize)>,
}

impl Traffic {
    /// Object 0 is the viral one.
    fn new(requests: usize, objects: usize) -> Self {
        let mut heaviness: Vec<f64> = Vec::with_capacity(objects);
        let mut total = 0.0;
        for rank in 1..=objects {
            total += (rank as f64).powf(-0.9);
            heaviness.push(total);
        }
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut ask = || {
            let edge = (next() * EDGES as f64) as usize;
            let object = match next() < VIRAL_SHARE {
                true => 0,
                false => {
                    let at = next() * total;
                    1 + heaviness.partition_point(|sum| *sum < at)
                }
            };
            (edge, object)
        };
        Traffic {
            asks: (0..requests).map(|_| ask()).collect(),
        }
    }

    async fn run(self: &Arc<Self>, cdn: &Cdn, edges: &[String]) {
        let at: Arc<[_]> = edges.iter().map(|name| cdn.at(name)).collect();
        let done = Arc::new(AtomicUsize::new(0));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (all, at, done) = (Arc::clone(self), Arc::clone(&at), Arc::clone(&done));
            clients.spawn(async move {
                while let Some((edge, object)) = all.asks.get(done.fetch_add(1, Relaxed)) {
                    let answer = get(at[*edge], Cdn::HOST, &format!("/{object}"))
                        .send()
                        .await;
                    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
                }
            });
        }
        clients.join_all().await;
    }
}

/// What an edge has done and what it holds.
struct Edge {
    handled: f64,
    bytes: f64,
    copies: f64,
    passed_over: f64,
    holds: HashSet<String>,
}

impl Edge {
    async fn of(cdn: &Cdn, name: &str) -> Self {
        let metrics = get(cdn.admin(name), "localhost", "/metrics").send().await;
        let sum = |metric: &str| -> f64 {
            let lines = metrics
                .text()
                .lines()
                .filter(|line| line.starts_with(metric));
            lines
                .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                .sum()
        };
        let (code, listed, errors) = cdn.perigee(&["cache", "ls", "--node", name, "--json"]);
        assert_eq!(code, 0, "{errors}");
        Edge {
            handled: sum("perigee_requests_total"),
            bytes: sum("perigee_response_body_bytes_total"),
            copies: sum("perigee_hot_copies_total"),
            passed_over: sum("perigee_owner_passed_over_total"),
            holds: listed.lines().map(key).collect(),
        }
    }
}

fn key(line: &str) -> String {
    let entry: serde_json::Value = serde_json::from_str(line).unwrap();
    entry["key"].as_str().unwrap().to_owned()
}

/// What a PoP has come to.
struct Outcome {
    edges: Vec<Edge>,
    distinct: usize,
    from_origin: usize,
}

async fn measure(traffic: &Arc<Traffic>, is_one_pop: bool, mib: usize) -> Outcome {
    let origin = Origin::start(|_| async { fresh(vec![b'x'; OBJECT]) }).await;
    let names = ["a", "b", "c", "d", "e", "f"];
    let (pops, edges): (Vec<_>, Vec<_>) = match is_one_pop {
        true => (
            vec![("fra", 50.0, 8.0, EDGES as u8)],
            (1..=EDGES).map(|n| format!("fra-{n}")).collect(),
        ),
        false => (
            names.map(|name| (name, 50.0, 8.0, 1)).to_vec(),
            names.map(|name| format!("{name}-1")).to_vec(),
        ),
    };
    let plan = Plan {
        pops,
        shields: 0,
        tables: format!("[storage]\nmemory = \"{mib}MiB\"\n"),
        ..Plan::small(origin.url())
    };
    let cdn = Cdn::start(plan).await;
    traffic.run(&cdn, &edges).await;
    let mut all = Vec::new();
    for name in &edges {
        all.push(Edge::of(&cdn, name).await);
    }
    let distinct: HashSet<_> = all.iter().flat_map(|edge| &edge.holds).collect();
    Outcome {
        distinct: distinct.len(),
        from_origin: origin.asked().len(),
        edges: all,
    }
}

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let requests = numbers.next().unwrap_or(100_000);
    let objects = numbers.next().unwrap_or(4000);
    let mib = numbers.next().unwrap_or(8);
    println!(
        "{requests} requests, {objects} objects of 16 KiB and a viral one, {mib} MiB for each edge\n"
    );
    let traffic = Arc::new(Traffic::new(requests, objects));
    let pop = measure(&traffic, true, mib).await;

    let from_clients = |edge| traffic.asks.iter().filter(|ask| ask.0 == edge).count();
    let mean = |of: &dyn Fn(&Edge) -> f64| pop.edges.iter().map(of).sum::<f64>() / EDGES as f64;
    let (handled, bytes) = (mean(&|e| e.handled), mean(&|e| e.bytes));
    println!(
        "| edge | from clients | from peers | of the mean | MiB sent | of the mean | copies kept | owner passed over |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (n, edge) in pop.edges.iter().enumerate() {
        let clients = from_clients(n);
        println!(
            "| {} | {clients} | {} | {:.2} | {:.0} | {:.2} | {} | {} |",
            n + 1,
            edge.handled - clients as f64,
            edge.handled / handled,
            edge.bytes / f64::from(1 << 20),
            edge.bytes / bytes,
            edge.copies,
            edge.passed_over,
        );
    }
    println!(
        "\n| six edges | objects in the PoP | in reach of a client, on average | asked of the origin |"
    );
    println!("|---|---|---|---|");
    let alone = measure(&traffic, false, mib).await;
    let in_reach = alone
        .edges
        .iter()
        .map(|edge| edge.holds.len())
        .sum::<usize>()
        / EDGES;
    println!(
        "| one PoP | {} | {} | {} |",
        pop.distinct, pop.distinct, pop.from_origin
    );
    println!(
        "| each for itself | {} | {in_reach} | {} |",
        alone.distinct, alone.from_origin
    );
    println!(
        "| ratio | {:.1} | {:.1} | {:.2} |",
        pop.distinct as f64 / alone.distinct as f64,
        pop.distinct as f64 / in_reach as f64,
        pop.from_origin as f64 / alone.from_origin as f64
    );
}
