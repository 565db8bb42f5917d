//! Clients that ask without a pause, and check every byte of what they get.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use http::StatusCode;
use tokio::task::JoinSet;

use super::{
    cdn::Cdn,
    client::{Answer, get},
    origin::{Asked, Origin, fresh},
    pattern::{first_wrong, pattern},
    wait,
};

/// No answer within this time is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

fn length(object: u64) -> usize {
    1_000 + (object as usize * 7_919) % 60_000
}

pub(crate) fn path(object: u64) -> String {
    format!("/o/{object}")
}

/// An origin of objects that are computed, fresh for an hour.
pub(crate) async fn origin() -> Origin {
    Origin::start(|asked: Asked| async move {
        let object = asked.path.trim_start_matches("/o/").parse().unwrap();
        fresh(pattern(object, 0, length(object)))
    })
    .await
}

/// How often each path was asked for.
pub(crate) fn counts(origin: &Origin) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for asked in origin.asked() {
        *counts.entry(asked.path).or_default() += 1;
    }
    counts
}

/// Which objects are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Choice {
    /// One of so many, by lot.
    OneOf(u64),
    /// Another one each time, from this number on.
    New(u64),
}

/// One request, when it was over.
#[allow(
    dead_code,
    reason = "the scenarios ask what was wrong, and the bench all of it"
)]
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) at: Instant,
    pub(crate) took: Duration,
    /// Whether the edge that was asked had it.
    pub(crate) is_hit: bool,
    /// What was wrong, if something was.
    pub(crate) wrong: Option<String>,
}

/// Clients at work. Dropped, they leave.
#[derive(Debug)]
pub(crate) struct Load {
    records: Arc<Mutex<Vec<Record>>>,
    // Held for its drop.
    _clients: JoinSet<()>,
}

impl Load {
    /// So many clients at each of these edges.
    pub(crate) fn start(cdn: &Cdn, edges: &[&str], clients: u64, choice: Choice) -> Self {
        let records = Arc::<Mutex<Vec<_>>>::default();
        let next = Arc::new(AtomicU64::new(0));
        let mut all = JoinSet::new();
        for (number, edge) in edges.iter().enumerate() {
            for client in 0..clients {
                let lot = fastrand::Rng::with_seed(number as u64 * 1_000 + client);
                let (address, records, next) = (cdn.at(edge), records.clone(), next.clone());
                all.spawn(work(address, choice, next, lot, records));
            }
        }
        Load {
            records,
            _clients: all,
        }
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap().clone()
    }

    /// Waits until so many more answers have come.
    pub(crate) async fn until_more(&self, answers: usize) {
        let wanted = self.records.lock().unwrap().len() + answers;
        for _ in 0..4 {
            // It may take long on a machine that is busy; what counts is that it goes on.
            let before = self.records.lock().unwrap().len();
            if before >= wanted {
                return;
            }
            wait::until("the clients get on", || async {
                let now = self.records.lock().unwrap().len();
                (now >= wanted || now >= before + answers.div_ceil(4)).then_some(())
            })
            .await;
        }
    }

    /// What went wrong so far.
    pub(crate) fn wrong(&self) -> Vec<String> {
        self.records()
            .into_iter()
            .filter_map(|it| it.wrong)
            .collect()
    }
}

async fn work(
    address: SocketAddr,
    choice: Choice,
    next: Arc<AtomicU64>,
    mut lot: fastrand::Rng,
    records: Arc<Mutex<Vec<Record>>>,
) {
    loop {
        let object = match choice {
            Choice::OneOf(objects) => lot.u64(..objects),
            Choice::New(first) => first + next.fetch_add(1, SeqCst),
        };
        let began = Instant::now();
        let ask = get(address, Cdn::HOST, &path(object)).try_send();
        let answer = tokio::time::timeout(PATIENCE, ask).await;
        let answer = answer.unwrap_or_else(|_| Err("no answer".to_owned()));
        let (is_hit, wrong) = match answer {
            Ok(answer) => (answer.is_hit_below(), fault(object, &answer)),
            Err(error) => (false, Some(format!("{}: {error}", path(object)))),
        };
        records.lock().unwrap().push(Record {
            at: Instant::now(),
            took: began.elapsed(),
            is_hit,
            wrong,
        });
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What is wrong with an answer.
pub(crate) fn fault(object: u64, answer: &Answer) -> Option<String> {
    let right = answer.status == StatusCode::OK
        && answer.body.len() == length(object)
        && first_wrong(object, 0, &answer.body).is_none();
    (!right).then(|| {
        let (status, length) = (answer.status, answer.body.len());
        format!(
            "{}: {status}, {length} bytes, {}",
            path(object),
            answer.cache_status()
        )
    })
}

impl Answer {
    /// Whether an edge had it: the one that was asked, or its owner.
    fn is_hit_below(&self) -> bool {
        let status = self.cache_status();
        let hits = status.split(", ").filter(|entry| entry.contains("; hit"));
        hits.into_iter().any(|entry| !entry.starts_with("shield-"))
    }
}
