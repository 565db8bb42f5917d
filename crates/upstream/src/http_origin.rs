//! An origin over http or https.

use std::{net::SocketAddr, path::Path, pin::pin, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
    request::Parts,
    uri::{Authority, PathAndQuery, Scheme},
};
use hyper_util::client::legacy::{self, Client, connect::capture_connection};
use rustls::pki_types::ServerName;

use crate::{
    Body, Limits, NodeTls, SendError, SendErrorKind, TargetError,
    admission::Permit,
    body, classify,
    clients::Clients,
    dial::{Dial, Facts},
    framing::{self, After},
    interim::Interim,
    tls,
    transfer::Transfer,
    upload::{Progress, Upload},
};

/// A connection to a name is not used again after this long, however busy it is: so that requests
/// follow the name when its addresses change.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(300);

/// Kept connections that turn out to be closed, after the first one, before a request is given up.
const MAX_REPEATS: usize = 3;

/// More than `max_interim` of them.
const TOO_MANY_INTERIM: framing::Fault = "not a valid response: too many interim ones before it";

/// Sends requests to one base URL over kept connections.
#[derive(Debug)]
pub(crate) struct HttpOrigin {
    // "name (http://host:port)"
    label: Arc<str>,
    scheme: Scheme,
    authority: Authority,
    // Without a slash at its end; empty for none.
    prefix: String,
    host: Option<HeaderValue>,
    clients: Clients,
    first_byte_timeout: Duration,
    body_idle_timeout: Duration,
    max_interim: usize,
    // Unless set, connections are used for as long as they live.
    max_age: Option<Duration>,
}

/// What an exchange failed of.
struct Failure {
    error: SendError,
    // On a connection that had served before: it may just have been closed from the other side.
    on_used_connection: bool,
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
        Ok(HttpOrigin {
            label: format!("{name} ({scheme}://{authority})").into(),
            prefix: base.path().trim_end_matches('/').to_owned(),
            scheme,
            authority,
            host,
            clients: Clients::new(tls, limits),
            first_byte_timeout: limits.first_byte_timeout,
            body_idle_timeout: limits.body_idle_timeout,
            max_interim: limits.max_interim,
            max_age: is_name.then_some(MAX_CONNECTION_AGE),
        })
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
        let max_age = tls.is_some().then_some(MAX_CONNECTION_AGE);
        let tls = tls.map(|tls| (tls.config, tls.name));
        Ok(HttpOrigin {
            label: format!("{name} ({scheme}://{authority})").into(),
            prefix: String::new(),
            scheme,
            authority,
            host: None,
            clients: Clients::new(tls, limits),
            first_byte_timeout: limits.first_byte_timeout,
            body_idle_timeout: limits.body_idle_timeout,
            max_interim: limits.max_interim,
            max_age,
        })
    }

    pub(crate) async fn send(
        &self,
        request: Request<Body>,
        permit: Permit,
    ) -> Result<Response<Body>, SendError> {
        let (mut parts, body) = request.into_parts();
        self.address(&mut parts)?;
        let may_repeat = parts.method.is_safe() && body::is_known_empty(&body);
        let client = self.clients.of(may_repeat);
        let spare = may_repeat.then(|| parts.clone());
        let mut failure = match self.exchange(client, parts, body).await {
            Ok(response) => return Ok(self.hold(response, permit)),
            Err(failure) => failure,
        };
        // An origin may close a kept connection at any moment, and so while a request is on its
        // way there (RFC 9112 section 9.3.1); and it may close many at once.
        let Some(parts) = spare else {
            return Err(failure.error);
        };
        for _ in 0..MAX_REPEATS {
            if !failure.on_used_connection || failure.error.kind != SendErrorKind::Broken {
                break;
            }
            failure = match self.exchange(client, parts.clone(), body::empty()).await {
                Ok(response) => return Ok(self.hold(response, permit)),
                Err(failure) => failure,
            };
        }
        Err(failure.error)
    }

    /// Origin form to absolute form, and HTTP/1.1.
    fn address(&self, parts: &mut Parts) -> Result<(), SendError> {
        if parts.method == Method::CONNECT {
            return Err(self.error(SendErrorKind::Request, "CONNECT is not forwarded"));
        }
        let asked = parts.uri.path_and_query();
        let target = match asked {
            None => PathAndQuery::from_static("/"),
            Some(path) if self.prefix.is_empty() || path.path() == "*" => path.clone(),
            Some(path) => PathAndQuery::try_from(format!("{}{path}", self.prefix))
                .map_err(|e| self.error(SendErrorKind::Request, &format!("bad path: {e}")))?,
        };
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(self.scheme.clone());
        uri.authority = Some(self.authority.clone());
        uri.path_and_query = Some(target);
        parts.uri = Uri::from_parts(uri)
            .map_err(|e| self.error(SendErrorKind::Request, &format!("bad URI: {e}")))?;
        parts.version = Version::HTTP_11;
        if let Some(host) = &self.host {
            parts.headers.insert(header::HOST, host.clone());
        }
        Ok(())
    }

    /// One request out, one response head back.
    async fn exchange(
        &self,
        client: &Client<Dial, Upload>,
        parts: Parts,
        body: Body,
    ) -> Result<Response<hyper::body::Incoming>, Failure> {
        let progress = Progress::new();
        let upload = Upload::new(body, progress.clone());
        let mut request = Request::from_parts(parts, upload);
        let connection = capture_connection(&mut request);
        let interim = Interim::watch(&mut request, self.max_interim);
        let mut sending = pin!(client.request(request));
        let response = tokio::select! {
            biased;
            sent = &mut sending => sent.map_err(|error| self.failure(&error))?,
            () = interim.exceeded() => {
                return Err(self.fault(SendErrorKind::Invalid, TOO_MANY_INTERIM));
            }
            () = progress.origin_silent_for(self.first_byte_timeout) => {
                let detail = format!("no response head within {:?}", self.first_byte_timeout);
                return Err(self.fault(SendErrorKind::Timeout, &detail));
            }
        };
        let is_old = self.mark_used(&response);
        let (mut parts, body) = response.into_parts();
        let framed = match interim.is_exceeded() {
            true => Err(TOO_MANY_INTERIM),
            false => framing::settle(&mut parts),
        };
        if (is_old || framed != Ok(After::Keep))
            && let Some(connected) = &*connection.connection_metadata()
        {
            connected.poison();
        }
        match framed {
            Ok(_) => Ok(Response::from_parts(parts, body)),
            Err(fault) => Err(self.fault(SendErrorKind::Invalid, fault)),
        }
    }

    /// Notes that the connection has carried a response; whether it is too old for another one.
    fn mark_used(&self, response: &Response<hyper::body::Incoming>) -> bool {
        let Some(facts) = response.extensions().get::<Facts>() else {
            return false;
        };
        facts.mark_used();
        self.max_age
            .is_some_and(|age| facts.opened().elapsed() >= age)
    }

    /// Ties the permit to what it pays for: the body, or after a switch of protocols (RFC 9110
    /// section 15.2.2) the connection.
    fn hold(&self, response: Response<hyper::body::Incoming>, permit: Permit) -> Response<Body> {
        let (mut parts, incoming) = response.into_parts();
        let facts = parts.extensions.remove::<Facts>();
        if let (StatusCode::SWITCHING_PROTOCOLS, Some(facts)) = (parts.status, &facts) {
            facts.hold(permit);
            return Response::from_parts(parts, body::boxed(incoming));
        }
        let label = self.label.clone();
        let transfer = Transfer::new(incoming, permit, facts, label, self.body_idle_timeout);
        Response::from_parts(parts, body::boxed(transfer))
    }

    fn failure(&self, error: &legacy::Error) -> Failure {
        let kind = classify::kind(error);
        let words = classify::in_words(error);
        let detail = match kind {
            SendErrorKind::Connect => format!("no connection: {words}"),
            SendErrorKind::Invalid => format!("not a valid response: {words}"),
            SendErrorKind::Request => format!("the request broke off: {words}"),
            _ => format!("no response: {words}"),
        };
        let mut extras = http::Extensions::new();
        if let Some(connected) = error.connect_info() {
            connected.get_extras(&mut extras);
        }
        Failure {
            error: self.error(kind, &detail),
            on_used_connection: extras.get::<Facts>().is_some_and(Facts::is_used),
        }
    }

    /// A failure that a new connection would not mend.
    fn fault(&self, kind: SendErrorKind, detail: &str) -> Failure {
        Failure {
            error: self.error(kind, detail),
            on_used_connection: false,
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
            let response = origin.send(request, permit).await.unwrap();
            assert_eq!(text(response).await, "ok");
            // The connection goes back a moment after the end of the body.
            tokio::time::sleep(Duration::from_millis(5)).await;
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
        assert!(used(Method::GET).await <= 2);
    }

    #[tokio::test]
    async fn old_connections_are_not_used_again() {
        let used = |age| {
            let change = move |origin: &mut HttpOrigin| origin.max_age = age;
            connections_used(change, Limits::default(), Method::GET)
        };
        assert_eq!(used(Some(Duration::ZERO)).await, 10);
        assert!(used(Some(MAX_CONNECTION_AGE)).await <= 2);
        assert!(used(None).await <= 2);
    }
}
