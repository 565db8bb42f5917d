//! Waits until every node of the demo answers.

use std::time::{Duration, Instant};

use tokio::{sync::mpsc, time::sleep};

use super::plan::{HOST, Kind, Plan, PlannedNode};
use crate::admin::AdminClient;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);
const ONE_LOOK: Duration = Duration::from_secs(1);
/// For all nodes.
const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for all nodes at once. Each is told to `progress` as it gets ready, with how long it
/// took. The error names those that did not in time.
pub(super) async fn wait(
    plan: &Plan,
    mut progress: impl FnMut(&str, Duration),
) -> Result<(), String> {
    let begun = Instant::now();
    let (ready, mut readies) = mpsc::unbounded_channel();
    for node in plan.nodes.clone() {
        let ready = ready.clone();
        tokio::spawn(async move {
            let mut is_ready = is_ready(&node).await;
            while !is_ready && begun.elapsed() < DEADLINE {
                sleep(PAUSE).await;
                is_ready = self::is_ready(&node).await;
            }
            // Nobody listens any more if a node has died meanwhile.
            let _ = ready.send((node.name, is_ready, begun.elapsed()));
        });
    }
    drop(ready);
    let mut late = Vec::new();
    while let Some((name, is_ready, took)) = readies.recv().await {
        match is_ready {
            true => progress(&name, took),
            false => late.push(name),
        }
    }
    match late.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "not ready within {} s: {}",
            DEADLINE.as_secs(),
            late.join(", ")
        )),
    }
}

pub(super) async fn is_ready(node: &PlannedNode) -> bool {
    let admin = AdminClient {
        address: node.admin,
        token: None,
        timeout: ONE_LOOK,
    };
    if admin.ready().await.is_err() {
        return false;
    }
    if node.kind != Kind::GeoDns {
        return true;
    }
    let answer = perigee_geodns::query(node.address, HOST, "A", None, ONE_LOOK, false).await;
    answer.is_ok_and(|answer| !answer.answers.is_empty())
}
