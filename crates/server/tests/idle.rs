//! What an open connection costs in memory that waits for its next request.
//!
//! A file of its own, for an allocator is that of a whole process.

#![allow(
    unsafe_code,
    reason = "an allocator that counts can be had in no other way"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicIsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use perigee_server::{Client, Handler, Limits, RequestBody, Server, ServerConfig, bind_all};

/// Bytes that are allocated now.
static LIVE: AtomicIsize = AtomicIsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator as it came; to count needs no allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Relaxed);
        // SAFETY: as our caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: as our caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// As many connections are measured.
const MANY: usize = 200;

/// What one HTTP/1.1 connection may take, one for bytes of the kernel aside.
const MOST: isize = 2_560;

struct Hello;

impl Handler for Hello {
    type Body = Full<Bytes>;

    async fn handle(&self, _: Request<RequestBody>, _: Client) -> Response<Full<Bytes>> {
        // What a handler has in hand while it works is no cost of one that waits.
        let in_hand = [0_u8; 8_192];
        tokio::task::yield_now().await;
        Response::new(Full::new(Bytes::copy_from_slice(&in_hand[..1_024])))
    }
}

/// Sends a request and reads its response; the connection stays open.
fn ask(client: &mut TcpStream) {
    let request = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
    client.write_all(request).expect("sends");
    let (mut response, mut part) = (Vec::new(), [0; 4_096]);
    while !response.ends_with(&[0; 1_024]) {
        let length = client.read(&mut part).expect("reads");
        assert!(length > 0, "{response:?}");
        response.extend_from_slice(&part[..length]);
    }
}

/// What is allocated once it has not changed for a moment, and the server has as many connections.
fn settled(server: &Server, connections: usize) -> isize {
    let (begun, mut same, mut last) = (Instant::now(), 0, 0);
    while same < 20 {
        assert!(begun.elapsed() < Duration::from_secs(30), "never settles");
        std::thread::sleep(Duration::from_millis(5));
        let now = LIVE.load(Relaxed);
        let is_same = now == last && server.connections() == connections;
        (same, last) = (if is_same { same + 1 } else { 0 }, now);
    }
    last
}

#[test]
fn a_connection_that_waits_for_its_next_request_is_small() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let _inside = runtime.enter();
    let listen = "127.0.0.1:0".parse().expect("an address");
    let http = runtime.block_on(bind_all(&[listen], 1_024)).expect("binds");
    let config = ServerConfig {
        http,
        https: Vec::new(),
        private: Vec::new(),
        private_tls: None,
        certs: None,
        limits: Limits::default(),
        gauge: None,
        pages: None,
    };
    let server = Server::start(config, Arc::new(Hello));
    let address = server.addresses()[0];
    let open = |count: usize| -> Vec<TcpStream> {
        let connect = |_| TcpStream::connect(address).expect("connects");
        let mut clients: Vec<_> = (0..count).map(connect).collect();
        clients.iter_mut().for_each(ask);
        clients
    };

    // What is taken once is taken by then.
    drop(open(MANY));
    let before = settled(&server, 0);
    let clients = open(MANY);
    let each = (settled(&server, MANY) - before) / MANY as isize;
    println!("{each} bytes for each connection");
    assert!(each < MOST, "{each} bytes for each connection");
    drop(clients);
}
