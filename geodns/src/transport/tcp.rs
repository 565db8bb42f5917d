//! Queries over TCP (RFC 7766). Connections are accepted in one place, where they are counted, and
//! served by threads that have a runtime and a [`crate::worker::Worker`] of their own, so that none
//! of them waits for another.

mod connection;
mod turn;

use std::{
    io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::{
        OwnedSemaphorePermit, Semaphore,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
    task::{JoinSet, LocalSet},
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use super::clients::{Clients, Counted};
use crate::{
    asker::{Asker, Transport},
    config::Limits,
    worker::Shared,
};
use connection::{Connection, Manners};
use turn::Scratch;

/// After an accept that failed: out of descriptors, mostly, so that others must end first.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// How often a thread to which nobody comes looks whether what it holds has been replaced.
const LOOK_UP: Duration = Duration::from_secs(1);

/// What all listeners share.
#[derive(Clone)]
pub(crate) struct Tcp {
    permits: Arc<Semaphore>,
    clients: Clients,
    max_per_client: usize,
    /// Where connections are served. No more wait there than there are permits.
    threads: Vec<UnboundedSender<Accepted>>,
    /// True when it is time to stop.
    stop: watch::Receiver<bool>,
}

struct Accepted {
    stream: std::net::TcpStream,
    client: SocketAddr,
    permit: OwnedSemaphorePermit,
    counted: Counted,
}

impl Tcp {
    /// Starts the threads. They end after the last listener has, and their connections.
    pub(crate) fn start(
        shared: &Shared,
        limits: &Limits,
        clients: Clients,
        stop: watch::Receiver<bool>,
    ) -> io::Result<(Self, Vec<JoinHandle<()>>)> {
        let permits = Arc::new(Semaphore::new(limits.max_tcp_connections));
        let manners = Manners {
            idle_timeout: limits.tcp_idle_timeout,
            max_connections: limits.max_tcp_connections,
            permits: Arc::clone(&permits),
            stop: stop.clone(),
        };
        let (mut threads, mut handles) = (Vec::new(), Vec::new());
        for number in 0..limits.tcp_threads.max(1) {
            let (sender, accepted) = unbounded_channel();
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (shared, manners) = (shared.clone(), manners.clone());
            let run = move || LocalSet::new().block_on(&runtime, serve(accepted, shared, manners));
            let name = format!("dns-tcp-{number}");
            handles.push(thread::Builder::new().name(name).spawn(run)?);
            threads.push(sender);
        }
        let tcp = Tcp {
            permits,
            clients,
            max_per_client: limits.max_tcp_connections_per_client,
            threads,
            stop,
        };
        Ok((tcp, handles))
    }

    /// Accepts until it is told to stop, or dropped.
    pub(crate) async fn accept(mut self, listener: TcpListener) {
        let mut failing = false;
        for turn in (0..self.threads.len()).cycle() {
            let accepted = tokio::select! {
                accepted = next(&self.permits, &listener) => accepted,
                _ = self.stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((stream, client, permit)) => {
                    failing = false;
                    if let Err(error) = self.hand_over(turn, stream, client, permit) {
                        debug!(%client, %error, "a TCP connection is not served");
                    }
                }
                Err(error) => {
                    if !failing {
                        warn!(%error, "cannot accept TCP connections");
                    }
                    failing = true;
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    /// A client that has as many connections as it may gets no more.
    fn hand_over(
        &self,
        thread: usize,
        stream: TcpStream,
        client: SocketAddr,
        permit: OwnedSemaphorePermit,
    ) -> io::Result<()> {
        let counted = self.clients.admit(client.ip(), self.max_per_client);
        let counted = counted.ok_or_else(|| io::Error::other("its client has enough"))?;
        let accepted = Accepted {
            stream: stream.into_std()?,
            client,
            permit,
            counted,
        };
        let sent = self.threads[thread].send(accepted);
        sent.map_err(|_| io::Error::other("its thread is gone"))
    }
}

/// Those over the limit wait in the kernel's backlog.
async fn next(
    permits: &Arc<Semaphore>,
    listener: &TcpListener,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await;
    let permit = permit.map_err(io::Error::other)?;
    let (stream, client) = listener.accept().await?;
    Ok((stream, client, permit))
}

/// Serves connections until no more can come, and those that are there have ended.
async fn serve(mut accepted: UnboundedReceiver<Accepted>, shared: Shared, manners: Manners) {
    let scratch = Rc::new(Scratch::new(shared));
    let mut connections = JoinSet::new();
    loop {
        let accepted = match timeout(LOOK_UP, accepted.recv()).await {
            Ok(Some(accepted)) => accepted,
            Ok(None) => break,
            Err(_) => {
                scratch.rest();
                continue;
            }
        };
        let (scratch, manners) = (Rc::clone(&scratch), manners.clone());
        connections.spawn_local(async move {
            let client = accepted.client;
            if let Err(error) = connection(accepted, scratch, manners).await {
                debug!(%client, %error, "a TCP connection broke");
            }
        });
        while connections.try_join_next().is_some() {}
    }
    while connections.join_next().await.is_some() {}
}

async fn connection(accepted: Accepted, scratch: Rc<Scratch>, manners: Manners) -> io::Result<()> {
    let Accepted {
        stream,
        client,
        permit,
        counted,
    } = accepted;
    stream.set_nodelay(true)?;
    let stream = TcpStream::from_std(stream)?;
    let asker = Asker {
        address: client,
        transport: Transport::Tcp,
    };
    let served = Connection::new(stream, asker).serve(scratch, manners).await;
    drop((permit, counted));
    served
}
