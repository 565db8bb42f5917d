//! An HTTP client that sends exactly what it is told.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};

/// A response, whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A field's values, joined as one list; empty if there are none.
    pub(crate) fn field(&self, name: &str) -> String {
        let values = self.headers.get_all(name).iter();
        let values: Vec<_> = values.map(|v| v.to_str().unwrap()).collect();
        values.join(", ")
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// How this answer came about, as Cache-Status tells it.
    pub(crate) fn cache_status(&self) -> String {
        self.field("cache-status")
    }

    pub(crate) fn is_hit(&self) -> bool {
        self.cache_status().contains("; hit")
    }
}

/// A request to be sent to an address.
pub(crate) struct Ask {
    address: SocketAddr,
    from: Option<IpAddr>,
    request: http::request::Builder,
    body: Bytes,
}

/// GET `path` from whoever listens at `address`, for `host`.
pub(crate) fn get(address: SocketAddr, host: &str, path: &str) -> Ask {
    ask(Method::GET, address, host, path)
}

pub(crate) fn ask(method: Method, address: SocketAddr, host: &str, path: &str) -> Ask {
    Ask {
        address,
        from: None,
        request: Request::builder()
            .method(method)
            .uri(path)
            .header("host", host),
        body: Bytes::new(),
    }
}

impl Ask {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// From this address of this machine.
    pub(crate) fn from(self, address: IpAddr) -> Self {
        Ask {
            from: Some(address),
            ..self
        }
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The whole answer, or what went wrong on the way.
    pub(crate) async fn try_send(self) -> Result<Answer, String> {
        let stream = match self.from {
            None => TcpStream::connect(self.address).await,
            Some(from) => {
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind(SocketAddr::new(from, 0)).unwrap();
                socket.connect(self.address).await
            }
        };
        let stream = stream.map_err(|e| format!("connect to {}: {e}", self.address))?;
        let request = self.request.body(Full::new(self.body)).unwrap();
        send_on(stream, request).await
    }

    pub(crate) async fn send(self) -> Answer {
        self.try_send().await.unwrap()
    }
}

async fn send_on(stream: TcpStream, request: Request<Full<Bytes>>) -> Result<Answer, String> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| e.to_string())?;
    let connection = tokio::spawn(connection);
    let answer = async {
        let response = sender.send_request(request).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok::<_, hyper::Error>(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    };
    let answer = answer.await.map_err(|e| format!("{e:?}"));
    connection.abort();
    answer
}
