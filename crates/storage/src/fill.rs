//! A body on its way into the store.

mod keeping;

pub(crate) use keeping::Keeping;

use std::{
    cmp::Ordering,
    fmt,
    future::poll_fn,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use perigee_http_cache::StoredHead;

use crate::{
    Body, Stored, StoredId,
    body::{Growing, Room},
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
    /// How far apart its readers may be when it is not kept.
    window: Window,
    /// How much longer it waits for a slow one, or for the disk, while others wait.
    patience: Duration,
}

/// How far the readers of a fill that is not kept may be apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Bytes that the end may be ahead of the slowest.
    pub(crate) bytes: u64,
    /// How long one that is further behind may hold up others.
    pub(crate) patience: Duration,
}

/// The way to store a response under a key.
pub(crate) trait Ticket: fmt::Debug + Send + Sync {
    /// Stores a response; says whether that was done: no purge had made it gone, and it was not a
    /// part of what is there already.
    fn store(&self, stored: Stored) -> bool;
}

impl Fill {
    pub(crate) fn new(
        head: Arc<StoredHead>,
        watch: Watch,
        growing: Growing,
        stated: Option<u64>,
        keeping: Option<Keeping>,
        window: Window,
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
            patience: window.patience,
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
    /// is appended before the wait, so a caller that stops waiting must not write it again. Waits
    /// for the disk only while no reader waits.
    ///
    /// # Errors
    /// [`FillError::TooLong`] if more comes than was stated; [`FillError::NoReaders`] if the
    /// response will not be kept and nobody reads it. A reader may come late: until the first one
    /// does, the fill goes on as far as its window reaches.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), FillError> {
        if chunk.is_empty() {
            return Ok(());
        }
        let more = chunk.len() as u64;
        let length = self.received.saturating_add(more);
        if let Some(keeping) = &mut self.keeping
            && (self.watch.is_gone(&self.head)
                || !keeping
                    .has_room(&self.growing, more, length, &mut self.patience)
                    .await)
        {
            self.stop_keeping();
        }
        self.received = length;
        match self.left() {
            Some(Ordering::Less) => return Err(FillError::TooLong),
            Some(Ordering::Equal) => {
                self.last = Some(chunk);
                return Ok(());
            }
            Some(Ordering::Greater) | None => self.append(chunk),
        }
        self.until_room().await
    }

    /// Waits for the slowest reader, though only so long in all while others wait.
    async fn until_room(&mut self) -> Result<(), FillError> {
        let Window { bytes, patience } = self.window;
        let growing = &*self.growing;
        let room = |patient| poll_fn(move |cx| growing.poll_room(bytes, patient, cx));
        while room(false).await? == Room::Contested {
            let began = Instant::now();
            let waited = tokio::time::timeout(self.patience, room(true)).await;
            self.patience = self.patience.saturating_sub(began.elapsed());
            if self.patience.is_zero() {
                growing.let_go(bytes);
                self.patience = patience;
            } else if let Ok(room) = waited {
                room?;
            }
        }
        Ok(())
    }

    /// Waits until nobody reads it. Somebody may come again.
    pub async fn unread(&self) {
        poll_fn(|cx| self.growing.poll_unread(cx)).await;
    }

    /// Whether nobody reads it now.
    pub fn is_unread(&self) -> bool {
        self.growing.is_unread()
    }

    /// Whether nobody has the body, to read it now or later.
    pub fn is_alone(&self) -> bool {
        Arc::strong_count(&self.growing) == 1
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
            let (ticket, body) = keeping.finish(&self.growing, last.clone());
            let stored = Stored {
                head: Arc::clone(&self.head),
                body: Body::kept(body.clone()),
                id: self.id,
                checked: self.watch.checked(),
            };
            if ticket.store(stored) {
                self.growing.become_kept(body);
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
        let (ticket, body) = keeping.finish(&self.growing, Bytes::new());
        if head.body_length() == Some(body.length()) {
            let checked = self.watch.checked();
            ticket.store(Stored::new(head, Body::kept(body), checked));
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

    fn append(&mut self, chunk: Bytes) {
        match &mut self.keeping {
            None => self.growing.push(chunk),
            Some(keeping) => {
                if keeping.push(&self.growing, chunk)
                    && let Some(keeping) = &self.keeping
                {
                    self.store_front(&*keeping.ticket);
                }
            }
        }
    }

    /// It goes on for its readers alone. What the disk has of it is kept as a part.
    fn stop_keeping(&mut self) {
        if let Some(keeping) = self.keeping.take() {
            self.store_front(&*keeping.ticket);
            self.growing.stop_keeping();
            self.patience = self.window.patience;
        }
    }

    /// Stores what was given to the disk as a part, if it can be completed.
    fn store_front(&self, ticket: &dyn Ticket) {
        let body = self.growing.spooled();
        if let Some(part) = self.head.cut_short(body.length()) {
            let checked = self.watch.checked();
            ticket.store(Stored::new(Arc::new(part), Body::kept(body), checked));
        }
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
