//! A herd: many clients ask for one object at once, and the origin takes its time.
//!
//! How long do they wait when nothing is known of the object, when it is known that its response
//! is not to be shared (hit-for-miss), when it can be stored, and when what is stored has expired?
//! Through one edge, and through two edges of a PoP and a shield.
//!
//! `cargo bench -p perigee --bench herd -- [CLIENTS] [MILLISECONDS]`; by default 500 clients and an
//! origin that takes 1000 ms.

#![allow(missing_docs)]

#[allow(
    dead_code,
    reason = "the scenarios need more of the harness than a herd"
)]
#[path = "../tests/harness/mod.rs"]
mod harness;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use harness::{
    cdn::{Cdn, Plan, one_edge},
    client::get,
    origin::{Asked, Origin, fresh},
};
use http::{HeaderValue, StatusCode};
use tokio::task::JoinSet;

/// The host that both CDNs serve.
const HOST: &str = Cdn::HOST;

/// `/no-store/...` is not to be shared, `/short/...` is fresh for a second, all else for an hour.
async fn slow_origin(delay: Duration) -> Origin {
    Origin::start(move |asked: Asked| async move {
        tokio::time::sleep(delay).await;
        let mut response = fresh("content");
        let cache_control = match asked.path.split('/').nth(1) {
            Some("no-store") => "no-store",
            Some("short") => "max-age=1",
            _ => "max-age=3600",
        };
        let value = HeaderValue::from_static(cache_control);
        response.headers_mut().insert("cache-control", value);
        if asked.field("if-none-match") == response.headers()["etag"] {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = bytes::Bytes::new().into();
        }
        response
    })
    .await
}

struct Herd<'a> {
    way: &'static str,
    origin: &'a Origin,
    edges: &'a [SocketAddr],
    clients: usize,
}

impl Herd<'_> {
    /// Asks with all clients at once; one line of the table.
    async fn run(&self, name: &str, path: &'static str) {
        let before = self.origin.count(path);
        let mut clients = JoinSet::new();
        for client in 0..self.clients {
            let edge = self.edges[client % self.edges.len()];
            clients.spawn(async move {
                let start = Instant::now();
                let answer = get(edge, HOST, path).send().await;
                assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
                start.elapsed()
            });
        }
        let mut times = clients.join_all().await;
        times.sort();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64();
        println!(
            "| {} | {name} | {} | {:.2} | {:.2} | {:.2} | {:.2} |",
            self.way,
            self.origin.count(path) - before,
            at(0.5),
            at(0.9),
            at(0.99),
            at(1.0)
        );
    }

    async fn all(&self) {
        self.run("no-store, nothing known", "/no-store/a").await;
        self.run("no-store, marked", "/no-store/a").await;
        self.run("cacheable, nothing known", "/long/a").await;
        self.run("fresh", "/long/a").await;
        get(self.edges[0], HOST, "/short/a").send().await;
        // Past its second, on every tier.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        self.run("expired", "/short/a").await;
    }
}

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let clients = numbers.next().unwrap_or(500) as usize;
    let delay = Duration::from_millis(numbers.next().unwrap_or(1000));
    println!("{clients} clients at once, an origin that takes {delay:?}; seconds\n");
    println!("| through | object | origin requests | p50 | p90 | p99 | max |");
    println!("|---|---|---|---|---|---|---|");

    let origin = slow_origin(delay).await;
    let edge = one_edge(&format!(
        "[[pops]]\nname = \"p\"\nlatitude = 0\nlongitude = 0\n[dns]\nzone = \"cdn.test\"\n\
         [[services]]\nname = \"www\"\norigins = [\"{}\"]\n",
        origin.url()
    ))
    .await;
    let herd = Herd {
        way: "one edge",
        origin: &origin,
        edges: &[edge.address],
        clients,
    };
    herd.all().await;

    let origin = slow_origin(delay).await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let herd = Herd {
        way: "edge, peer, shield",
        origin: &origin,
        edges: &[cdn.at("fra-1"), cdn.at("fra-2")],
        clients,
    };
    herd.all().await;
}
