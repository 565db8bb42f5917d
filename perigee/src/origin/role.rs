//! The origin as a process: started, managed, drained like the other roles.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::StatusCode;
use perigee_edge::{
    ClientLimits, DrainReport, Endpoint, EndpointConfig, EndpointLimits, PurgeOrder, Purged,
    Readiness, Server, ServerConfig, Target, bind_all,
};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::{
    counted::{Content, Counted, Counts},
    sample::Sample,
};
use crate::{
    admin::{Answer, Managed, NotDone},
    run::Role,
};

/// What an origin serves.
pub(crate) enum Source {
    Sample,
    Folder(PathBuf),
}

/// A running origin.
pub(crate) struct OriginRole {
    server: Server,
    counts: Counts,
    draining: AtomicBool,
}

impl OriginRole {
    /// Binds the address and serves. The error says what cannot be used.
    pub(crate) async fn start(
        source: Source,
        listen: SocketAddr,
        registry: &mut Registry,
    ) -> Result<Self, String> {
        let content = match source {
            Source::Sample => Content::Sample(Sample::new()),
            Source::Folder(folder) => Content::Folder(endpoint(folder)?),
        };
        let limits = ClientLimits::default();
        let http = bind_all(&[listen], limits.backlog).await;
        let config = ServerConfig {
            http: http.map_err(|error| error.to_string())?,
            private: Vec::new(),
            private_tls: None,
            https: Vec::new(),
            certs: None,
            limits,
            gauge: None,
            pages: None,
        };
        let counts = Counts::register(registry);
        let handler = Arc::new(Counted::new(content, counts.clone()));
        let server = Server::start(config, handler);
        Ok(OriginRole {
            server,
            counts,
            draining: AtomicBool::new(false),
        })
    }
}

fn endpoint(folder: PathBuf) -> Result<Arc<Endpoint>, String> {
    let config = EndpointConfig {
        name: folder.display().to_string(),
        target: Target::Folder(folder),
        limits: EndpointLimits::default(),
    };
    Endpoint::new(config).map_err(|e| e.to_string())
}

impl Managed for OriginRole {
    fn readiness(&self) -> Readiness {
        Readiness {
            node: "origin".into(),
            draining: self.draining.load(Ordering::Relaxed),
            load: 0.0,
            config_version: String::new(),
            purge_revision: 0,
            ..Readiness::default()
        }
    }

    fn status(&self) -> Value {
        json!({
            "node": "origin",
            "role": "origin",
            "connections": self.server.connections(),
            "answered": self.counts.total(),
            "answered_200": self.counts.of(StatusCode::OK),
            "answered_304": self.counts.of(StatusCode::NOT_MODIFIED),
        })
    }

    fn purge<'a>(&'a self, _order: &'a PurgeOrder) -> Answer<'a, Result<Purged, NotDone>> {
        Box::pin(async { Err(NotDone::NothingStored) })
    }
}

impl Role for OriginRole {
    fn addresses(&self) -> Vec<SocketAddr> {
        self.server.addresses()
    }

    fn leave(&self, leaving: bool) {
        self.draining.store(leaving, Ordering::Relaxed);
    }

    fn turn_away(&self, away: bool) {
        match away {
            true => self.server.turn_away(),
            false => self.server.welcome(),
        }
    }

    fn stop(&self, deadline: Duration) -> Answer<'_, DrainReport> {
        Box::pin(self.server.drain(deadline))
    }
}
