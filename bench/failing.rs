//! An edge that fails: four edges of a PoP without a shield, clients at three of them that ask
//! without a pause and check every byte, and the fourth is killed, stopped and cut off, and comes
//! back each time. One line for each second.
//!
//! `cargo bench -p perigee --bench failing -- [SECONDS] [CLIENTS]`; by default phases of 8 s, and 8
//! clients at each edge.

#![allow(missing_docs)]

#[allow(dead_code, reason = "the scenarios need more of the harness than this")]
#[path = "../tests/harness/mod.rs"]
mod harness;

use std::time::{Duration, Instant};

use harness::{
    cdn::{Cdn, Plan},
    load::{Choice, Load, Record, fault, origin, path},
    origin::Origin,
    relay::{Relay, reached_by_wire},
};
use rustix::process::Signal;

const OBJECTS: u64 = 2_000;
const OTHERS: [&str; 3] = ["fra-1", "fra-2", "fra-3"];
const FAILS: &str = "fra-4";

struct Watch<'a> {
    origin: &'a Origin,
    load: &'a Load,
    began: Instant,
    seconds: u64,
    /// Seconds of each phase.
    phase: u64,
}

impl Watch<'_> {
    /// A phase, from the moment at which `what` happened: a line for each of its seconds, and when
    /// all others knew of it.
    async fn phase(&mut self, cdn: &Cdn, what: &str, is_used: bool) {
        let mut what = format!("{what} ");
        let before = self.origin.asked().len();
        let knows = async {
            let at = Instant::now();
            for who in OTHERS {
                while cdn.uses(who, FAILS).await != is_used {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            at.elapsed()
        };
        let lines = async {
            for _ in 0..self.phase {
                let (asked, until) = (self.origin.asked().len(), self.seconds + 1);
                let end = self.began + Duration::from_secs(until);
                tokio::time::sleep_until(end.into()).await;
                let asked = self.origin.asked().len() - asked;
                println!("{}", self.line(asked, &std::mem::take(&mut what)));
                self.seconds = until;
            }
        };
        let (known, ()) = tokio::join!(tokio::time::timeout(Duration::from_secs(60), knows), lines);
        if let (true, Ok(known)) = (self.seconds > self.phase, known) {
            let (known, asked) = (known.as_secs_f64(), self.origin.asked().len() - before);
            println!("| | | | | | {asked} | known to all others after {known:.2} s |");
        }
    }

    fn line(&self, asked: usize, what: &str) -> String {
        let from = self.began + Duration::from_secs(self.seconds);
        let all: Vec<Record> = self.load.records();
        let mut now: Vec<_> = all.iter().filter(|it| it.at >= from).collect();
        now.sort_by_key(|it| it.took);
        let wrong = now.iter().filter(|it| it.wrong.is_some()).count();
        let hits = now.iter().filter(|it| it.is_hit).count();
        let at = |share: f64| {
            let index = (now.len().saturating_sub(1) as f64 * share) as usize;
            now.get(index).map_or(0.0, |it| it.took.as_secs_f64() * 1e3)
        };
        let share = 100.0 * hits as f64 / now.len().max(1) as f64;
        format!(
            "| {} | {} | {wrong} | {:.1} | {:.1} | {asked} | {share:.1} % {what}|",
            self.seconds + 1,
            now.len(),
            at(0.5),
            at(0.99),
        )
    }
}

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let (phase, clients) = (numbers.next().unwrap_or(8), numbers.next().unwrap_or(8));
    let origin = origin().await;
    let plan = Plan {
        pops: vec![("fra", 50.0, 8.0, 4)],
        shields: 0,
        ..Plan::small(origin.url())
    };
    let mut cdn = Cdn::start_with(plan, |text| reached_by_wire(&text, FAILS)).await;
    let wire = Relay::before(cdn.at(FAILS)).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut owned = 0;
    for object in 0..OBJECTS {
        let answer = cdn.get("fra-1", &path(object)).await;
        assert_eq!(fault(object, &answer), None);
        owned += usize::from(answer.cache_status().contains("peer fra-4"));
    }
    println!("{OBJECTS} objects, of which {FAILS} owns {owned}; clients at the three others\n");
    println!(
        "| second | requests | failed | p50, ms | p99, ms | origin requests | hits in the PoP, and what happened |"
    );
    println!("|---|---|---|---|---|---|---|");
    origin.forget();
    let load = Load::start(&cdn, &OTHERS, clients, Choice::OneOf(OBJECTS));
    let mut watch = Watch {
        origin: &origin,
        load: &load,
        began: Instant::now(),
        seconds: 0,
        phase,
    };
    watch.phase(&cdn, "", true).await;
    cdn.node(FAILS).kill();
    watch.phase(&cdn, "killed", false).await;
    cdn.spawn(FAILS);
    watch.phase(&cdn, "started again", true).await;
    cdn.node(FAILS).signal(Signal::STOP);
    watch.phase(&cdn, "stopped (SIGSTOP)", false).await;
    cdn.node(FAILS).signal(Signal::CONT);
    watch.phase(&cdn, "goes on (SIGCONT)", true).await;
    wire.cut(true);
    watch.phase(&cdn, "cut off", false).await;
    wire.cut(false);
    watch.phase(&cdn, "reached again", true).await;
    for wrong in load.wrong().iter().take(10) {
        println!("{wrong}");
    }
}
