//! Hits over HTTP/1.1, one after the other on one connection.

use std::{
    fs,
    task::{Context, Poll, ready},
};

use crate::{
    counted::{Peer, counted, play},
    edge::{self, HOST, Running},
    origin::BODY,
    wire::Wire,
};

const WARM: usize = 200;
const COUNTED: usize = 1_000;

/// 1 KiB from memory.
pub(crate) fn hit() -> usize {
    run("", &is_whole)
}

fn is_whole(response: &str) -> bool {
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    response.contains("\r\n\r\n") && response.as_bytes().ends_with(&BODY)
}

/// Requests after which the connection is served through `io_uring`.
const AFTER: usize = 16;

/// The same through `io_uring`: what the thread does that serves the connection, which is counted by itself. None
/// where the kernel does not allow it.
pub(crate) fn hit_io_uring() -> usize {
    let running = edge::start_with(AFTER as u32);
    let mut client = Client::of(&running, "", &is_whole);
    running.runtime.block_on(play(&mut client));
    client.left = COUNTED;
    running.runtime.block_on(play(&mut client));
    // The first one is stored.
    if is_served_by("hall") {
        WARM + COUNTED - AFTER - 1
    } else {
        0
    }
}

/// Whether this process has a thread of that name.
fn is_served_by(name: &str) -> bool {
    let tasks = fs::read_dir("/proc/self/task").expect("is there");
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .any(|comm| comm.trim() == name)
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
    let mut client = Client::of(&running, field, is_whole);
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

impl<'a> Client<'a> {
    fn of(running: &Running, field: &str, is_whole: &'a dyn Fn(&str) -> bool) -> Self {
        Client {
            wire: running.runtime.block_on(Wire::to(running.address)),
            request: format!(
                "GET /1k HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: client/1.0\r\nAccept: */*\r\n{field}\r\n"
            ),
            is_whole,
            left: WARM,
            asked: false,
        }
    }
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
