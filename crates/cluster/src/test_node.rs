//! Nodes for tests, on real sockets of the loopback.

use std::{
    convert::Infallible,
    future::pending,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::HOST};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket},
    task::{JoinHandle, JoinSet},
};

use crate::{Node, Prober, READY_PATH, Readiness, Role, Trust, admit_node};

pub(crate) const SECRET: &[u8] = b"a secret of some length";

pub(crate) fn prober(timeout: Duration) -> Prober {
    Prober::new(Trust::by_secret(SECRET, "geo-1").unwrap(), timeout)
}

pub(crate) fn node(name: &str, address: SocketAddr) -> Node {
    Node {
        name: name.into(),
        role: Role::Edge,
        pop: None,
        address,
        weight: 100,
    }
}

pub(crate) fn ready(name: &str) -> Readiness {
    Readiness {
        node: name.into(),
        draining: false,
        load: 0.25,
        config_version: "7".into(),
        purge_revision: 3,
        ..Readiness::default()
    }
}

/// A port where nobody listens, and nobody else can while this lives.
pub(crate) struct Nobody(TcpSocket);

impl Nobody {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        Nobody(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }
}

/// Answers for its readiness to those who prove that they are of the CDN.
pub(crate) struct TestNode {
    pub(crate) address: SocketAddr,
    pub(crate) readiness: Arc<Mutex<Readiness>>,
    pub(crate) connections: Arc<AtomicUsize>,
    frozen: Arc<AtomicBool>,
    server: JoinHandle<()>,
}

impl TestNode {
    pub(crate) async fn start(name: &str) -> Self {
        Self::start_at(name, ([127, 0, 0, 1], 0).into()).await
    }

    pub(crate) async fn start_at(name: &str, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let readiness = Arc::new(Mutex::new(ready(name)));
        let connections = Arc::new(AtomicUsize::new(0));
        let frozen = Arc::new(AtomicBool::new(false));
        let server = serve(
            listener,
            Arc::clone(&readiness),
            Arc::clone(&connections),
            Arc::clone(&frozen),
        );
        TestNode {
            address,
            readiness,
            connections,
            frozen,
            server: tokio::spawn(server),
        }
    }

    pub(crate) fn set_draining(&self, draining: bool) {
        self.readiness.lock().unwrap().draining = draining;
    }

    /// From now on it accepts and never answers, as a stopped process does.
    pub(crate) fn freeze(&self) {
        self.frozen.store(true, Relaxed);
    }

    /// Closes the port and all connections, as a killed process does.
    pub(crate) async fn kill(self) {
        self.server.abort();
        let _ = self.server.await;
    }
}

async fn serve(
    listener: TcpListener,
    readiness: Arc<Mutex<Readiness>>,
    connections: Arc<AtomicUsize>,
    frozen: Arc<AtomicBool>,
) {
    let mut open = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.fetch_add(1, Relaxed);
        let readiness = Arc::clone(&readiness);
        let frozen = Arc::clone(&frozen);
        let answer = move |request| {
            let response = respond(&request, &readiness.lock().unwrap());
            let frozen = Arc::clone(&frozen);
            async move {
                if frozen.load(Relaxed) {
                    pending::<()>().await;
                }
                Ok::<_, Infallible>(response)
            }
        };
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
        open.spawn(connection);
    }
}

fn respond(request: &Request<Incoming>, readiness: &Readiness) -> Response<Full<Bytes>> {
    let trust = Trust::by_secret(SECRET, &readiness.node).unwrap();
    let admitted = admit_node(
        &trust,
        request.method().as_str(),
        request.headers()[HOST].to_str().unwrap(),
        request.uri().path(),
        request.headers(),
        None,
        SystemTime::now(),
    );
    let (status, body) = match admitted {
        Ok(Some("geo-1")) if request.uri() == READY_PATH => {
            (StatusCode::OK, serde_json::to_vec(readiness).unwrap())
        }
        _ => (StatusCode::FORBIDDEN, Vec::new()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
}

/// What a server does when it has sent its bytes.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    Closes,
    Hangs,
    /// Sends them again and again.
    Repeats,
}

/// A server that sends these bytes, whatever it is asked.
pub(crate) async fn raw(bytes: &[u8], then: Then) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bytes = bytes.to_vec();
    tokio::spawn(async move {
        let mut hanging = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            while stream.write_all(&bytes).await.is_ok() && matches!(then, Then::Repeats) {}
            if matches!(then, Then::Hangs) {
                hanging.push(stream);
            }
        }
    });
    address
}
