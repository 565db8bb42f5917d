//! A client that writes bytes and reads bytes, and knows nothing of HTTP but where a response ends.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::wait::DEADLINE;

/// A connection to a node.
#[derive(Debug)]
pub(crate) struct RawClient {
    stream: TcpStream,
    read: Vec<u8>,
}

impl RawClient {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        RawClient {
            stream,
            read: Vec::new(),
        }
    }

    /// Writes these bytes; whether they are taken is seen by what comes back.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Reads until the other side closes. What it was meanwhile, as text.
    pub(crate) async fn until_closed(&mut self) -> String {
        loop {
            if !self.read_on().await {
                return self.take_text();
            }
        }
    }

    /// Reads up to these bytes, or the close.
    pub(crate) async fn until(&mut self, end: &[u8]) -> String {
        while !self.read.windows(end.len()).any(|window| window == end) {
            if !self.read_on().await {
                break;
            }
        }
        self.take_text()
    }

    /// Reads this many bytes; `None` if the other side closes before.
    pub(crate) async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.read.len() < length {
            if !self.read_on().await {
                return None;
            }
        }
        Some(self.read.drain(..length).collect())
    }

    async fn read_on(&mut self) -> bool {
        let mut piece = [0; 4096];
        let read = timeout(DEADLINE, self.stream.read(&mut piece)).await;
        match read.expect("an answer, or the close of the connection") {
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.read.extend_from_slice(&piece[..length]);
                true
            }
        }
    }

    fn take_text(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }
}
