//! Where a request goes when it cannot be answered here, and sending it there.

use std::{
    future::{Future, pending},
    pin::Pin,
    sync::{Arc, Mutex},
};

use http::{HeaderValue, Request, Response, StatusCode, header, request};
use http_body::Body as _;
use perigee_http_cache::Failure;
use perigee_upstream::{Body as Relayed, Endpoint, Pool, SendError, SendErrorKind};

use crate::{Inbound, metrics::Metrics, once_body::OnceBody};

/// The field by which a tier tells another one that it did nothing with a request: the sender
/// may ask somebody else. Never reaches a client.
pub const REFUSED: &str = "perigee-refused";

/// One place to send a request to.
#[derive(Clone, Debug)]
pub enum Hop {
    /// The edge of this PoP that owns the key.
    Peer(Arc<Endpoint>),
    /// A shield.
    Shield(Arc<Endpoint>),
    /// The origins of the service.
    Origin(Arc<Pool>),
}

impl Hop {
    /// The name in logs and metrics.
    pub fn name(&self) -> &str {
        match self {
            Hop::Peer(endpoint) | Hop::Shield(endpoint) => endpoint.name(),
            Hop::Origin(_) => "origin",
        }
    }

    /// `peer`, `shield` or `origin`.
    pub fn kind(&self) -> &'static str {
        match self {
            Hop::Peer(_) => "peer",
            Hop::Shield(_) => "shield",
            Hop::Origin(_) => "origin",
        }
    }

    async fn send(&self, request: Request<Relayed>) -> Result<Response<Relayed>, SendError> {
        match self {
            Hop::Peer(endpoint) | Hop::Shield(endpoint) => endpoint.send(request).await,
            Hop::Origin(pool) => pool.send(request).await,
        }
    }
}

/// The places to try for one key, in order.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// Who owns the key in this PoP, if that is not this node. Asked first; the answer is
    /// relayed and not stored here.
    pub sideways: Vec<Hop>,
    /// The next tier, and what may stand in for it.
    pub up: Vec<Hop>,
}

/// What a tier knows of the tiers beside and above it.
pub trait NextHop: Send + Sync + 'static {
    /// Where a request goes. Pure: looks at a snapshot of who is healthy.
    fn route(&self, inbound: &Inbound) -> Route;

    /// Puts onto a request what the hop needs to see: proof and markers for a tier of ours,
    /// X-Forwarded-* for an origin.
    fn stamp(&self, inbound: &Inbound, hop: &Hop, request: &mut request::Parts);

    /// A hop could not be reached.
    fn failed(&self, hop: &Hop);

    /// Ends once a hop is known to be down, so that nobody waits for what it will never say. A
    /// hop whose health nobody watches is not known to be down.
    fn lost<'a>(&'a self, _hop: &'a Hop) -> Lost<'a> {
        Box::pin(pending())
    }
}

/// See [`NextHop::lost`].
pub type Lost<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What came back, and from where.
pub(crate) struct Arrived {
    pub(crate) response: Response<Relayed>,
    /// The Cache-Status of the tiers above, taken off the response.
    pub(crate) cache_status: Vec<HeaderValue>,
    /// The name and the kind of the hop that answered.
    pub(crate) hop: String,
    pub(crate) kind: &'static str,
}

/// Sends a request to the first hop that answers.
///
/// A hop is passed over when it is safe to ask another: not a byte was sent, or the hop says it
/// did nothing, or the method is safe and there is no body (RFC 9110 section 9.2.2). Then it is
/// also passed over if it goes down before it answers: a node that has frozen keeps its connections.
pub(crate) async fn send_over(
    hops: &[Hop],
    next: &dyn NextHop,
    inbound: &Inbound,
    head: &request::Parts,
    body: Relayed,
    metrics: &Metrics,
) -> Result<Arrived, (Failure, Relayed)> {
    let repeatable = head.method.is_safe() && body.is_end_stream();
    let body = Arc::new(Mutex::new(Some(body)));
    let mut failure = Failure::Unreachable;
    for hop in hops {
        let mut parts = head.clone();
        next.stamp(inbound, hop, &mut parts);
        let request =
            Request::from_parts(parts, perigee_upstream::body::boxed(OnceBody::new(&body)));
        let sent = tokio::select! {
            sent = hop.send(request) => sent,
            () = next.lost(hop), if repeatable => {
                metrics.forwarded(hop.kind(), hop.name(), "lost");
                tracing::info!(kind = hop.kind(), name = hop.name(), "next hop went down");
                failure = Failure::Timeout;
                continue;
            }
        };
        let untouched = body.lock().is_ok_and(|b| b.is_some());
        match sent {
            Ok(response)
                if was_refused(&response) && untouched && !matches!(hop, Hop::Origin(_)) =>
            {
                metrics.forwarded(hop.kind(), hop.name(), "refused");
                failure = Failure::Overloaded;
            }
            // To switch protocols unasked is no answer (RFC 9110 section 15.2.2).
            Ok(response) if switches(&response) && !head.headers.contains_key(header::UPGRADE) => {
                metrics.forwarded(hop.kind(), hop.name(), "invalid");
                failure = Failure::Invalid;
                break;
            }
            Ok(response) => {
                metrics.forwarded(hop.kind(), hop.name(), "answered");
                return Ok(arrived(response, hop));
            }
            Err(error) => {
                metrics.forwarded(hop.kind(), hop.name(), outcome(error.kind));
                tracing::info!(kind = hop.kind(), %error, "next hop failed");
                if matches!(error.kind, SendErrorKind::Connect | SendErrorKind::Broken) {
                    next.failed(hop);
                }
                failure = as_failure(error.kind);
                let may_go_on = repeatable || (error.kind.nothing_was_sent() && untouched);
                if !may_go_on {
                    break;
                }
            }
        }
    }
    let body = body.lock().ok().and_then(|mut b| b.take());
    Err((failure, body.unwrap_or_else(perigee_upstream::body::empty)))
}

fn was_refused(response: &Response<Relayed>) -> bool {
    response.headers().contains_key(REFUSED)
}

fn switches(response: &Response<Relayed>) -> bool {
    response.status() == StatusCode::SWITCHING_PROTOCOLS
}

fn arrived(mut response: Response<Relayed>, hop: &Hop) -> Arrived {
    let name = header::HeaderName::from_static("cache-status");
    let cache_status = match response.headers_mut().entry(name) {
        header::Entry::Occupied(entry) => entry.remove_entry_mult().1.collect(),
        header::Entry::Vacant(_) => Vec::new(),
    };
    if let Hop::Origin(_) = hop {
        // Not an origin's to say.
        response.headers_mut().remove(REFUSED);
    }
    Arrived {
        response,
        cache_status,
        hop: hop.name().to_owned(),
        kind: hop.kind(),
    }
}

fn as_failure(kind: SendErrorKind) -> Failure {
    match kind {
        // A request that broke off has nobody left to be told.
        SendErrorKind::Connect | SendErrorKind::Broken | SendErrorKind::Request => {
            Failure::Unreachable
        }
        SendErrorKind::Timeout => Failure::Timeout,
        SendErrorKind::Invalid => Failure::Invalid,
        SendErrorKind::Overloaded => Failure::Overloaded,
    }
}

fn outcome(kind: SendErrorKind) -> &'static str {
    match kind {
        SendErrorKind::Connect => "no-connection",
        SendErrorKind::Broken => "broken",
        SendErrorKind::Timeout => "timeout",
        SendErrorKind::Invalid => "invalid",
        SendErrorKind::Overloaded => "overloaded",
        SendErrorKind::Request => "request-broken",
    }
}
