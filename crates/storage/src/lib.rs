//! Where responses live. One trait, [`Store`]; bodies in chunks; fills that readers may follow
//! while they arrive, and that leave nothing behind unless committed.

mod answer;
mod body;
mod budget;
mod changes;
mod disk;
mod fill;
mod hits;
mod listing;
mod memory;
mod pages;
mod purges;
mod spool;
mod stats;
mod stored;
mod tiered;

pub use answer::Answer;
pub use body::{Body, ReadError, Reader};
pub use disk::{Disk, DiskConfig, DiskError};
pub use fill::{Fill, FillError};
pub use hits::{Hit, Hits};
pub use listing::{Ask, Cursor, Entry, MOST_ON_A_PAGE, Only, Page, Tier, Tiers};
pub use memory::{Memory, MemoryConfig};
pub use pages::Pages;
pub use purges::{MOST_PURGES, Purge, PurgeStats, Purged, Purges, Revision, Target, Verdict};
pub use stats::{DiskStats, Stats, Unusable};
pub use stored::{Stored, StoredId, Taken, Variants};
pub use tiered::Tiered;

use std::{fmt::Debug, sync::Arc, time::SystemTime};

use bytes::Bytes;
use perigee_http_cache::{CacheKey, StoredHead};

/// Bytes of a body that [`Store::keep`] takes: more seldom comes with its head in one read.
pub const MOST_AT_HAND: u64 = 16 << 10;

/// A place for responses. Every implementation passes the battery in `tests/battery.rs`.
pub trait Store: Debug + Send + Sync + 'static {
    /// What was purged. Its revision is to be asked for before a request is sent.
    fn purges(&self) -> &Arc<Purges>;

    /// Where its large bodies are, if they are in pages of their own.
    fn pages(&self) -> Option<&Arc<Pages>> {
        None
    }

    /// The complete stored responses of a key, but for those that were purged: what is gone is not
    /// among them, and what a soft purge was about is stale. Memory answers at once.
    fn lookup(&self, key: &CacheKey) -> Answer<Variants>;

    /// Shows the stored responses of the key that has this text, where memory has them as
    /// [`Store::lookup`] would answer, and their bytes too. Whether `serve` has answered from them:
    /// then, and only then, it counts as a request for the key. Allocates nothing. It holds a lock
    /// meanwhile: `serve` is to be short, and to ask the store for nothing.
    fn at_once(&self, _key: &[u8], _serve: &mut dyn FnMut(Hits<'_>) -> bool) -> bool {
        false
    }

    /// So many more requests for the key that has this text were answered as one was by [`Store::at_once`].
    fn again(&self, _key: &[u8], _times: u32) {}

    /// Begins to store a response whose body will be `length` bytes, if that is known.
    /// Always gives a [`Fill`]: one that will not be kept ([`Fill::is_kept`]) still lets readers
    /// follow it, through a window of bounded size.
    ///
    /// `asked` is [`Purges::now`] from before its request was sent: what was purged since then is
    /// not stored, or as stale as it was made.
    fn fill(
        &self,
        key: &CacheKey,
        head: Arc<StoredHead>,
        length: Option<u64>,
        asked: Revision,
    ) -> Fill;

    /// Stores a response that has come whole, as a [`Store::fill`] of its stated length does that all of
    /// it is written to, and that is committed then: but nothing is made that only a body on its way
    /// needs. What `body` is a slice of stays as long as it is held.
    ///
    /// # Errors
    /// Nothing is done, and the body is given back, where it is to be filled all the same: it is large, or
    /// there is no room for it, or it is a part.
    fn keep(
        &self,
        _key: &CacheKey,
        _head: &Arc<StoredHead>,
        body: Bytes,
        _asked: Revision,
    ) -> Result<Taken, Bytes> {
        Err(body)
    }

    /// Puts a new head on a stored response after a 304 (RFC 9111 section 4.3.4): `new` is
    /// [`Stored::freshened`] of `old`. Does nothing if `old` is not stored any more.
    fn freshen(&self, key: &CacheKey, old: &Stored, new: Stored) -> Answer<()>;

    /// Removes one stored response, unless another has taken its place (RFC 9111 section 4.3.3).
    fn remove(&self, key: &CacheKey, old: &Stored) -> Answer<()>;

    /// From now on what `purge` names is gone, or stale, and whatever was asked for before is
    /// stored as such or not at all. It holds for every lookup that begins after the answer; if
    /// what is stored outlives a restart, so does the purge.
    fn purge(&self, purge: &Purge, at: SystemTime) -> Answer<Purged>;

    /// Looks at some of what is stored, `most` keys at the most, gives back what was purged, and
    /// forgets purges that nothing stored is older than. Says whether there is more to look at. A
    /// purge holds without it: to be called now and then.
    fn sweep(&self, most: usize) -> bool;

    /// Some of what is stored, in an order of its own. A page costs no more than what stands on it and
    /// what had to be looked at for it, whatever is stored; a key that stays while the pages are turned
    /// is on one of them. To eviction it is no use.
    fn list(&self, ask: &Ask) -> Answer<Page>;

    /// The same for one key.
    fn entry(&self, key: &CacheKey) -> Answer<Option<Entry>>;

    /// What is held now.
    fn stats(&self) -> Stats;

    /// The process is about to end: waits until what is stored outlives it, if it may. Nothing that
    /// comes later does.
    fn close(&self) -> Answer<()> {
        Answer::Now(())
    }
}
