//! Connections that are served through `io_uring`, as far as the kernel has it here.

use std::{
    net::Shutdown,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use perigee_server::{DrainReport, Limits};
use proptest::{prelude::*, sample::select};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
};

use crate::support::{PATIENCE, Raw, Running, SHORT, soon, start, until};

/// After one request.
pub(crate) fn soonest() -> Limits {
    Limits {
        io_uring_after: 1,
        ..Limits::default()
    }
}

/// Whether the kernel has it, and lets us.
pub(crate) fn is_there() -> bool {
    let ring = io_uring::IoUring::<io_uring::squeue::Entry>::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .build(8);
    if let Err(error) = &ring {
        eprintln!("passed over, no io_uring: {error}");
    }
    ring.is_ok()
}

impl Running {
    /// Waits until so many connections are served so.
    async fn wait_for_guests(&self, count: usize) {
        let guests = || self.server.stats().through_io_uring;
        let what = || format!("{} through io_uring, {count} wanted", guests());
        until(|| guests() == count, what).await;
    }

    /// A client that is served so.
    async fn guest(&self) -> Raw {
        let before = self.server.stats().through_io_uring;
        let mut client = self.connect().await;
        client.hit().await;
        self.wait_for_guests(before + 1).await;
        client
    }
}

impl Raw {
    async fn hit(&mut self) {
        self.get("/one").await;
        let response = self.read_until("cl=0").await;
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    }
}

#[tokio::test]
async fn who_is_answered_at_once_is_served_so_until_it_asks_for_more() {
    if !is_there() {
        return;
    }
    let it = start(soonest()).await;
    let mut client = it.guest().await;
    for _ in 0..10 {
        client.hit().await;
    }
    assert_eq!(it.server.stats().through_io_uring, 1);
    // What takes a handler is answered by the task of the connection.
    client.get("/pieces").await;
    client.read_until("0\r\n\r\n").await;
    assert_eq!(it.server.stats().through_io_uring, 0);
    client.hit().await;
    it.wait_for_guests(1).await;
    client
        .send("POST /mirror HTTP/1.1\r\nhost: a.example\r\ncontent-length: 5\r\n\r\nhello")
        .await;
    client.read_until("hello").await;
    // So do an upgrade, and what follows it.
    client.hit().await;
    it.wait_for_guests(1).await;
    client
        .send("GET /echo HTTP/1.1\r\nhost: a.example\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nearly")
        .await;
    client.read_until("\r\n\r\nearly").await;
    client.send(" late").await;
    client.read_until(" late").await;
    assert_eq!(it.server.stats().through_io_uring, 0);
    assert_eq!(it.server.connections(), 1);
    drop(client);
    it.wait_for_connections(0).await;
}

#[tokio::test]
async fn nobody_is_served_so_where_it_is_switched_off_or_too_soon() {
    for (after, requests) in [(0, 40), (16, 15)] {
        let it = start(Limits {
            io_uring_after: after,
            ..Limits::default()
        })
        .await;
        let mut client = it.connect().await;
        for _ in 0..requests {
            client.hit().await;
        }
        assert_eq!(it.server.stats().through_io_uring, 0);
    }
}

#[tokio::test]
async fn many_at_once_are_all_answered() {
    // More than there are buffers to receive into.
    const MANY: usize = 400;
    if !is_there() {
        return;
    }
    let it = start(soonest()).await;
    let mut clients = Vec::new();
    for _ in 0..MANY {
        let mut client = it.connect().await;
        client.hit().await;
        clients.push(client);
    }
    it.wait_for_guests(MANY).await;
    for _ in 0..3 {
        for client in &mut clients {
            client.get("/one").await;
            client.get("/two").await;
        }
        for client in &mut clients {
            client.read_until("/one host=a.example").await;
            client.read_until("/two host=a.example").await;
            client.read_until("cl=0").await;
        }
    }
    drop(clients);
    it.wait_for_connections(0).await;
    assert_eq!(it.server.stats().through_io_uring, 0);
}

#[tokio::test]
async fn a_client_that_ends_its_connection_is_closed() {
    if !is_there() {
        return;
    }
    let it = start(soonest()).await;
    let mut client = it.guest().await;
    // What came with its end is answered still.
    client.get("/two").await;
    client.0.shutdown().await.unwrap();
    let response = client.read_to_end().await.unwrap();
    assert!(response.ends_with("/two host=a.example tls=false te=0 cl=0"));
    it.wait_for_connections(0).await;

    let client = it.guest().await;
    client.0.set_zero_linger().unwrap();
    drop(client);
    it.wait_for_connections(0).await;
    assert_eq!(it.server.stats().through_io_uring, 0);
}

#[tokio::test]
async fn times_are_kept() {
    if !is_there() {
        return;
    }
    let it = start(Limits {
        idle_timeout: SHORT * 4,
        head_timeout: SHORT,
        write_timeout: SHORT,
        ..soonest()
    })
    .await;
    let mut silent = it.guest().await;
    let mut slow = it.guest().await;
    let mut deaf = it.guest().await;
    slow.send("GET / HTT").await;
    deaf.get("/big").await;
    assert!(slow.is_closed().await);
    assert!(silent.is_closed().await);
    it.wait_for_connections(0).await;
    drop(deaf);
}

#[tokio::test]
async fn what_is_no_request_yet_is_waited_for_by_the_task() {
    if !is_there() {
        return;
    }
    let it = start(Limits {
        head_timeout: SHORT,
        ..soonest()
    })
    .await;
    for beginning in ["\r\n", "\r", "GET / HTTP/1.1\r\nhost: a.example\r\n"] {
        let mut client = it.guest().await;
        client.send(beginning).await;
        // Long before it would be idle for too long.
        assert!(client.is_closed().await, "{beginning:?}");
        it.wait_for_connections(0).await;
    }
}

#[tokio::test]
async fn what_a_slow_reader_has_asked_for_comes_whole() {
    if !is_there() {
        return;
    }
    let it = start(soonest()).await;
    let client = it.guest().await;
    // Far more than the kernel keeps for it.
    const MANY: usize = 100_000;
    let (mut read, mut write) = client.0.into_split();
    let asks = tokio::spawn(async move {
        let one = "GET /one HTTP/1.1\r\nhost: a.example\r\n\r\n";
        write.write_all(one.repeat(MANY).as_bytes()).await.unwrap();
        write.shutdown().await.unwrap();
    });
    // It waits for the client, and so does not stand there any more.
    it.wait_for_guests(0).await;
    let mut all = Vec::new();
    soon(read.read_to_end(&mut all)).await.unwrap();
    soon(asks).await.unwrap();
    let answers = String::from_utf8(all).unwrap();
    assert_eq!(answers.matches("/one host=a.example").count(), MANY);
    assert!(answers.ends_with("cl=0"));
}

#[tokio::test]
async fn a_drain_ends_those_who_wait_and_no_request_is_lost() {
    if !is_there() {
        return;
    }
    let it = start(soonest()).await;
    let mut idle = it.guest().await;
    let mut asking = it.guest().await;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let asker = tokio::spawn(async move {
        while !stopped.load(Relaxed) {
            asking.get("/one").await;
            let response = asking.read_until("cl=0").await;
            if response.contains("connection: close") {
                return true;
            }
        }
        false
    });
    it.server.turn_away();
    assert!(soon(asker).await.unwrap(), "it is told to go elsewhere");
    stop.store(true, Relaxed);
    let report = it.server.drain(PATIENCE).await;
    assert!(idle.is_closed().await);
    assert_eq!(report.cut, 0);
    assert_eq!(it.server.connections(), 0);
}

#[tokio::test]
async fn a_drain_waits_for_nobody_who_only_waits() {
    if !is_there() {
        return;
    }
    let it = start(soonest()).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(it.guest().await);
    }
    let report = it.server.drain(PATIENCE).await;
    let finished = clients.len();
    assert_eq!(report, DrainReport { finished, cut: 0 });
    for client in &mut clients {
        assert!(client.is_closed().await);
    }
}

#[tokio::test]
async fn a_mistake_ends_one_connection() {
    if !is_there() {
        return;
    }
    let it = start(soonest()).await;
    let mut other = it.guest().await;
    let mut client = it.guest().await;
    client.get("/mistake").await;
    assert!(client.is_closed().await);
    it.wait_for_connections(1).await;
    other.hit().await;
    assert_eq!(it.server.stats().through_io_uring, 1);
}

#[test]
fn connections_go_with_their_runtime() {
    if !is_there() {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let mut client = runtime.block_on(async {
        let it = start(soonest()).await;
        let client = it.guest().await;
        client.0.into_std().unwrap()
    });
    drop(runtime);
    client.set_nonblocking(false).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let read = std::io::Read::read(&mut client, &mut [0; 16]);
    assert!(
        matches!(read, Ok(0))
            || read.is_err_and(|it| it.kind() == std::io::ErrorKind::ConnectionReset),
        "it is closed"
    );
    let _ = client.shutdown(Shutdown::Both);
}

/// What is sent, and what ends the answer to it.
fn request() -> impl Strategy<Value = (String, &'static str)> {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: a.example\r\n\r\n");
    prop_oneof![
        12 => select(&["/one", "/two", "/7", "/123"][..]).prop_map(move |path| (get(path), "cl=0")),
        1 => Just((get("/length"), "hello")),
        1 => Just((get("/pieces"), "0\r\n\r\n")),
        1 => Just((get("/same"), "\r\n\r\n")),
        1 => Just((get("/none"), "\r\n\r\n")),
        1 => Just((get("/other"), "cl=0")),
        1 => Just(("HEAD /one HTTP/1.1\r\nhost: a.example\r\n\r\n".into(), "\r\n\r\n")),
        1 => Just((
            "POST /mirror HTTP/1.1\r\nhost: a.example\r\ncontent-length: 5\r\n\r\nhello".into(),
            "hello",
        )),
        1 => Just((
            "GET /one HTTP/1.1\r\nhost: a.example\r\nx: y\r\nconnection: keep-alive\r\n\r\n".into(),
            "cl=0",
        )),
    ]
}

/// What a client gets that sends these, so many of them at a time, cut at these places.
async fn answers(
    it: &Running,
    requests: &[(String, &'static str)],
    together: usize,
    cuts: &[usize],
) -> String {
    let (mut client, mut all) = (it.connect().await, String::new());
    client.0.set_nodelay(true).unwrap();
    let mut cuts = cuts.iter().cycle();
    for batch in requests.chunks(together) {
        let text: String = batch.iter().map(|(request, _)| request.as_str()).collect();
        let (first, second) = text.split_at(text.len().min(*cuts.next().unwrap()));
        for piece in [first, second] {
            soon(client.0.write_all(piece.as_bytes())).await.unwrap();
            tokio::task::yield_now().await;
        }
        for (_, end) in batch {
            all.push_str(&client.read_until(end).await);
        }
    }
    let last = "GET /two HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n";
    client.send(last).await;
    all + &client.read_to_end().await.unwrap()
}

/// Answers without what the clock has said.
fn timeless(answers: &str) -> String {
    let lines = answers.split_inclusive("\r\n");
    lines.filter(|line| !line.starts_with("date: ")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The same is answered, in the same order, whoever serves the connection.
    #[test]
    fn what_is_answered_is_the_same(
        requests in prop::collection::vec(request(), 1..20),
        together in 1_usize..4,
        cuts in prop::collection::vec(0_usize..90, 1..5),
    ) {
        let runtime = Runtime::new().unwrap();
        let [with, without] = [1, 0].map(|io_uring_after| runtime.block_on(async {
            let it = start(Limits { io_uring_after, ..Limits::default() }).await;
            timeless(&answers(&it, &requests, together, &cuts).await)
        }));
        prop_assert_eq!(with, without);
    }
}

/// A descriptor that is free is given to the next connection: nobody is taken for who had it before.
#[tokio::test]
async fn one_that_comes_is_not_taken_for_one_that_went() {
    if !is_there() {
        return;
    }
    let it = start(soonest()).await;
    let mut rounds = Vec::new();
    for _ in 0..8 {
        let address = it.address;
        rounds.push(tokio::spawn(async move {
            for round in 0..100 {
                let mut client = Raw(TcpStream::connect(address).await.unwrap());
                for _ in 0..=round % 3 {
                    client.hit().await;
                }
                if round % 2 == 0 {
                    client.0.set_zero_linger().unwrap();
                }
            }
        }));
    }
    for round in rounds {
        soon(round).await.unwrap();
    }
    it.wait_for_connections(0).await;
    let mut client = it.guest().await;
    client.hit().await;
}
