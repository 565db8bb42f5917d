//! An origin over http or https.

use std::{future::poll_fn, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use http::{
    HeaderValue, Method, Uri,
    uri::{Authority, PathAndQuery, Scheme},
};
use perigee_http1::Bounds;
use rustls::pki_types::ServerName;
use tokio::time::Instant;

use crate::{
    Body, Came, Head, Limits, NodeTls, SendError, SendErrorKind, TargetError,
    admission::Permit,
    body,
    dial::{Dial, Tls},
    http1::{Address, Answered, Broken, Connection, Exchange, HeadLimits, Kept, Terms},
    tls, words,
};

/// A connection to a name is not used again after this long, however busy it is: so that requests
/// follow the name when its addresses change.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(300);

/// Kept connections that turn out to be closed, after the first one, before a request is given up.
const MAX_REPEATS: usize = 3;

/// Sends requests to one base URL over kept connections.
#[derive(Debug)]
pub(crate) struct HttpOrigin {
    // "name (http://host:port)"
    label: Arc<str>,
    address: Address,
    dial: Dial,
    kept: Arc<Kept>,
    idle_before_unsafe: Duration,
    heads: HeadLimits,
    max_interim: usize,
    first_byte_timeout: Duration,
    body_idle_timeout: Duration,
    // Unless set, connections are used for as long as they live.
    max_age: Option<Duration>,
}

/// What an exchange failed of.
struct Failure {
    error: SendError,
    // On a connection that had served before: it may just have been closed from the other side.
    is_stale: bool,
}

impl HttpOrigin {
    pub(crate) fn new(
        name: &str,
        base: &Uri,
        host: Option<HeaderValue>,
        sni: Option<&str>,
        ca_file: Option<&Path>,
        limits: &Limits,
    ) -> Result<Self, TargetError> {
        let (scheme, authority) = check_base(base)?;
        let tls = if scheme == Scheme::HTTPS {
            let server_name = server_name(sni.unwrap_or(authority.host()))?;
            let config = ArcSwap::from_pointee(tls::client_config(ca_file)?);
            Some((Arc::new(config), server_name))
        } else {
            None
        };
        let is_name = bare(authority.host()).parse::<std::net::IpAddr>().is_err();
        let address = Address {
            prefix: base.path().trim_end_matches('/').to_owned(),
            authority,
            host,
        };
        let max_age = is_name.then_some(MAX_CONNECTION_AGE);
        HttpOrigin::at(name, scheme, address, tls, max_age, limits)
    }

    /// A node of ours. With TLS its connections are given up in time, so that they have seen the
    /// certificates of the day.
    pub(crate) fn node(
        name: &str,
        address: SocketAddr,
        tls: Option<NodeTls>,
        limits: &Limits,
    ) -> Result<Self, TargetError> {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base = format!("{scheme}://{address}");
        let (scheme, authority) = base
            .parse()
            .map_err(|e| TargetError(format!("{base}: {e}")))
            .and_then(|base| check_base(&base))?;
        let address = Address {
            authority,
            prefix: String::new(),
            host: None,
        };
        let max_age = tls.is_some().then_some(MAX_CONNECTION_AGE);
        let tls = tls.map(|tls| (tls.config, tls.name));
        HttpOrigin::at(name, scheme, address, tls, max_age, limits)
    }

    fn at(
        name: &str,
        scheme: Scheme,
        address: Address,
        tls: Option<Tls>,
        max_age: Option<Duration>,
        limits: &Limits,
    ) -> Result<Self, TargetError> {
        let label = format!("{name} ({scheme}://{})", address.authority).into();
        let mut to = http::uri::Parts::default();
        to.scheme = Some(scheme);
        to.authority = Some(address.authority.clone());
        to.path_and_query = Some(PathAndQuery::from_static("/"));
        let to = Uri::from_parts(to).map_err(|e| TargetError(format!("{label}: {e}")))?;
        Ok(HttpOrigin {
            label,
            address,
            dial: Dial::new(to, tls, limits.connect_timeout),
            kept: Kept::new(limits.max_idle, limits.idle_timeout),
            idle_before_unsafe: limits.idle_before_unsafe,
            heads: HeadLimits::new(limits.max_head, limits.max_fields),
            max_interim: limits.max_interim,
            first_byte_timeout: limits.first_byte_timeout,
            body_idle_timeout: limits.body_idle_timeout,
            max_age,
        })
    }

    /// Sends a request, over a kept connection if there is one.
    pub(crate) async fn send(
        &self,
        head: Head<'_>,
        body: Body,
        permit: Permit,
    ) -> Result<Came, SendError> {
        let method = &head.request.method;
        if *method == Method::CONNECT {
            return Err(self.error(SendErrorKind::Request, "CONNECT is not forwarded"));
        }
        let may_repeat = method.is_safe() && body::is_known_empty(&body);
        // An idle connection may be closed from the other side at any moment, and then nobody knows
        // what became of a request: what may not be repeated goes over none that is idle for long.
        let brief = match may_repeat {
            true => Duration::MAX,
            false => self.idle_before_unsafe,
        };
        let mut body = Some(body);
        let mut repeats = 0;
        loop {
            let now = Instant::now();
            let (connection, since) = match self.kept.take(brief, now) {
                Some(connection) => (connection, now),
                None => (self.connect().await?, Instant::now()),
            };
            let body = body.take().unwrap_or_else(body::empty);
            let failure = match self.exchange(connection, head, body, since).await {
                Ok(answered) => return Ok(self.answered(answered, permit)),
                Err(failure) => failure,
            };
            // An origin may close a kept connection at any moment, and so while a request is on its
            // way there (RFC 9112 section 9.3.1); and it may close many at once.
            if !may_repeat || !failure.is_stale || repeats == MAX_REPEATS {
                return Err(failure.error);
            }
            repeats += 1;
        }
    }

    async fn connect(&self) -> Result<Box<Connection>, SendError> {
        // In a box: it is large, and rare.
        match Box::pin(self.dial.connect()).await {
            Ok(socket) => Ok(Connection::new(socket)),
            Err(error) => {
                let detail = format!("no connection: {}", words::of(&*error));
                Err(self.error(SendErrorKind::Connect, &detail))
            }
        }
    }

    /// One request out, one response head back.
    async fn exchange(
        &self,
        connection: Box<Connection>,
        head: Head<'_>,
        body: Body,
        since: Instant,
    ) -> Result<Answered, Failure> {
        let limits = (self.heads, self.max_interim);
        let mut exchange = Exchange::new(connection, (head, body), &self.address, limits, since);
        let answered = poll_fn(|cx| exchange.poll(cx, self.first_byte_timeout)).await;
        answered.map_err(|broken| self.failure(broken, exchange.was_used()))
    }

    fn answered(&self, answered: Answered, permit: Permit) -> Came {
        let is_old = |opened: Instant| self.max_age.is_some_and(|age| opened.elapsed() >= age);
        let is_kept = answered.is_kept() && !is_old(answered.opened());
        let terms = Terms {
            permit,
            kept: is_kept.then(|| Arc::clone(&self.kept)),
            label: Arc::clone(&self.label),
            idle_limit: self.body_idle_timeout,
            bounds: Bounds {
                max_bytes: self.heads.max_bytes,
                max_fields: self.heads.max_fields,
            },
        };
        answered.came(terms)
    }

    fn failure(&self, broken: Broken, was_used: bool) -> Failure {
        let (kind, detail) = match broken {
            Broken::Closed => (
                SendErrorKind::Broken,
                format!("no response: {}", words::CLOSED),
            ),
            Broken::Io(error) => {
                let words = words::of(&error);
                (SendErrorKind::Broken, format!("no response: {words}"))
            }
            Broken::Invalid(fault) => {
                let detail = format!("not a valid response: {fault}");
                (SendErrorKind::Invalid, detail)
            }
            Broken::Silent => {
                let detail = format!("no response head within {:?}", self.first_byte_timeout);
                (SendErrorKind::Timeout, detail)
            }
            Broken::Request(error) => {
                let detail = format!("the request broke off: {}", words::of(&*error));
                (SendErrorKind::Request, detail)
            }
        };
        Failure {
            is_stale: was_used && kind == SendErrorKind::Broken,
            error: self.error(kind, &detail),
        }
    }

    fn error(&self, kind: SendErrorKind, detail: &str) -> SendError {
        SendError {
            kind,
            detail: format!("{}: {detail}", self.label),
        }
    }
}

fn check_base(base: &Uri) -> Result<(Scheme, Authority), TargetError> {
    let fault = |what: &str| TargetError(format!("origin URL {base}: {what}"));
    let scheme = match base.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS => scheme.clone(),
        Some(other) => {
            return Err(fault(&format!(
                "{other} is not supported; use http:// or https://"
            )));
        }
        None => return Err(fault("write it as http://host:port or https://host:port")),
    };
    let authority = match base.authority() {
        Some(authority) if !authority.host().is_empty() => authority.clone(),
        _ => return Err(fault("it has no host")),
    };
    if authority.as_str().contains('@') {
        return Err(fault(
            "user and password do not belong in it; leave them out",
        ));
    }
    if base.query().is_some() {
        return Err(fault("a query does not belong in it; leave it out"));
    }
    Ok((scheme, authority))
}

fn server_name(host: &str) -> Result<ServerName<'static>, TargetError> {
    ServerName::try_from(bare(host).to_owned()).map_err(|error| {
        TargetError(format!(
            "{host} is no server name that TLS can verify: {error}"
        ))
    })
}

/// An IPv6 address without its brackets; anything else as it is.
fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::SeqCst;

    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::{
        admission::Admission,
        testing::{get, read_head, scripted, text},
    };

    /// Ten requests one after the other; how many connections they took.
    async fn connections_used(
        change: impl Fn(&mut HttpOrigin),
        limits: Limits,
        method: Method,
    ) -> usize {
        let (addr, accepted) = scripted(|mut stream, _| async move {
            while !read_head(&mut stream).await.is_empty() {
                let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                stream.write_all(ok).await.unwrap();
            }
        })
        .await;
        let base = format!("http://{addr}").parse().unwrap();
        let mut origin = HttpOrigin::new("www", &base, None, None, None, &limits).unwrap();
        assert_eq!(origin.max_age, None, "an address does not move");
        change(&mut origin);
        let admission = Admission::new(&limits);
        for _ in 0..10 {
            let permit = admission.enter().await.unwrap();
            let mut request = get("/");
            *request.method_mut() = method.clone();
            let (parts, body) = request.into_parts();
            let sent = origin.send(Head::of(&parts.into()), body, permit).await;
            let response = sent.unwrap().into_response();
            assert_eq!(text(response).await, "ok");
        }
        accepted.load(SeqCst)
    }

    #[tokio::test]
    async fn what_cannot_be_repeated_goes_over_no_idle_connection() {
        let limits = Limits {
            idle_before_unsafe: Duration::ZERO,
            ..Limits::default()
        };
        let used = |method| connections_used(|_| {}, limits.clone(), method);
        assert_eq!(used(Method::POST).await, 10);
        assert_eq!(used(Method::GET).await, 1);
    }

    #[tokio::test]
    async fn old_connections_are_not_used_again() {
        let used = |age| {
            let change = move |origin: &mut HttpOrigin| origin.max_age = age;
            connections_used(change, Limits::default(), Method::GET)
        };
        assert_eq!(used(Some(Duration::ZERO)).await, 10);
        assert_eq!(used(Some(MAX_CONNECTION_AGE)).await, 1);
        assert_eq!(used(None).await, 1);
    }
}
