//! An origin that answers as a test says, and counts what it was asked.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::TcpSocket,
    task::{JoinHandle, JoinSet},
};

/// A request that an origin was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn field(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

/// A running origin.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Origin {
    /// Answers every request by `answer`.
    pub(crate) async fn start<F, Fut>(answer: F) -> Self
    where
        F: Fn(Asked) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        // With room for a herd.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(4096).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            // Its connections end with it.
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answer, record) = (Arc::clone(&answer), Arc::clone(&record));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (answer, record) = (Arc::clone(&answer), Arc::clone(&record));
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await?.to_bytes();
                        let asked = Asked {
                            method: parts.method,
                            path: parts.uri.to_string(),
                            headers: parts.headers,
                            body,
                        };
                        record.lock().unwrap().push(asked.clone());
                        Ok::<_, hyper::Error>(answer(asked).await)
                    }
                });
                connections.spawn(async move {
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Origin {
            address,
            asked,
            task,
        }
    }

    /// An origin that answers every path with the same text, fresh for an hour.
    pub(crate) async fn cacheable(text: &'static str) -> Self {
        Origin::start(move |_| async move { fresh(text) }).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far, oldest first.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Forgets what it was asked, where there is much of it.
    pub(crate) fn forget(&self) {
        self.asked.lock().unwrap().clear();
    }

    /// How often a path was asked for.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.asked()
            .iter()
            .filter(|asked| asked.path == path)
            .count()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// 200, fresh for an hour, with an ETag that follows the text.
pub(crate) fn fresh(text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let text = text.into();
    let tag = format!(
        "\"{:x}\"",
        text.iter()
            .fold(7_u64, |h, &b| h.wrapping_mul(31) + u64::from(b))
    );
    Response::builder()
        .header("cache-control", "max-age=3600")
        .header("content-type", "text/plain")
        .header("etag", tag)
        .body(Full::new(text))
        .unwrap()
}
