//! What an open connection costs in memory that waits for its next request.
//!
//! A file of its own, for an allocator is that of a whole process.

mod counting;

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
};

use bytes::Bytes;
use counting::settled;
use http::{Request, Response};
use http_body_util::Full;
use perigee_server::{Client, Handler, Limits, RequestBody, Server, ServerConfig, bind_all};

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
    let before = settled(|| server.connections() == 0);
    let clients = open(MANY);
    let each = (settled(|| server.connections() == MANY) - before) / MANY as isize;
    println!("{each} bytes for each connection");
    assert!(each < MOST, "{each} bytes for each connection");
    drop(clients);
}
