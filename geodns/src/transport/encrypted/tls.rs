//! DNS over TLS (RFC 7858): as over TCP, within TLS.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::server::TlsStream;

use super::Common;
use crate::asker::Transport;

/// Responses that are longer together are sent before more is answered.
const STRETCH: usize = 16 * 1024;

/// Answers until the client ends, is idle, or does not read.
pub(super) async fn connection(
    stream: TlsStream<TcpStream>,
    client: SocketAddr,
    common: Common,
) -> io::Result<()> {
    let mut stop = common.stop.clone();
    let idle = common.config.idle_timeout;
    let respond = |message: &[u8], out: &mut Vec<u8>| {
        let sent = common
            .responder
            .respond(message, client, Transport::Tls, |response| {
                out.extend((response.len() as u16).to_be_bytes());
                out.extend(response);
            });
        sent.is_some()
    };
    let mut pipe = Pipe {
        stream,
        idle,
        deadline: Instant::now() + idle,
        unread: Vec::new(),
    };
    loop {
        let more = tokio::select! {
            // What was received whole is answered.
            biased;
            more = pipe.receive() => more?,
            _ = stop.wait_for(|stop| *stop) => false,
        };
        // One that sends without a pause must not keep the server from ending.
        let is_over = *common.stop.borrow();
        if !more {
            return timeout(idle, pipe.stream.shutdown()).await?;
        }
        if !pipe.answer(respond).await? {
            return Ok(());
        }
        if is_over {
            return timeout(idle, pipe.stream.shutdown()).await?;
        }
    }
}

/// A connection, and what was received of it and not answered yet: no more than a message and what
/// is read at once.
struct Pipe<S> {
    stream: S,
    idle: Duration,
    /// A whole message must be there by then, however slowly its octets come.
    deadline: Instant,
    unread: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pipe<S> {
    /// Waits for more; false if the client has ended.
    async fn receive(&mut self) -> io::Result<bool> {
        let read = self.stream.read_buf(&mut self.unread);
        Ok(timeout_at(self.deadline, read).await?? > 0)
    }

    /// Answers all messages that are there whole, in one write as far as they are short (RFC 7766
    /// section 6.2.1.1). False if one of them is none.
    async fn answer(&mut self, respond: impl Fn(&[u8], &mut Vec<u8>) -> bool) -> io::Result<bool> {
        let mut out = Vec::new();
        let mut at = 0;
        while let Some(message) = whole(&self.unread[at..]) {
            at += 2 + message.len();
            if !respond(message, &mut out) {
                return Ok(false);
            }
            if out.len() >= STRETCH {
                timeout(self.idle, self.stream.write_all(&out)).await??;
                out.clear();
            }
        }
        if at == 0 {
            return Ok(true);
        }
        self.unread.drain(..at);
        if self.unread.is_empty() {
            // Nothing is held for a connection that waits.
            self.unread = Vec::new();
        }
        timeout(self.idle, self.stream.write_all(&out)).await??;
        timeout(self.idle, self.stream.flush()).await??;
        self.deadline = Instant::now() + self.idle;
        Ok(true)
    }
}

/// The first message, if it is there whole.
fn whole(unread: &[u8]) -> Option<&[u8]> {
    let (length, rest) = unread.split_first_chunk::<2>()?;
    rest.get(..u16::from_be_bytes(*length).into())
}
