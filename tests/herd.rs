//! A thundering herd: 500 clients of six edges ask at once for one object that nobody has. The
//! origin is held by the test, so that nothing here depends on how fast anything is.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};

use crate::harness::{
    cdn::{Cdn, Plan},
    client::get,
    raw_client::RawClient,
    wait,
};

const CLIENTS: usize = 500;

/// An origin that sends its answer in pieces, each when the test says so, and counts its requests.
struct Held {
    url: String,
    pieces: mpsc::UnboundedSender<&'static [u8]>,
    asked: mpsc::UnboundedReceiver<()>,
}

impl Held {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (pieces, mut next) = mpsc::unbounded_channel::<&'static [u8]>();
        let (count, asked) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut connections = Vec::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let mut stream = accepted.unwrap().0;
                        read_head(&mut stream).await;
                        count.send(()).unwrap();
                        connections.push(stream);
                    }
                    piece = next.recv() => {
                        let Some(piece) = piece else { return };
                        for stream in &mut connections {
                            stream.write_all(piece).await.unwrap();
                        }
                    }
                }
            }
        });
        Held { url, pieces, asked }
    }

    fn say(&self, piece: &'static [u8]) {
        self.pieces.send(piece).unwrap();
    }
}

async fn read_head(stream: &mut TcpStream) {
    let (mut head, mut piece) = (Vec::new(), [0; 4096]);
    while !head.ends_with(b"\r\n\r\n") {
        let length = stream.read(&mut piece).await.unwrap();
        assert!(length > 0, "closed in the middle of a request");
        head.extend_from_slice(&piece[..length]);
    }
}

/// Nodes that are slow, since all of this is on one machine, are not taken for dead.
const PATIENT: &str = "[tier]\nsuspect_after = \"10m\"\nconnect_timeout = \"1m\"\n\
                       [health]\ntimeout = \"1m\"\n";

async fn herd(pops: Vec<(&'static str, f64, f64, u8)>, shields: u8) {
    let mut origin = Held::start().await;
    let edges: Vec<String> = pops
        .iter()
        .flat_map(|(pop, _, _, count)| (1..=*count).map(move |n| format!("{pop}-{n}")))
        .collect();
    assert_eq!(edges.len(), 6);
    let plan = Plan {
        pops,
        shields,
        tables: PATIENT.to_owned(),
        ..Plan::small(origin.url.clone())
    };
    let cdn = Cdn::start(plan).await;

    let ask = format!("GET /viral HTTP/1.1\r\nhost: {}\r\n\r\n", Cdn::HOST);
    let mut clients = Vec::new();
    for n in 0..CLIENTS {
        let mut client = RawClient::connect(cdn.at(&edges[n % edges.len()])).await;
        client.write(ask.as_bytes()).await;
        clients.push(client);
    }
    wait::until("all of them wait", || async {
        let mut requests = 0;
        for edge in &edges {
            requests += requests_under_way(&cdn, edge).await;
        }
        (requests >= CLIENTS as u64).then_some(())
    })
    .await;

    origin.say(b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 8\r\n\r\nfirst");
    let mut reading = JoinSet::new();
    for mut client in clients {
        reading.spawn(async move {
            let text = client.until(b"first").await;
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
            assert!(text.ends_with("\r\n\r\nfirst"), "{text}");
            client
        });
    }
    // Each of them has the first bytes, and the origin has yet to send the last.
    let clients = reading.join_all().await;
    origin.say(b"end");
    let mut reading = JoinSet::new();
    for mut client in clients {
        reading.spawn(async move { assert_eq!(client.until(b"end").await, "end") });
    }
    assert_eq!(reading.join_all().await.len(), CLIENTS);
    origin.asked.recv().await.unwrap();
    assert!(
        origin.asked.is_empty(),
        "the origin was asked more than once"
    );
}

async fn requests_under_way(cdn: &Cdn, edge: &str) -> u64 {
    let status = get(cdn.admin(edge), "localhost", "/status").send().await;
    let status: serde_json::Value = serde_json::from_str(status.text()).unwrap();
    status["requests"].as_u64().unwrap()
}

#[tokio::test]
async fn of_one_pop_is_one_request_and_all_read_along() {
    herd(vec![("fra", 50.11, 8.68, 6)], 2).await;
}

#[tokio::test]
async fn of_three_pops_is_one_request_and_all_read_along() {
    let pops = vec![
        ("fra", 50.11, 8.68, 2),
        ("nyc", 40.71, -74.0, 2),
        ("sin", 1.35, 103.82, 2),
    ];
    herd(pops, 2).await;
}
