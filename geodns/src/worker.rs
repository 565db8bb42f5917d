//! What each thread or connection that answers has of its own, and the one way in for all transports.

use std::{sync::Arc, time::SystemTime};

use arc_swap::{ArcSwap, Cache};
use perigee_dns_wire::Request;

use crate::{
    answer::{Memo, Terms, respond},
    asker::Asker,
    guard::{Guard, Sent},
    metrics::{Metrics, Tally},
    query_log::Sampler,
    secondary::{Transfer, ZoneCopy},
    snapshot::Snapshot,
};

/// What all workers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) guard: Arc<ArcSwap<Guard>>,
    /// What secondaries may have.
    pub(crate) copy: Arc<ArcSwap<ZoneCopy>>,
    pub(crate) metrics: Metrics,
    /// Who writes queries down, if anybody.
    pub(crate) log: Option<Sampler>,
}

/// Answers messages one after the other. Cheap to make; what it remembers is its own, so that no
/// two threads wait for each other.
pub(crate) struct Worker {
    snapshot: Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>,
    guard: Cache<Arc<ArcSwap<Guard>>, Arc<Guard>>,
    memo: Memo,
    copy: Arc<ArcSwap<ZoneCopy>>,
    tally: Tally,
    log: Option<Sampler>,
}

impl Worker {
    /// One for a thread, not for a connection: it takes some megabytes to remember what it works out.
    pub(crate) fn new(shared: Shared) -> Self {
        Worker {
            snapshot: Cache::new(shared.snapshot),
            guard: Cache::new(shared.guard),
            memo: Memo::new(),
            copy: shared.copy,
            tally: shared.metrics.tally(),
            log: shared.log,
        }
    }

    /// Lets go of what is no longer in use, while nobody asks.
    pub(crate) fn rest(&mut self) {
        self.memo.follow(self.snapshot.load());
        self.guard.load();
    }

    /// The transfer of the zone that a message asks for, in place of a response, if it does and may.
    pub(crate) fn transfer(&self, message: &[u8], asker: Asker) -> Option<Transfer> {
        let copy = self.copy.load();
        // Before the message is read: most may not.
        let may = copy.is_for(asker.address.ip());
        may.then(|| Transfer::of(&copy, message, asker)).flatten()
    }

    /// Writes the response to a message into `out`, and tells its length; `None` if nothing is to be
    /// sent. Over UDP it is no longer than the asker takes, otherwise no longer than `out`.
    pub(crate) fn respond(
        &mut self,
        message: &[u8],
        asker: Asker,
        now: SystemTime,
        out: &mut [u8],
    ) -> Option<usize> {
        let request = Request::read(message).ok()?;
        let snapshot = self.snapshot.load();
        self.memo.follow(snapshot);
        let guard = self.guard.load();
        let admitted = guard.admit(&request, asker, now);
        let mut terms = Terms::new(asker, now);
        (terms.cookie, terms.instead) = (admitted.cookie, admitted.instead);
        terms.may_be_forged = admitted.may_be_forged;
        let (mut length, mut facts) = respond(snapshot, &mut self.memo, &request, &terms, out)?;
        if admitted.may_be_forged {
            match guard.judge(&admitted, asker, &facts, length, now) {
                Sent::AsItIs => {}
                Sent::Not => return None,
                Sent::Instead(instead) => {
                    terms.instead = Some(instead);
                    (length, facts) = respond(snapshot, &mut self.memo, &request, &terms, out)?;
                }
            }
        }
        self.tally.count(snapshot, &facts, asker.transport);
        if let Some(log) = &mut self.log {
            log.tell(snapshot, &request, asker, now, (&facts, length));
        }
        Some(length)
    }
}
