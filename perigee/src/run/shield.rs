//! A shield, as a process sees it.

use std::{net::SocketAddr, time::Duration};

use perigee_edge::{DrainReport, Explanation, Purged, Question, Readiness};
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

    fn purge<'a>(&'a self, url: &'a str) -> Answer<'a, Result<Purged, NotDone>> {
        Box::pin(async move { Shield::purge(self, url).await.map_err(NotDone::Wrong) })
    }

    fn explain<'a>(&'a self, question: &'a Question) -> Answer<'a, Result<Explanation, NotDone>> {
        Box::pin(async move {
            let told = Shield::explain(self, question).await;
            told.map_err(NotDone::Wrong)
        })
    }
}

impl Role for Shield {
    fn addresses(&self) -> Vec<SocketAddr> {
        Shield::addresses(self)
    }

    fn drain(&self, grace: Duration, deadline: Duration) -> Answer<'_, DrainReport> {
        Box::pin(Shield::drain(self, grace, deadline))
    }
}
