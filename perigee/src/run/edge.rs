//! An edge, as a process sees it.

use std::{net::SocketAddr, time::Duration};

use perigee_edge::{
    CacheStats, DrainReport, Edge, Explanation, ListQuestion, Listing, PurgeOrder, Purged,
    Question, Readiness, Shown,
};
use serde_json::{Value, json};

use super::Role;
use crate::admin::{Answer, Managed, NotDone};

impl Managed for Edge {
    fn readiness(&self) -> Readiness {
        Edge::readiness(self)
    }

    fn status(&self) -> Value {
        json!(Edge::status(self))
    }

    fn purge<'a>(&'a self, order: &'a PurgeOrder) -> Answer<'a, Result<Purged, NotDone>> {
        Box::pin(async move { Edge::purge(self, order).await.map_err(NotDone::Wrong) })
    }

    fn explain<'a>(&'a self, question: &'a Question) -> Answer<'a, Result<Explanation, NotDone>> {
        Box::pin(async move {
            let told = Edge::explain(self, question).await;
            told.map_err(NotDone::Wrong)
        })
    }

    fn list<'a>(&'a self, question: &'a ListQuestion) -> Answer<'a, Result<Listing, NotDone>> {
        Box::pin(async move { Edge::list(self, question).await.map_err(NotDone::Wrong) })
    }

    fn show<'a>(&'a self, url: &'a str) -> Answer<'a, Result<Shown, NotDone>> {
        Box::pin(async move { Edge::show(self, url).await.map_err(NotDone::Wrong) })
    }

    fn cache_stats(&self) -> Result<CacheStats, NotDone> {
        Ok(Edge::cache_stats(self))
    }
}

impl Role for Edge {
    fn addresses(&self) -> Vec<SocketAddr> {
        Edge::addresses(self)
    }

    fn leave(&self, leaving: bool) {
        Edge::leave(self, leaving);
    }

    fn turn_away(&self, away: bool) {
        Edge::turn_away(self, away);
    }

    fn stop(&self, deadline: Duration) -> Answer<'_, DrainReport> {
        Box::pin(Edge::stop(self, deadline))
    }
}
