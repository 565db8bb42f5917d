//! What becomes of a body that is to be stored: blocks in memory, or stretches on disk.

use std::{
    future::poll_fn,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::Ticket;
use crate::{
    body::{Assembly, Claimed, Extents, Growing, Part},
    pages::Pages,
    spool::Spool,
};

/// Bytes that are given to the disk before the front that has come by then is stored as a part, so
/// that it is there after a crash; of what is long, one part in so many.
const CHECKPOINT: u64 = 32 << 20;
const CHECKPOINT_SHARE: u64 = 64;

/// What only a fill that is kept needs.
#[derive(Debug)]
pub(crate) struct Keeping {
    pub(super) ticket: Box<dyn Ticket>,
    /// Its body on the way to blocks.
    assembly: Assembly,
    /// Whether its length was stated.
    is_stated: bool,
    /// Bytes that its body may have in memory. If its length was stated, they are claimed.
    in_memory: u64,
    /// Where it goes if it is more.
    to_disk: Option<ToDisk>,
}

#[derive(Debug)]
struct ToDisk {
    spool: Box<dyn Spool>,
    /// Bytes that its body may have there.
    max_length: u64,
    /// Whether it does go there.
    begun: bool,
    /// Bytes that were given to the disk.
    given: u64,
    /// Bytes given before a part is stored next.
    checkpoint: u64,
}

impl Keeping {
    /// In memory, if it has `max_length` bytes at most. Its stated length, if there is one, is
    /// claimed of the budget already, and no more than that. A large body is in these pages.
    pub(crate) fn in_memory(
        ticket: Box<dyn Ticket>,
        stated: Option<u64>,
        max_length: u64,
        pages: Option<Arc<Pages>>,
    ) -> Self {
        Keeping {
            ticket,
            assembly: Assembly::new(stated, pages),
            is_stated: stated.is_some(),
            in_memory: max_length,
            to_disk: None,
        }
    }

    /// If it is more than that, or finds no room in the budget, it goes to disk as it comes, as
    /// long as it has `max_length` bytes at most.
    pub(crate) fn else_on_disk(mut self, spool: Box<dyn Spool>, max_length: u64) -> Self {
        self.to_disk = Some(ToDisk {
            spool,
            max_length,
            begun: false,
            given: 0,
            checkpoint: CHECKPOINT,
        });
        self
    }

    /// It goes to disk from its first byte on. Nothing is claimed of the budget yet.
    pub(crate) fn on_disk(
        ticket: Box<dyn Ticket>,
        stated: Option<u64>,
        spool: Box<dyn Spool>,
        max_length: u64,
    ) -> Self {
        let keeping = Keeping::in_memory(ticket, stated, 0, None);
        let mut keeping = keeping.else_on_disk(spool, max_length);
        keeping.spills();
        keeping
    }

    /// From now on it goes to disk, if there is one.
    fn spills(&mut self) {
        if let Some(to_disk) = &mut self.to_disk {
            to_disk.begun = true;
        }
    }

    fn goes_to_disk(&self) -> bool {
        self.to_disk.as_ref().is_some_and(|to_disk| to_disk.begun)
    }

    /// Whether there is room for it with `more` bytes, `length` in all. What a stated
    /// length takes of memory was claimed at the start.
    pub(super) async fn has_room(
        &mut self,
        growing: &Arc<Growing>,
        more: u64,
        length: u64,
        patience: &mut Duration,
    ) -> bool {
        if !self.goes_to_disk() {
            if self.is_stated || length <= self.in_memory && growing.claim(more) {
                return true;
            }
            self.spills();
            self.spool(growing);
        }
        let to_disk = self.to_disk.as_ref();
        to_disk.is_some_and(|to_disk| length <= to_disk.max_length)
            && claims(growing, more, patience).await
    }

    /// Appends to the body. Says whether the front that the disk has by now is to be stored as a
    /// part.
    pub(super) fn push(&mut self, growing: &Arc<Growing>, mut chunk: Bytes) -> bool {
        while let Some(part) = self.assembly.take_from(&mut chunk) {
            match part {
                Part::Block(block) => growing.seal(block),
                Part::Loose(piece) => growing.push(piece),
            }
        }
        self.spool(growing)
    }

    fn spool(&mut self, growing: &Arc<Growing>) -> bool {
        let Some(to_disk) = self.to_disk.as_mut().filter(|to_disk| to_disk.begun) else {
            return false;
        };
        to_disk.given += growing.spool(&*to_disk.spool);
        let is_due = to_disk.given >= to_disk.checkpoint;
        if is_due {
            let interval = CHECKPOINT.max(to_disk.given / CHECKPOINT_SHARE);
            to_disk.checkpoint = to_disk.given + interval;
        }
        is_due
    }

    /// All that has come, and this behind it.
    pub(super) fn finish(self, growing: &Arc<Growing>, last: Bytes) -> (Box<dyn Ticket>, Extents) {
        let to_disk = self.to_disk.filter(|to_disk| to_disk.begun);
        let spool = to_disk.as_ref().map(|to_disk| &*to_disk.spool);
        let body = growing.finish(spool, self.assembly.finish(last));
        (self.ticket, body)
    }
}

/// Claims more memory; waits for the disk to give some back, though only so long in all while a
/// reader waits.
async fn claims(growing: &Growing, more: u64, patience: &mut Duration) -> bool {
    let claim = |patient| poll_fn(move |cx| growing.poll_claim(more, patient, cx));
    let claimed = claim(false).await;
    if claimed != Claimed::Contested {
        return claimed == Claimed::Yes;
    }
    let began = Instant::now();
    let waited = tokio::time::timeout(*patience, claim(true)).await;
    *patience = patience.saturating_sub(began.elapsed());
    waited == Ok(Claimed::Yes)
}
