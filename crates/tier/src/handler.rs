//! A request's first steps: who sent it, is there room, is it a loop, whose is it.

use std::{
    future::Future,
    io::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Instant, SystemTime},
};

use arc_swap::ArcSwap;
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version, header};
use http_body_util::BodyExt;
use perigee_cluster::{
    Caller, LATENCIES_PATH, PURGES_PATH, Readiness, Refused, Trust, caller, no_node, strip,
};
use perigee_proxy::{
    Body, Exchange, InFlight, Inbound, Origination, Outcome, PurgeOrder, REFUSED, Refusal, Relayed,
    Seldom, Sender, is_loop, take_in,
};
use perigee_server::{
    Asked, AtOnce, Client, Handler, NoClient, Reply, RequestBody, with_idle_timeout,
};

use crate::{
    line::line,
    purges::{Purges, answer},
    round_trips::RoundTrips,
    spilling::Spilling,
    state::{Admission, State},
};

/// What all requests of a node share.
pub(crate) struct Shared<S> {
    pub(crate) state: ArcSwap<S>,
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) purges: Purges,
    pub(crate) requests: Arc<AtomicU64>,
    pub(crate) draining: AtomicBool,
    pub(crate) spilling: Spilling,
    pub(crate) round_trips: Arc<RoundTrips>,
    pub(crate) started: Instant,
    /// Lines about requests that are not let in.
    pub(crate) not_admitted: Seldom,
}

impl<S: State> Shared<S> {
    pub(crate) fn readiness(&self, state: &S) -> Readiness {
        let config = S::common(state.config());
        let requests = self.requests.load(Ordering::Relaxed);
        Readiness {
            node: config.node.to_string(),
            draining: self.draining.load(Ordering::Relaxed),
            load: requests as f64 / config.capacity.max(1) as f64,
            config_version: config.version.clone(),
            purge_revision: self.purges.log.head(),
            uptime: self.started.elapsed().as_secs_f64(),
            capacity: config.capacity as u64,
            spill: self.spilling.share(),
        }
    }

    pub(crate) fn node(&self) -> String {
        S::common(self.state.load().config()).node.to_string()
    }

    /// Carries out a purge, and writes it down for others: as late by this node, or if it is not
    /// written down yet.
    pub(crate) async fn carry_out(
        &self,
        order: &PurgeOrder,
        id: &str,
        late: Option<String>,
    ) -> Result<(Outcome, u64), String> {
        let purges = order.purges(self.state.load().services())?;
        let log = &self.purges.log;
        let carried_out = async { self.exchange.purge(&purges, SystemTime::now()).await };
        let known = || log.has(id);
        let outcome = self.purges.removed.by(id, known, carried_out).await;
        if outcome.unwritten.is_some() {
            self.purges.is_behind();
        }
        let is_new = late.is_some() || !log.has(id);
        let revision = match is_new {
            true => self.purges.append(id.to_owned(), order, late).await?,
            false => log.head(),
        };
        Ok((outcome, revision))
    }

    /// What is to be answered; else the answer to what goes no further. Not asynchronous: what it takes
    /// on the way is not kept while the answer is waited for.
    fn let_in(
        &self,
        state: &S,
        mut request: Request<RequestBody>,
        from: Origination,
    ) -> Result<LetIn, Box<Response<Body>>> {
        let config = S::common(state.config());
        let max = config.max_requests as u64;
        let Some(in_flight) = InFlight::enter(&self.requests, max) else {
            return Err(Box::new(self.turn_away(&request, from, TOO_MANY)));
        };
        strip(request.headers_mut());
        if from.sender == Sender::Client
            && is_loop(request.headers(), &config.cdn_id, config.max_cdns)
        {
            return Err(Box::new(self.turn_away(&request, from, LOOP)));
        }
        let line = line(request.body());
        let limit = config.limits.body_idle_timeout;
        let timed = request.map(|body| with_idle_timeout(body, limit).map_err(Error::from));
        match take_in(timed, state.services(), from) {
            Ok((mut inbound, body)) => {
                inbound.line = line;
                let is_http1 = inbound.head.version != Version::HTTP_2;
                inbound.takes_lines = config.at_once && is_http1;
                Ok((Arc::new(inbound), body, in_flight))
            }
            Err((refusal, head)) => Err(Box::new(self.exchange.refuse(&head, from, refusal))),
        }
    }

    /// Nothing was done: a node of ours may ask somebody else.
    fn turn_away(
        &self,
        request: &Request<RequestBody>,
        from: Origination,
        refusal: Refusal,
    ) -> Response<Body> {
        let (method, uri) = (request.method(), request.uri());
        let mut parts = Request::new(()).into_parts().0;
        parts.method = method.clone();
        parts.uri = uri.clone();
        if let Some(host) = request.headers().get(header::HOST) {
            parts.headers.insert(header::HOST, host.clone());
        }
        let mut response = self.exchange.refuse(&parts, from, refusal);
        let nothing_done = HeaderValue::from_static("1");
        response.headers_mut().insert(REFUSED, nothing_done);
        response
    }
}

/// A request, its body, and its place among those under way.
type LetIn = (Arc<Inbound>, Relayed, InFlight);

const TOO_MANY: Refusal = Refusal {
    status: StatusCode::SERVICE_UNAVAILABLE,
    text: "too many requests are under way",
};

const LOOP: Refusal = Refusal {
    status: StatusCode::LOOP_DETECTED,
    text: "this CDN has handled the request before, or too many others have: an origin points back",
};

const NODES_ALONE: &str = "this address is for nodes of the CDN alone";

/// Who sent a request. Where there are addresses for nodes alone, no node is known at another.
fn who(
    trust: Option<&Trust>,
    has_tier_listen: bool,
    request: &Request<RequestBody>,
    client: &Client,
) -> Result<Caller, Refused> {
    match trust {
        None => Ok(Caller::Stranger),
        Some(_) if has_tier_listen && !client.private => no_node(request),
        Some(trust) => {
            let certificate = client.certificate.as_deref();
            caller(trust, request, certificate, SystemTime::now())
        }
    }
}

impl<S: State> Handler for Shared<S> {
    type Body = Body;

    fn at_once(
        &self,
        asked: &Asked<'_>,
        client: &Client,
        reply: Reply<'_>,
    ) -> Option<AtOnce<Body>> {
        self.found(asked, client, reply)
    }

    fn again(&self, asked: &Asked<'_>, content: u64, times: u64) {
        self.found_again(asked, content, times);
    }

    fn lines(body: &Body) -> &[u8] {
        body.lines()
    }

    /// What is to be known of the request is found out at once: neither it nor the client takes room
    /// while the answer is waited for.
    fn handle(
        &self,
        request: Request<RequestBody>,
        client: Client,
    ) -> impl Future<Output = Response<Body>> + Send {
        let entered = self.enter(request, &client);
        async move {
            let mut response = match entered.next {
                Next::Answer((inbound, body, in_flight), state) => {
                    self.exchange.answer(inbound, body, state, in_flight).await
                }
                Next::Tell(uri) => self.tell(&uri).await,
                Next::Done(response) => *response,
            };
            if entered.is_nodes {
                response.extensions_mut().insert(NoClient);
            }
            if entered.to_client {
                strip(response.headers_mut());
            }
            response
        }
    }
}

/// A request that is looked at, and what its answer is to be like.
struct Entered<S> {
    next: Next<S>,
    /// It came over a connection of a node, and those are measured apart.
    is_nodes: bool,
    /// Nothing that nodes tell each other is to be in the answer.
    to_client: bool,
}

/// What is to be done about a request.
enum Next<S> {
    Answer(LetIn, Arc<S>),
    /// A node asks for what is at this target.
    Tell(Box<Uri>),
    Done(Box<Response<Body>>),
}

impl<S: State> Shared<S> {
    fn enter(&self, request: Request<RequestBody>, client: &Client) -> Entered<S> {
        let state = self.state.load_full();
        let has_tier_listen = !S::common(state.config()).tier_listen.is_empty();
        let caller = who(
            state.trust().map(Arc::as_ref),
            has_tier_listen,
            &request,
            client,
        );
        let stranger = Origination::of_connection(client.address.ip(), client.tls);
        let admission = match (client.private, caller) {
            (true, Ok(Caller::Stranger)) => Admission::Refuse(NODES_ALONE),
            _ => state.admit(caller, client),
        };
        let (next, to_client) = match admission {
            Admission::Probe => (Next::Tell(Box::new(request.into_parts().0.uri)), false),
            Admission::Refuse(text) => {
                if let Some(held_back) = self.not_admitted.pass(Instant::now()) {
                    let from = client.address;
                    tracing::warn!(%from, text, held_back, "a request was not admitted");
                }
                let status = StatusCode::FORBIDDEN;
                let refused = self.turn_away(&request, stranger, Refusal { status, text });
                let refused = Next::Done(Box::new(refused));
                (refused, caller == Ok(Caller::Stranger))
            }
            Admission::Enter(from) => {
                let next = match self.let_in(&state, request, from) {
                    Ok(let_in) => Next::Answer(let_in, state),
                    Err(response) => Next::Done(response),
                };
                (next, from.sender == Sender::Client)
            }
        };
        Entered {
            next,
            is_nodes: caller != Ok(Caller::Stranger) && self.round_trips.is_on(),
            to_client,
        }
    }

    /// What other nodes are told of this one.
    async fn tell(&self, uri: &Uri) -> Response<Body> {
        match uri.path() {
            PURGES_PATH => answer(&self.purges.log, uri).await,
            LATENCIES_PATH => json(self.round_trips.told(self.node(), Instant::now()).to_json()),
            _ => json(self.readiness(&self.state.load()).to_json()),
        }
    }
}

fn json(text: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
