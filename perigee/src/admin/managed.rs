//! What the admin API asks of the node that it stands beside.

use std::{future::Future, pin::Pin};

use perigee_edge::{
    CacheStats, Explanation, ListQuestion, Listing, PurgeOrder, Purged, Question, Readiness, Shown,
};
use perigee_geodns::{DnsExplanation, DnsQuestion};
use serde_json::Value;

/// An answer that may take time.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why a purge was not carried out, or a question not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotDone {
    /// What is wrong with what was asked.
    Wrong(String),
    /// The node stores nothing.
    NothingStored,
    /// The node answers no questions of DNS.
    NoZone,
}

/// A node, as its operator sees it.
pub(crate) trait Managed: Send + Sync + 'static {
    /// What it says of itself to other nodes.
    fn readiness(&self) -> Readiness;
    /// The same and more, as JSON.
    fn status(&self) -> Value;
    /// Carries out a purge.
    fn purge<'a>(&'a self, order: &'a PurgeOrder) -> Answer<'a, Result<Purged, NotDone>>;
    /// Says what would become of a request.
    fn explain<'a>(&'a self, _question: &'a Question) -> Answer<'a, Result<Explanation, NotDone>> {
        Box::pin(async { Err(NotDone::NothingStored) })
    }
    /// Says what a client is answered in DNS.
    fn explain_dns(&self, _question: &DnsQuestion) -> Result<DnsExplanation, NotDone> {
        Err(NotDone::NoZone)
    }
    /// A page of what is stored.
    fn list<'a>(&'a self, _question: &'a ListQuestion) -> Answer<'a, Result<Listing, NotDone>> {
        Box::pin(async { Err(NotDone::NothingStored) })
    }
    /// What is stored under a URL.
    fn show<'a>(&'a self, _url: &'a str) -> Answer<'a, Result<Shown, NotDone>> {
        Box::pin(async { Err(NotDone::NothingStored) })
    }
    /// How its store does.
    fn cache_stats(&self) -> Result<CacheStats, NotDone> {
        Err(NotDone::NothingStored)
    }
}
