//! From a request as it came to an [`Inbound`]: which service, which key, and is it allowed.

use std::{
    io::{Error, ErrorKind},
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Instant, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header, request, uri::PathAndQuery};
use http_body::{Body as HttpBody, Frame, SizeHint};
use perigee_http_cache::{CacheKey, Policy, Scheme, has_field};
use perigee_upstream::Body as Relayed;

use crate::{Inbound, Sender, Service, Services, body::BodyError};

/// Why a request is refused before the cache is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status to answer with.
    pub status: StatusCode,
    /// What to tell the client.
    pub text: &'static str,
}

/// From whom a request came, and over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origination {
    /// The client's address.
    pub client: IpAddr,
    /// The client's scheme.
    pub scheme: Scheme,
    /// Who sent it.
    pub sender: Sender,
}

impl Origination {
    /// What the connection itself says.
    pub fn of_connection(client: IpAddr, tls: bool) -> Self {
        Origination {
            client,
            scheme: if tls { Scheme::Https } else { Scheme::Http },
            sender: Sender::Client,
        }
    }
}

/// Finds the service and the key of a request, and puts the service's limit on its body.
///
/// # Errors
/// [`Refusal`], and the head of the request for the log: 400 without a usable host, 421 for a host that no service has (RFC 9110
/// section 15.5.20), 413 for a body that says it is too large.
pub fn take_in<B>(
    request: Request<B>,
    services: &Services,
    from: Origination,
) -> Result<(Inbound, Relayed), (Refusal, Box<request::Parts>)>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    let (mut head, body) = request.into_parts();
    let found = find(&mut head, services, from);
    let limited = found.and_then(|found| Ok((limited(body, &found.service)?, found)));
    let ((body, fault), found) = match limited {
        Ok(limited) => limited,
        Err(refusal) => return Err((refusal, Box::new(head))),
    };
    let inbound = Inbound {
        head,
        service: found.service,
        rule: found.rule,
        key: found.key,
        fetched: found.fetched,
        place: None,
        landings: 0,
        takes_lines: false,
        client: from.client,
        scheme: from.scheme,
        sender: from.sender,
        line: None,
        fault,
        at: SystemTime::now(),
        started: Instant::now(),
    };
    Ok((inbound, body))
}

/// Whose a request is, and what it is known by.
struct Found {
    service: Arc<Service>,
    rule: Option<usize>,
    key: CacheKey,
    fetched: Option<PathAndQuery>,
}

fn find(
    head: &mut request::Parts,
    services: &Services,
    from: Origination,
) -> Result<Found, Refusal> {
    put_in_order(head)?;
    let asked = head.headers.get(header::HOST).cloned().ok_or(NO_HOST)?;
    let host = host_of(&asked)?;
    let service = services.find(host).ok_or(NO_SERVICE)?;
    if from.sender == Sender::Client {
        let fields = &service.config.request_fields;
        fields.apply(&head.method, &mut head.headers);
    }
    let rule = service.config.rule(head);
    let policy = service.config.policy(rule);
    policy.clean_request(&mut head.headers);
    Ok(Found {
        rule,
        key: key(policy, from.scheme, host, head),
        fetched: fetched(policy, head),
        service: Arc::clone(service),
    })
}

pub(crate) const NO_SERVICE: Refusal = Refusal {
    status: StatusCode::MISDIRECTED_REQUEST,
    text: "no delivery service answers for this host",
};

/// Makes a head what every tier goes by.
pub(crate) fn put_in_order(head: &mut request::Parts) -> Result<(), Refusal> {
    set_host(head)?;
    set_target(head);
    join_cookies(&mut head.headers);
    Ok(())
}

/// What the store knows a request under this policy by.
pub(crate) fn key(policy: &Policy, scheme: Scheme, host: &str, head: &request::Parts) -> CacheKey {
    policy.key.key(scheme, host, target(head))
}

/// The target in the key, where that is not the one that came.
fn fetched(policy: &Policy, head: &request::Parts) -> Option<PathAndQuery> {
    let target = target(head);
    match policy.key.target(target) {
        kept if kept == target => None,
        // Parts of what could be parsed can be.
        kept => PathAndQuery::try_from(&*kept).ok(),
    }
}

fn target(head: &request::Parts) -> &str {
    head.uri.path_and_query().map_or("/", PathAndQuery::as_str)
}

/// Host is what every tier goes by: HTTP/2 brings it as :authority (RFC 9113 section 8.3.1).
fn set_host(head: &mut request::Parts) -> Result<(), Refusal> {
    if let Some(authority) = head.uri.authority() {
        let value = HeaderValue::try_from(authority.as_str()).map_err(|_| NO_HOST)?;
        head.headers.insert(header::HOST, value);
    }
    Ok(())
}

/// An absolute target without a path asks for `/` (RFC 9112 section 3.2.1): all that goes by the
/// target, and the next tier too, must see the same.
fn set_target(head: &mut request::Parts) {
    let target = head.uri.path_and_query();
    let Some(query) = target.filter(|target| target.as_str().starts_with('?')) else {
        return;
    };
    if let Ok(target) = PathAndQuery::try_from(format!("/{}", query.as_str())) {
        head.uri = target.into();
    }
}

/// HTTP/2 clients send cookies in several fields, which those who speak HTTP/1.1 do not expect
/// (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if !has_field(headers, &header::COOKIE) {
        return;
    }
    let mut cookies = headers.get_all(header::COOKIE).iter();
    if cookies.next().is_none() || cookies.next().is_none() {
        return;
    }
    let lines = headers.get_all(header::COOKIE).iter();
    let lines: Vec<_> = lines.map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}

const NO_HOST: Refusal = Refusal {
    status: StatusCode::BAD_REQUEST,
    text: "the request names no valid host",
};

/// The host that a request is for, with the port that it names.
pub(crate) fn host(head: &request::Parts) -> Result<&str, Refusal> {
    host_of(head.headers.get(header::HOST).ok_or(NO_HOST)?)
}

fn host_of(host: &HeaderValue) -> Result<&str, Refusal> {
    let host = host.to_str().map_err(|_| NO_HOST)?;
    if host.is_empty() || !host.bytes().all(|b| HOST_BYTES[usize::from(b)]) {
        return Err(NO_HOST);
    }
    Ok(host)
}

static HOST_BYTES: [bool; 256] = {
    let (mut table, mut byte) = ([false; 256], 0_u8);
    while byte < 0x80 {
        let is_mark = matches!(byte, b'-' | b'.' | b'_' | b'~' | b':' | b'[' | b']' | b'%');
        table[byte as usize] = byte.is_ascii_alphanumeric() || is_mark;
        byte += 1;
    }
    table
};

type Limited = (Relayed, Option<Arc<AtomicU16>>);

fn limited<B>(body: B, service: &Service) -> Result<Limited, Refusal>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    let max = service.config.max_request_body;
    if body.is_end_stream() {
        return Ok((perigee_upstream::body::empty(), None));
    }
    if body.size_hint().lower() > max {
        return Err(Refusal {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            text: "the request body is larger than this service takes",
        });
    }
    let fault = Arc::new(AtomicU16::new(0));
    let limited = LimitedBody {
        body: Box::pin(body),
        left: max,
        fault: Arc::clone(&fault),
    };
    Ok((perigee_upstream::body::boxed(limited), Some(fault)))
}

/// A body that fails once it is longer than it may be. When it does not come whole, for this or
/// another reason, it leaves the status to answer with.
struct LimitedBody<B> {
    body: Pin<Box<B>>,
    left: u64,
    fault: Arc<AtomicU16>,
}

impl<B> LimitedBody<B> {
    fn note(&self, status: StatusCode) {
        self.fault.store(status.as_u16(), Ordering::Relaxed);
    }
}

/// 408 for a client that fell silent (RFC 9110 section 15.5.9), 400 for one that sent no body.
fn status_of(error: &BodyError) -> StatusCode {
    let timed_out = |e: &Error| e.kind() == ErrorKind::TimedOut;
    if error.downcast_ref::<Error>().is_some_and(timed_out) {
        StatusCode::REQUEST_TIMEOUT
    } else {
        StatusCode::BAD_REQUEST
    }
}

impl<B> HttpBody for LimitedBody<B>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BodyError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = match ready!(self.body.as_mut().poll_frame(cx)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => {
                let error = error.into();
                self.note(status_of(&error));
                return Poll::Ready(Some(Err(error)));
            }
            Some(Ok(frame)) => frame,
        };
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.left.checked_sub(length) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Some(Ok(frame)))
            }
            None => {
                self.note(StatusCode::PAYLOAD_TOO_LARGE);
                Poll::Ready(Some(Err("the request body is too large".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
