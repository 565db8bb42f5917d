//! Where the next bytes of a version are: in the store, or at the next tier.

use std::{fmt, ops::Range, sync::Arc, time::Instant};

use perigee_http_cache::{Held, StoredHead};
use perigee_storage::{ReadError, Reader, Stored};

use crate::{
    Inbound, NextHop, Route,
    exchange::Exchange,
    fetch::{Trip, Wanted},
};

/// What is fetched at once in place of stored bytes that could not be read.
const REPAIR: u64 = 1 << 20;

/// One version of one representation, and whom to ask for what lacks of it.
pub(crate) struct Seam {
    exchange: Arc<Exchange>,
    inbound: Arc<Inbound>,
    next: Arc<dyn NextHop>,
    /// Of the version that is sent.
    head: Arc<StoredHead>,
}

/// Bytes of a version, about to be read.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Position of the first of them.
    pub(crate) start: u64,
    /// Position after the last one.
    pub(crate) end: u64,
    pub(crate) reader: Reader,
}

impl Piece {
    /// The first of these bytes, as many as a stored response has in a row. None if it does not
    /// have the first, or not any more.
    pub(crate) fn of(stored: &Stored, wanted: &Range<u64>) -> Option<Piece> {
        let run = run_at(&held(&stored.head), wanted.start)?;
        let (start, end) = (wanted.start, run.end.min(wanted.end));
        let reader = stored.body.read_range(start..end);
        (!reader.is_failed()).then_some(Piece { start, end, reader })
    }
}

/// Why a body ends before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The representation is another one by now.
    Changed,
    /// The next tier did not bring it.
    Failed,
    /// Bytes that were there, or were coming, are not any more.
    Lost(ReadError),
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cut::Changed => f.write_str("the representation has changed while it was sent"),
            Cut::Failed => f.write_str("the next tier did not bring what lacked"),
            Cut::Lost(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Cut {}

impl Seam {
    /// None if what lacks of this version cannot be fetched by itself.
    pub(crate) fn new(
        exchange: &Arc<Exchange>,
        inbound: &Inbound,
        next: &Arc<dyn NextHop>,
        head: &Arc<StoredHead>,
    ) -> Option<Arc<Self>> {
        head.can_be_completed().then(|| {
            Arc::new(Seam {
                exchange: Arc::clone(exchange),
                // The head of the answer is out by then: no interim response may follow.
                inbound: Arc::new(Inbound {
                    line: None,
                    ..inbound.clone()
                }),
                next: Arc::clone(next),
                head: Arc::clone(head),
            })
        })
    }

    /// The first of these bytes, as many as come in a row: out of the store, unless what it has
    /// there could not be read, or else fetched.
    pub(crate) async fn open(
        self: Arc<Self>,
        wanted: Range<u64>,
        is_sound: bool,
    ) -> Result<Piece, Cut> {
        let stored = self.stored().await;
        if is_sound && let Some(piece) = stored.as_ref().and_then(|it| Piece::of(it, &wanted)) {
            return Ok(piece);
        }
        let (held, wanted) = match &stored {
            Some(stored) if is_sound => (held(&stored.head), wanted),
            Some(_) => {
                let end = wanted.end.min(wanted.start.saturating_add(REPAIR));
                (Held::default(), wanted.start..end)
            }
            None => (Held::default(), wanted),
        };
        let policy = self.inbound.policy();
        let missing = self
            .head
            .missing(&held, &wanted, policy)
            .ok_or(Cut::Failed)?;
        let Route { sideways, up, .. } = self.next.route(&self.inbound);
        let trip = Trip {
            inbound: Arc::clone(&self.inbound),
            next: Arc::clone(&self.next),
            hops: sideways.into_iter().chain(up).collect(),
            wanted: Wanted {
                fields: missing.fields,
                stored,
                midway: Some(Arc::clone(&self.head)),
            },
            copy: None,
        };
        let opened = self.exchange.piece(&trip, &wanted, is_sound).await;
        if matches!(opened, Err(Cut::Changed)) {
            self.drop_stored().await;
        }
        opened
    }

    /// What is stored of this version now.
    async fn stored(&self) -> Option<Stored> {
        let key = &self.inbound.key;
        self.exchange.stored_version(key, &self.head).await
    }

    /// This version is none any more.
    async fn drop_stored(&self) {
        if let Some(stored) = self.stored().await {
            let removed = self.exchange.store.remove(&self.inbound.key, &stored);
            removed.get().await;
        }
    }

    /// Says in the log that a body ends here before its end.
    pub(crate) fn tell(&self, cut: &Cut, position: u64) {
        if let Some(held_back) = self.exchange.failures.pass(Instant::now()) {
            let key = &self.inbound.key;
            tracing::info!(%key, position, why = %cut, held_back, "a response is cut short");
        }
    }
}

/// Which bytes a response that can be completed has.
fn held(head: &StoredHead) -> Held {
    match head.held() {
        Some(held) => held.clone(),
        None => Held::of(0..head.length.unwrap_or(0)),
    }
}

fn run_at(held: &Held, position: u64) -> Option<Range<u64>> {
    let mut runs = held.runs().iter();
    runs.find(|run| run.contains(&position)).cloned()
}
