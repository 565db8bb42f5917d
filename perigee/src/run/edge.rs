//! An edge, as a process sees it.

use std::{net::SocketAddr, time::Duration};

use perigee_edge::{DrainReport, Edge, Explanation, Purged, Question, Readiness};
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

    fn purge<'a>(&'a self, url: &'a str) -> Answer<'a, Result<Purged, NotDone>> {
        Box::pin(async move { Edge::purge(self, url).await.map_err(NotDone::Wrong) })
    }

    fn explain<'a>(&'a self, question: &'a Question) -> Answer<'a, Result<Explanation, NotDone>> {
        Box::pin(async move {
            let told = Edge::explain(self, question).await;
            told.map_err(NotDone::Wrong)
        })
    }
}

impl Role for Edge {
    fn addresses(&self) -> Vec<SocketAddr> {
        Edge::addresses(self)
    }

    fn drain(&self, grace: Duration, deadline: Duration) -> Answer<'_, DrainReport> {
        Box::pin(Edge::drain(self, grace, deadline))
    }
}
