//! One request's life. It matches on decisions; it makes none.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use http::{HeaderName, HeaderValue, Method, Response, Version, header, request};
use http_body::Body as _;
use perigee_http_cache::{CacheKey, Decision, Miss, Serve, TAG_FIELDS, decide, write_line};
use perigee_storage::{Answer as Found, Store, Variants};
use perigee_upstream::Body as Relayed;
use tokio::sync::Semaphore;

use crate::{
    Body, Inbound, NextHop, Origination, Refusal, Sender,
    access::AccessLog,
    answer::{Answer, plain},
    at_once::Signature,
    cache_status::{Disclosure, Entries, Handling, disclose},
    failed::FailedKeys,
    failover::{Failover, Retries},
    fetch::Wanted,
    flight::Flights,
    heat::{Heat, HotCopies},
    here,
    in_touch::InTouch,
    metrics::Metrics,
    moment::Moment,
    observe::{InFlight, LogEntry, Observation},
    onward::Own,
    searches::{self, Searches},
    seldom::Seldom,
    streaming::Streaming,
    upgrade::Upgrade,
    waiting::Waiting,
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
    /// Keys noted at once that could not be fetched a moment ago; fewer than two: none. Default
    /// 10,000.
    pub max_failed_keys: usize,
    /// Queries noted at once as answered by what is stored for another one (No-Vary-Search). Default
    /// 65,536.
    pub max_alike_queries: u64,
    /// How long an upgraded connection may be silent. Default 10 min.
    pub tunnel_idle_timeout: Duration,
    /// Out of touch with what is purged elsewhere, what was received longer ago than this is to be
    /// validated. Default 10 s.
    pub out_of_touch: Duration,
    /// How far a fetch goes for its readers, and for those who come later.
    pub streaming: Streaming,
    /// What is done when another node fails.
    pub failover: Failover,
    /// When what another node of the PoP owns is kept here, too.
    pub copies: HotCopies,
}

/// What all requests of a node share.
pub struct Exchange {
    pub(crate) config: ExchangeConfig,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) metrics: Metrics,
    pub(crate) in_touch: InTouch,
    pub(crate) flights: Flights,
    pub(crate) waiting: Waiting,
    /// What could not be fetched a moment ago.
    pub(crate) failed_keys: FailedKeys,
    /// Which URLs may be answered alike.
    pub(crate) searches: Searches,
    /// Room for background refreshes.
    pub(crate) refreshes: Arc<Semaphore>,
    /// How often another node may be asked in place of one that failed.
    pub(crate) retries: Retries,
    /// What is asked for here that other nodes own.
    pub(crate) heat: Heat,
    /// Lines about what next hops do wrong.
    pub(crate) failures: Seldom,
    pub(crate) log: Option<Arc<dyn AccessLog>>,
    /// What it writes of itself into requests and answers.
    pub(crate) own: Own,
    pub(crate) signature: Option<Signature>,
    pub(crate) entries: Entries,
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
        let own = Own::new(&config.node, &config.cdn_id);
        let room = config.max_refreshes.min(Semaphore::MAX_PERMITS);
        let max_hit_for_miss = config.max_hit_for_miss;
        let failed_keys = FailedKeys::new(config.max_failed_keys);
        let searches = Searches::new(config.max_alike_queries);
        let flights = Flights::new(
            max_hit_for_miss,
            Arc::clone(store.purges()),
            config.streaming.join_ahead,
        );
        Arc::new(Exchange {
            store,
            metrics,
            in_touch: InTouch::new(config.out_of_touch, SystemTime::now()),
            flights,
            waiting: Waiting::default(),
            failed_keys,
            searches,
            refreshes: Arc::new(Semaphore::new(room)),
            retries: Retries::new(config.failover.retries, Instant::now()),
            heat: Heat::new(config.copies, config.out_of_touch, Instant::now()),
            failures: Seldom::new(Instant::now()),
            log,
            own,
            signature: Signature::of(&config.node),
            entries: Entries::of(&config.node),
            config,
        })
    }

    /// How far what is stored may be trusted.
    pub fn in_touch(&self) -> &InTouch {
        &self.in_touch
    }

    /// The store that requests are answered from.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// How many requests wait for another one's fetch of the same object.
    pub fn waiting(&self) -> u64 {
        self.waiting.count()
    }

    /// Answers a request. That is handed on by reference from here on, since it is large.
    pub async fn answer(
        self: &Arc<Self>,
        inbound: Arc<Inbound>,
        body: Relayed,
        next: Arc<dyn NextHop>,
        in_flight: InFlight,
    ) -> Response<Body> {
        let mut observation = self.observe(&inbound, in_flight);
        let is_head = inbound.head.method == Method::HEAD;
        let told = inbound.service.config.cache_status;
        let told = match inbound.sender {
            Sender::Client => told,
            Sender::Node => told.max(Disclosure::Full),
        };
        let key = inbound.key.clone();
        let hides_tags = inbound.hides_tags();
        let mut answer = self.handle(inbound, body, next).await;
        let headers = answer.response.headers_mut();
        if hides_tags && headers.keys().any(|name| TAG_FIELDS.contains(name)) {
            for name in &TAG_FIELDS {
                headers.remove(name);
            }
        }
        if observation.entry.is_some() {
            observation.first_byte = observation.started.elapsed();
        }
        self.finish(answer, is_head, observation, (told, Some(&key)))
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
            url: format!("{}://{host}{target}", from.scheme.as_str()).into(),
        });
        let observation = Box::new(Observation::new(SystemTime::now(), Instant::now(), entry));
        let answer = Box::new(Answer {
            response: plain(refusal.status, refusal.text),
            handling: Handling::refused(),
            above: Vec::new(),
            lines: Vec::new(),
        });
        let told = (Disclosure::default(), None);
        self.finish(answer, head.method == Method::HEAD, observation, told)
    }

    /// What takes long is in a box of its own: kilobytes that every hit would carry around, and
    /// every connection that waits, otherwise. So is the answer, which goes through many hands.
    async fn handle(
        self: &Arc<Self>,
        mut inbound: Arc<Inbound>,
        body: Relayed,
        next: Arc<dyn NextHop>,
    ) -> Box<Answer> {
        // Nobody else has it yet.
        if let Some(status) = here::status(&mut Arc::make_mut(&mut inbound).head) {
            return Box::new(Answer::allow(status, here::ALLOW));
        }
        if let Some(upgrade) = Upgrade::wanted(&inbound) {
            let upgraded = Box::pin(self.upgrade(&inbound, upgrade, body, &next));
            return Box::new(upgraded.await);
        }
        let landings = self.flights.landings();
        let variants = match self.store.lookup(&inbound.key) {
            Found::Now(variants) => variants,
            Found::Later(variants) => {
                let variants = variants.await;
                Arc::make_mut(&mut inbound).goes_on(Moment::now());
                variants
            }
        };
        let policy = inbound.policy();
        let decision = decide(
            &inbound.as_sent(),
            &variants,
            policy,
            self.in_touch.at(inbound.at),
        );
        let is_served = matches!(decision, Decision::Serve(_)) && body.is_end_stream();
        if !is_served {
            if body.is_end_stream()
                && let Some(key) = self.searches.same_as(&inbound.key)
                && let Some(answer) = Box::pin(self.stored_alike(&inbound, key)).await
            {
                return answer;
            }
            let place = self.searches.place(&inbound.key);
            let inbound = Arc::make_mut(&mut inbound);
            (inbound.place, inbound.landings) = (place, landings);
        }
        match decision {
            // HTTP/2 need not say in the head that content comes: it is not in the key.
            decision if !body.is_end_stream() && !matches!(decision, Decision::Pass { .. }) => {
                let why = Miss::Bypass;
                Box::new(Box::pin(self.pass(inbound, body, next, why)).await)
            }
            Decision::Serve(serve) => {
                let (stored, handling) = (&variants[serve.variant], Handling::hit(serve.ttl));
                Box::new(self.out_of_store(&inbound, &next, stored, &serve, handling))
            }
            Decision::ServeWhileRevalidating { serve, fields } => {
                let wanted = Wanted::over(&variants, Some(serve.variant), fields);
                let served = Box::pin(self.serve_and_refresh(inbound, next, &serve, wanted));
                Box::new(served.await)
            }
            Decision::Fetch {
                variant,
                fields,
                why,
            } => {
                let wanted = Wanted::over(&variants, variant, fields);
                Box::pin(self.fetch(inbound, next, why, wanted)).await
            }
            Decision::Pass { why } => Box::new(Box::pin(self.pass(inbound, body, next, why)).await),
            Decision::Refuse(status) => Box::new(Answer::own(status, Handling::refused())),
        }
    }

    /// Answers out of what is stored for another URL, of this key.
    async fn stored_alike(&self, inbound: &Inbound, key: CacheKey) -> Option<Box<Answer>> {
        let (_, variants, serve) = self.alike_of(inbound, key).await?;
        let stored = variants.get(serve.variant)?;
        let handling = Handling::hit(serve.ttl);
        Some(Box::new(Answer::stored(
            inbound.sender,
            stored,
            &serve,
            handling,
        )))
    }

    /// What is stored for another URL, and may be served, by a response that says of itself that
    /// it answers this one too (No-Vary-Search). It must be fresh: what is to be fetched is
    /// fetched under its own URL.
    pub(crate) async fn alike(&self, inbound: &Inbound) -> Option<(CacheKey, Variants, Serve)> {
        let key = self.searches.same_as(&inbound.key)?;
        self.alike_of(inbound, key).await
    }

    async fn alike_of(
        &self,
        inbound: &Inbound,
        key: CacheKey,
    ) -> Option<(CacheKey, Variants, Serve)> {
        let policy = inbound.policy();
        let variants = self.store.lookup(&key).get().await;
        let Decision::Serve(serve) = decide(
            &inbound.as_sent(),
            &variants,
            policy,
            self.in_touch.at(inbound.at),
        ) else {
            return None;
        };
        let stored = variants.get(serve.variant)?;
        let is_meant = policy.no_vary_search && searches::answers(&stored.head, &key, &inbound.key);
        is_meant.then_some((key, variants, serve))
    }

    fn observe(&self, inbound: &Inbound, in_flight: InFlight) -> Box<Observation> {
        let entry = self.log.as_ref().map(|log| LogEntry {
            log: Arc::clone(log),
            tier: self.config.tier,
            client: inbound.client,
            service: Some(inbound.service.config.name.clone()),
            method: inbound.head.method.clone(),
            url: inbound.url(),
        });
        let observation = Observation::new(inbound.at, inbound.started, entry);
        let mut observation = Box::new(observation);
        observation.metrics = Some(Arc::clone(&inbound.service.metrics));
        observation.in_flight = Some(in_flight);
        observation
    }

    /// Puts on what every answer carries: Via, and Cache-Status.
    fn finish(
        &self,
        answer: Box<Answer>,
        is_head: bool,
        mut observation: Box<Observation>,
        (told, key): (Disclosure, Option<&CacheKey>),
    ) -> Response<Body> {
        let Answer {
            mut response,
            handling,
            above,
            mut lines,
        } = *answer;
        let mut add = |name: &HeaderName, value: HeaderValue| match lines.is_empty() {
            true => _ = response.headers_mut().append(name, value),
            false => _ = write_line(name, &value, &mut lines),
        };
        if let Some(via) = self.own.via(Version::HTTP_11) {
            add(&header::VIA, via);
        }
        disclose(add, told, above, &self.entries, &handling, key);
        observation.lines = lines;
        observation.status = response.status().as_u16();
        observation.handling = handling;
        if is_head {
            // RFC 9110 section 9.3.2; HTTP/2 would send one.
            *response.body_mut() = Body::empty();
        }
        response.body_mut().observe(observation);
        response
    }
}
