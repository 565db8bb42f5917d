//! From a started role to its end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use prometheus_client::registry::Registry;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    Role,
    reload::Reloader,
    signals::{Signals, Told},
};
use crate::{
    admin::{self, Admin, Guard},
    telemetry::AccessLogWriter,
};

/// How a role runs as a process.
pub(crate) struct Settings {
    /// Where its admin API is, and the token for it.
    pub(crate) admin: Option<(SocketAddr, Option<String>)>,
    /// How long it takes new requests after it was told to stop.
    pub(crate) grace: Duration,
    /// How long what is under way has after that.
    pub(crate) deadline: Duration,
}

/// What a role needs before it can start: whatever can be refused early is.
pub(crate) struct Process {
    signals: Signals,
    admin: Option<(TcpListener, Guard)>,
    settings: Settings,
    pub(crate) registry: Registry,
    pub(crate) access_log: Option<Arc<AccessLogWriter>>,
}

impl Process {
    /// Listens to signals, and binds the admin address.
    pub(crate) async fn prepare(settings: Settings) -> Result<Self, String> {
        let signals = Signals::listen().map_err(|e| format!("cannot listen to signals: {e}"))?;
        let admin = match &settings.admin {
            Some((address, token)) => {
                let guard = Guard::new(*address, token.clone())?;
                Some((admin::bind(*address).await?, guard))
            }
            None => None,
        };
        Ok(Process {
            signals,
            admin,
            settings,
            registry: Registry::default(),
            access_log: None,
        })
    }

    /// Serves the admin API, reloads, and drains the role when told to stop.
    pub(crate) async fn run(self, role: Arc<dyn Role>, mut reloader: Option<Reloader>) {
        let mut signals = self.signals;
        let admin = self
            .admin
            .map(|admin| serve_admin(admin, &role, self.registry));
        announce(&*role, self.settings.admin.as_ref());
        loop {
            let told = tokio::select! {
                told = signals.next() => told,
                () = changed(reloader.as_mut()) => Told::Reload,
            };
            if told == Told::Stop {
                break;
            }
            if let Some(log) = &self.access_log {
                log.reopen();
            }
            match &mut reloader {
                Some(reloader) => reloader.reload().await,
                None => tracing::info!("there is nothing to reload"),
            }
        }
        let Settings {
            grace, deadline, ..
        } = self.settings;
        tracing::info!(
            grace_s = grace.as_secs_f64(),
            deadline_s = deadline.as_secs_f64(),
            "stopping: finishing what is under way"
        );
        let report = tokio::select! {
            report = role.drain(grace, deadline) => report,
            () = signals.quit_at_stop() => return,
        };
        if report.cut > 0 {
            tracing::warn!(connections = report.cut, "cut at the deadline");
        }
        if let Some(admin) = admin {
            admin.abort();
        }
        if let Some(log) = self.access_log {
            log.flush();
        }
        tracing::info!("stopped");
    }
}

/// Waits for a change; forever if there is nothing to watch.
async fn changed(reloader: Option<&mut Reloader>) {
    match reloader {
        Some(reloader) => reloader.changed().await,
        None => std::future::pending().await,
    }
}

fn serve_admin(
    (listener, guard): (TcpListener, Guard),
    role: &Arc<dyn Role>,
    registry: Registry,
) -> JoinHandle<()> {
    let admin = Admin {
        node: Arc::clone(role) as Arc<dyn admin::Managed>,
        registry: Arc::new(registry),
        guard,
    };
    tokio::spawn(admin.serve(listener))
}

fn announce(role: &dyn Role, admin: Option<&(SocketAddr, Option<String>)>) {
    let addresses = role.addresses();
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let readiness = role.readiness();
    match admin {
        Some((admin, _)) => {
            let listening = addresses.join(", ");
            tracing::info!(node = readiness.node, %listening, %admin, "ready");
        }
        None => tracing::info!(
            node = readiness.node,
            listening = addresses.join(", "),
            "ready"
        ),
    }
}
