//! Edges die.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::Tour;
use crate::demo::{
    clients::{EUROPEAN, NEXT_FOR_EUROPEAN},
    http::{self, Ask},
    plan::{HOST, PlannedNode},
};

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(20);
/// How long the DNS may take to notice.
const DEADLINE: Duration = Duration::from_secs(10);

/// An edge is killed: the other one of its region answers, and its clients see no error.
pub(super) async fn edge(tour: &mut Tour<'_>) -> Result<(), String> {
    let region = EUROPEAN.nearest;
    tour.teller.step(&format!(
        "kill -9 of an edge of {region}: the other one answers"
    ));
    let addresses = tour.resolve(EUROPEAN.prefix).await?;
    let names = tour.names(&addresses);
    let [dies, stays] = names.as_slice() else {
        return Err(format!(
            "the DNS answered {}, not two edges",
            names.join(", ")
        ));
    };
    tour.teller.got(&format!("before: {}", names.join(", ")));
    let clients = Clients::of(&tour.edge(stays)?);
    tour.teller
        .asks(&format!("kill -9 {dies}, while clients read from {stays}"));
    let begun = Instant::now();
    tour.children
        .kill(dies)
        .await
        .ok_or("it was dead already")?;
    let left = await_answer(tour, |names| !names.contains(dies)).await?;
    let took = begun.elapsed();
    // What the dead edge owned is asked for until its peer has noticed, too.
    sleep(Duration::from_millis(500)).await;
    let (good, bad) = clients.stop().await;
    tour.teller
        .got(&format!("after {}: {}", seconds(took), left.join(", ")));
    tour.teller
        .check(left == [stays.clone()], &format!("{stays} answers"));
    tour.teller.check(
        bad == 0 && good > 0,
        &format!("{good} requests to {stays} meanwhile, {bad} failed"),
    );
    tour.teller
        .measure("DNS failover within a region", &seconds(took));
    Ok(())
}

/// The other one is killed too: the next nearest region answers.
pub(super) async fn region(tour: &mut Tour<'_>) -> Result<(), String> {
    let region = EUROPEAN.nearest;
    tour.teller.step(&format!(
        "kill -9 of the other edge of {region}: the next nearest region answers"
    ));
    let addresses = tour.resolve(EUROPEAN.prefix).await?;
    let names = tour.names(&addresses);
    let last = names.first().cloned().ok_or("the DNS answered nothing")?;
    tour.teller.asks(&format!("kill -9 {last}"));
    let begun = Instant::now();
    tour.children
        .kill(&last)
        .await
        .ok_or("it was dead already")?;
    let next = await_answer(tour, |names| !names.contains(&last) && !names.is_empty()).await?;
    let took = begun.elapsed();
    tour.teller
        .got(&format!("after {}: {}", seconds(took), next.join(", ")));
    let near = next.iter().all(|name| name.starts_with(NEXT_FOR_EUROPEAN));
    tour.teller.check(
        near,
        &format!(
            "a client in {} is sent to {NEXT_FOR_EUROPEAN}",
            EUROPEAN.city
        ),
    );
    tour.teller
        .check(took < Duration::from_secs(3), "within 3 seconds");
    tour.teller
        .measure("DNS failover to the next region", &seconds(took));

    let edge = tour.edge(next.first().map_or("", String::as_str))?;
    tour.teller.asks(&format!("GET / from {}", edge.name));
    let reply = tour.get(&edge, "/", &[]).await?;
    tour.teller
        .got(&format!("{}, {} bytes", reply.status, reply.body.len()));
    tour.teller.check(reply.status == 200, "the page is there");
    Ok(())
}

/// Asks until the names of the answered edges are as wanted.
pub(super) async fn await_answer(
    tour: &Tour<'_>,
    wanted: impl Fn(&[String]) -> bool,
) -> Result<Vec<String>, String> {
    let begun = Instant::now();
    loop {
        let names = tour.names(&tour.resolve(EUROPEAN.prefix).await?);
        if wanted(&names) {
            return Ok(names);
        }
        if begun.elapsed() > DEADLINE {
            return Err(format!(
                "the DNS still answers {} after {}",
                names.join(", "),
                seconds(DEADLINE)
            ));
        }
        sleep(PAUSE).await;
    }
}

/// Clients that read pages of many keys from one edge, one after the other.
struct Clients {
    stop: Arc<AtomicBool>,
    good: Arc<AtomicU64>,
    bad: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Clients {
    fn of(edge: &PlannedNode) -> Self {
        let (stop, good, bad) = (Arc::<AtomicBool>::default(), Arc::default(), Arc::default());
        let task = tokio::spawn(read(
            edge.clone(),
            stop.clone(),
            Arc::clone(&good),
            Arc::clone(&bad),
        ));
        Clients {
            stop,
            good,
            bad,
            task,
        }
    }

    /// How many requests were answered well, and how many were not.
    async fn stop(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        // It ends after the request that is under way; a panic would show in the counts.
        let _ = self.task.await;
        (
            self.good.load(Ordering::Relaxed),
            self.bad.load(Ordering::Relaxed),
        )
    }
}

async fn read(edge: PlannedNode, stop: Arc<AtomicBool>, good: Arc<AtomicU64>, bad: Arc<AtomicU64>) {
    let mut key = 0;
    while !stop.load(Ordering::Relaxed) {
        key += 1;
        let path = format!("/app.js?reader={key}");
        let reply = http::ask(Ask {
            method: ::http::Method::GET,
            address: edge.address,
            host: HOST,
            path: &path,
            fields: &[],
        });
        let is_good = reply
            .await
            .is_ok_and(|reply| reply.status == 200 && !reply.body.is_empty());
        let count = if is_good { &good } else { &bad };
        count.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(2)).await;
    }
}

pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}
