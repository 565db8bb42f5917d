//! All nodes of a CDN are started anew, one after the other, and no client notices.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use tokio::task::JoinHandle;

use crate::harness::{
    cdn::{Cdn, Plan},
    origin::{Asked, Origin, fresh},
    visitor::{Failed, Manner, Visit, Visitor},
    wait,
};

/// Where clients are: near the one PoP, and near the other.
const NETWORKS: [&str; 2] = ["198.51.100.0/24", "203.0.113.0/24"];
/// Paths that many ask for.
const COMMON: usize = 60;
/// Between two requests of a client.
const PAUSE: Duration = Duration::from_millis(20);

/// Two PoPs of two edges, and two shields. TTLs are short, so that the test is; how long a drain takes
/// follows from them.
async fn start(origin: &Origin) -> Cdn {
    let places = [(52.5, 13.4), (42.4, -71.1)];
    let mut tables = String::from("[health]\ninterval = \"100ms\"\ntimeout = \"2s\"\n");
    for (network, (latitude, longitude)) in NETWORKS.iter().zip(places) {
        tables += &format!(
            "[[dns.networks]]\nnetworks = [\"{network}\"]\nlatitude = {latitude}\nlongitude = {longitude}\n"
        );
    }
    let plan = Plan {
        pops: vec![("fra", 50.11, 8.68, 2), ("nyc", 40.71, -74.01, 2)],
        shields: 2,
        geodns: true,
        tables,
        ..Plan::small(origin.url())
    };
    Cdn::start_with(plan, |text| {
        let text = text.replace("[dns]\n", "[dns]\nttl = \"1s\"\n");
        text.replace("grace = \"200ms\"\ndeadline = \"10s\"", "deadline = \"1m\"")
    })
    .await
}

/// What there is at a path, of some length: other bytes everywhere.
fn content(path: &str) -> Bytes {
    let length = 100 + path.bytes().map(usize::from).sum::<usize>() % 64 * 1024;
    let mut text = path.repeat(length / path.len() + 1);
    text.truncate(length);
    text.into()
}

async fn answer(asked: Asked) -> Response<Full<Bytes>> {
    match asked.method {
        Method::POST => fresh(format!("got {}", asked.body.len())),
        _ => fresh(content(&asked.path)),
    }
}

/// Clients under way, and what has become of their requests.
struct Load {
    stop: Arc<AtomicBool>,
    tally: Arc<Mutex<Tally>>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Tally {
    /// Which node is being restarted.
    phase: String,
    /// Good answers, by the edge that gave them.
    good: BTreeMap<String, usize>,
    /// In which phase each client was last answered well.
    last: BTreeMap<usize, String>,
    again: usize,
    failed: Vec<String>,
}

impl Load {
    fn start(cdn: &Cdn) -> Self {
        let mut load = Load {
            stop: Arc::default(),
            tally: Arc::default(),
            clients: Vec::new(),
        };
        let manners = [
            Manner::Fresh,
            Manner::Fresh,
            Manner::KeepAlive,
            Manner::KeepAlive,
            Manner::KeepAlive,
            Manner::Http2,
        ];
        for network in NETWORKS {
            for manner in manners {
                let port = cdn.at("fra-1").port();
                let visitor = Visitor::new(manner, cdn.at("ns1"), network, Cdn::HOST, port);
                let (stop, tally) = (Arc::clone(&load.stop), Arc::clone(&load.tally));
                let number = load.clients.len();
                let client = visit(visitor, manner, number, stop, tally);
                load.clients.push(tokio::spawn(client));
            }
        }
        load
    }

    fn enter(&self, phase: &str) {
        phase.clone_into(&mut self.tally.lock().unwrap().phase);
    }

    /// How many good answers there were.
    fn good(&self) -> usize {
        self.tally.lock().unwrap().good.values().sum()
    }

    /// Waits until each client has had an answer in this phase.
    async fn until_all_have_been_served(&self) {
        wait::until("each client was served", || async {
            let tally = self.tally.lock().unwrap();
            let served = |number| tally.last.get(&number) == Some(&tally.phase);
            let all = (0..self.clients.len()).all(served);
            (all || !tally.failed.is_empty()).then_some(())
        })
        .await;
    }

    async fn stop(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.unwrap();
        }
        std::mem::take(&mut *self.tally.lock().unwrap())
    }
}

async fn visit(
    mut visitor: Visitor,
    manner: Manner,
    number: usize,
    stop: Arc<AtomicBool>,
    tally: Arc<Mutex<Tally>>,
) {
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let asked = wish(manner, number, n);
        let visited = visitor.send(&asked.0, &asked.1, &asked.2).await;
        let again = std::mem::take(&mut visitor.again);
        let told = judge(manner, &asked, visited);
        tally.lock().unwrap().take_in(number, told, again);
        tokio::time::sleep(PAUSE).await;
    }
}

/// What a client asks for as its n-th: mostly what others ask for too; some that nobody has asked for;
/// and some that must not be repeated, by those who take a new connection for it.
fn wish(manner: Manner, number: usize, n: usize) -> (Method, String, Bytes) {
    let nothing = Bytes::new();
    match n % 5 {
        0 => (Method::GET, format!("/only-{number}-{n}"), nothing),
        1 if manner == Manner::Fresh => (Method::POST, "/form".to_owned(), "twelve bytes".into()),
        _ => {
            let path = format!("/common-{}", (n * 7 + number) % COMMON);
            (Method::GET, path, nothing)
        }
    }
}

/// The edge that answered as it should, or what went wrong.
fn judge(
    manner: Manner,
    (method, path, _): &(Method, String, Bytes),
    visited: Result<Visit, Failed>,
) -> Result<String, String> {
    let expected = match *method {
        Method::POST => "got 12".into(),
        _ => content(path),
    };
    match visited {
        Ok(visit) if visit.status == StatusCode::OK && visit.body == expected => {
            Ok(visit.at.to_string())
        }
        Ok(Visit { at, status, body }) => {
            let text = String::from_utf8_lossy(&body[..body.len().min(60)]);
            let length = body.len();
            Err(format!(
                "{manner:?} {method} {path}: {at}: {status}, {length} bytes: {text}"
            ))
        }
        Err(why) => Err(format!("{manner:?} {method} {path}: {why}")),
    }
}

impl Tally {
    fn take_in(&mut self, number: usize, told: Result<String, String>, again: usize) {
        self.again += again;
        match told {
            Ok(at) => {
                *self.good.entry(at).or_default() += 1;
                self.last.insert(number, self.phase.clone());
            }
            Err(why) => self.failed.push(format!("{}: {why}", self.phase)),
        }
    }
}

/// Drains a node, and starts it again.
async fn restart(cdn: &mut Cdn, name: &str) {
    let file = cdn.file();
    let args = ["drain", name, "--config", file.to_str().unwrap()];
    let mut command = crate::harness::process::command(&args);
    let drain = move || crate::harness::process::finish(&mut command);
    let (code, told, warned) = tokio::task::spawn_blocking(drain).await.unwrap();
    assert_eq!((code, warned.as_str()), (0, ""), "{told}");
    assert!(cdn.node(name).wait().success());
    cdn.spawn(name);
    cdn.until_ready(name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_of_all_nodes_under_load_loses_no_request() {
    let origin = Origin::start(answer).await;
    let mut cdn = start(&origin).await;
    let load = Load::start(&cdn);
    load.enter("before");
    load.until_all_have_been_served().await;
    let mut rows = Vec::new();
    for name in ["fra-1", "fra-2", "nyc-1", "nyc-2", "shield-1", "shield-2"] {
        let (begun, before) = (std::time::Instant::now(), load.good());
        load.enter(name);
        restart(&mut cdn, name).await;
        load.until_all_have_been_served().await;
        let seconds = begun.elapsed().as_secs_f64();
        rows.push((name, seconds, load.good() - before));
    }
    load.enter("after");
    // They come back to each of them.
    let edges = ["fra-1", "fra-2", "nyc-1", "nyc-2"].map(|name| cdn.at(name).to_string());
    load.tally.lock().unwrap().good.clear();
    wait::until("each edge serves again", || async {
        let tally = load.tally.lock().unwrap();
        let all = edges.iter().all(|edge| tally.good.contains_key(edge));
        (all || !tally.failed.is_empty()).then_some(())
    })
    .await;
    let tally = load.stop().await;
    println!("node      seconds  answered  failed");
    for (name, seconds, answered) in &rows {
        let failed = tally.failed.iter().filter(|told| told.starts_with(name));
        println!(
            "{name:<9} {seconds:>7.1}  {answered:>8}  {:>6}",
            failed.count()
        );
    }
    println!("sent again on a new connection: {}", tally.again);
    assert_eq!(tally.failed, Vec::<String>::new());
    assert!(rows.iter().all(|(_, _, answered)| *answered > 0));
}
