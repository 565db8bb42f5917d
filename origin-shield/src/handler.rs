//! A request's first steps on a shield: it must come from a node of ours.

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
use perigee_cluster::{Caller, PurgeLog, Readiness, Refused, caller, strip};
use perigee_proxy::{
    Body, Exchange, InFlight, NextHop, Origination, REFUSED, Scheme, Sender, plain, take_in,
};
use perigee_server::{Client, Handler, with_idle_timeout};

use crate::state::State;

/// What all requests of a shield share.
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

impl Handler for Shared {
    type Body = Body;

    async fn handle(&self, mut request: Request<Incoming>, client: Client) -> Response<Body> {
        let state = self.state.load_full();
        let markers = match caller(&state.credential, &request, SystemTime::now()) {
            Ok(Caller::Node(markers)) => markers,
            Ok(Caller::Prober) => return ready(&self.readiness(&state)),
            Ok(Caller::Stranger) => {
                return not_admitted(client, "a shield serves the edges of its CDN only");
            }
            Err(Refused::Expired) => {
                return not_admitted(client, "the proof is too old or too new; do clocks differ?");
            }
            Err(_) => return not_admitted(client, "the proof of membership is not good"),
        };
        let max = state.config.max_requests as u64;
        let Some(in_flight) = InFlight::enter(&self.requests, max) else {
            return refused(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many requests under way",
            );
        };
        strip(request.headers_mut());
        let from = Origination {
            client: markers.client,
            scheme: if markers.https {
                Scheme::Https
            } else {
                Scheme::Http
            },
            sender: Sender::Node,
        };
        let limit = state.config.limits.body_idle_timeout;
        let timed = request.map(|body| with_idle_timeout(body, limit).map_err(Error::from));
        match take_in(timed, &state.services, from) {
            Err(refusal) => plain(refusal.status, refusal.text),
            Ok((inbound, body)) => {
                let next: Arc<dyn NextHop> = state;
                self.exchange.answer(inbound, body, next, in_flight).await
            }
        }
    }
}

fn not_admitted(client: Client, text: &'static str) -> Response<Body> {
    tracing::warn!(from = %client.address, text, "a request was not admitted");
    refused(StatusCode::FORBIDDEN, text)
}

fn ready(readiness: &Readiness) -> Response<Body> {
    let mut response = Response::new(Body::full(readiness.to_json()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// Nothing was done: the edge may ask somebody else.
fn refused(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = plain(status, text);
    response
        .headers_mut()
        .insert(REFUSED, HeaderValue::from_static("1"));
    response
}
