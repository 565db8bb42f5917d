//! From a started role to its end.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use prometheus_client::registry::Registry;
use tokio::{net::TcpListener, task::JoinHandle, time::sleep_until};

use super::{
    DrainOrder, Draining, Role,
    drain::{Step, Terms},
    reload::Reloader,
    signals::{self, Signals, Told},
};
use crate::{
    admin::{self, Admin, Guard},
    telemetry::AccessLogWriter,
};

/// How a role runs as a process.
pub(crate) struct Settings {
    /// Where its admin API is, and the token for it.
    pub(crate) admin: Option<(SocketAddr, Option<String>)>,
    /// How it stops.
    pub(crate) drain: Terms,
}

/// What a role needs before it can start: whatever can be refused early is.
pub(crate) struct Process {
    signals: Signals,
    admin: Option<(TcpListener, Guard)>,
    settings: Settings,
    draining: Arc<Draining>,
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
            draining: Arc::new(Draining::new(settings.drain)),
            settings,
            registry: Registry::default(),
            access_log: None,
        })
    }

    /// How it drains: for those who take a file up anew.
    pub(super) fn draining(&self) -> Arc<Draining> {
        Arc::clone(&self.draining)
    }

    /// Serves the admin API, reloads, and drains the role when told to.
    pub(crate) async fn run(self, role: Arc<dyn Role>, mut reloader: Option<Reloader>) {
        let mut signals = self.signals;
        let draining = self.draining;
        let admin = self
            .admin
            .map(|admin| serve_admin(admin, &role, self.registry, &draining));
        announce(&*role, self.settings.admin.as_ref());
        // Told to stop by a signal: who tells it twice does not want to wait.
        let mut asked = false;
        let mut last = Step::Serve;
        loop {
            let (step, next) = draining.step();
            if step != last {
                take(step, &*role, draining.terms());
                last = step;
            }
            if step == Step::Finish {
                break;
            }
            let told = tokio::select! {
                told = signals.next() => told,
                () = changed(reloader.as_mut()) => Told::Reload,
                () = draining.changed() => continue,
                () = reached(next) => continue,
            };
            match told {
                Told::Stop if asked => signals::quit(),
                Told::Stop => {
                    tracing::info!("told by a signal to stop");
                    asked = true;
                    // It cannot be refused: only what is taken back can come too late.
                    let _ = draining.order(DrainOrder::default());
                }
                Told::Reload => {
                    if let Some(log) = &self.access_log {
                        log.reopen();
                    }
                    match &mut reloader {
                        Some(reloader) => reloader.reload().await,
                        None => tracing::info!("there is nothing to reload"),
                    }
                }
            }
        }
        let report = tokio::select! {
            report = role.stop(draining.terms().deadline) => report,
            () = signals.quit_at_stop(asked) => return,
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

/// Puts a step in place that is another one than before.
fn take(step: Step, role: &dyn Role, terms: Terms) {
    role.leave(step >= Step::Leave);
    role.turn_away(step >= Step::TurnAway);
    let Terms { grace, deadline } = terms;
    match step {
        Step::Serve => tracing::info!("the drain is taken back: serving"),
        Step::Leave => tracing::info!(
            grace_s = grace.as_secs_f64(),
            "draining: the other nodes are told, and requests are still taken"
        ),
        Step::TurnAway => tracing::info!(
            grace_s = grace.as_secs_f64(),
            "draining: clients are sent away with each answer"
        ),
        Step::Finish => tracing::info!(
            deadline_s = deadline.as_secs_f64(),
            "stopping: finishing what is under way"
        ),
    }
}

async fn reached(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => std::future::pending().await,
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
    draining: &Arc<Draining>,
) -> JoinHandle<()> {
    let admin = Admin {
        draining: Arc::clone(draining),
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
