//! The endpoints of one origin: balancing, retries, passive health, and the breaker.
//!
//! What is decided is decided in pure files: which endpoint is next (`balance`), whether the origin
//! is asked at all (`breaker`), whether something may be sent again (`budget`), when (`backoff`),
//! or to two at once (`hedge`). Here they are asked, and told what came.
//!
//! The breaker is asked first, so it has the last word over panic mode: panic mode says that all
//! endpoints may be chosen when too few look healthy, and so the only one of a pool always may; the
//! breaker says that no request, or one, goes to any of them.

mod config;
mod state;
mod visit;

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use http::{Request, Response};
use perigee_health::{Change, Outcome};
use smallvec::SmallVec;

pub use self::config::PoolConfig;
use self::{state::State, visit::Visit};
use crate::{
    Body, Came, Endpoint, Head, SendError, SendErrorKind, backoff::backoff, body, hedge,
    returnable::Home,
};

/// The longest wait before a request is sent again.
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// The endpoints of one origin.
#[derive(Debug)]
pub struct Pool {
    endpoints: Vec<Arc<Endpoint>>,
    config: PoolConfig,
    state: Mutex<State>,
}

/// A request on its way through a pool.
struct Sending<'a> {
    head: Head<'a>,
    body: Home,
    /// The method is safe (RFC 9110 section 9.2.1) and the body empty.
    repeatable: bool,
    /// The endpoints that it has been sent to in this round.
    tried: SmallVec<[usize; 2]>,
    /// How often all have failed.
    rounds: u32,
}

impl Pool {
    /// A pool over these endpoints; at least one.
    pub fn new(endpoints: Vec<Arc<Endpoint>>, config: PoolConfig) -> Self {
        let state = State::new(&config, endpoints.len(), Instant::now());
        Pool {
            endpoints,
            config,
            state: Mutex::new(state),
        }
    }

    /// Sends to the healthy endpoint with the fewest requests under way. What fails is sent again
    /// when that is safe (nothing was sent, or the method is safe and the body empty) and within the
    /// limit of retries: to further endpoints, and then, if it did not arrive, to the same ones
    /// after a pause.
    ///
    /// An endpoint is down after failures in a row, and then left alone; after a while one request
    /// that is safe to repeat is let through, and its answer brings the endpoint back. A response
    /// head counts as success, but for the statuses that say trouble.
    ///
    /// # Errors
    /// The last [`SendError`] if none answered; [`SendErrorKind::LeftAlone`] if too many requests
    /// have failed of late, so that none is sent for a while.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Body>, SendError> {
        let (parts, body) = request.into_parts();
        let sent = self.send_head(Head::of(&parts.into()), body).await;
        sent.map(Came::into_response)
    }

    /// The same of a request whose head stays with who sends it: see [`Pool::send`].
    ///
    /// # Errors
    /// As for [`Pool::send`].
    pub async fn send_head(&self, head: Head<'_>, body: Body) -> Result<Came, SendError> {
        let now = Instant::now();
        let visit = Visit::begin(self, now)?;
        let repeatable = head.request.method.is_safe() && body::is_known_empty(&body);
        let sending = Sending {
            head,
            body: Home::new(body),
            repeatable,
            tried: SmallVec::new(),
            rounds: 0,
        };
        let sent = self.send_on(sending, visit.is_trial(), now).await;
        visit.end(&sent, Instant::now());
        sent
    }

    async fn send_on(
        &self,
        mut sending: Sending<'_>,
        is_trial: bool,
        now: Instant,
    ) -> Result<Came, SendError> {
        let Some(mut index) = self.choose(&sending, now) else {
            return Err(SendError {
                kind: SendErrorKind::Connect,
                detail: "the pool has no endpoint".into(),
            });
        };
        let mut failures = 0;
        loop {
            let error = match self.attempt(&mut sending, index).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            failures += 1;
            if failures > self.config.retries {
                return Err(error);
            }
            let Some((next, wait)) = self.next(&mut sending, error.kind, is_trial) else {
                return Err(error);
            };
            if !wait.is_zero() {
                Box::pin(tokio::time::sleep(wait)).await;
            }
            index = next;
        }
    }

    /// Where a request that has failed is sent again, and after which pause. `None`: nowhere.
    fn next(
        &self,
        sending: &mut Sending<'_>,
        failed: SendErrorKind,
        is_trial: bool,
    ) -> Option<(usize, Duration)> {
        let is_safe = failed.nothing_was_sent() && sending.body.is_there()
            || sending.repeatable && failed != SendErrorKind::Request;
        if !is_safe {
            return None;
        }
        let (index, wait) = match self.choose(sending, Instant::now()) {
            Some(index) => (index, Duration::ZERO),
            None => self.once_more(sending, failed, is_trial)?,
        };
        let now = Instant::now();
        let mut state = self.state();
        let is_left_alone = !is_trial && state.breaker.open_for(now).is_some();
        // What had no room burdens nobody.
        let is_free = failed == SendErrorKind::Overloaded;
        let is_allowed = !is_left_alone && (is_free || state.budget.retry(now));
        is_allowed.then_some((index, wait))
    }

    /// Where it has failed before, after a pause: all have failed. Only what is likely to have been
    /// bad luck, and nothing that is there to see if the origin is well.
    fn once_more(
        &self,
        sending: &mut Sending<'_>,
        failed: SendErrorKind,
        is_trial: bool,
    ) -> Option<(usize, Duration)> {
        let is_luck = matches!(failed, SendErrorKind::Connect | SendErrorKind::Broken);
        if is_trial || !is_luck || !sending.repeatable {
            return None;
        }
        sending.tried.clear();
        sending.rounds += 1;
        let base = self.config.retry_backoff;
        let wait = backoff(sending.rounds, base, MAX_BACKOFF, fastrand::f64());
        Some((self.choose(sending, Instant::now())?, wait))
    }

    /// Sends to one endpoint, and to a second one if the first takes long and hedging is wanted.
    async fn attempt(&self, sending: &mut Sending<'_>, index: usize) -> Result<Came, SendError> {
        sending.tried.push(index);
        let left = self.endpoints.len().saturating_sub(sending.tried.len());
        let patience = hedge::after(self.config.hedge_after, sending.repeatable, left);
        let body = sending.body();
        match patience {
            None => self.send_to(index, sending.head, body).await,
            // In a box, since it is seldom wanted, and has room for two.
            Some(patience) => Box::pin(self.hedged(sending, index, body, patience)).await,
        }
    }

    /// Sends to one endpoint, and after a while to a second one, too.
    async fn hedged(
        &self,
        sending: &mut Sending<'_>,
        index: usize,
        body: Body,
        patience: Duration,
    ) -> Result<Came, SendError> {
        let head = sending.head;
        let mut first = pin!(self.send_to(index, head, body));
        tokio::select! {
            biased;
            sent = &mut first => return sent,
            () = tokio::time::sleep(patience) => {}
        }
        let Some(second) = self.second(sending) else {
            return first.await;
        };
        sending.tried.push(second);
        let mut second = pin!(self.send_to(second, head, sending.body()));
        // The first head that comes; who fails leaves it to the other one.
        tokio::select! {
            sent = &mut first => match sent {
                Ok(response) => Ok(response),
                Err(_) => second.await,
            },
            sent = &mut second => match sent {
                Ok(response) => Ok(response),
                Err(_) => first.await,
            },
        }
    }

    /// The endpoint that is asked besides, if one more request may be sent.
    fn second(&self, sending: &Sending<'_>) -> Option<usize> {
        let now = Instant::now();
        let index = self.choose(sending, now)?;
        self.state().budget.retry(now).then_some(index)
    }

    async fn send_to(&self, index: usize, head: Head<'_>, body: Body) -> Result<Came, SendError> {
        let sent = self.endpoints[index].send_head(head, body).await;
        self.note(index, &sent);
        sent
    }

    /// Requests under way now at all endpoints, those that wait included.
    pub fn in_flight(&self) -> usize {
        self.endpoints.iter().map(|e| e.in_flight()).sum()
    }

    /// The endpoints, in the order given.
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// The name of each endpoint and whether it is believed up, in the order given.
    pub fn health(&self) -> Vec<(String, bool)> {
        let names = self.endpoints.iter().map(|e| e.name().to_owned());
        names.zip(self.state().are_up()).collect()
    }

    /// How long no request, or only one that tries it, goes to the origin, since too many have failed.
    /// `None`: it is asked.
    pub fn left_alone_for(&self, now: Instant) -> Option<Duration> {
        self.state().breaker.open_for(now)
    }

    fn choose(&self, sending: &Sending<'_>, now: Instant) -> Option<usize> {
        let in_flight = self.endpoints.iter().map(|endpoint| endpoint.in_flight());
        let Sending {
            tried, repeatable, ..
        } = sending;
        let mut state = self.state();
        state.choose(&self.config, in_flight, tried, *repeatable, now)
    }

    /// Learns from what came of a request at one endpoint.
    fn note(&self, index: usize, sent: &Result<Came, SendError>) {
        let Some(outcome) = self.outcome(sent) else {
            return;
        };
        let change = {
            let mut state = self.state();
            let change = state.note(index, outcome);
            if change == Some(Change::WentDown) {
                state.leave_alone(&self.config, index, Instant::now());
            }
            change
        };
        let endpoint = self.endpoints[index].name();
        match (change, sent) {
            (Some(Change::WentDown), Err(error)) => {
                tracing::warn!(endpoint, %error, "endpoint is down");
            }
            (Some(Change::WentDown), Ok(response)) => {
                let status = response.status().as_u16();
                tracing::warn!(endpoint, status, "endpoint is down");
            }
            (Some(Change::WentUp), _) => tracing::info!(endpoint, "endpoint is up again"),
            (None, _) => {}
        }
    }

    /// What an answer, or none, says of who was asked. `None`: nothing.
    fn outcome(&self, sent: &Result<Came, SendError>) -> Option<Outcome> {
        match sent {
            Ok(response) => {
                let status = response.status().as_u16();
                Some(match self.config.failure_statuses.contains(&status) {
                    true => Outcome::Failure,
                    false => Outcome::Success,
                })
            }
            Err(error) => error.kind.blames_endpoint().then_some(Outcome::Failure),
        }
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.endpoints.iter().map(|e| e.name()).collect();
        names.join(", ")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sending<'_> {
    /// The body for one try.
    fn body(&self) -> Body {
        match self.body.lend() {
            Some(body) => body::boxed(body),
            // It was empty, or nobody gets here.
            None => body::empty(),
        }
    }
}

#[cfg(test)]
mod tests;
