use std::{task::Waker, time::Instant};

use tokio::io::ReadBuf;

use super::*;
use crate::timers::Stage;

/// A client that sends without end.
struct Flood;

impl AsyncRead for Flood {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buf.initialize_unfilled().fill(b'G');
        buf.advance(buf.remaining());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Takes so many bytes at a time, and so many in all.
struct Slow {
    takes: usize,
    room: usize,
    taken: Vec<u8>,
}

impl Slow {
    fn accept(&mut self, buf: &[u8]) -> Poll<io::Result<usize>> {
        let length = self.takes.min(self.room).min(buf.len());
        if length == 0 {
            return Poll::Pending;
        }
        self.room -= length;
        self.taken.extend_from_slice(&buf[..length]);
        Poll::Ready(Ok(length))
    }
}

impl AsyncRead for Slow {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.accept(buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn of_an_answer_that_was_given_before_no_byte_is_lost_or_sent_twice() {
    let answer: Vec<u8> = (0..5_000).map(|at| at as u8).collect();
    for (takes, room) in [
        (5_000, 5_000),
        (700, 5_000),
        (700, 1_500),
        (1, 0),
        (4_999, 4_999),
    ] {
        let io = Slow {
            takes,
            room,
            taken: Vec::new(),
        };
        let state = Arc::new(State::new(Instant::now(), Stage::Http1));
        let mut wire = Wire::new(io, Arc::new(Limits::default()), state);
        let is_sent = wire.repeat(100, &answer, &mut Glance::default());
        assert_eq!(is_sent, room == answer.len(), "{takes}, {room}");
        assert_eq!(wire.out.is_empty(), is_sent);
        // The task goes on with it.
        wire.io.room = answer.len() - room;
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(wire.poll_flush(&mut cx), Poll::Ready(Ok(()))));
        assert!(wire.io.taken == answer, "{takes}, {room}");
    }
}

#[test]
fn what_is_read_ahead_of_a_response_is_bounded() {
    let state = Arc::new(State::new(Instant::now(), Stage::Http1));
    let mut wire = Wire::new(Flood, Arc::new(Limits::default()), state);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..100 {
        wire.meanwhile(&mut cx).unwrap();
    }
    assert!(wire.buf.len() <= 2 * HEAD_READ, "{}", wire.buf.len());
    assert!(wire.buf.capacity() <= 4 * HEAD_READ);
}
