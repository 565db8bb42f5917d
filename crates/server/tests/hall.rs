//! What a connection costs that is served through `io_uring`: a hit takes no allocation, and a connection that waits
//! there little memory.
//!
//! A file of its own, for an allocator is that of a whole process.
#![cfg(target_os = "linux")]

mod counting;

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use counting::{settled, taken};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use perigee_server::{
    Asked, AtOnce, Client, Content, Handler, Limits, Reply, RequestBody, Server, ServerConfig,
    bind_all,
};

/// As many connections are measured.
const MANY: usize = 200;

/// What one may take, one for bytes of the kernel aside.
const MOST: isize = 3_072;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n";

struct Hello;

impl Handler for Hello {
    type Body = Full<Bytes>;

    fn at_once(&self, _: &Asked<'_>, _: &Client, reply: Reply<'_>) -> Option<AtOnce<Full<Bytes>>> {
        let text = reply.text;
        text.extend_from_slice(b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
        (reply.end_head?)(1_024, text);
        text.extend_from_slice(&[0; 1_024]);
        Some(AtOnce {
            status: StatusCode::OK,
            length: Some(1_024),
            content: Content::Written(1_024),
            for_all: true,
        })
    }

    async fn handle(&self, _: Request<RequestBody>, _: Client) -> Response<Full<Bytes>> {
        unreachable!("all is answered at once")
    }
}

/// Sends a request and reads its response; the connection stays open. Takes no allocation.
fn ask(client: &mut TcpStream) {
    client.write_all(REQUEST).expect("sends");
    let (mut response, mut came) = ([1; 2_048], 0);
    while !response[..came].ends_with(&[0; 1_024]) {
        let length = client.read(&mut response[came..]).expect("reads");
        assert!(length > 0, "the connection was closed");
        came += length;
    }
}

/// Waits until so many connections are open, and so many of them are served there.
fn wait_for(server: &Server, connections: usize, there: usize) {
    let begun = Instant::now();
    let now = || (server.connections(), server.stats().through_io_uring);
    while now() != (connections, there) {
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", now());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_hit_takes_no_allocation_and_who_waits_little_memory() {
    let ring = io_uring::IoUring::<io_uring::squeue::Entry>::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .build(8);
    if let Err(error) = ring {
        eprintln!("passed over, no io_uring: {error}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let _inside = runtime.enter();
    let listen = "127.0.0.1:0".parse().expect("an address");
    let http = runtime.block_on(bind_all(&[listen], 1_024)).expect("binds");
    let limits = Limits {
        io_uring_after: 1,
        ..Limits::default()
    };
    let config = ServerConfig {
        http,
        https: Vec::new(),
        private: Vec::new(),
        private_tls: None,
        certs: None,
        limits,
        gauge: None,
        pages: None,
    };
    let server = Server::start(config, Arc::new(Hello));
    let address = server.addresses()[0];
    let open = || -> Vec<TcpStream> {
        let connect = |_| TcpStream::connect(address).expect("connects");
        let mut clients: Vec<_> = (0..MANY).map(connect).collect();
        clients.iter_mut().for_each(ask);
        wait_for(&server, MANY, MANY);
        // What a connection keeps of its client it keeps from the second request on.
        clients.iter_mut().for_each(ask);
        clients.iter_mut().for_each(ask);
        clients
    };

    // What is taken once is taken by then.
    drop(open());
    wait_for(&server, 0, 0);
    let before = settled(|| server.connections() == 0);
    let mut clients = open();
    let each = (settled(|| server.connections() == MANY) - before) / MANY as isize;
    println!("{each} bytes for each connection");
    assert!(each < MOST, "{each} bytes for each connection");

    let before = taken();
    for _ in 0..10 {
        clients.iter_mut().for_each(ask);
    }
    let taken = taken() - before;
    assert_eq!(taken, 0, "allocations for {} hits", 10 * MANY);
    assert_eq!(server.stats().through_io_uring, MANY);
}
