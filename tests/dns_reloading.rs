//! The name server takes up new files while it is asked all the time, and no query goes unanswered.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    task::JoinHandle,
    time::timeout,
};

use crate::harness::{
    cdn::{Cdn, Plan},
    wait,
};

/// How long an answer may take on a machine that has much else to do. Nothing is asked twice.
const PATIENCE: Duration = Duration::from_secs(20);
/// So many files are taken up.
const FILES: u32 = 12;
/// Sent on a TCP connection before the first answer is read.
const PIPELINED: u16 = 20;
/// Where, in the answer to `question`, the TTL of the first record is.
const TTL_AT: usize = 12 + 14 + 4 + 6;

fn question(id: u16) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend(b"\x03www\x03cdn\x04test\x00\x00\x01\x00\x01");
    message
}

/// Tells the TTL and the address of an answer, which must be one.
fn answered(id: u16, answer: &[u8]) -> (u32, Ipv4Addr) {
    assert_eq!(answer[..2], id.to_be_bytes());
    assert_eq!(answer[3] & 15, 0, "{answer:?}");
    assert_eq!(answer[6..8], [0, 1], "{answer:?}");
    let four = |at: usize| u32::from_be_bytes(answer[at..][..4].try_into().unwrap());
    (four(TTL_AT), four(TTL_AT + 6).into())
}

/// Each question from another network and port: another of the server's sockets, and nobody who asks
/// too much.
async fn over_udp(server: SocketAddr, number: u64) -> (u32, Ipv4Addr) {
    let [.., a, b, c] = (number as u32).to_be_bytes();
    let from = Ipv4Addr::new(127, 1 + c % 250, b, 1 + a % 250);
    let socket = UdpSocket::bind((from, 0)).await.unwrap();
    socket.connect(server).await.unwrap();
    socket.send(&question(number as u16)).await.unwrap();
    let mut answer = [0; 512];
    let length = timeout(PATIENCE, socket.recv(&mut answer)).await;
    let length = length.expect("a query over UDP was lost").unwrap();
    answered(number as u16, &answer[..length])
}

async fn over_tcp(stream: &mut TcpStream) {
    let mut questions = Vec::new();
    for id in 0..PIPELINED {
        let question = question(id);
        questions.extend(u16::try_from(question.len()).unwrap().to_be_bytes());
        questions.extend(question);
    }
    stream.write_all(&questions).await.unwrap();
    for id in 0..PIPELINED {
        let length = timeout(PATIENCE, stream.read_u16()).await;
        let length = length.expect("a query over TCP was lost").unwrap();
        let mut answer = vec![0; length.into()];
        stream.read_exact(&mut answer).await.unwrap();
        answered(id, &answer);
    }
}

/// Clients that ask without a pause.
struct Load {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(server: SocketAddr) -> Self {
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let mut clients = Vec::new();
        for _ in 0..4 {
            let (stop, asked): (Arc<AtomicBool>, Arc<AtomicU64>) =
                (Arc::clone(&stop), Arc::clone(&asked));
            clients.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    over_udp(server, asked.fetch_add(1, Ordering::Relaxed)).await;
                }
            }));
        }
        for _ in 0..2 {
            let (stop, asked) = (Arc::clone(&stop), Arc::clone(&asked));
            clients.push(tokio::spawn(async move {
                let mut stream = TcpStream::connect(server).await.unwrap();
                while !stop.load(Ordering::Relaxed) {
                    over_tcp(&mut stream).await;
                    asked.fetch_add(PIPELINED.into(), Ordering::Relaxed);
                }
            }));
        }
        Load {
            stop,
            asked,
            clients,
        }
    }

    /// How many questions were asked, all of which were answered.
    async fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.unwrap();
        }
        self.asked.load(Ordering::Relaxed)
    }
}

/// Puts all of 127.0.0.0/8 into this place, by rename.
fn place(path: &Path, place: &str) {
    let table = format!("127.0.0.0/8,{place}\n");
    let new = path.with_extension("new");
    std::fs::write(&new, perigee_geodns::build_database(&table).unwrap()).unwrap();
    std::fs::rename(new, path).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zone_places_and_policy_change_under_load_and_no_query_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("places.mmdb");
    let places = ["50.1,8.7,EU,DE,Frankfurt", "40.7,-74.0,NA,US,New York"];
    place(&database, places[0]);
    // Where who is in one of the places is sent, now by one policy, now by the other.
    let policies = ["fra", "nyc"].map(|german| {
        let other = if german == "fra" { "nyc" } else { "fra" };
        format!(
            "rules = [{{ countries = [\"DE\"], pops = [\"{german}\"], only = true }}, \
             {{ countries = [\"US\"], pops = [\"{other}\"], only = true }}]\n"
        )
    });
    let plan = Plan {
        pops: vec![("fra", 50.11, 8.68, 1), ("nyc", 40.71, -74.01, 1)],
        shields: 0,
        geodns: true,
        service: "dns = { policy = \"test\" }".to_owned(),
        tables: "[[dns.policies]]\nname = \"test\"\nRULES\n[health]\ninterval = \"100ms\"\n"
            .to_owned(),
        ..Plan::small("http://127.0.0.1:9".to_owned())
    };
    // What changes with each number: the TTL and the place with each, the policy with every second one.
    let file = |text: &str, number: u32| {
        let seconds = 100 + number;
        let dns = format!("[dns]\nttl = \"{seconds}s\"\ndatabase = {database:?}\n");
        let rules = &policies[number as usize / 2 % 2];
        text.replace("[dns]\n", &dns).replace("RULES\n", rules)
    };
    let mut cdn = Cdn::start_with(plan, |text| file(&text, 0)).await;
    let (server, text) = (cdn.at("ns1"), cdn.text());
    let load = Load::start(server);
    for number in 1..=FILES {
        if number % 4 == 0 {
            // Broken ones are refused, and cost nothing either.
            cdn.write("[dns]\nzone = 7\n");
            std::fs::write(database.with_extension("new"), "not a database").unwrap();
            std::fs::rename(database.with_extension("new"), &database).unwrap();
            cdn.node("ns1").signal(rustix::process::Signal::HUP);
        }
        place(&database, places[number as usize % 2]);
        cdn.write(&file(&text, number));
        for _ in 0..3 {
            cdn.node("ns1").signal(rustix::process::Signal::HUP);
        }
        let is_german_edge = number % 2 == number / 2 % 2;
        let edge = if is_german_edge { "fra-1" } else { "nyc-1" };
        let IpAddr::V4(edge) = cdn.at(edge).ip() else {
            unreachable!("edges have IPv4 addresses here");
        };
        let expected = (100 + number, edge);
        wait::until(&format!("file {number} is in place"), || async {
            (over_udp(server, u64::from(number)).await == expected).then_some(())
        })
        .await;
    }
    let asked = load.end().await;
    println!("{asked} queries while {FILES} files were taken up, none lost");
    assert!(asked > u64::from(FILES), "{asked}");
}
