//! Queries over TCP (RFC 7766). hickory-server would take any number of connections; here they
//! have a limit.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use crate::{
    config::Limits,
    worker::{Asker, Shared, Transport, Worker},
};

/// After an accept that failed: out of descriptors, mostly, so that others must end first.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What all listeners share.
#[derive(Clone)]
pub(crate) struct Tcp {
    shared: Shared,
    idle_timeout: Duration,
    permits: Arc<Semaphore>,
    /// True when it is time to stop.
    stop: watch::Receiver<bool>,
}

impl Tcp {
    pub(crate) fn new(shared: Shared, limits: &Limits, stop: watch::Receiver<bool>) -> Self {
        Tcp {
            shared,
            idle_timeout: limits.tcp_idle_timeout,
            permits: Arc::new(Semaphore::new(limits.max_tcp_connections)),
            stop,
        }
    }

    /// Answers until it is told to stop; then no longer than the answers under way take.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let mut stop = self.stop.clone();
        let mut connections = JoinSet::new();
        let mut failing = false;
        loop {
            let accepted = tokio::select! {
                accepted = self.accept(&listener) => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((stream, client, permit)) => {
                    failing = false;
                    let tcp = self.clone();
                    connections.spawn(async move {
                        if let Err(error) = tcp.connection(stream, client).await {
                            debug!(%client, %error, "a TCP connection broke");
                        }
                        drop(permit);
                    });
                }
                Err(error) => {
                    if !failing {
                        warn!(%error, "cannot accept TCP connections");
                    }
                    failing = true;
                    sleep(ACCEPT_AGAIN).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
        while connections.join_next().await.is_some() {}
    }

    /// Those over the limit wait in the kernel's backlog.
    async fn accept(
        &self,
        listener: &TcpListener,
    ) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(io::Error::other)?;
        let (stream, client) = listener.accept().await?;
        Ok((stream, client, permit))
    }

    /// One query after the other, until the client ends, is idle, or does not read.
    async fn connection(mut self, mut stream: TcpStream, client: SocketAddr) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let asker = Asker {
            address: client,
            transport: Transport::Tcp,
        };
        let mut worker = Worker::for_connection(self.shared.clone());
        let mut response = vec![0; usize::from(u16::MAX)];
        loop {
            let query = tokio::select! {
                // What was received whole is answered.
                biased;
                query = timeout(self.idle_timeout, read(&mut stream)) => query??,
                _ = self.stop.wait_for(|stop| *stop) => return Ok(()),
            };
            let now = SystemTime::now();
            let Some(length) = worker.respond(&query, asker, now, &mut response) else {
                return Ok(());
            };
            let framed = framed(&response[..length])?;
            timeout(self.idle_timeout, stream.write_all(&framed)).await??;
        }
    }
}

/// One message. Memory grows with what has come, not with what was announced.
async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = Vec::new();
    let read = stream.take(length.into()).read_to_end(&mut message).await?;
    if read < usize::from(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(message)
}

/// The message after its length, so that both go in one piece (RFC 7766 section 8).
fn framed(message: &[u8]) -> io::Result<Vec<u8>> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    Ok([&length.to_be_bytes(), message].concat())
}
