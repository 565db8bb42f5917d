//! A herd: many clients ask for one object at once, and the origin takes its time.
//!
//! How long do they wait when nothing is known of the object, when it is known that its response
//! is not to be shared (hit-for-miss), when it can be stored, and when what is stored has expired?
//! Through one edge, and through two edges of a PoP and a shield. And through six edges, of one PoP
//! and of three, over two shields: when has each client the first byte and when the last, if the
//! origin takes its time before the head and as long again for its body, in ten pieces?
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
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use harness::{
    cdn::{Cdn, Plan, one_edge},
    client::get,
    origin::{Asked, Origin, fresh},
};
use http::{HeaderValue, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

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

/// Takes its time before the head, and as long again for ten pieces of its body. Counts connections,
/// each for one request.
async fn trickling_origin(delay: Duration) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::<AtomicUsize>::default();
    let asked = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            asked.fetch_add(1, Relaxed);
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                tokio::time::sleep(delay).await;
                let head = "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n\
                            connection: close\r\ncontent-length: 100\r\n\r\n";
                let _ = stream.write_all(head.as_bytes()).await;
                for _ in 0..10 {
                    let _ = stream.write_all(b"0123456789").await;
                    tokio::time::sleep(delay / 10).await;
                }
            });
        }
    });
    (url, count)
}

/// When the first byte of the body came, and when the last.
async fn read_along(edge: SocketAddr) -> (Duration, Duration) {
    let start = Instant::now();
    let mut stream = TcpStream::connect(edge).await.unwrap();
    let ask = format!("GET /viral HTTP/1.1\r\nhost: {HOST}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    let (mut read, mut piece, mut first) = (Vec::new(), [0; 4096], None);
    loop {
        let length = stream.read(&mut piece).await.unwrap();
        assert!(length > 0, "closed before its end");
        read.extend_from_slice(&piece[..length]);
        let end = read.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let body = end.map_or(0, |end| read.len() - end - 4);
        if body > 0 && first.is_none() {
            first = Some(start.elapsed());
        }
        if let (100, Some(first)) = (body, first) {
            return (first, start.elapsed());
        }
    }
}

/// Six edges over two shields; one line of the table.
async fn six_edges(
    way: &str,
    pops: Vec<(&'static str, f64, f64, u8)>,
    clients: usize,
    delay: Duration,
) {
    let (url, asked) = trickling_origin(delay).await;
    let edges: Vec<String> = pops
        .iter()
        .flat_map(|(pop, _, _, count)| (1..=*count).map(move |n| format!("{pop}-{n}")))
        .collect();
    let plan = Plan {
        pops,
        shields: 2,
        // Nodes and clients are on one machine: who is slow here is not dead.
        tables: "[health]\ntimeout = \"5s\"\nsuspect_timeout = \"5s\"\n".to_owned(),
        ..Plan::small(url)
    };
    let cdn = Cdn::start(plan).await;
    let mut herd = JoinSet::new();
    for client in 0..clients {
        herd.spawn(read_along(cdn.at(&edges[client % edges.len()])));
    }
    let (mut first, mut last): (Vec<_>, Vec<_>) = herd.join_all().await.into_iter().unzip();
    first.sort();
    last.sort();
    let at = |times: &[Duration], share: f64| {
        times[((times.len() - 1) as f64 * share) as usize].as_secs_f64()
    };
    println!(
        "| {way} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
        asked.load(Relaxed),
        at(&first, 0.5),
        at(&first, 0.99),
        at(&first, 1.0),
        at(&last, 0.5),
        at(&last, 0.99),
        at(&last, 1.0),
    );
}

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let clients = numbers.next().unwrap_or(500) as usize;
    let delay = Duration::from_millis(numbers.next().unwrap_or(1000));
    println!(
        "{clients} clients at once, an origin that takes {delay:?}, and its body as long again; seconds\n"
    );
    println!("| through | origin requests | first p50 | p99 | max | last p50 | p99 | max |");
    println!("|---|---|---|---|---|---|---|---|");
    let fra = |edges| ("fra", 50.11, 8.68, edges);
    six_edges("6 edges of 1 PoP, 2 shields", vec![fra(6)], clients, delay).await;
    let three = vec![fra(2), ("nyc", 40.71, -74.0, 2), ("sin", 1.35, 103.82, 2)];
    six_edges("6 edges of 3 PoPs, 2 shields", three, clients, delay).await;

    println!("\n{clients} clients at once, an origin that takes {delay:?}; seconds\n");
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
