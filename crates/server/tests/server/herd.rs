//! Requests that are the same, and come together over connections that are served through `io_uring`.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Instant,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use perigee_server::{
    Asked, AtOnce, Client, Content, Handler, Limits, Reply, RequestBody, Server, ServerConfig,
};
use tokio::runtime::Runtime;

use crate::{
    hall::{is_there, soonest},
    support::{PATIENCE, listen},
};

/// Bytes of content in each answer.
const CONTENT: usize = 8;

/// Answers are numbered.
#[derive(Default)]
struct Numbers {
    /// Requests that were asked about, but for those to `/gate`.
    asked: AtomicU64,
    /// Requests that were told to have had the answer of one before.
    others: AtomicU64,
    /// Who is at the gate, and whether that is open.
    gate: Mutex<(bool, bool)>,
    changed: Condvar,
    /// Answers are not for all.
    is_for_one: AtomicBool,
}

impl Numbers {
    /// Waits at the gate, and with it the thread that serves all.
    fn wait(&self) {
        let mut gate = self.gate.lock().unwrap();
        gate.0 = true;
        self.changed.notify_all();
        let waited = self
            .changed
            .wait_timeout_while(gate, PATIENCE, |gate| !gate.1);
        *waited.unwrap().0 = (false, false);
    }

    fn wait_for_somebody(&self) {
        let gate = self.gate.lock().unwrap();
        let waited = self
            .changed
            .wait_timeout_while(gate, PATIENCE, |gate| !gate.0);
        assert!(!waited.unwrap().1.timed_out(), "nobody came to the gate");
    }

    fn open(&self) {
        self.gate.lock().unwrap().1 = true;
        self.changed.notify_all();
    }

    fn counts(&self) -> (u64, u64) {
        (self.asked.load(SeqCst), self.others.load(SeqCst))
    }
}

impl Handler for Numbers {
    type Body = Full<Bytes>;

    fn at_once(
        &self,
        asked: &Asked<'_>,
        client: &Client,
        reply: Reply<'_>,
    ) -> Option<AtOnce<Self::Body>> {
        let number = match asked.target {
            "/gate" => {
                self.wait();
                0
            }
            _ => self.asked.fetch_add(1, SeqCst) + 1,
        };
        reply.text.extend_from_slice(b"date: now\r\n");
        let content = match asked.is_head {
            true => Content::Empty,
            false => {
                (reply.end_head?)(CONTENT as u64, reply.text);
                let from = if client.private { 'p' } else { 'n' };
                let text = format!("{from}{number:07}");
                reply.text.extend_from_slice(text.as_bytes());
                Content::Written(CONTENT as u64)
            }
        };
        Some(AtOnce {
            status: StatusCode::OK,
            length: Some(CONTENT as u64),
            content,
            for_all: !self.is_for_one.load(SeqCst),
        })
    }

    fn again(&self, asked: &Asked<'_>, content: u64, times: u64) {
        assert_eq!((asked.target, asked.host), ("/one", "a.example"));
        assert_eq!(asked.fields.len(), 1);
        let expected = if asked.is_head { 0 } else { CONTENT };
        assert_eq!(content, expected as u64);
        self.others.fetch_add(times, SeqCst);
    }

    async fn handle(&self, _: Request<RequestBody>, _: Client) -> Response<Self::Body> {
        Response::new("by hand.".into())
    }
}

struct Running {
    numbers: Arc<Numbers>,
    server: Server,
    _runtime: Runtime,
}

impl Running {
    fn start() -> Running {
        let runtime = Runtime::new().unwrap();
        let _inside = runtime.enter();
        let (public, private) = runtime.block_on(async { (listen().await, listen().await) });
        let config = ServerConfig {
            http: vec![public],
            private: vec![private],
            private_tls: None,
            https: Vec::new(),
            certs: None,
            limits: Limits {
                max_head: 4 << 10,
                ..soonest()
            },
            gauge: None,
            pages: None,
        };
        let numbers = Arc::new(Numbers::default());
        let server = Server::start(config, Arc::clone(&numbers));
        Running {
            numbers,
            server,
            _runtime: runtime,
        }
    }

    /// Clients that are served so, at the public address or the private one.
    fn guests(&self, count: usize, is_private: bool) -> Vec<TcpStream> {
        let address = self.server.addresses()[usize::from(is_private)];
        let before = self.server.stats().through_io_uring;
        let guests = (0..count).map(|_| {
            let mut client = TcpStream::connect(address).unwrap();
            client.set_nodelay(true).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            send(&mut client, "GET", "/first");
            answer(&mut client, "GET");
            client
        });
        let guests: Vec<_> = guests.collect();
        let begun = Instant::now();
        while self.server.stats().through_io_uring < before + count {
            assert!(begun.elapsed() < PATIENCE, "they are not served so");
            std::thread::yield_now();
        }
        guests
    }

    /// Has all but the first of these ask for the same while that one keeps busy who serves them, so that their
    /// requests come together. What they are answered.
    fn together(&self, clients: &mut [TcpStream], method: &str) -> Vec<String> {
        let (busy, clients) = clients.split_first_mut().unwrap();
        send(busy, "GET", "/gate");
        self.numbers.wait_for_somebody();
        clients
            .iter_mut()
            .for_each(|client| send(client, method, "/one"));
        self.numbers.open();
        answer(busy, "GET");
        clients
            .iter_mut()
            .map(|client| answer(client, method))
            .collect()
    }
}

fn send(client: &mut TcpStream, method: &str, path: &str) {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\n\r\n");
    client.write_all(request.as_bytes()).unwrap();
}

/// One whole response.
fn answer(client: &mut TcpStream, method: &str) -> String {
    let (mut all, mut byte) = (Vec::new(), [0]);
    while !all.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).unwrap();
        all.push(byte[0]);
    }
    if method == "GET" {
        let mut content = [0; CONTENT];
        client.read_exact(&mut content).unwrap();
        all.extend_from_slice(&content);
    }
    String::from_utf8(all).unwrap()
}

fn until_counted(is_counted: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_counted() {
        assert!(begun.elapsed() < PATIENCE, "each is counted once");
        std::thread::yield_now();
    }
}

/// Tries again: which requests come together is up to the kernel.
fn until_some_came_together(mut round: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !round() {
        assert!(begun.elapsed() < PATIENCE, "they never came together");
    }
}

#[test]
fn who_asks_for_the_same_together_has_the_same_answer() {
    if !is_there() {
        return;
    }
    for method in ["GET", "HEAD"] {
        let it = Running::start();
        let mut clients = it.guests(13, false);
        until_some_came_together(|| {
            let before = it.numbers.counts();
            let answers = it.together(&mut clients, method);
            // Those who follow are counted when all have their answers.
            until_counted(|| {
                let after = it.numbers.counts();
                after.0 + after.1 == before.0 + before.1 + 12
            });
            let after = it.numbers.counts();
            let (asked, others) = (after.0 - before.0, after.1 - before.1);
            let mut distinct = answers.clone();
            distinct.sort_unstable();
            distinct.dedup();
            let expected = if method == "GET" { asked } else { 1 };
            assert_eq!(distinct.len() as u64, expected);
            assert!(
                answers
                    .iter()
                    .all(|it| it.starts_with("HTTP/1.1 200 OK\r\ndate: now\r\n"))
            );
            others > 0
        });
        assert!(
            it.server.stats().through_io_uring == 13,
            "nobody had to leave"
        );
    }
}

#[test]
fn who_asks_later_is_asked_about_anew() {
    if !is_there() {
        return;
    }
    let it = Running::start();
    let mut clients = it.guests(4, false);
    let before = it.numbers.counts();
    let mut answers = Vec::new();
    for _ in 0..25 {
        for client in &mut clients {
            send(client, "GET", "/one");
            answers.push(answer(client, "GET"));
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 100, "no answer is given twice");
    assert_eq!(it.numbers.counts(), (before.0 + 100, before.1));
}

#[test]
fn an_answer_that_is_for_one_is_given_to_one() {
    if !is_there() {
        return;
    }
    let it = Running::start();
    it.numbers.is_for_one.store(true, SeqCst);
    let mut clients = it.guests(13, false);
    for _ in 0..5 {
        let mut answers = it.together(&mut clients, "GET");
        answers.sort_unstable();
        answers.dedup();
        assert_eq!(answers.len(), 12);
    }
    assert_eq!(it.numbers.counts().1, 0);
}

/// What strangers are answered is not for those who come in by a private address, nor the other way round.
#[test]
fn no_answer_goes_from_public_to_private() {
    if !is_there() {
        return;
    }
    let it = Running::start();
    let mut clients = it.guests(7, false);
    clients.extend(it.guests(6, true));
    until_some_came_together(|| {
        let before = it.numbers.counts().1;
        let answers = it.together(&mut clients, "GET");
        let content = |answer: &String| answer.as_bytes()[answer.len() - CONTENT];
        assert!(answers[..6].iter().all(|it| content(it) == b'n'));
        assert!(answers[6..].iter().all(|it| content(it) == b'p'));
        it.numbers.counts().1 > before
    });
}

/// Who is to go elsewhere is told so, whatever others were answered just before.
#[test]
fn who_is_sent_away_is_told_so() {
    if !is_there() {
        return;
    }
    let it = Running::start();
    let mut clients = it.guests(7, false);
    let (busy, clients) = clients.split_first_mut().unwrap();
    send(busy, "GET", "/gate");
    it.numbers.wait_for_somebody();
    clients
        .iter_mut()
        .for_each(|client| send(client, "GET", "/gate"));
    it.numbers.open();
    answer(busy, "GET");
    // The first of them is being answered.
    it.numbers.wait_for_somebody();
    it.server.turn_away();
    it.numbers.open();
    let mut sent_away = 0;
    for client in clients {
        let mut answer = [0; 1_024];
        let length = client.read(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]);
        sent_away += usize::from(answer.contains("connection: close\r\n"));
    }
    assert_eq!(sent_away, 5);
    assert_eq!(it.numbers.counts().1, 0);
}
