//! A request's first steps on an edge: who sent it, is it for us, may it go on.

use std::{
    io::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::SystemTime,
};

use arc_swap::ArcSwap;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use perigee_cluster::{Caller, Markers, PurgeLog, Readiness, Refused, caller, strip};
use perigee_proxy::{
    Body, Exchange, InFlight, NextHop, Origination, REFUSED, Scheme, Sender, is_loop, plain,
    remove_claims, take_in,
};
use perigee_server::{Client, Handler, with_idle_timeout};

use crate::state::State;

/// What all requests of an edge share.
pub(crate) struct Shared {
    pub(crate) state: ArcSwap<State>,
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) purges: PurgeLog,
    pub(crate) requests: Arc<AtomicU64>,
    pub(crate) draining: AtomicBool,
}

impl Shared {
    pub(crate) fn readiness(&self, state: &State) -> Readiness {
        let requests = self.requests.load(Ordering::Relaxed);
        Readiness {
            node: state.config.node.to_string(),
            draining: self.draining.load(Ordering::Relaxed),
            load: requests as f64 / state.config.max_requests.max(1) as f64,
            config_version: state.config.version.clone(),
            purge_revision: self.purges.revision(),
        }
    }
}

/// What the connection itself says of a client.
fn as_connected(client: Client) -> Origination {
    Origination {
        client: client.address.ip(),
        scheme: scheme(client.tls),
        sender: Sender::Client,
    }
}

/// What a node of ours says of the client that it serves.
fn as_told(markers: &Markers) -> Origination {
    Origination {
        client: markers.client,
        scheme: scheme(markers.https),
        sender: Sender::Node,
    }
}

fn scheme(tls: bool) -> Scheme {
    if tls { Scheme::Https } else { Scheme::Http }
}

impl Handler for Shared {
    type Body = Body;

    async fn handle(&self, mut request: Request<Incoming>, client: Client) -> Response<Body> {
        let state = self.state.load_full();
        let caller = match &state.credential {
            None => Ok(Caller::Stranger),
            Some(credential) => caller(credential, &request, SystemTime::now()),
        };
        let from = match caller {
            Ok(Caller::Stranger) => as_connected(client),
            Ok(Caller::Node(markers)) => as_told(&markers),
            Ok(Caller::Prober) => return ready(&self.readiness(&state)),
            Err(refused) => return not_admitted(refused, client),
        };
        let max = state.config.max_requests as u64;
        let Some(in_flight) = InFlight::enter(&self.requests, max) else {
            return overloaded(from.sender);
        };
        strip(request.headers_mut());
        if from.sender == Sender::Client {
            remove_claims(request.headers_mut());
            if is_loop(request.headers(), &state.config.cdn_id) {
                let text = "this CDN has handled the request before: an origin points back at it";
                return plain(StatusCode::LOOP_DETECTED, text);
            }
        }
        let limit = state.config.limits.body_idle_timeout;
        let timed = request.map(|body| with_idle_timeout(body, limit).map_err(Error::from));
        let mut response = match take_in(timed, &state.services, from) {
            Err(refusal) => plain(refusal.status, refusal.text),
            Ok((inbound, body)) => {
                let next: Arc<dyn NextHop> = state;
                self.exchange.answer(inbound, body, next, in_flight).await
            }
        };
        if from.sender == Sender::Client {
            strip(response.headers_mut());
        }
        response
    }
}

/// Whoever it is claims to be of this CDN. Nothing was done: a node may ask somebody else.
fn not_admitted(refused: Refused, client: Client) -> Response<Body> {
    let from = client.address;
    tracing::warn!(?refused, %from, "a proof of membership is not good; do the clocks differ?");
    let mut response = plain(
        StatusCode::FORBIDDEN,
        "this proof of membership is not good",
    );
    let reason = HeaderValue::from_static("not-admitted");
    response.headers_mut().insert(REFUSED, reason);
    response
}

fn ready(readiness: &Readiness) -> Response<Body> {
    let mut response = Response::new(Body::full(readiness.to_json()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

fn overloaded(sender: Sender) -> Response<Body> {
    let mut response = plain(
        StatusCode::SERVICE_UNAVAILABLE,
        "too many requests under way",
    );
    if sender == Sender::Node {
        let overloaded = HeaderValue::from_static("overloaded");
        response.headers_mut().insert(REFUSED, overloaded);
    }
    response
}
