//! One connection of a peer: bytes out, bytes in.

use std::{
    io,
    net::SocketAddr,
    task::{Context, Poll, ready},
};

use tokio::net::TcpStream;

/// A connection, and what came over it and is not taken yet.
pub(crate) struct Wire {
    stream: TcpStream,
    room: Vec<u8>,
    length: usize,
}

impl Wire {
    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket");
        Wire {
            stream,
            room: vec![0; 1 << 16],
            length: 0,
        }
    }

    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.expect("connects"))
    }

    /// Sends all: it always fits into the socket's buffer.
    pub(crate) fn send(&self, bytes: &[u8]) {
        let sent = self.stream.try_write(bytes).expect("is sent");
        assert_eq!(sent, bytes.len());
    }

    /// What came and is not taken.
    pub(crate) fn came(&self) -> &[u8] {
        &self.room[..self.length]
    }

    pub(crate) fn take(&mut self, length: usize) {
        self.room.copy_within(length..self.length, 0);
        self.length -= length;
    }

    /// Waits for more; the end is none.
    pub(crate) fn more(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        loop {
            ready!(self.stream.poll_read_ready(cx)).expect("a socket");
            match self.stream.try_read(&mut self.room[self.length..]) {
                Ok(length) => {
                    self.length += length;
                    return Poll::Ready(length);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => panic!("cannot read: {error}"),
            }
        }
    }
}
