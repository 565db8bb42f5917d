//! The admin API over HTTP/1.1, on an address of its own.

use std::{
    convert::Infallible, io::ErrorKind, net::SocketAddr, pin::pin, sync::Arc, time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use perigee_edge::{PurgeOrder, Question};
use perigee_geodns::DnsQuestion;
use prometheus_client::{encoding::text, registry::Registry};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::{net::TcpListener, net::TcpStream, sync::Semaphore, time::timeout};

use crate::run::{DrainOrder, Draining};

use super::{
    Guard, Managed, NotDone, cache,
    guard::Refusal,
    router::{NoRoute, Route, route},
};

const MAX_CONNECTIONS: usize = 64;
const MAX_BODY: usize = 64 << 10;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// For the body of a request and the answer to it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection takes no further request after this, so that nobody keeps one for good.
const CONNECTION_AGE: Duration = Duration::from_secs(60);

/// The admin API of one node.
pub(crate) struct Admin {
    pub(crate) node: Arc<dyn Managed>,
    pub(crate) draining: Arc<Draining>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) guard: Guard,
}

/// Binds the admin address; the error names it.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|e| {
        let advice = match e.kind() {
            ErrorKind::AddrInUse => {
                ": another process listens there; stop it, or choose another `admin` address"
            }
            ErrorKind::AddrNotAvailable => ": this machine does not have that address",
            _ => "",
        };
        format!("cannot listen on the admin address {address}: {e}{advice}")
    })
}

impl Admin {
    /// Answers until dropped.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let admin = Arc::new(self);
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let admin = Arc::clone(&admin);
                    tokio::spawn(async move {
                        admin.connection(stream).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    // Out of descriptors, mostly: others must end first.
                    tracing::warn!(%error, "the admin API cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(move |request| {
            let admin = Arc::clone(&self);
            async move {
                let answer = timeout(REQUEST_TIMEOUT, admin.answer(request)).await;
                let late = |_| error(StatusCode::REQUEST_TIMEOUT, "the request took too long");
                Ok::<_, Infallible>(answer.unwrap_or_else(late))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let mut ended = timeout(CONNECTION_AGE, connection.as_mut()).await;
        if ended.is_err() {
            connection.as_mut().graceful_shutdown();
            ended = timeout(REQUEST_TIMEOUT, connection).await;
        }
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a connection to the admin API broke"),
            Err(_) => tracing::debug!("a client of the admin API takes no answer: cut"),
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let route = match route(request.method(), request.uri().path()) {
            Ok(route) => route,
            Err(NoRoute::NotFound) => {
                let known = "there are /health, /ready, /metrics, /status, /purge, /drain, /explain, \
                             /explain/dns, /cache, /cache/entry and /cache/stats";
                return error(StatusCode::NOT_FOUND, known);
            }
            Err(NoRoute::WrongMethod(allowed)) => return wrong_method(request.method(), allowed),
        };
        match self.guard.check(route, request.headers()) {
            Err(Refusal::Unauthorized) => return unauthorized(),
            Err(Refusal::FromBrowser) => {
                let why = "without a token, only requests to an address or localhost are \
                           answered, and none from web pages";
                return error(StatusCode::FORBIDDEN, why);
            }
            Ok(()) => {}
        }
        match route {
            Route::Health => json(StatusCode::OK, &json!({ "alive": true })),
            Route::Ready => self.ready(),
            Route::Metrics => self.metrics(),
            Route::Status => json(StatusCode::OK, &self.status()),
            Route::Purge => {
                let (head, body) = request.into_parts();
                self.purge(head.uri.query(), body).await
            }
            Route::Drain => self.drain(request.into_body()).await,
            Route::Explain => self.explain(request.into_body()).await,
            Route::ExplainDns => self.explain_dns(request.into_body()).await,
            Route::Cache => told(cache::list(&*self.node, request.uri().query()).await),
            Route::CacheEntry => told(cache::show(&*self.node, request.uri().query()).await),
            Route::CacheStats => told(self.node.cache_stats()),
        }
    }

    fn ready(&self) -> Response<Full<Bytes>> {
        let readiness = self.node.readiness();
        let status = if readiness.draining {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::OK
        };
        json(status, &json!(readiness))
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        let mut page = String::new();
        match text::encode(&mut page, &self.registry) {
            Ok(()) => response(StatusCode::OK, OPEN_METRICS, page),
            Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "metrics do not encode"),
        }
    }

    /// By the parameters of the query, or by a body.
    async fn purge(&self, query: Option<&str>, body: Incoming) -> Response<Full<Bytes>> {
        let order = match query {
            Some(query) => {
                let parameters = form_urlencoded::parse(query.as_bytes());
                PurgeOrder::parse(parameters).map_err(|why| {
                    let refused = error(StatusCode::BAD_REQUEST, &why);
                    Box::new(refused)
                })
            }
            None => read(body, r#"{"url": "http://HOST/PATH"}"#).await,
        };
        match order {
            Ok(order) => told(self.node.purge(&order).await),
            Err(refused) => *refused,
        }
    }

    /// What the node says, and how far it is where it drains.
    fn status(&self) -> Value {
        let mut status = self.node.status();
        if let Some(members) = status.as_object_mut() {
            members.insert("drain".into(), json!(self.draining.status()));
        }
        status
    }

    /// Without a body: it drains and stops.
    async fn drain(&self, body: Incoming) -> Response<Full<Bytes>> {
        let expected = r#"{"keep_running": true}, {"undo": true}, or nothing"#;
        let order: DrainOrder = match body.is_end_stream() {
            true => DrainOrder::default(),
            false => match read(body, expected).await {
                Ok(order) => order,
                Err(refused) => return *refused,
            },
        };
        match self.draining.order(order) {
            Ok(status) => json(StatusCode::OK, &json!(status)),
            Err(why) => error(StatusCode::CONFLICT, why),
        }
    }

    async fn explain(&self, body: Incoming) -> Response<Full<Bytes>> {
        let expected =
            r#"{"url": "http://HOST/PATH", "method": "GET", "headers": [["Name", "value"]]}"#;
        let question: Question = match read(body, expected).await {
            Ok(question) => question,
            Err(refused) => return *refused,
        };
        told(self.node.explain(&question).await)
    }

    async fn explain_dns(&self, body: Incoming) -> Response<Full<Bytes>> {
        let expected = r#"{"name": "www.cdn.example", "client": "198.51.100.0/24"}"#;
        let question: DnsQuestion = match read(body, expected).await {
            Ok(question) => question,
            Err(refused) => return *refused,
        };
        told(self.node.explain_dns(&question))
    }
}

/// The JSON of a body; or what to answer if there is none.
async fn read<T: DeserializeOwned>(
    body: Incoming,
    expected: &str,
) -> Result<T, Box<Response<Full<Bytes>>>> {
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        let why = format!("the body broke off, or is larger than {MAX_BODY} bytes");
        return Err(Box::new(error(StatusCode::PAYLOAD_TOO_LARGE, &why)));
    };
    serde_json::from_slice(&body.to_bytes()).map_err(|e| {
        let why = format!("expected {expected}: {e}");
        Box::new(error(StatusCode::BAD_REQUEST, &why))
    })
}

fn told(done: Result<impl Serialize, NotDone>) -> Response<Full<Bytes>> {
    match done {
        Ok(done) => json(StatusCode::OK, &json!(done)),
        Err(NotDone::Wrong(why)) => error(StatusCode::BAD_REQUEST, &why),
        Err(NotDone::NoZone) => error(StatusCode::NOT_FOUND, "this node is no name server"),
        Err(NotDone::NothingStored) => error(StatusCode::NOT_FOUND, "this node stores nothing"),
    }
}

fn wrong_method(method: &Method, allowed: &'static str) -> Response<Full<Bytes>> {
    let why = format!("{method} is not for this path: {allowed}");
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, &why);
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

fn unauthorized() -> Response<Full<Bytes>> {
    let mut response = error(
        StatusCode::UNAUTHORIZED,
        "expected Authorization: Bearer TOKEN",
    );
    let challenge = HeaderValue::from_static("Bearer realm=\"perigee\"");
    let name = header::WWW_AUTHENTICATE;
    response.headers_mut().insert(name, challenge);
    response
}

fn error(status: StatusCode, why: &str) -> Response<Full<Bytes>> {
    json(status, &json!({ "error": why }))
}

fn json(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    response(status, "application/json", format!("{value}\n"))
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_static(content_type);
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}
