//! Sending a request to one hop after the other, as far as that is safe.

use std::{
    future::pending,
    sync::Arc,
    time::{Instant, SystemTime},
};

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use perigee_http_cache::{Failure, Policy, Times};
use perigee_storage::Revision;
use perigee_upstream::{
    Body as Relayed, Came, FieldLines, Head, OnInterim, Outgoing, SendError, SendErrorKind,
};

use crate::{
    Inbound,
    cache_status::CACHE_STATUS,
    exchange::Exchange,
    line::RelayInterim,
    moment::Moment,
    next_hop::{Hop, NextHop, REFUSED},
    once_body::Offered,
    suspicion::{Suspected, is_lost, until_lost},
};

static REFUSED_FIELD: HeaderName = HeaderName::from_static(REFUSED);

/// What came back, and from where.
pub(crate) struct Arrived<R = Response<Relayed>> {
    pub(crate) response: R,
    /// The Cache-Status of the tiers above, taken off the response.
    pub(crate) cache_status: Vec<HeaderValue>,
    /// The hop that answered.
    pub(crate) hop: Hop,
    /// When it was asked for, and when it came.
    pub(crate) times: Times,
    /// The last purge from before it was asked for.
    pub(crate) asked: Revision,
}

impl<R> Arrived<R> {
    /// The node of this PoP that it came from.
    pub(crate) fn peer(&self) -> Option<&str> {
        matches!(self.hop, Hop::Peer(_)).then(|| self.hop.name())
    }

    /// The response, and all else.
    pub(crate) fn split(self) -> (R, Arrived<()>) {
        let Arrived {
            response,
            cache_status,
            hop,
            times,
            asked,
        } = self;
        let rest = Arrived {
            response: (),
            cache_status,
            hop,
            times,
            asked,
        };
        (response, rest)
    }
}

impl Arrived<()> {
    /// With this response, of which what is not to reach anybody is taken off.
    pub(crate) fn with(self, came: Came, policy: &Policy) -> Arrived {
        let Arrived {
            hop, times, asked, ..
        } = self;
        let mut response = came.into_response();
        policy.clean_response(response.headers_mut());
        let cache_status = take_told(response.headers_mut(), &hop);
        Arrived {
            response,
            cache_status,
            hop,
            times,
            asked,
        }
    }
}

/// What became of a request at one hop.
enum Tried {
    Answered(Came),
    /// Another hop may be asked.
    PassOver(Failure),
    /// The request may have been carried out, or is at fault itself.
    GiveUp(Failure),
}

impl Exchange {
    /// Sends a request to the first hop that answers.
    ///
    /// A hop is passed over when it is safe to ask another: not a byte was sent, or the hop says
    /// it did nothing, or the method is safe and there is no body (RFC 9110 section 9.2.2). Then
    /// it is also passed over if it goes down before it answers: a node that has frozen keeps its
    /// connections. A node that lets wait is looked after at once, whatever it was asked; what may
    /// not be repeated goes on waiting for its answer, which may come. How often hops are passed
    /// over in all is limited by a budget, but for nodes that are known to be down by then: those
    /// are asked nothing more, so that what they had goes to others once and no more.
    pub(crate) async fn send_over(
        &self,
        hops: &[Hop],
        next: &Arc<dyn NextHop>,
        inbound: &Inbound,
        request: (Box<Outgoing>, Relayed),
        now: Moment,
    ) -> Result<Arrived, Failure> {
        let sent = self.send_for(hops, next, inbound, request, now, false);
        let (came, rest) = sent.await?.split();
        Ok(rest.with(came, inbound.policy()))
    }

    /// The same. A usual response of an origin may come whole, if `takes_whole`.
    pub(crate) async fn send_for(
        &self,
        hops: &[Hop],
        next: &Arc<dyn NextHop>,
        inbound: &Inbound,
        (head, body): (Box<Outgoing>, Relayed),
        now: Moment,
        takes_whole: bool,
    ) -> Result<Arrived<Came>, Failure> {
        self.retries.note_request(now.instant);
        let asked_at = self.store.purges().now();
        let repeatable = head.method.is_safe() && body.is_end_stream();
        let body = Offered::new(body);
        let expects = Expected::of(&head.fields);
        let mut failure = Failure::Unreachable;
        let mut before: Option<&Hop> = None;
        let mut head = Some(head);
        let interim = inbound.line.as_deref().map(RelayInterim);
        for (index, hop) in hops.iter().enumerate() {
            let is_free = before.replace(hop).is_none_or(|it| is_lost(it, &**next));
            if !is_free && !self.may_retry() {
                break;
            }
            let is_last = index + 1 == hops.len();
            let outgoing = if is_last { head.take() } else { head.clone() };
            let Some(mut outgoing) = outgoing else {
                break;
            };
            next.stamp(inbound, hop, &mut outgoing);
            let head = Head {
                request: &outgoing,
                interim: interim.as_ref().map(|it| it as &dyn OnInterim),
                takes_whole: takes_whole && !hop.is_node(),
            };
            let requested = if index == 0 {
                now.at
            } else {
                SystemTime::now()
            };
            let sent = match hop.is_node() {
                false => Some(hop.send(head, body.offer()).await),
                true => {
                    let sent = self.send_to_node(hop, &**next, head, body.offer(), repeatable);
                    Box::pin(sent).await
                }
            };
            let asked = Asked {
                hop,
                repeatable,
                untouched: body.is_untouched(),
                expects,
            };
            let tried = match sent {
                Some(Ok(response)) => self.answered(&asked, response),
                Some(Err(error)) => self.failed(&asked, &error, &**next),
                None => self.lost(&asked),
            };
            match tried {
                Tried::Answered(came) => {
                    return Ok(Arrived {
                        response: self.suspected(came, hop, next),
                        cache_status: Vec::new(),
                        hop: hop.clone(),
                        times: Times {
                            requested,
                            received: SystemTime::now(),
                        },
                        asked: asked_at,
                    });
                }
                Tried::PassOver(why) => failure = why,
                Tried::GiveUp(why) => return Err(why),
            }
        }
        Err(failure)
    }

    /// What another node says; `None`: it went down before it said anything.
    async fn send_to_node(
        &self,
        hop: &Hop,
        next: &dyn NextHop,
        head: Head<'_>,
        body: Relayed,
        repeatable: bool,
    ) -> Option<Result<Came, SendError>> {
        let lost = async {
            until_lost(hop, next, self.config.failover.suspect_after).await;
            if !repeatable {
                // It may be carried out yet, and nobody else can tell.
                pending::<()>().await;
            }
        };
        tokio::select! {
            sent = hop.send(head, body) => Some(sent),
            () = lost => None,
        }
    }

    /// Whether the budget allows to ask another hop after one failed.
    pub(crate) fn may_retry(&self) -> bool {
        let is_allowed = self.retries.may_retry(Instant::now());
        self.metrics.retried(is_allowed);
        is_allowed
    }

    /// The response, with a body that ends when another node that sends it goes down.
    fn suspected(&self, came: Came, hop: &Hop, next: &Arc<dyn NextHop>) -> Came {
        if !hop.is_node() {
            return came;
        }
        let response = came.into_response();
        if response.body().is_end_stream() {
            return response.into();
        }
        let suspect_after = self.config.failover.suspect_after;
        let suspected = |body| Suspected::new(body, hop, next, suspect_after);
        let response = response.map(|body| perigee_upstream::body::boxed(suspected(body)));
        response.into()
    }

    fn answered(&self, asked: &Asked<'_>, came: Came) -> Tried {
        let is_ours = asked.hop.is_node();
        let (tried, outcome) = if is_ours && asked.untouched && was_refused(&came) {
            (Tried::PassOver(Failure::Overloaded), "refused")
        } else if asked.expects.not(came.status()) {
            (Tried::GiveUp(Failure::Invalid), "invalid")
        } else {
            (Tried::Answered(came), "answered")
        };
        self.count(asked.hop, outcome);
        tried
    }

    fn failed(&self, asked: &Asked<'_>, error: &SendError, next: &dyn NextHop) -> Tried {
        let Asked { hop, .. } = *asked;
        self.count(hop, outcome(error.kind));
        if let Some(held_back) = self.failures.pass(Instant::now()) {
            tracing::info!(kind = hop.kind(), %error, held_back, "next hop failed");
        }
        if matches!(error.kind, SendErrorKind::Connect | SendErrorKind::Broken) {
            next.failed(hop);
        }
        let failure = as_failure(error.kind);
        if asked.repeatable || (error.kind.nothing_was_sent() && asked.untouched) {
            Tried::PassOver(failure)
        } else {
            Tried::GiveUp(failure)
        }
    }

    fn lost(&self, asked: &Asked<'_>) -> Tried {
        self.count(asked.hop, "lost");
        Tried::PassOver(Failure::Timeout)
    }

    fn count(&self, hop: &Hop, outcome: &'static str) {
        self.metrics.forwarded(hop, outcome);
    }
}

/// A request at one hop, and what may be done about it.
struct Asked<'a> {
    hop: &'a Hop,
    /// The method is safe and there is no body.
    repeatable: bool,
    /// Not a byte of the body was taken.
    untouched: bool,
    expects: Expected,
}

/// No node's response comes whole.
fn was_refused(came: &Came) -> bool {
    matches!(came, Came::Any(response) if response.headers().contains_key(&REFUSED_FIELD))
}

/// Which statuses a request asks for that are no answers to others.
#[derive(Clone, Copy, Debug)]
struct Expected {
    /// A switch of protocols (RFC 9110 section 15.2.2).
    switch: bool,
    /// 304, by a condition (section 15.4.5).
    not_modified: bool,
}

impl Expected {
    fn of(request: &FieldLines) -> Self {
        let mut expected = Expected {
            switch: false,
            not_modified: false,
        };
        for (name, _) in request.iter() {
            match *name {
                header::UPGRADE => expected.switch = true,
                header::IF_NONE_MATCH | header::IF_MODIFIED_SINCE => expected.not_modified = true,
                _ => {}
            }
        }
        expected
    }

    /// Whether nothing in the request asked for this status, so that it is no answer.
    fn not(self, status: StatusCode) -> bool {
        match status {
            StatusCode::SWITCHING_PROTOCOLS => !self.switch,
            StatusCode::NOT_MODIFIED => !self.not_modified,
            _ => false,
        }
    }
}

/// Takes off what the tiers above said of a response.
fn take_told(headers: &mut HeaderMap, hop: &Hop) -> Vec<HeaderValue> {
    // One look for what is nearly never there.
    let is_told = |name: &HeaderName| *name == CACHE_STATUS || *name == REFUSED_FIELD;
    let mut cache_status = Vec::new();
    if headers.keys().any(is_told) {
        if let header::Entry::Occupied(entry) = headers.entry(&CACHE_STATUS) {
            cache_status = entry.remove_entry_mult().1.collect();
        }
        if let Hop::Origin(_) = hop {
            // Not an origin's to say.
            headers.remove(&REFUSED_FIELD);
        }
    }
    cache_status
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
        SendErrorKind::LeftAlone { retry_after } => Failure::LeftAlone {
            seconds: retry_after.as_secs_f64().ceil() as u32,
        },
    }
}

fn outcome(kind: SendErrorKind) -> &'static str {
    match kind {
        SendErrorKind::Connect => "no-connection",
        SendErrorKind::Broken => "broken",
        SendErrorKind::Timeout => "timeout",
        SendErrorKind::Invalid => "invalid",
        SendErrorKind::Overloaded => "overloaded",
        SendErrorKind::LeftAlone { .. } => "left-alone",
        SendErrorKind::Request => "request-broken",
    }
}
