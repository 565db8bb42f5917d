//! A body on its way into the store.

use std::{cmp::Ordering, fmt, future::poll_fn, sync::Arc};

use bytes::Bytes;
use perigee_http_cache::StoredHead;

use crate::{
    Body, Stored, StoredId,
    body::{Assembly, Extents, Growing, Part, Whole},
    purges::Watch,
};

/// A response that is arriving. Dropped without [`Fill::commit`], it leaves nothing behind and
/// its followers see [`crate::ReadError::Abandoned`] after the bytes that came.
///
/// The last chunk of a body whose length was stated is shown to followers when the fill is
/// committed: who has read such a body to its end then finds it in the store, and a source that
/// sends more than it stated is found out before its body looks complete to anyone. So commit
/// as soon as the source has ended.
#[derive(Debug)]
pub struct Fill {
    id: StoredId,
    head: Arc<StoredHead>,
    watch: Watch,
    growing: Arc<Growing>,
    stated: Option<u64>,
    /// Bytes that came so far.
    received: u64,
    /// The chunk that completed the stated length.
    last: Option<Bytes>,
    /// `None` once it will not be kept.
    keeping: Option<Keeping>,
    /// Bytes that the end may be ahead of the slowest reader when not kept.
    window: u64,
}

/// The way to store a response under a key.
pub(crate) trait Ticket: fmt::Debug + Send + Sync {
    /// Stores a response; says whether that was done: no purge had made it gone, and it was not a
    /// part of what is there already.
    fn store(&self, stored: Stored) -> bool;
}

/// What only a fill that is kept needs.
#[derive(Debug)]
pub(crate) struct Keeping {
    /// The way to store it.
    pub(crate) ticket: Box<dyn Ticket>,
    /// Its body on the way to blocks.
    pub(crate) assembly: Assembly,
    /// Bytes that its body may have.
    pub(crate) max_length: u64,
}

impl Fill {
    pub(crate) fn new(
        head: Arc<StoredHead>,
        watch: Watch,
        growing: Growing,
        stated: Option<u64>,
        keeping: Option<Keeping>,
        window: u64,
    ) -> Self {
        Fill {
            id: StoredId::new(),
            head,
            watch,
            growing: Arc::new(growing),
            stated,
            received: 0,
            last: None,
            keeping,
            window,
        }
    }

    /// What followers read: the same head, and the body as it arrives.
    pub fn stored(&self) -> Stored {
        Stored {
            head: Arc::clone(&self.head),
            body: self.body(),
            id: self.id,
            checked: self.watch.checked(),
        }
    }

    /// The body as it arrives.
    pub fn body(&self) -> Body {
        Body::growing(Arc::clone(&self.growing))
    }

    /// Whether the response will be stored when committed, as far as is known now.
    pub fn is_kept(&self) -> bool {
        self.has_room() && !self.watch.is_gone(&self.head)
    }

    /// Whether there is room for it in the store, purged or not, as far as is known now.
    pub fn has_room(&self) -> bool {
        self.keeping.is_some()
    }

    /// Appends a chunk. Waits for readers only once the response will not be kept; then the chunk
    /// is appended before the wait, so a caller that stops waiting must not write it again.
    ///
    /// # Errors
    /// [`FillError::TooLong`] if more comes than was stated; [`FillError::NoReaders`] if the
    /// response will not be kept and nobody reads it. A reader may come late: until the first one
    /// does, the fill goes on as far as its window reaches.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), FillError> {
        if chunk.is_empty() {
            return Ok(());
        }
        self.received = self.received.saturating_add(chunk.len() as u64);
        match self.left() {
            Some(Ordering::Less) => return Err(FillError::TooLong),
            Some(Ordering::Equal) => {
                self.last = Some(chunk);
                return Ok(());
            }
            Some(Ordering::Greater) | None => self.append(chunk),
        }
        poll_fn(|cx| self.growing.poll_room(self.window, cx)).await
    }

    /// Declares the body whole, and stores it if it is kept.
    ///
    /// # Errors
    /// [`FillError::TooShort`] if less came than was stated, [`FillError::TooLong`] if more did:
    /// nothing is stored, and followers see [`crate::ReadError::Abandoned`].
    pub fn commit(mut self) -> Result<(), FillError> {
        match self.left() {
            Some(Ordering::Less) => return Err(FillError::TooLong),
            Some(Ordering::Greater) => return Err(FillError::TooShort),
            Some(Ordering::Equal) | None => {}
        }
        let last = self.last.take().unwrap_or_default();
        if let Some(keeping) = self.keeping.take() {
            let mut blocks = self.growing.sealed();
            blocks.extend(keeping.assembly.finish(last.clone()));
            let extents = Extents::one(self.growing.first(), Whole::new(blocks));
            let stored = Stored {
                head: Arc::clone(&self.head),
                body: Body::kept(extents.clone()),
                id: self.id,
                checked: self.watch.checked(),
            };
            if keeping.ticket.store(stored) {
                self.growing.become_kept(extents);
                return Ok(());
            }
        }
        self.growing.end(last);
        Ok(())
    }

    /// Keeps what has come of a body that has broken off, as the part that its head says it is now
    /// ([`StoredHead::cut_short`] of [`Fill::received`]). Followers, who wanted more, see
    /// [`crate::ReadError::Abandoned`] all the same.
    pub fn keep_part(mut self, head: Arc<StoredHead>) {
        let Some(keeping) = self.keeping.take() else {
            return;
        };
        let mut blocks = self.growing.sealed();
        blocks.extend(keeping.assembly.finish(Bytes::new()));
        let extents = Extents::one(self.growing.first(), Whole::new(blocks));
        if head.body_length() == Some(extents.length()) {
            let body = Body::kept(extents);
            let checked = self.watch.checked();
            keeping.ticket.store(Stored::new(head, body, checked));
        }
    }

    /// Bytes that came so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// How the stated length compares with what came; `None` if none was stated.
    fn left(&self) -> Option<Ordering> {
        self.stated.map(|length| length.cmp(&self.received))
    }

    fn append(&mut self, mut chunk: Bytes) {
        if !self.may_keep(chunk.len() as u64) && self.keeping.take().is_some() {
            self.growing.stop_keeping();
        }
        let Some(keeping) = &mut self.keeping else {
            self.growing.push(chunk);
            return;
        };
        while let Some(part) = keeping.assembly.take_from(&mut chunk) {
            match part {
                Part::Block(block) => self.growing.seal(block),
                Part::Loose(piece) => self.growing.push(piece),
            }
        }
    }

    /// Whether it can still be kept with `more` bytes. What a stated length takes was claimed
    /// at the start.
    fn may_keep(&self, more: u64) -> bool {
        self.keeping.as_ref().is_some_and(|keeping| {
            !self.watch.is_gone(&self.head)
                && (self.stated.is_some()
                    || self.received <= keeping.max_length && self.growing.claim(more))
        })
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        self.growing.abandon();
    }
}

/// Why a fill cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillError {
    /// More bytes than the stated length.
    TooLong,
    /// Fewer bytes than the stated length.
    TooShort,
    /// Not kept, and nobody reads it.
    NoReaders,
}

impl fmt::Display for FillError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FillError::TooLong => "more bytes came than the stated length",
            FillError::TooShort => "fewer bytes came than the stated length",
            FillError::NoReaders => "it will not be stored, and nobody reads it",
        })
    }
}

impl std::error::Error for FillError {}
