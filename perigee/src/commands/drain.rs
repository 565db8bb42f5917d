//! `perigee drain`: a node is told to leave, and followed until it is gone.

mod last;
mod progress;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use perigee_config::NodeSummary;
use serde::Deserialize;
use tokio::time::sleep;

use self::progress::{End, Progress, Seen};
use super::{
    Outcome,
    fleet::{Fleet, Member},
};
use crate::{
    admin::{AdminClient, CallError},
    cli,
    run::{DrainOrder, DrainStatus},
    style::say,
};

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);
/// What a node may take beside `grace` and `deadline`: to write to its disk what is queued, mostly.
const SLACK: Duration = Duration::from_secs(30);

/// What is read of a node's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    pub(super) draining: bool,
    pub(super) requests: Option<u64>,
    pub(super) drain: Option<DrainStatus>,
}

/// The node that is told.
struct Target {
    name: String,
    admin: AdminClient,
}

pub(super) async fn run(drain: &cli::Drain) -> Outcome {
    let order = DrainOrder {
        keep_running: drain.keep_running,
        undo: drain.undo,
    };
    let (target, fleet) = find(drain).await?;
    let patience = patience(drain.wait);
    if let (Some((fleet, node)), false) = (&fleet, order.undo) {
        let others = usable(fleet, patience).await;
        if let Some(warning) = last::warning(node, &others, fleet.has_geodns()) {
            eprintln!("perigee: {warning}");
        }
    }
    let begun = Instant::now();
    let status = target.within(patience).drain(order).await;
    let status = status.map_err(|why| target.failed(&why))?;
    if order.undo {
        say!("{}: serves", target.name);
        return Ok(ExitCode::SUCCESS);
    }
    follow(&target, order, drain.wait, status, begun).await
}

/// How long one call may take before there is something to wait for: two of them come first, and no
/// time at all would be none to hear that the order has arrived.
fn patience(wait: Option<Duration>) -> Duration {
    match wait {
        None | Some(Duration::ZERO) => TIMEOUT,
        Some(wait) => (wait / 2).min(TIMEOUT),
    }
}

/// The node, and the file that it is from, if it is from one.
async fn find(drain: &cli::Drain) -> Result<(Target, Option<(Fleet, NodeSummary)>), String> {
    if let Some(address) = drain.admin {
        let token = drain.token_env.as_deref().map(token).transpose()?;
        let admin = AdminClient {
            address,
            token,
            timeout: TIMEOUT,
        };
        let name = address.to_string();
        return Ok((Target { name, admin }, None));
    }
    let fleet = Fleet::load(&drain.config).await?;
    let Member { node, admin, .. } = fleet.member(drain.node.as_deref().unwrap_or_default())?;
    let target = Target {
        name: node.name.to_string(),
        admin,
    };
    Ok((target, Some((fleet, node))))
}

fn token(variable: &str) -> Result<String, String> {
    let value = std::env::var(variable).ok();
    let value = value.filter(|value| !value.is_empty());
    value.ok_or_else(|| format!("the environment variable {variable} is not set"))
}

/// The nodes that answer and do not drain.
async fn usable(fleet: &Fleet, patience: Duration) -> Vec<NodeSummary> {
    let asked: Vec<_> = fleet
        .nodes
        .iter()
        .map(|member| {
            let Member { node, admin, .. } = member.clone();
            let admin = admin.within(patience);
            tokio::spawn(async move {
                let said = admin.status::<Said>().await.ok()?;
                (!said.draining).then_some(node)
            })
        })
        .collect();
    let mut usable = Vec::new();
    for answer in asked {
        usable.extend(answer.await.ok().flatten());
    }
    usable
}

/// Tells how far the node is until it is gone, or there is no more patience.
async fn follow(
    target: &Target,
    order: DrainOrder,
    wait: Option<Duration>,
    status: DrainStatus,
    begun: Instant,
) -> Outcome {
    let name = &target.name;
    let longest = Duration::from_secs_f64(status.grace + status.deadline) + SLACK;
    let patience = wait.unwrap_or(longest);
    let mut progress = Progress::new(order, status);
    let mut seen = Seen::There {
        status,
        requests: None,
    };
    loop {
        let (line, end) = progress.take(&seen, begun.elapsed());
        if let Some(line) = line {
            say!("{name}: {line}");
        }
        match end {
            Some(End::Good) => return Ok(ExitCode::SUCCESS),
            Some(End::Bad) => return Ok(ExitCode::FAILURE),
            None if patience.is_zero() => return Ok(ExitCode::SUCCESS),
            None if begun.elapsed() > patience => {
                let seconds = patience.as_secs_f64();
                eprintln!("perigee: {name} is still there after {seconds} s");
                return Ok(ExitCode::FAILURE);
            }
            None => {}
        }
        sleep(PAUSE).await;
        let left = patience.saturating_sub(begun.elapsed());
        seen = look(&target.within(left.clamp(PAUSE, TIMEOUT))).await;
    }
}

async fn look(admin: &AdminClient) -> Seen {
    match admin.status::<Said>().await {
        Ok(Said {
            drain: Some(status),
            requests,
            ..
        }) => Seen::There { status, requests },
        Err(why) if why.nobody_listens() => Seen::Gone,
        _ => Seen::Unknown,
    }
}

impl Target {
    fn within(&self, patience: Duration) -> AdminClient {
        self.admin.clone().within(patience)
    }

    /// What went wrong with the order, and what to do.
    fn failed(&self, why: &CallError) -> String {
        let Target { name, admin } = self;
        let at = match name.parse::<std::net::SocketAddr>() {
            Ok(_) => name.clone(),
            Err(_) => format!("{name} ({})", admin.address),
        };
        let hint = match why {
            why if why.nobody_listens() => {
                "; has it stopped already? then there is nothing to drain"
            }
            CallError::Down(_) => "; is this its admin API?",
            CallError::Late(_) => {
                "; is this its admin API? if so it may have the order, and carry it out once it goes \
                 on: `perigee status` shows that, and --undo takes it back"
            }
            CallError::WrongToken { sent: false } => "; say --token-env with --admin",
            CallError::WrongToken { sent: true }
            | CallError::Garbled(_)
            | CallError::Refused(..) => "",
        };
        format!("{at}: {why}{hint}")
    }
}
