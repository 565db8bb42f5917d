//! The memory tier.

mod chunks;
mod clock;
mod ghosts;
mod heap;
mod heat;
mod held;
mod index;
mod lent;
mod piece;
mod shelf;
mod sweep;

use std::{
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use perigee_http_cache::{CacheKey, StoredHead};

use crate::{
    Answer, Ask, Body, Entry, Fill, Hits, MOST_AT_HAND, Page, Purge, Purged, Purges, Revision,
    Stats, Store, Stored, Taken, Target, Variants,
    body::Growing,
    budget::{Budget, Claim},
    changes::Limits,
    fill::{Keeping, Ticket, Window},
    listing::{Cursor, MOST_LOOKED_AT, Place, Walk},
    pages::Pages,
    purges::Watch,
    spool::Spool,
};

pub(crate) use held::View;
pub(crate) use lent::copied;
pub(crate) use piece::Seen;
use shelf::Shelf;
use sweep::Sweep;

/// Limits of the memory tier.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryConfig {
    /// Bytes for heads, bodies and index, and for what is arriving: that takes up to a half of them,
    /// and what is kept the rest. Default 256 MiB.
    pub capacity: u64,
    /// Of `capacity`, bytes that are taken from the system from the start, in a thread of its own, on large pages where
    /// there are such, and kept for small responses (heads, and bodies of up to 4 KiB). Default 0: as they are needed.
    pub prefault: u64,
    /// The share of `capacity`, from 0 to 1, that the body of one object may take; larger ones
    /// stream through uncached. Default 1/8.
    pub max_object_share: f64,
    /// Bytes for bodies that are arriving, over all fills. Default a quarter of `capacity`.
    pub fill_bytes: u64,
    /// Bytes that a fill which is not kept may run ahead of its slowest reader. Default 1 MiB.
    pub window: u64,
    /// How long, in all, one that is further behind may hold up others which wait for more. Then it
    /// is let go ([`crate::ReadError::Passed`]). Default 1 s.
    pub window_patience: Duration,
    /// Stored responses per key, at least one. Default 16; the oldest goes. Together they take
    /// half of `capacity` at most.
    pub variants_per_key: usize,
}

impl MemoryConfig {
    /// The least capacity, in bytes, that is of use.
    pub const LEAST: u64 = 1 << 20;

    /// The least `prefault`, in bytes, that is of use, but for none.
    pub const LEAST_PREFAULT: u64 = chunks::CHUNK as u64;

    /// The same, made for `capacity` bytes where it is for more; never for less than
    /// [`Self::LEAST`]. Of them a quarter at most is for what is arriving.
    #[must_use]
    pub fn within(self, capacity: u64) -> Self {
        let capacity = capacity.max(Self::LEAST);
        if self.capacity <= capacity {
            return self;
        }
        MemoryConfig {
            capacity,
            prefault: self.prefault.min(capacity),
            fill_bytes: self.fill_bytes.min(capacity / 4),
            ..self
        }
    }
}

impl Default for MemoryConfig {
    fn default() -> Self {
        MemoryConfig {
            capacity: 256 << 20,
            prefault: 0,
            max_object_share: 0.125,
            fill_bytes: 64 << 20,
            window: 1 << 20,
            window_patience: Duration::from_secs(1),
            variants_per_key: 16,
        }
    }
}

/// Responses in memory, weighed in bytes.
pub struct Memory {
    shelf: Arc<Shelf>,
    sweep: Sweep,
    budget: Arc<Budget>,
    max_length: u64,
    window: Window,
    /// Where large bodies are, unless the system has no such addresses.
    pages: Option<Arc<Pages>>,
}

impl Memory {
    /// An empty store, from which these purges take.
    pub fn new(config: MemoryConfig, purges: Arc<Purges>) -> Self {
        Memory::with_seed(config, purges, fastrand::u64(..))
    }

    /// An empty store that makes the same choices for the same seed: to replay traffic with. A seed
    /// that clients could know would let them choose keys that fall together.
    // By value, as every room takes its configuration; it will not be needed again.
    #[allow(clippy::needless_pass_by_value)]
    pub fn with_seed(config: MemoryConfig, purges: Arc<Purges>, seed: u64) -> Self {
        // A float cast saturates, and makes zero of not-a-number.
        let max_length = (config.capacity as f64 * config.max_object_share) as u64;
        let max_length = max_length.min(config.capacity);
        let budget = Arc::new(Budget::new(config.fill_bytes));
        let shelf = Shelf::new(&config, max_length, purges, Arc::clone(&budget), seed);
        Memory {
            sweep: Sweep::default(),
            pages: Pages::reserve(config.capacity).ok(),
            shelf: Arc::new(shelf),
            budget,
            max_length,
            window: Window {
                bytes: config.window,
                patience: config.window_patience,
            },
        }
    }
}

impl Memory {
    /// Looks at some of what is stored, `most` keys at the most, for what was purged. Once all has
    /// been looked at: the purge up to which all of it has been checked.
    pub(crate) fn look_for_purged(&self, most: usize) -> Option<Revision> {
        self.sweep.step(&self.shelf, most)
    }
}

/// As the upper tier of a store that has more of them. That keeps others from changing a key at the
/// same time.
impl Memory {
    /// What is stored under a key, and was not purged. Counts as a request for it.
    pub(crate) fn get(&self, key: &CacheKey) -> Variants {
        self.shelf.get(key)
    }

    /// The same, and no request.
    pub(crate) fn peek(&self, key: &CacheKey) -> Vec<Stored> {
        self.shelf.peek(key)
    }

    /// Puts these under a key that has none; purges up to `checked` are not about them.
    pub(crate) fn put(&self, key: &CacheKey, all: &[Stored], checked: Revision) {
        self.shelf.put(key, all, checked);
    }

    /// Puts what `change` makes of the responses of a key in their place: none, if it is empty;
    /// nothing is changed if it is None. Purges up to `now` are not about what it makes; of what is
    /// arriving, `own` is the same bytes.
    pub(crate) fn change(
        &self,
        key: &CacheKey,
        now: Revision,
        own: u64,
        change: impl FnOnce(&[Stored]) -> Option<Vec<Stored>>,
    ) {
        let change = |all: &[Stored]| change(all).map(Cow::Owned);
        self.shelf.change_as_of(key, now, own, change);
    }

    /// Whether a key with this hash was asked for since it is here.
    pub(crate) fn was_asked_for(&self, key_hash: u64) -> bool {
        self.shelf.was_asked_for(key_hash)
    }

    /// Drops keys that have any such body: those that are small are not asked about, for they are in
    /// memory.
    pub(crate) fn drop_where(&self, is_such: impl Fn(&Body) -> bool) {
        self.shelf.drop_where(is_such);
    }

    /// How much may be stored under one key.
    pub(crate) fn limits(&self) -> Limits {
        self.shelf.limits()
    }

    /// Whether these may be stored under one key.
    pub(crate) fn fits(&self, variants: &[Stored]) -> bool {
        let bytes = variants.iter().map(Memory::weight).sum::<u64>();
        bytes <= self.limits().bytes
    }

    /// Bytes of memory of one response.
    pub(crate) fn weight(stored: &Stored) -> u64 {
        held::weight_of(stored)
    }

    /// Bytes that the body of one response may have.
    pub(crate) fn max_length(&self) -> u64 {
        self.max_length
    }

    /// Claims bytes for a body that is read from another tier.
    pub(crate) fn claim(&self, bytes: u64) -> Option<Claim> {
        Claim::of(&self.budget, bytes)
    }

    /// The next keys behind a place.
    pub(crate) fn walk(&self, after: Option<Place>, most: usize) -> Walk<Entry> {
        self.shelf.walk(after, most)
    }

    /// What is stored under a key, to be listed.
    pub(crate) fn shelved(&self, key: &CacheKey) -> Option<Entry> {
        self.shelf.entry(key)
    }

    /// A fill that this ticket stores. What is too large for memory goes to the tier below, if there
    /// is one.
    pub(crate) fn fill_with(
        &self,
        ticket: Box<dyn Ticket>,
        below: Option<Below>,
        key: &CacheKey,
        head: Arc<StoredHead>,
        length: Option<u64>,
        asked: Revision,
    ) -> Fill {
        // An unknown length is claimed as it grows.
        let claim = length.unwrap_or(0);
        let in_memory = claim <= self.max_length && self.budget.claim(claim);
        let below = below.filter(|below| claim <= below.max_length);
        let keeping = match (in_memory, below) {
            (true, None) => Some(self.keeping(ticket, length)),
            (true, Some(below)) => {
                let keeping = self.keeping(ticket, length);
                Some(keeping.else_on_disk(below.spool, below.max_length))
            }
            (false, Some(Below { spool, max_length })) => {
                Some(Keeping::on_disk(ticket, length, spool, max_length))
            }
            (false, None) => None,
        };
        let growing = Growing::new(
            head.body_start(),
            length,
            Arc::clone(&self.budget),
            keeping.is_some(),
            if in_memory { claim } else { 0 },
        );
        let watch = Watch::new(self.purges(), key, asked);
        Fill::new(head, watch, growing, length, keeping, self.window)
    }
}

impl Memory {
    /// A response that has come whole, if it is small: stored by `store`, which says whether it was.
    pub(crate) fn take(
        &self,
        head: &Arc<StoredHead>,
        body: Bytes,
        asked: Revision,
        store: impl FnOnce(&Stored) -> bool,
    ) -> Result<Taken, Bytes> {
        if body.len() as u64 > MOST_AT_HAND.min(self.max_length) || head.held().is_some() {
            return Err(body);
        }
        let Some(_until_stored) = self.claim(body.len() as u64) else {
            return Err(body);
        };
        let body = Body::of_one(body);
        let stored = Stored::new(Arc::clone(head), body, asked);
        let is_kept = store(&stored);
        Ok(Taken { stored, is_kept })
    }

    fn keeping(&self, ticket: Box<dyn Ticket>, length: Option<u64>) -> Keeping {
        Keeping::in_memory(ticket, length, self.max_length, self.pages.clone())
    }
}

/// Where bodies go that are too large for memory.
#[derive(Debug)]
pub(crate) struct Below {
    /// Takes one body.
    pub(crate) spool: Box<dyn Spool>,
    /// Bytes that it may have.
    pub(crate) max_length: u64,
}

impl Store for Memory {
    fn purges(&self) -> &Arc<Purges> {
        self.shelf.purges()
    }

    fn pages(&self) -> Option<&Arc<Pages>> {
        self.pages.as_ref()
    }

    fn lookup(&self, key: &CacheKey) -> Answer<Variants> {
        Answer::Now(self.shelf.get(key))
    }

    fn at_once(&self, key: &[u8], serve: &mut dyn FnMut(Hits<'_>) -> bool) -> bool {
        self.shelf.at_once(key, serve)
    }

    fn again(&self, key: &[u8], times: u32) {
        self.shelf.again(key, times);
    }

    fn fill(
        &self,
        key: &CacheKey,
        head: Arc<StoredHead>,
        length: Option<u64>,
        asked: Revision,
    ) -> Fill {
        let ticket = Shelf::begin(&self.shelf, key);
        self.fill_with(Box::new(ticket), None, key, head, length, asked)
    }

    fn keep(
        &self,
        key: &CacheKey,
        head: &Arc<StoredHead>,
        body: Bytes,
        asked: Revision,
    ) -> Result<Taken, Bytes> {
        self.take(head, body, asked, |stored| self.shelf.store(key, stored))
    }

    fn freshen(&self, key: &CacheKey, old: &Stored, new: Stored) -> Answer<()> {
        self.shelf.freshen(key, old.id, &new);
        Answer::Now(())
    }

    fn remove(&self, key: &CacheKey, old: &Stored) -> Answer<()> {
        self.shelf.take_away(key, old.id);
        Answer::Now(())
    }

    fn purge(&self, purge: &Purge, at: SystemTime) -> Answer<Purged> {
        let key = match &purge.target {
            Target::Key(key) => Some(key),
            _ => None,
        };
        let was_there = key.map(|key| self.shelf.check(key));
        let (revision, written) = self.purges().carry_out(purge, at);
        // Its bytes need not wait to be looked up.
        key.map(|key| self.shelf.check(key));
        let keys = was_there.map(u64::from);
        written.map(move |unwritten| Purged {
            revision,
            keys,
            unwritten,
        })
    }

    fn sweep(&self, most: usize) -> bool {
        let Some(checked) = self.look_for_purged(most) else {
            return true;
        };
        self.purges().make_room(checked);
        checked < self.purges().now()
    }

    fn list(&self, ask: &Ask) -> Answer<Page> {
        let after = ask.after.map(Cursor::place);
        Answer::Now(ask.page(self.shelf.walk(after, MOST_LOOKED_AT)))
    }

    fn entry(&self, key: &CacheKey) -> Answer<Option<Entry>> {
        Answer::Now(self.shelf.entry(key))
    }

    fn stats(&self) -> Stats {
        Stats {
            filling_bytes: self.budget.used(),
            ..self.shelf.stats()
        }
    }
}

impl fmt::Debug for Memory {
    /// What it holds, summed up: a store does not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Memory").field(&self.stats()).finish()
    }
}
