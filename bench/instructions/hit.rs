//! Hits over HTTP/1.1, one after the other on one connection.

use std::task::{Context, Poll, ready};

use crate::{
    counted::{Peer, counted, play},
    edge::{self, HOST},
    origin::BODY,
    wire::Wire,
};

const WARM: usize = 200;
const COUNTED: usize = 1_000;

/// 1 KiB from memory.
pub(crate) fn hit() -> usize {
    run("", &|response| {
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
        response.contains("\r\n\r\n") && response.as_bytes().ends_with(&BODY)
    })
}

/// The client has it already.
pub(crate) fn not_modified() -> usize {
    run("If-None-Match: \"655349d0-400\"\r\n", &|response| {
        let status = response.get(9..12);
        assert!(matches!(status, Some("200" | "304")), "{response}");
        response.ends_with("\r\n\r\n") || response.as_bytes().ends_with(&BODY)
    })
}

fn run(field: &str, is_whole: &dyn Fn(&str) -> bool) -> usize {
    let running = edge::start();
    let wire = running.runtime.block_on(Wire::to(running.address));
    let mut client = Client {
        wire,
        request: format!(
            "GET /1k HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: client/1.0\r\nAccept: */*\r\n{field}\r\n"
        ),
        is_whole,
        left: WARM,
        asked: false,
    };
    running.runtime.block_on(play(&mut client));
    client.left = COUNTED;
    counted(&mut || running.runtime.block_on(play(&mut client)));
    COUNTED
}

struct Client<'a> {
    wire: Wire,
    request: String,
    is_whole: &'a dyn Fn(&str) -> bool,
    left: usize,
    asked: bool,
}

impl Peer for Client<'_> {
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.left > 0 {
            if !self.asked {
                self.wire.send(self.request.as_bytes());
                self.asked = true;
            }
            assert_ne!(ready!(self.wire.more(cx)), 0, "the connection was closed");
            let came = std::str::from_utf8(self.wire.came()).expect("is text");
            if (self.is_whole)(came) {
                // The first few are not stored yet.
                assert!(self.left >= WARM || came.contains("hit"), "{came}");
                self.wire.take(came.len());
                self.asked = false;
                self.left -= 1;
            }
        }
        Poll::Ready(())
    }
}
