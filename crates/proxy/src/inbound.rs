//! A request that has come in, with all that was found out about it before the cache is asked.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::{Instant, SystemTime},
};

use http::{Method, StatusCode, request, uri::PathAndQuery};
use perigee_http_cache::{CacheKey, Policy, RequestHead, Scheme};

use crate::{line::Line, moment::Moment, service::Service};

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A client.
    Client,
    /// A node of this CDN, which has proved it.
    Node,
}

/// A request head. Fields that tiers use among themselves, and what a client claims in fields
/// that we write, are gone from it; Host is there.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// The head as it came.
    pub head: request::Parts,
    /// The delivery service of its host.
    pub service: Arc<Service>,
    /// The position of the service's rule that it meets, if it meets any.
    pub(crate) rule: Option<usize>,
    /// What the store knows it by.
    pub key: CacheKey,
    /// The client's address, as the edge saw it.
    pub client: IpAddr,
    /// The client's scheme, as the edge saw it.
    pub scheme: Scheme,
    /// Who sent it.
    pub sender: Sender,
    /// What can be done on its connection besides answering, if anything.
    pub line: Option<Arc<dyn Line>>,
    /// The target that a fetch for the store asks for, where the key leaves something out of the
    /// one that came.
    pub(crate) fetched: Option<PathAndQuery>,
    /// What the ring places it by, where that is not its key.
    pub(crate) place: Option<u64>,
    /// [`crate::flight::Flights::landings`] from before the store was asked.
    pub(crate) landings: u64,
    /// Whether who asked can do with fields of an answer that are text already: see [`crate::Body::lines`].
    pub takes_lines: bool,
    /// The status to answer with once the client has not sent its body as it should.
    pub(crate) fault: Option<Arc<AtomicU16>>,
    /// When it came, or the store had answered that let it wait, on the wall clock: what ages are
    /// reckoned by.
    pub at: SystemTime,
    /// The same, for durations.
    pub started: Instant,
}

impl Inbound {
    /// When it came, or had waited for the store.
    pub(crate) fn came(&self) -> Moment {
        Moment {
            at: self.at,
            instant: self.started,
        }
    }

    /// It has waited for the store: that time is no part of the way that a response to it comes, by
    /// which this would be too old (RFC 9111 section 4.2.3).
    pub(crate) fn goes_on(&mut self, now: Moment) {
        (self.at, self.started) = (now.at, now.instant);
    }

    /// The policy that holds for it.
    pub fn policy(&self) -> &Policy {
        self.service.config.policy(self.rule)
    }

    /// What the ring places it by: the same for all that may be answered alike.
    pub fn place(&self) -> u64 {
        self.place.unwrap_or_else(|| self.key.stable_hash())
    }

    /// Whether the origin may know by which scheme the client came. Where both share what is
    /// stored, it must not shape an answer.
    pub fn tells_scheme(&self) -> bool {
        !self.policy().key.fold_schemes
    }

    /// The scheme, where the origin may know it.
    pub fn told_scheme(&self) -> Option<Scheme> {
        self.tells_scheme().then_some(self.scheme)
    }

    /// Whether Surrogate-Key and Cache-Tag are taken off the answer.
    pub(crate) fn hides_tags(&self) -> bool {
        self.sender == Sender::Client && !self.policy().show_tags
    }

    /// `scheme://host/path?query`, as it was asked for.
    pub(crate) fn url(&self) -> Arc<str> {
        if self.fetched.is_none() && self.tells_scheme() {
            return self.key.shared();
        }
        let target = self.target();
        CacheKey::new(target.scheme, target.host, target.path_and_query).shared()
    }

    pub(crate) fn as_sent(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.head.method,
            headers: &self.head.headers,
        }
    }

    /// What to answer if the client is to blame that its request could not be forwarded.
    pub(crate) fn clients_fault(&self) -> Option<StatusCode> {
        let fault = self.fault.as_ref()?.load(Ordering::Relaxed);
        StatusCode::from_u16(fault).ok()
    }

    /// The request that a fetch for the store makes in its place: always a GET.
    pub(crate) fn as_fetched(&self) -> RequestHead<'_> {
        RequestHead {
            method: &Method::GET,
            headers: &self.head.headers,
        }
    }
}
