//! A shield, as a process sees it.

use std::{net::SocketAddr, time::Duration};

use perigee_edge::{DrainReport, Purged, Readiness};
use perigee_origin_shield::Shield;
use serde_json::{Value, json};

use super::Role;
use crate::admin::{Answer, Managed, PurgeError};

impl Managed for Shield {
    fn readiness(&self) -> Readiness {
        Shield::readiness(self)
    }

    fn status(&self) -> Value {
        json!(Shield::status(self))
    }

    fn purge<'a>(&'a self, url: &'a str) -> Answer<'a, Result<Purged, PurgeError>> {
        Box::pin(async move { Shield::purge(self, url).await.map_err(PurgeError::BadUrl) })
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
