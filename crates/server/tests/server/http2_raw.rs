//! A client of HTTP/2 that writes what no client would.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Running, soon};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const ENDS: u8 = END_STREAM | END_HEADERS;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// Literal fields without indexing and without Huffman codes.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// The head of a request.
pub(crate) fn head(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let request = [
        (":method", method),
        (":scheme", "http"),
        (":authority", "a.example"),
        (":path", path),
    ];
    block(&[&request, more].concat())
}

pub(crate) fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, ENDS, stream, &head("GET", path, &[]))
}

pub(crate) fn post(stream: u32, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &head("POST", path, more))
}

/// What comes from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Came {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Came {
    pub(crate) fn ends(&self) -> bool {
        self.kind <= HEADERS && self.flags & END_STREAM != 0
    }

    /// The code of a RST_STREAM or a GOAWAY.
    pub(crate) fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

pub(crate) struct Frames(pub(crate) TcpStream);

impl Frames {
    /// A connection with settings of ours.
    pub(crate) async fn connect(it: &Running, settings: &[u8]) -> Self {
        let mut frames = Frames(it.connect().await.0);
        frames.send(PREFACE).await;
        frames.send(&frame(SETTINGS, 0, 0, settings)).await;
        frames
    }

    /// Sends bytes; that nobody takes them any more will be seen by what comes.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = soon(self.0.write_all(bytes)).await;
    }

    /// What comes next; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Came> {
        let mut head = [0; 9];
        soon(self.0.read_exact(&mut head)).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        soon(self.0.read_exact(&mut payload)).await.ok()?;
        Some(Came {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload,
        })
    }

    /// The next frame that fits.
    pub(crate) async fn wait(&mut self, fits: impl Fn(&Came) -> bool) -> Option<Came> {
        loop {
            let came = self.next().await?;
            if fits(&came) {
                return Some(came);
            }
        }
    }

    /// Waits for the end of a response: its status as it is in the static table, and its content.
    pub(crate) async fn response(&mut self, stream: u32) -> (u8, Vec<u8>) {
        let (mut status, mut content) = (0, Vec::new());
        loop {
            let came = self.wait(|came| came.stream == stream).await;
            let came = came.expect("the response goes on");
            match came.kind {
                // A size of the table may stand before the status.
                HEADERS if status == 0 => {
                    status = *came.payload.iter().find(|b| **b != 0x20).unwrap();
                }
                DATA => content.extend_from_slice(&came.payload),
                _ => {}
            }
            if came.ends() {
                return (status, content);
            }
        }
    }

    /// The code of the GOAWAY that ends the connection.
    pub(crate) async fn error(&mut self) -> Option<u32> {
        let came = self.wait(|came| came.kind == GOAWAY).await?;
        while self.next().await.is_some() {}
        Some(came.code())
    }
}
