//! Misses over HTTP/1.1: what is asked for was never asked for before, and is stored.

use std::task::{Context, Poll, ready};

use crate::{
    counted::{Peer, counted, play},
    edge::{self, HOST},
    origin::BODY,
    wire::Wire,
};

const WARM: usize = 1_000;
const COUNTED: usize = 1_000;

/// 1 KiB from the origin, each under another name.
pub(crate) fn miss() -> usize {
    let running = edge::start();
    let wire = running.runtime.block_on(Wire::to(running.address));
    let mut client = Client {
        wire,
        next: 0,
        until: WARM,
        asked: false,
    };
    running.runtime.block_on(play(&mut client));
    client.until += COUNTED;
    counted(&mut || running.runtime.block_on(play(&mut client)));
    COUNTED
}

struct Client {
    wire: Wire,
    next: usize,
    until: usize,
    asked: bool,
}

impl Peer for Client {
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.next < self.until {
            if !self.asked {
                let request = format!(
                    "GET /m/{:08} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: client/1.0\r\nAccept: */*\r\n\r\n",
                    self.next
                );
                self.wire.send(request.as_bytes());
                self.asked = true;
            }
            assert_ne!(ready!(self.wire.more(cx)), 0, "the connection was closed");
            let came = std::str::from_utf8(self.wire.came()).expect("is text");
            assert!(came.starts_with("HTTP/1.1 200 "), "{came}");
            if came.contains("\r\n\r\n") && came.as_bytes().ends_with(&BODY) {
                assert!(came.contains("uri-miss"), "{came}");
                self.wire.take(came.len());
                self.asked = false;
                self.next += 1;
            }
        }
        Poll::Ready(())
    }
}
