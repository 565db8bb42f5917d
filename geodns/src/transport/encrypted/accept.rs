//! Accepts connections over TCP, and takes them through TLS.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::{debug, warn};

use super::Common;

/// After an accept that failed: out of descriptors, mostly, so that others must end first.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What a listener needs.
pub(super) struct Accept {
    common: Common,
    tls: TlsAcceptor,
}

impl Accept {
    pub(super) fn new(common: &Common, tls: TlsAcceptor) -> Self {
        Accept {
            common: common.clone(),
            tls,
        }
    }

    /// Serves connections until it is told to stop; then no longer than the answers under way take.
    pub(super) async fn serve<F>(
        self,
        listener: TcpListener,
        connection: fn(TlsStream<TcpStream>, SocketAddr, Common) -> F,
    ) where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let mut stop = self.common.stop.clone();
        let mut connections = JoinSet::new();
        let mut failing = false;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((stream, client)) => {
                    failing = false;
                    self.admit(&mut connections, stream, client, connection);
                }
                Err(error) => {
                    if !failing {
                        warn!(%error, "cannot accept connections");
                    }
                    failing = true;
                    sleep(ACCEPT_AGAIN).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    /// Those over the limits are closed at once.
    fn admit<F>(
        &self,
        connections: &mut JoinSet<()>,
        stream: TcpStream,
        client: SocketAddr,
        connection: fn(TlsStream<TcpStream>, SocketAddr, Common) -> F,
    ) where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let Some(seat) = self.common.seats.take(client.ip()) else {
            debug!(%client, "too many connections");
            return;
        };
        let (tls, common) = (self.tls.clone(), self.common.clone());
        connections.spawn(async move {
            let served = async {
                stream.set_nodelay(true)?;
                let stream = handshake(&tls, stream, &common).await?;
                connection(stream, client, common).await
            };
            if let Err(error) = served.await {
                debug!(%client, %error, "a connection broke");
            }
            drop(seat);
        });
    }
}

async fn handshake(
    tls: &TlsAcceptor,
    stream: TcpStream,
    common: &Common,
) -> io::Result<TlsStream<TcpStream>> {
    let mut stop = common.stop.clone();
    tokio::select! {
        done = timeout(common.config.idle_timeout, tls.accept(stream)) => done?,
        _ = stop.wait_for(|stop| *stop) => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}
