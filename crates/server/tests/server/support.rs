//! A server that answers by path, and clients for it.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header::HOST};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, client::conn::http2::SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use perigee_server::{
    Asked, AtOnce, Client, Content, Handler, Limits, NoClient, Reply, RequestBody, Server,
    ServerConfig, with_idle_timeout,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::{Instant, sleep, timeout},
};

/// Nothing in these tests takes this long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A time that a limit is set to so that it can be seen at work.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

pub(crate) const BIG: usize = 64 << 20;

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, Error>;

/// What the paths do stands in [`Handler::handle`].
pub(crate) struct Paths {
    /// Requests to `/held` that have come.
    pub(crate) held: AtomicUsize,
    /// Lets that many requests to `/held` go on.
    pub(crate) release: Semaphore,
}

impl Handler for Paths {
    type Body = Body;

    /// What the same path is answered by `handle`, for those whose answers are there.
    fn at_once(
        &self,
        asked: &Asked<'_>,
        client: &Client,
        reply: Reply<'_>,
    ) -> Option<AtOnce<Body>> {
        let lines = reply.text;
        lines.extend_from_slice(b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
        let (status, text) = match asked.target {
            "/dated" => (200, "old".into()),
            "/big" => (200, vec![b'x'; BIG].into()),
            "/none" => (204, Bytes::new()),
            "/same" => (304, Bytes::new()),
            "/mistake" => panic!("a mistake at the door, on purpose"),
            "/length" => (200, "hello".into()),
            "/" | "/one" | "/two" | "/three" | "/after" => {
                let (path, host) = (asked.target, asked.host);
                let text = format!("{path} host={host} tls={} te=0 cl=0", client.tls);
                (200, text.into())
            }
            path if path.trim_start_matches('/').parse::<u8>().is_ok() => {
                let text = format!("{path} host={} tls={} te=0 cl=0", asked.host, client.tls);
                (200, text.into())
            }
            _ => return None,
        };
        let length = (status == 200).then_some(text.len() as u64);
        let content = match asked.target {
            _ if asked.is_head || text.is_empty() => Content::Empty,
            "/length" => Content::Body(Box::new(full(text).into_body())),
            path => match reply.end_head.filter(|_| path.len() > 3) {
                None => Content::Bytes(text),
                Some(end_head) => {
                    end_head(text.len() as u64, lines);
                    lines.extend_from_slice(&text);
                    Content::Written(text.len() as u64)
                }
            },
        };
        Some(AtOnce {
            status: StatusCode::from_u16(status).unwrap(),
            length,
            content,
            for_all: true,
        })
    }

    async fn handle(&self, request: Request<RequestBody>, client: Client) -> Response<Body> {
        match request.uri().path() {
            "/held" => {
                self.held.fetch_add(1, Ordering::SeqCst);
                self.release.acquire().await.unwrap().forget();
                // In two pieces, the second after the drain saw the first.
                stream(|body| async move {
                    body.send(data("first ")).await.unwrap();
                    sleep(Duration::from_millis(50)).await;
                    body.send(data("second")).await.unwrap();
                })
            }
            "/never" => std::future::pending().await,
            "/endless" => stream(|body| async move {
                while body.send(data("x")).await.is_ok() {
                    sleep(SHORT / 20).await;
                }
            }),
            "/stalled" => stream(|body| async move {
                body.send(data("the beginning")).await.unwrap();
                body.closed().await;
            }),
            "/big" => full(vec![b'x'; BIG]),
            "/broken" => stream(|body| async move {
                body.send(data("the beginning")).await.unwrap();
                sleep(Duration::from_millis(50)).await;
                body.send(Err("the origin died".into())).await.unwrap();
            }),
            "/panic" => panic!("a handler's mistake, on purpose"),
            "/dated" => {
                let mut response = full("old");
                let date = "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap();
                response.headers_mut().insert("date", date);
                response
            }
            "/body" => {
                let body = with_idle_timeout(request.into_body(), SHORT);
                match body.collect().await {
                    Ok(body) => full(body.to_bytes()),
                    Err(error) => status(StatusCode::REQUEST_TIMEOUT, error.to_string()),
                }
            }
            "/late" => {
                self.held.fetch_add(1, Ordering::SeqCst);
                self.release.acquire().await.unwrap().forget();
                match request.into_body().collect().await {
                    Ok(body) => full(format!("read {:?}", body.to_bytes())),
                    Err(error) => status(StatusCode::BAD_REQUEST, error.to_string()),
                }
            }
            // Begins to answer, then reads.
            "/reads-on" => {
                let body = request.into_body();
                stream(|answer| async move {
                    answer.send(data("begun, ")).await.unwrap();
                    let came = body.collect().await.is_ok();
                    let how = if came { "whole" } else { "broken" };
                    let _ = answer.send(data(how)).await;
                })
            }
            // What comes of the request goes back at once.
            "/mirror" => Response::new(request.into_body().map_err(Into::into).boxed_unsync()),
            "/length" => stream_of(Some("5"), &["he", "llo"]),
            "/short" => stream_of(Some("9"), &["he", "llo"]),
            "/long" => stream_of(Some("2"), &["he", "llo"]),
            "/pieces" => stream_of(None, &["he", "", "llo"]),
            "/none" => status(StatusCode::NO_CONTENT, ""),
            "/same" => status(StatusCode::NOT_MODIFIED, ""),
            "/hundred" => status(StatusCode::EARLY_HINTS, "no final response"),
            "/gone" => {
                let mut response = full("bye");
                let close = "close".parse().unwrap();
                response.headers_mut().insert("connection", close);
                response
            }
            "/hints" => self.hints(&request).await,
            "/hints-late" => hints_late(&request),
            "/trailers" => trailers(request).await,
            "/node" => {
                let mut response = full("for a node");
                response.extensions_mut().insert(NoClient);
                response
            }
            // The fields that begin with x- come back.
            "/fields" => {
                let mut response = full("");
                let fields = request.headers().iter();
                for (name, value) in fields.filter(|(name, _)| name.as_str().starts_with("x-")) {
                    response.headers_mut().append(name, value.clone());
                }
                response
            }
            "/unread" => status(StatusCode::PAYLOAD_TOO_LARGE, "too much"),
            "/echo" => upgrade(request),
            path => {
                let host = request
                    .headers()
                    .get(HOST)
                    .map(|host| host.to_str().unwrap());
                let codings = request
                    .headers()
                    .get_all("transfer-encoding")
                    .iter()
                    .count();
                let lengths = request.headers().get_all("content-length").iter().count();
                full(format!(
                    "{path} host={} tls={} te={codings} cl={lengths}",
                    host.unwrap_or("-"),
                    client.tls
                ))
            }
        }
    }
}

/// `link: <n>` of an interim response.
fn link(n: usize) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("link", format!("<{n}>").parse().unwrap());
    headers.insert("connection", "x".parse().unwrap());
    headers
}

impl Paths {
    /// One 103 at once, 101 and 200, which are none, and 102 and many more when released. The
    /// answer says how many were taken.
    async fn hints(&self, request: &Request<RequestBody>) -> Response<Body> {
        let Some(line) = request.body().line() else {
            return full("no line");
        };
        let first = line.inform(StatusCode::EARLY_HINTS, link(0));
        self.held.fetch_add(1, Ordering::SeqCst);
        self.release.acquire().await.unwrap().forget();
        assert!(!line.inform(StatusCode::SWITCHING_PROTOCOLS, link(0)));
        assert!(!line.inform(StatusCode::OK, link(0)));
        let second = line.inform(StatusCode::PROCESSING, HeaderMap::new());
        let more = (1..=20).filter(|n| line.inform(StatusCode::EARLY_HINTS, link(*n)));
        let count = usize::from(first) + usize::from(second) + more.count();
        full(format!("taken={count}."))
    }
}

/// Tries to send a 103 in the middle of the response, and says whether it was taken.
fn hints_late(request: &Request<RequestBody>) -> Response<Body> {
    let line = request.body().line().unwrap().clone();
    stream(|body| async move {
        body.send(data("begun ")).await.unwrap();
        body.send(data("and ")).await.unwrap();
        let taken = line.inform(StatusCode::EARLY_HINTS, link(0));
        body.send(data(if taken { "taken" } else { "ignored" }))
            .await
            .unwrap();
    })
}

/// Says which trailers came, in content and in trailers.
async fn trailers(request: Request<RequestBody>) -> Response<Body> {
    let body = request.into_body().collect().await.unwrap();
    let came = body.trailers().cloned().unwrap_or_default();
    let names: Vec<_> = came.keys().map(|name| name.as_str().to_owned()).collect();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "7".parse().unwrap());
    trailers.insert("content-length", "9".parse().unwrap());
    let frames = vec![
        Ok(Frame::data(Bytes::from(format!(
            "came={}.",
            names.join(",")
        )))),
        Ok(Frame::trailers(trailers)),
    ];
    let frames: Vec<Piece> = frames;
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let mut response = Response::new(body.boxed_unsync());
    let names = "x-sum".parse().unwrap();
    response.headers_mut().insert("trailer", names);
    response
}

/// A body of these pieces, with this Content-Length.
fn stream_of(length: Option<&str>, pieces: &[&'static str]) -> Response<Body> {
    let pieces: Vec<Piece> = pieces.iter().map(|piece| data(piece)).collect();
    let body = StreamBody::new(futures_util::stream::iter(pieces));
    let mut response = Response::new(body.boxed_unsync());
    if let Some(length) = length {
        let length = length.parse().unwrap();
        response.headers_mut().insert("content-length", length);
    }
    response
}

fn upgrade(request: Request<RequestBody>) -> Response<Body> {
    let upgrade = request.body().line().unwrap().upgrade().unwrap();
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else {
            return;
        };
        let (mut read, mut write) = tokio::io::split(upgraded);
        let _ = tokio::io::copy(&mut read, &mut write).await;
    });
    let mut response = status(StatusCode::SWITCHING_PROTOCOLS, "");
    response
        .headers_mut()
        .insert("connection", "upgrade".parse().unwrap());
    response
        .headers_mut()
        .insert("upgrade", "echo".parse().unwrap());
    response
}

fn full(body: impl Into<Bytes>) -> Response<Body> {
    Response::new(
        Full::new(body.into())
            .map_err(|never: Infallible| match never {})
            .boxed_unsync(),
    )
}

fn status(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = full(body);
    *response.status_mut() = status;
    response
}

type Piece = Result<Frame<Bytes>, Error>;

fn data(text: &'static str) -> Piece {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

fn stream<F>(write: impl FnOnce(mpsc::Sender<Piece>) -> F) -> Response<Body>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (send, receive) = mpsc::channel(1);
    tokio::spawn(write(send));
    let pieces = futures_util::stream::unfold(receive, |mut receive| async move {
        receive.recv().await.map(|piece| (piece, receive))
    });
    Response::new(StreamBody::new(pieces).boxed_unsync())
}

pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) paths: Arc<Paths>,
    pub(crate) address: SocketAddr,
}

pub(crate) async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// A cleartext server.
pub(crate) async fn start(limits: Limits) -> Running {
    start_with(ServerConfig {
        http: vec![listen().await],
        private: Vec::new(),
        private_tls: None,
        https: Vec::new(),
        certs: None,
        limits,
        gauge: None,
        pages: None,
    })
}

pub(crate) fn start_with(config: ServerConfig) -> Running {
    let paths = Arc::new(Paths {
        held: AtomicUsize::new(0),
        release: Semaphore::new(0),
    });
    let server = Server::start(config, Arc::clone(&paths));
    let address = server.addresses()[0];
    Running {
        server,
        paths,
        address,
    }
}

impl Running {
    /// A raw client.
    pub(crate) async fn connect(&self) -> Raw {
        Raw(TcpStream::connect(self.address).await.unwrap())
    }

    /// Waits until so many connections are open.
    pub(crate) async fn wait_for_connections(&self, count: usize) {
        let what = || format!("{} open, {count} wanted", self.server.connections());
        until(|| self.server.connections() == count, what).await;
    }

    /// Waits until so many requests to `/held` have come.
    pub(crate) async fn wait_for_held(&self, count: usize) {
        let held = || self.paths.held.load(Ordering::SeqCst);
        until(
            || held() == count,
            || format!("{} held, {count} wanted", held()),
        )
        .await;
    }
}

/// Polls until something holds.
pub(crate) async fn until(holds: impl Fn() -> bool, what: impl Fn() -> String) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{}", what());
        sleep(Duration::from_millis(5)).await;
    }
}

/// Fails the test when something does not end.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("it ends")
}

/// A client that writes and reads bytes.
pub(crate) struct Raw<S = TcpStream>(pub(crate) S);

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    pub(crate) async fn send(&mut self, text: &str) {
        soon(self.0.write_all(text.as_bytes())).await.unwrap();
    }

    pub(crate) async fn get(&mut self, path: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: a.example\r\n\r\n"))
            .await;
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn read_to_end(&mut self) -> std::io::Result<String> {
        let mut all = Vec::new();
        soon(self.0.read_to_end(&mut all)).await?;
        Ok(String::from_utf8(all).unwrap())
    }

    /// Everything up to and including `end`.
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let byte = soon(self.0.read_u8()).await;
            text.push(char::from(
                byte.unwrap_or_else(|e| panic!("{e} after {text:?}")),
            ));
        }
        text
    }

    /// Whether the connection ends, by FIN or RST, with nothing more on it.
    pub(crate) async fn is_closed(&mut self) -> bool {
        matches!(soon(self.0.read(&mut [0; 1])).await, Ok(0) | Err(_))
    }
}

/// A client for HTTP/2 on any connection. The task ends with the connection.
pub(crate) async fn http2<S>(
    io: S,
) -> (
    SendRequest<Full<Bytes>>,
    tokio::task::JoinHandle<hyper::Result<()>>,
)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new());
    let (send, connection) = builder.handshake(TokioIo::new(io)).await.unwrap();
    (send, tokio::spawn(connection))
}

pub(crate) fn request(uri: &str) -> Request<Full<Bytes>> {
    Request::builder().uri(uri).body(Full::default()).unwrap()
}

/// The text of a whole response.
pub(crate) async fn text(response: Response<Incoming>) -> Result<String, hyper::Error> {
    let body = soon(response.into_body().collect()).await?;
    Ok(String::from_utf8(body.to_bytes().to_vec()).unwrap())
}
