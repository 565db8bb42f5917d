//! A request's first steps on an edge: who sent it, is it for us, may it go on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::SystemTime,
};

use arc_swap::ArcSwap;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use perigee_cluster::{PurgeLog, READY_PATH, Readiness, admit, strip};
use perigee_proxy::{
    Body, Exchange, InFlight, NextHop, Origination, REFUSED, Scheme, Sender, is_loop, plain,
    remove_claims, take_in,
};
use perigee_server::{Client, Handler};

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

    /// Who sent a request: what a node of ours says is believed, a client is what its
    /// connection says.
    fn origination(
        state: &State,
        request: &Request<Incoming>,
        client: Client,
    ) -> Result<Origination, StatusCode> {
        let direct = Origination {
            client: client.address.ip(),
            scheme: if client.tls {
                Scheme::Https
            } else {
                Scheme::Http
            },
            sender: Sender::Client,
        };
        let Some(credential) = &state.credential else {
            return Ok(direct);
        };
        let now = SystemTime::now();
        let (method, uri) = (request.method(), request.uri());
        match admit(credential, method, uri, request.headers(), now) {
            Ok(None) => Ok(direct),
            Ok(Some((markers, _node))) => Ok(Origination {
                client: markers.client,
                scheme: if markers.https {
                    Scheme::Https
                } else {
                    Scheme::Http
                },
                sender: Sender::Node,
            }),
            Err(refused) => {
                tracing::warn!(
                    ?refused,
                    from = %client.address,
                    "a request came with a proof that is not good; do the clocks differ?"
                );
                Err(StatusCode::FORBIDDEN)
            }
        }
    }
}

impl Handler for Shared {
    type Body = Body;

    async fn handle(&self, mut request: Request<Incoming>, client: Client) -> Response<Body> {
        let state = self.state.load_full();
        let from = match Shared::origination(&state, &request, client) {
            Ok(from) => from,
            Err(status) => return plain(status, "this proof of membership is not good"),
        };
        if from.sender == Sender::Node && is_probe(&request) {
            return ready(&self.readiness(&state));
        }
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
        let mut response = match take_in(request, &state.services, from) {
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

fn is_probe(request: &Request<Incoming>) -> bool {
    request.method() == Method::GET && request.uri().path() == READY_PATH
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
