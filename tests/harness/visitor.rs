//! Clients that find their way by the DNS, as browsers do: they keep an answer for its TTL and no
//! longer, and a connection until it closes.

use std::{
    error::Error as _,
    fmt,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, time::timeout};

use super::wait::DEADLINE;

/// How a client uses its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// HTTP/1.1, a connection for each request.
    Fresh,
    /// HTTP/1.1, kept alive.
    KeepAlive,
    /// HTTP/2, kept.
    Http2,
}

/// One client.
pub(crate) struct Visitor {
    manner: Manner,
    name_server: SocketAddr,
    /// The network that it says it is in.
    network: ipnet::IpNet,
    host: String,
    port: u16,
    /// What the DNS answered, and until when that holds.
    answer: Option<(Vec<IpAddr>, Instant)>,
    connection: Option<(SocketAddr, Connection)>,
    asked: usize,
    /// Requests that were sent again, because the connection that had been kept was closed before
    /// any of the response came (RFC 9112 section 9.3.1, RFC 9113 section 8.7).
    pub(crate) again: usize,
}

enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// What came back, and from where.
pub(crate) struct Visit {
    pub(crate) at: SocketAddr,
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// Why nothing came back.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The DNS did not answer, or nobody listens where it says.
    Nowhere(String),
    /// The connection broke, with the request on it.
    Broken(SocketAddr, hyper::Error),
    /// It takes too long.
    Silent(SocketAddr),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::Nowhere(why) => f.write_str(why),
            Failed::Broken(at, why) => write!(f, "{at}: {why:?}"),
            Failed::Silent(at) => write!(f, "{at}: no answer within {DEADLINE:?}"),
        }
    }
}

impl Visitor {
    /// A client in this network, of this host on this port.
    pub(crate) fn new(
        manner: Manner,
        name_server: SocketAddr,
        network: &str,
        host: &str,
        port: u16,
    ) -> Self {
        Visitor {
            manner,
            name_server,
            network: network.parse().unwrap(),
            host: host.to_owned(),
            port,
            answer: None,
            connection: None,
            asked: 0,
            again: 0,
        }
    }

    /// Sends a request, a second time if it was not begun on a connection that had been kept and
    /// nothing is lost by that.
    pub(crate) async fn send(
        &mut self,
        method: &Method,
        path: &str,
        body: &Bytes,
    ) -> Result<Visit, Failed> {
        let was_kept = self.connection.is_some();
        match self.try_send(method, path, body).await {
            Err(Failed::Broken(_, error)) if was_kept && may_repeat(method, &error) => {
                self.again += 1;
                self.try_send(method, path, body).await
            }
            other => other,
        }
    }

    async fn try_send(
        &mut self,
        method: &Method,
        path: &str,
        body: &Bytes,
    ) -> Result<Visit, Failed> {
        let kept = self.connection.take().filter(|(_, c)| c.is_open());
        let (at, mut connection) = match kept {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        let visit = connection.send(self.request(at, method, path, body));
        let visit = timeout(DEADLINE, visit).await;
        let (status, body) = visit
            .map_err(|_| Failed::Silent(at))?
            .map_err(|error| Failed::Broken(at, error))?;
        if self.manner != Manner::Fresh {
            self.connection = Some((at, connection));
        }
        Ok(Visit { at, status, body })
    }

    fn request(
        &self,
        at: SocketAddr,
        method: &Method,
        path: &str,
        body: &Bytes,
    ) -> Request<Full<Bytes>> {
        let host = &self.host;
        let request = Request::builder().method(method.clone());
        let request = match self.manner {
            Manner::Http2 => request.uri(format!("http://{host}:{}{path}", at.port())),
            Manner::Fresh => request
                .uri(path)
                .header(header::HOST, host)
                .header(header::CONNECTION, "close"),
            Manner::KeepAlive => request.uri(path).header(header::HOST, host),
        };
        request.body(Full::new(body.clone())).unwrap()
    }

    /// To one of the addresses, each in its turn. Nobody else is tried if it cannot be reached.
    async fn connect(&mut self) -> Result<(SocketAddr, Connection), Failed> {
        let addresses = self.resolve().await?;
        let ip = addresses[self.asked % addresses.len()];
        self.asked += 1;
        let at = SocketAddr::new(ip, self.port);
        let nowhere = |why: String| Failed::Nowhere(format!("connect to {at}: {why}"));
        let stream = timeout(DEADLINE, TcpStream::connect(at)).await;
        let stream = stream
            .map_err(|_| nowhere("it takes too long".to_owned()))?
            .map_err(|error| nowhere(error.to_string()))?;
        let io = TokioIo::new(stream);
        let connection = if self.manner == Manner::Http2 {
            let both = http2::handshake(TokioExecutor::new(), io).await;
            let (sender, driver) = both.map_err(|error| Failed::Broken(at, error))?;
            tokio::spawn(driver);
            Connection::Http2(sender)
        } else {
            let both = http1::handshake(io).await;
            let (sender, driver) = both.map_err(|error| Failed::Broken(at, error))?;
            tokio::spawn(driver);
            Connection::Http1(sender)
        };
        Ok((at, connection))
    }

    async fn resolve(&mut self) -> Result<Vec<IpAddr>, Failed> {
        if let Some((addresses, until)) = &self.answer
            && Instant::now() < *until
        {
            return Ok(addresses.clone());
        }
        let (server, network) = (self.name_server, Some(self.network));
        let answer = perigee_geodns::query(server, &self.host, "A", network, DEADLINE, false);
        let answer = answer.await.map_err(|e| Failed::Nowhere(e.to_string()))?;
        let ttl = answer.answers.iter().map(|record| record.ttl).min();
        let Some(ttl) = ttl else {
            return Err(Failed::Nowhere(format!("no address: {answer:?}")));
        };
        let records = answer.answers.iter();
        let addresses: Vec<IpAddr> = records.map(|r| r.data.parse().unwrap()).collect();
        let until = Instant::now() + Duration::from_secs(ttl.into());
        self.answer = Some((addresses.clone(), until));
        Ok(addresses)
    }
}

impl Connection {
    fn is_open(&self) -> bool {
        match self {
            Connection::Http1(sender) => !sender.is_closed(),
            Connection::Http2(sender) => !sender.is_closed(),
        }
    }

    async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), hyper::Error> {
        let response: Response<Incoming> = match self {
            Connection::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Connection::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, body))
    }
}

/// Whether nothing was sent, or the connection closed before any of the response came and the method
/// may be repeated. A body that breaks off is none of these.
fn may_repeat(method: &Method, error: &hyper::Error) -> bool {
    let unsent = error.is_canceled() || error.is_closed();
    let unanswered = error.is_incomplete_message() || is_farewell(error);
    unsent || (unanswered && method.is_idempotent())
}

/// Whether the server leaves in peace (GOAWAY with NO_ERROR): a client that hears of it between the moment when it took
/// the connection for open and that when it would have sent its request does not send it.
fn is_farewell(error: &hyper::Error) -> bool {
    let why = error.source().map(ToString::to_string);
    why.is_some_and(|why| why == "connection error received: not a result of an error")
}
