//! An edge is started anew, and nobody notices.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{task::JoinHandle, time::sleep};

use super::{
    Tour, admin,
    failover::{await_answer, seconds},
};
use crate::{
    demo::{
        clients::EUROPEAN,
        http::{self, Ask},
        plan::{HOST, Plan, TTL},
        ready,
    },
    run::{DrainOrder, Phase},
};

/// Clients that go by the DNS.
const FOLLOWERS: usize = 4;
/// Between two requests of one, and between two looks.
const PAUSE: Duration = Duration::from_millis(5);
/// How long the new process may take.
const READY: Duration = Duration::from_secs(20);

/// An edge is drained and started again, while clients read on.
pub(super) async fn edge(tour: &mut Tour<'_>) -> Result<(), String> {
    tour.teller
        .step("Drain an edge, and start it anew: no client sees an error");
    let addresses = tour.resolve(EUROPEAN.prefix).await?;
    let names = tour.names(&addresses);
    let name = names.first().cloned().ok_or("the DNS answered nothing")?;
    let edge = tour.edge(&name)?;
    tour.teller.got(&format!("before: {}", names.join(", ")));
    let followers = Followers::start(tour.plan);
    tour.teller.asks(&format!(
        "perigee drain {name}, while clients keep the DNS answer for its {TTL} s"
    ));
    let begun = Instant::now();
    let status = admin(edge.admin).drain(DrainOrder::default()).await;
    let status = status.map_err(|e| format!("drain {name}: {e}"))?;
    tour.teller.check(
        status.phase == Phase::Leaving,
        &format!("it takes requests for {:.1} s more", status.grace),
    );
    await_answer(tour, |names| !names.contains(&name)).await?;
    tour.teller.got(&format!(
        "after {} the DNS leaves it out",
        seconds(begun.elapsed())
    ));
    let ended = tour.children.ended(&name).await;
    let ended = ended.ok_or("it was gone already")?;
    let took = begun.elapsed();
    tour.teller
        .got(&format!("after {} it {}", seconds(took), ended.how()));
    let exited = ended.status.is_some_and(|status| status.success());
    let waited = took.as_secs_f64() >= status.grace;
    tour.teller
        .check(exited && waited, "it waited that long, and exited with 0");

    tour.teller.asks(&format!("start {name} again"));
    let started = tour.children.start(&edge, &tour.launch);
    started.map_err(|e| format!("cannot start {name}: {e}"))?;
    let again = Instant::now();
    while !ready::is_ready(&edge).await {
        if again.elapsed() > READY {
            return Err(format!("{name} is not ready after {}", seconds(READY)));
        }
        sleep(PAUSE).await;
    }
    let both = await_answer(tour, |names| names.contains(&name)).await?;
    let (good, bad) = followers.stop().await;
    tour.teller.got(&format!(
        "after {}: {}",
        seconds(begun.elapsed()),
        both.join(", ")
    ));
    tour.teller.check(
        bad == 0 && good > 0,
        &format!("{good} requests meanwhile, {bad} failed"),
    );
    tour.teller
        .measure("draining an edge under load", &seconds(took));
    Ok(())
}

/// Clients that ask the DNS where to go, keep that as long as they may, and read.
struct Followers {
    stop: Arc<AtomicBool>,
    good: Arc<AtomicU64>,
    bad: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
}

impl Followers {
    fn start(plan: &Plan) -> Self {
        let mut followers = Followers {
            stop: Arc::default(),
            good: Arc::default(),
            bad: Arc::default(),
            tasks: Vec::new(),
        };
        for number in 0..FOLLOWERS {
            let (stop, good, bad) = (
                Arc::clone(&followers.stop),
                Arc::clone(&followers.good),
                Arc::clone(&followers.bad),
            );
            let mut client = Follower::new(plan, number);
            followers.tasks.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let count = if client.read().await { &good } else { &bad };
                    count.fetch_add(1, Ordering::Relaxed);
                    sleep(PAUSE).await;
                }
            }));
        }
        followers
    }

    /// How many requests were answered well, and how many were not.
    async fn stop(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            // It ends after the request that is under way; a panic would show in the counts.
            let _ = task.await;
        }
        (
            self.good.load(Ordering::Relaxed),
            self.bad.load(Ordering::Relaxed),
        )
    }
}

struct Follower {
    plan: Plan,
    number: usize,
    asked: usize,
    /// What the DNS has answered, and until when that holds.
    answer: Option<(Vec<IpAddr>, Instant)>,
}

impl Follower {
    fn new(plan: &Plan, number: usize) -> Self {
        Follower {
            plan: plan.clone(),
            number,
            asked: 0,
            answer: None,
        }
    }

    /// Reads one page; whether it came, whole.
    async fn read(&mut self) -> bool {
        self.asked += 1;
        let Some(address) = self.address().await else {
            return false;
        };
        let path = format!("/app.js?follower={}-{}", self.number, self.asked);
        let port = self.plan.edges().next().map_or(80, |e| e.address.port());
        let reply = http::ask(Ask {
            method: ::http::Method::GET,
            address: (address, port).into(),
            host: HOST,
            path: &path,
            fields: &[],
        });
        let reply = reply.await;
        reply.is_ok_and(|reply| reply.status == 200 && !reply.body.is_empty())
    }

    /// One of the addresses of the answer, each in its turn.
    async fn address(&mut self) -> Option<IpAddr> {
        if self
            .answer
            .as_ref()
            .is_none_or(|(_, until)| Instant::now() >= *until)
        {
            let client = EUROPEAN.prefix.parse().ok();
            let timeout = Duration::from_secs(2);
            let answer = perigee_geodns::query(self.plan.dns(), HOST, "A", client, timeout, false);
            let answer = answer.await.ok()?;
            let ttl = answer.answers.iter().map(|record| record.ttl).min()?;
            let records = answer.answers.iter();
            let addresses = records.filter_map(|record| record.data.parse().ok());
            let until = Instant::now() + Duration::from_secs(ttl.into());
            self.answer = Some((addresses.collect(), until));
        }
        let (addresses, _) = self.answer.as_ref()?;
        addresses.get(self.asked % addresses.len().max(1)).copied()
    }
}
