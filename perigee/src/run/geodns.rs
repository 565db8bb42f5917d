//! A name server, as a process sees it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use perigee_edge::{DrainReport, PurgeOrder, Purged, Readiness};
use perigee_geodns::{DnsExplanation, DnsQuestion, GeoDns};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Role;
use crate::admin::{Answer, Managed, NotDone};

/// A running name server, and whether it is about to stop.
#[derive(Clone)]
pub(super) struct GeoDnsRole {
    server: Arc<GeoDns>,
    draining: Arc<AtomicBool>,
}

impl GeoDnsRole {
    pub(super) fn new(server: Arc<GeoDns>) -> Self {
        GeoDnsRole {
            server,
            draining: Arc::default(),
        }
    }
}

impl Managed for GeoDnsRole {
    fn readiness(&self) -> Readiness {
        let status = self.server.status();
        Readiness {
            node: status.node,
            draining: self.draining.load(Ordering::Relaxed),
            load: 0.0,
            config_version: status.config_version,
            purge_revision: 0,
            ..Readiness::default()
        }
    }

    fn status(&self) -> Value {
        let mut status = json!(self.server.status());
        if let Some(members) = status.as_object_mut() {
            let draining = self.draining.load(Ordering::Relaxed);
            members.insert("draining".into(), draining.into());
        }
        status
    }

    fn explain_dns(&self, question: &DnsQuestion) -> Result<DnsExplanation, NotDone> {
        Ok(self.server.explain(&question.name, question.client))
    }

    fn purge<'a>(&'a self, _order: &'a PurgeOrder) -> Answer<'a, Result<Purged, NotDone>> {
        Box::pin(async { Err(NotDone::NothingStored) })
    }
}

impl Role for GeoDnsRole {
    fn addresses(&self) -> Vec<SocketAddr> {
        self.server.addresses()
    }

    fn leave(&self, leaving: bool) {
        self.draining.store(leaving, Ordering::Relaxed);
    }

    /// Answers without connections can close none.
    fn turn_away(&self, _away: bool) {}

    fn stop(&self, deadline: Duration) -> Answer<'_, DrainReport> {
        Box::pin(async move {
            let cut = timeout(deadline, self.server.shutdown()).await.is_err();
            DrainReport {
                finished: 0,
                cut: usize::from(cut),
            }
        })
    }
}
