//! A wire that can be cut: passes bytes on, or keeps them.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

/// A running relay. While it is cut, connections are there, and nothing comes through.
#[derive(Debug)]
pub(crate) struct Relay {
    is_cut: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Before a node that is reached by it.
    pub(crate) async fn before(node: SocketAddr) -> Self {
        Relay::start(wire(node), node, Duration::ZERO).await
    }

    /// Before a node that is far away: bytes take so long each way.
    pub(crate) async fn far(node: SocketAddr, away: Duration) -> Self {
        Relay::start(wire(node), node, away).await
    }

    async fn start(from: SocketAddr, to: SocketAddr, away: Duration) -> Self {
        let listener = TcpListener::bind(from).await.unwrap();
        let (is_cut, cut) = watch::channel(false);
        let task = tokio::spawn(async move {
            // Its connections end with it.
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(join(stream, to, away, cut.clone()));
            }
        });
        Relay { is_cut, task }
    }

    pub(crate) fn cut(&self, is_cut: bool) {
        self.is_cut.send_replace(is_cut);
    }
}

fn wire(node: SocketAddr) -> SocketAddr {
    SocketAddr::new(node.ip(), node.port() + 1)
}

/// The text of a configuration file in which other nodes reach this one through a relay.
pub(crate) fn reached_by_wire(text: &str, name: &str) -> String {
    let line = format!("name = \"{name}\"\n");
    let (before, node) = text.split_at(text.find(&line).unwrap());
    let listen = node.split("listen = [\"").nth(1).unwrap();
    let address = listen.split('"').next().unwrap().parse().unwrap();
    let reached = format!("{line}tier_address = \"{}\"\n", wire(address));
    format!("{before}{}", node.replacen(&line, &reached, 1))
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn join(near: TcpStream, to: SocketAddr, away: Duration, mut cut: watch::Receiver<bool>) {
    if cut.wait_for(|is_cut| !is_cut).await.is_err() {
        return;
    }
    let Ok(far) = TcpStream::connect(to).await else {
        return;
    };
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::select! {
        () = pass(near_in, far_out, away, cut.clone()) => {}
        () = pass(far_in, near_out, away, cut) => {}
    }
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    away: Duration,
    mut cut: watch::Receiver<bool>,
) {
    let mut piece = vec![0; 64 << 10];
    loop {
        let length = from.read(&mut piece).await.unwrap_or(0);
        if !away.is_zero() {
            sleep(away).await;
        }
        if cut.wait_for(|is_cut| !is_cut).await.is_err()
            || length == 0
            || to.write_all(&piece[..length]).await.is_err()
        {
            return;
        }
    }
}
