//! One request's life. It matches on decisions; it makes none.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use http::{HeaderName, HeaderValue, Method, Response, header, request};
use http_body::Body as _;
use perigee_http_cache::{Decision, Miss, decide};
use perigee_storage::{Purge, Store};
use perigee_upstream::Body as Relayed;
use tokio::sync::Semaphore;

use crate::{
    Body, Inbound, NextHop, Origination, Refusal,
    access::AccessLog,
    answer::{Answer, plain},
    cache_status::Handling,
    fetch::Wanted,
    flight::Flights,
    here,
    metrics::Metrics,
    observe::{InFlight, LogEntry, Observation},
    seldom::Seldom,
    upgrade::Upgrade,
};

/// What an exchange is built from.
#[derive(Clone)]
pub struct ExchangeConfig {
    /// The node's name: its token in Cache-Status, its pseudonym in Via.
    pub node: String,
    /// `edge` or `shield`, for the log.
    pub tier: &'static str,
    /// The CDN's identifier in CDN-Loop.
    pub cdn_id: String,
    /// How long a request waits for another one's fetch before it sends its own. Default 30 s.
    pub coalesce_wait: Duration,
    /// Background refreshes under way at once (RFC 5861 section 3); while there are as many, what
    /// is stale is served without one. Default 1000.
    pub max_refreshes: usize,
    /// Keys that are marked at once as not worth waiting for, since their last response was not to
    /// be shared; fewer than two: none. Default 10,000.
    pub max_hit_for_miss: usize,
    /// How long an upgraded connection may be silent. Default 10 min.
    pub tunnel_idle_timeout: Duration,
}

/// What all requests of a node share.
pub struct Exchange {
    pub(crate) config: ExchangeConfig,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) metrics: Metrics,
    pub(crate) flights: Flights,
    /// Room for background refreshes.
    pub(crate) refreshes: Arc<Semaphore>,
    /// Lines about what next hops do wrong.
    pub(crate) failures: Seldom,
    log: Option<Arc<dyn AccessLog>>,
    via: Option<HeaderValue>,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}

impl Exchange {
    /// An exchange over this store.
    pub fn new(
        config: ExchangeConfig,
        store: Arc<dyn Store>,
        metrics: Metrics,
        log: Option<Arc<dyn AccessLog>>,
    ) -> Arc<Self> {
        let via = HeaderValue::try_from(format!("1.1 {}", config.node)).ok();
        let room = config.max_refreshes.min(Semaphore::MAX_PERMITS);
        let max_hit_for_miss = config.max_hit_for_miss;
        Arc::new(Exchange {
            config,
            store,
            metrics,
            flights: Flights::new(max_hit_for_miss),
            refreshes: Arc::new(Semaphore::new(room)),
            failures: Seldom::new(Instant::now()),
            log,
            via,
        })
    }

    /// The store that requests are answered from.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Removes what `purge` names. What was asked for before it comes to those who wait for it
    /// already; it is not stored, and who asks from now on does not see it. Answers with the
    /// number of keys removed.
    pub async fn purge(&self, purge: &Purge) -> u64 {
        match purge {
            Purge::Key(key) => self.flights.purge(key),
        }
        self.store.purge(purge).get().await
    }

    /// Answers a request.
    pub async fn answer(
        self: &Arc<Self>,
        inbound: Inbound,
        body: Relayed,
        next: Arc<dyn NextHop>,
        in_flight: InFlight,
    ) -> Response<Body> {
        let mut observation = self.observe(&inbound, in_flight);
        let is_head = inbound.head.method == Method::HEAD;
        let answer = self.handle(inbound, body, next).await;
        observation.first_byte = observation.started.elapsed();
        self.finish(answer, is_head, observation)
    }

    /// Answers a request that goes no further; it is counted and logged like any other.
    pub fn refuse(
        &self,
        head: &request::Parts,
        from: Origination,
        refusal: Refusal,
    ) -> Response<Body> {
        let host = head.headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok()).unwrap_or("-");
        let target = head.uri.path_and_query().map_or("/", |t| t.as_str());
        let entry = self.log.as_ref().map(|log| LogEntry {
            log: Arc::clone(log),
            tier: self.config.tier,
            client: from.client,
            service: None,
            method: head.method.clone(),
            url: format!("{}://{host}{target}", from.scheme.as_str()),
        });
        let observation = Observation::new(SystemTime::now(), Instant::now(), entry);
        let answer = Answer {
            response: plain(refusal.status, refusal.text),
            handling: Handling::refused(),
            above: Vec::new(),
        };
        self.finish(answer, head.method == Method::HEAD, observation)
    }

    /// What takes long is in a box of its own: kilobytes that every hit would carry around, and
    /// every connection that waits, otherwise.
    async fn handle(
        self: &Arc<Self>,
        mut inbound: Inbound,
        body: Relayed,
        next: Arc<dyn NextHop>,
    ) -> Answer {
        if let Some(status) = here::status(&mut inbound.head) {
            return Answer::allow(status, here::ALLOW);
        }
        if let Some(upgrade) = Upgrade::wanted(&inbound) {
            return Box::pin(self.upgrade(&inbound, upgrade, body, &*next)).await;
        }
        let variants = self.store.lookup(&inbound.key).get().await;
        let policy = inbound.policy();
        match decide(&inbound.as_sent(), &variants, policy, inbound.at) {
            // HTTP/2 need not say in the head that content comes: it is not in the key.
            decision if !body.is_end_stream() && !matches!(decision, Decision::Pass { .. }) => {
                let why = Miss::Bypass;
                Box::pin(self.pass(Arc::new(inbound), body, next, why)).await
            }
            Decision::Serve(serve) => Answer::stored(
                inbound.sender,
                &variants[serve.variant],
                &serve,
                Handling::hit(serve.ttl),
            ),
            Decision::ServeWhileRevalidating { serve, fields } => {
                let wanted = Wanted::over(&variants, Some(serve.variant), fields);
                let inbound = Arc::new(inbound);
                Box::pin(self.serve_and_refresh(inbound, next, &serve, wanted)).await
            }
            Decision::Fetch {
                variant,
                fields,
                why,
            } => {
                let wanted = Wanted::over(&variants, variant, fields);
                Box::pin(self.fetch(Arc::new(inbound), next, why, wanted)).await
            }
            Decision::Pass { why } => Box::pin(self.pass(Arc::new(inbound), body, next, why)).await,
            Decision::Refuse(status) => Answer::own(status, Handling::refused()),
        }
    }

    fn observe(&self, inbound: &Inbound, in_flight: InFlight) -> Observation {
        let entry = self.log.as_ref().map(|log| LogEntry {
            log: Arc::clone(log),
            tier: self.config.tier,
            client: inbound.client,
            service: Some(inbound.service.config.name.clone()),
            method: inbound.head.method.clone(),
            url: inbound.key.as_str().to_owned(),
        });
        let mut observation = Observation::new(inbound.at, inbound.started, entry);
        observation.metrics = Some(Arc::clone(&inbound.service.metrics));
        observation.in_flight = Some(in_flight);
        observation
    }

    /// Puts on what every answer carries: Via, and one Cache-Status entry per tier, the one
    /// nearest to the origin first (RFC 9211 section 2).
    fn finish(
        &self,
        answer: Answer,
        is_head: bool,
        mut observation: Observation,
    ) -> Response<Body> {
        let Answer {
            mut response,
            handling,
            above,
        } = answer;
        let headers = response.headers_mut();
        if let Some(via) = &self.via {
            headers.append(header::VIA, via.clone());
        }
        let name = HeaderName::from_static("cache-status");
        for entry in above {
            headers.append(name.clone(), entry);
        }
        if let Ok(entry) = HeaderValue::try_from(format!("{}{handling}", self.config.node)) {
            headers.append(name, entry);
        }
        observation.status = response.status().as_u16();
        observation.handling = handling;
        response.map(|body| {
            // RFC 9110 section 9.3.2; HTTP/2 would send one.
            let body = if is_head { Body::empty() } else { body };
            body.observed(observation)
        })
    }
}
