//! An origin that answers each request alike.

use std::{
    net::SocketAddr,
    task::{Context, Poll, ready},
};

use tokio::net::TcpListener;

use crate::{
    counted::{Peer, play},
    wire::Wire,
};

pub(crate) const BODY: [u8; 1024] = [b'x'; 1024];

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: origin\r\n\
    Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n\
    Content-Type: text/plain\r\n\
    Content-Length: 1024\r\n\
    Last-Modified: Mon, 13 Nov 2023 22:13:20 GMT\r\n\
    ETag: \"655349d0-400\"\r\n\
    Cache-Control: public, max-age=3600\r\n\
    Accept-Ranges: bytes\r\n\r\n";

/// Starts one, in the runtime that it is called in.
pub(crate) async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("is bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut origin = Origin {
                wire: Wire::over(stream),
                response: [HEAD, &BODY].concat(),
            };
            tokio::spawn(async move { play(&mut origin).await });
        }
    });
    address
}

struct Origin {
    wire: Wire,
    response: Vec<u8>,
}

impl Peer for Origin {
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while ready!(self.wire.more(cx)) > 0 {
            let came = self.wire.came();
            if came.ends_with(b"\r\n\r\n") {
                self.wire.take(came.len());
                self.wire.send(&self.response);
            }
        }
        Poll::Ready(())
    }
}
