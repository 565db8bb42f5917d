//! A connection of a client: requests out, and responses counted.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Instant,
};

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    /// Answers that are to come.
    pub(super) waits_for: usize,
    pub(super) asked_at: Instant,
    /// How a right answer begins.
    status: Vec<u8>,
    /// What came of a head that is not whole.
    input: Vec<u8>,
    /// Bytes of a body that are to come.
    body: usize,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    /// Whole responses.
    pub(super) answers: usize,
    /// Those of them that have another status than they should.
    pub(super) failed: u64,
}

impl Connection {
    pub(super) fn open(to: SocketAddr, status: u16) -> io::Result<Connection> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Connection {
            stream,
            waits_for: 0,
            asked_at: Instant::now(),
            status: format!("HTTP/1.1 {status}").into_bytes(),
            input: Vec::new(),
            body: 0,
        })
    }

    pub(super) fn send(&mut self, requests: &str, count: usize, due: Instant) -> io::Result<()> {
        self.stream.write_all(requests.as_bytes())?;
        self.waits_for = count;
        self.asked_at = due;
        Ok(())
    }

    /// Reads once.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Done> {
        let read = match self.stream.read(buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Done::default()),
            Err(error) => return Err(error),
        };
        let mut done = Done::default();
        let mut rest = &buffer[..read];
        let held;
        if !self.input.is_empty() {
            self.input.extend_from_slice(rest);
            held = std::mem::take(&mut self.input);
            rest = &held;
        }
        while !rest.is_empty() {
            if self.body == 0 {
                let Some(head) = rest.windows(4).position(|four| four == b"\r\n\r\n") else {
                    self.input = rest.to_vec();
                    break;
                };
                let (head, behind) = rest.split_at(head + 4);
                done.failed += u64::from(!head.starts_with(&self.status));
                self.body = match head.get(9..12) {
                    Some(b"304") => 0,
                    _ => length(head)?,
                };
                rest = behind;
            }
            let now = self.body.min(rest.len());
            self.body -= now;
            rest = &rest[now..];
            if self.body == 0 {
                done.answers += 1;
                self.waits_for = self.waits_for.saturating_sub(1);
            }
        }
        Ok(done)
    }
}

/// The value of Content-Length, without which nothing here answers.
fn length(head: &[u8]) -> io::Result<usize> {
    const NAME: &[u8] = b"content-length:";
    head.split(|byte| *byte == b'\n')
        .find(|line| {
            line.get(..NAME.len())
                .is_some_and(|name| name.eq_ignore_ascii_case(NAME))
        })
        .and_then(|line| {
            std::str::from_utf8(&line[NAME.len()..])
                .ok()?
                .trim()
                .parse()
                .ok()
        })
        .ok_or_else(|| io::Error::other("a response without Content-Length"))
}
