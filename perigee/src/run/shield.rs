//! A shield, as a process sees it.

use std::{net::SocketAddr, time::Duration};

use perigee_edge::{
    CacheStats, DrainReport, Explanation, ListQuestion, Listing, PurgeOrder, Purged, Question,
    Readiness, Shown,
};
use perigee_origin_shield::Shield;
use serde_json::{Value, json};

use super::Role;
use crate::admin::{Answer, Managed, NotDone};

impl Managed for Shield {
    fn readiness(&self) -> Readiness {
        Shield::readiness(self)
    }

    fn status(&self) -> Value {
        json!(Shield::status(self))
    }

    fn purge<'a>(&'a self, order: &'a PurgeOrder) -> Answer<'a, Result<Purged, NotDone>> {
        Box::pin(async move { Shield::purge(self, order).await.map_err(NotDone::Wrong) })
    }

    fn explain<'a>(&'a self, question: &'a Question) -> Answer<'a, Result<Explanation, NotDone>> {
        Box::pin(async move {
            let told = Shield::explain(self, question).await;
            told.map_err(NotDone::Wrong)
        })
    }

    fn list<'a>(&'a self, question: &'a ListQuestion) -> Answer<'a, Result<Listing, NotDone>> {
        Box::pin(async move { Shield::list(self, question).await.map_err(NotDone::Wrong) })
    }

    fn show<'a>(&'a self, url: &'a str) -> Answer<'a, Result<Shown, NotDone>> {
        Box::pin(async move { Shield::show(self, url).await.map_err(NotDone::Wrong) })
    }

    fn cache_stats(&self) -> Result<CacheStats, NotDone> {
        Ok(Shield::cache_stats(self))
    }
}

impl Role for Shield {
    fn addresses(&self) -> Vec<SocketAddr> {
        Shield::addresses(self)
    }

    fn leave(&self, leaving: bool) {
        Shield::leave(self, leaving);
    }

    fn turn_away(&self, away: bool) {
        Shield::turn_away(self, away);
    }

    fn stop(&self, deadline: Duration) -> Answer<'_, DrainReport> {
        Box::pin(Shield::stop(self, deadline))
    }
}
