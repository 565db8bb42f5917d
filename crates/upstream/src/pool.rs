//! The endpoints of one origin: balancing, retries, passive health.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use http::{Request, Response};
use perigee_health::{Change, Outcome, PanicShare, Thresholds, Tracker};

use crate::{
    Body, Endpoint, SendError, SendErrorKind,
    balance::{self, Candidate, Choice},
    body,
    returnable::Home,
};

/// How to use the endpoints of one origin.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolConfig {
    /// When an endpoint is out, and in again.
    pub thresholds: Thresholds,
    /// When health is not believed.
    pub panic: PanicShare,
    /// How long an endpoint that is out stays unused before one request tries it again.
    /// Default 5 s.
    pub retry_after: Duration,
    /// Further endpoints to try when one fails and it is safe to try again. Default 2.
    pub retries: usize,
}

impl Default for PoolConfig {
    fn default() -> Self {
        PoolConfig {
            thresholds: Thresholds { fall: 3, rise: 1 },
            panic: PanicShare::default(),
            retry_after: Duration::from_secs(5),
            retries: 2,
        }
    }
}

/// The endpoints of one origin, or of one tier.
#[derive(Debug)]
pub struct Pool {
    endpoints: Vec<Arc<Endpoint>>,
    config: PoolConfig,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    // One for each endpoint, in the same order.
    opinions: Vec<Opinion>,
    turn: usize,
}

#[derive(Clone, Copy, Debug)]
struct Opinion {
    tracker: Tracker,
    // When it may be tried again; means something only while it is down.
    retry_at: Option<Instant>,
}

impl Pool {
    /// A pool over these endpoints; at least one.
    pub fn new(endpoints: Vec<Arc<Endpoint>>, config: PoolConfig) -> Self {
        let opinion = Opinion {
            tracker: Tracker::new(config.thresholds, true),
            retry_at: None,
        };
        let state = Mutex::new(State {
            opinions: vec![opinion; endpoints.len()],
            turn: 0,
        });
        Pool {
            endpoints,
            config,
            state,
        }
    }

    /// Sends to the healthy endpoint with the fewest requests under way, and to further ones when
    /// that is safe: nothing was sent, or the method is safe (RFC 9110 section 9.2.1) and the body
    /// empty.
    ///
    /// An endpoint is down after failures in a row, and then left alone; after a while one request
    /// that is safe to repeat is let through, and its answer brings the endpoint back. A response
    /// head counts as success, whatever its status.
    ///
    /// # Errors
    /// The last [`SendError`] if none answered.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Body>, SendError> {
        if let [only] = self.endpoints.as_slice() {
            let sent = only.send(request).await;
            self.note(0, &sent);
            return sent;
        }
        let repeatable = request.method().is_safe() && body::is_known_empty(request.body());
        let (parts, body) = request.into_parts();
        let home = Home::new(body);
        let mut tried = Vec::new();
        let mut last = None;
        while tried.len() <= self.config.retries {
            let Some(index) = self.choose(&tried, repeatable, Instant::now()) else {
                break;
            };
            let body = match home.lend() {
                Some(body) => body::boxed(body),
                None if repeatable => body::empty(),
                None => break,
            };
            let request = Request::from_parts(parts.clone(), body);
            let sent = self.endpoints[index].send(request).await;
            self.note(index, &sent);
            let error = match sent {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let try_on =
                error.kind.nothing_was_sent() || repeatable && error.kind != SendErrorKind::Request;
            last = Some(error);
            if !try_on {
                break;
            }
            tried.push(index);
        }
        Err(last.unwrap_or_else(|| SendError {
            kind: SendErrorKind::Connect,
            detail: "the pool has no endpoint".into(),
        }))
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
        let state = self.state();
        let up = state.opinions.iter().map(|opinion| opinion.tracker.is_up());
        let names = self.endpoints.iter().map(|e| e.name().to_owned());
        names.zip(up).collect()
    }

    /// The next endpoint for a request that has failed at `tried`. An endpoint that is tried
    /// again after its time out is out for the same time again at once, so that only one request
    /// tries it.
    fn choose(&self, tried: &[usize], repeatable: bool, now: Instant) -> Option<usize> {
        let mut state = self.state();
        let candidates: Vec<_> = self
            .endpoints
            .iter()
            .zip(&state.opinions)
            .enumerate()
            .map(|(index, (endpoint, opinion))| Candidate {
                in_flight: endpoint.in_flight(),
                down_until: opinion.down_until(now),
                tried: tried.contains(&index),
            })
            .collect();
        let turn = state.turn;
        state.turn = turn.wrapping_add(1);
        match balance::next(&candidates, repeatable, self.config.panic, turn, now)? {
            Choice::Use(index) => Some(index),
            Choice::Trial(index) => {
                state.opinions[index].retry_at = Some(now + self.config.retry_after);
                Some(index)
            }
        }
    }

    /// Learns from what came of a request.
    fn note(&self, index: usize, sent: &Result<Response<Body>, SendError>) {
        let outcome = match sent {
            Ok(_) => Outcome::Success,
            Err(error) if error.kind.blames_endpoint() => Outcome::Failure,
            Err(_) => return,
        };
        let change = {
            let mut state = self.state();
            let opinion = &mut state.opinions[index];
            let change = opinion.tracker.observe(outcome);
            if change == Some(Change::WentDown) {
                opinion.retry_at = Some(Instant::now() + self.config.retry_after);
            }
            change
        };
        let endpoint = self.endpoints[index].name();
        match (change, sent) {
            (Some(Change::WentDown), Err(error)) => {
                tracing::warn!(endpoint, %error, "endpoint is down");
            }
            (Some(Change::WentUp), _) => tracing::info!(endpoint, "endpoint is up again"),
            _ => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opinion {
    fn down_until(&self, now: Instant) -> Option<Instant> {
        (!self.tracker.is_up()).then(|| self.retry_at.unwrap_or(now))
    }
}

#[cfg(test)]
mod tests;
