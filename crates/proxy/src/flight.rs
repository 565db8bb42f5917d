//! Coalescing: requests for one key that come while it is being fetched wait for that fetch
//! (RFC 9111 section 4, "collapsed requests") instead of sending their own.

use std::{
    collections::hash_map::Entry,
    hash::{BuildHasher, RandomState},
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::Instant,
};

use crate::{
    marks::{Mark, Marks, Whose},
    told::{Listener, Teller, told},
};
use http::HeaderValue;
use perigee_http_cache::{ByHash, CacheKey, Failure, StoredHead};
use perigee_storage::{Purges, Revision, Stored, Verdict};
use smallvec::SmallVec;

/// What a fetch has come to, for those who wait for it.
#[derive(Clone, Debug)]
pub(crate) enum Progress {
    /// No response head yet.
    Waiting,
    /// A response that may serve all who wait; its body may still be arriving.
    Arrived(Arrival),
    /// A response that is for one request alone: the others must send their own.
    NotShared,
    /// An error of this status came, and what is stored may be served in its place.
    ServeStale(u16),
    /// No response came.
    Failed(Failure),
}

impl Progress {
    /// Whether it is known what the fetch comes to.
    pub(crate) fn is_settled(&self) -> bool {
        !matches!(self, Progress::Waiting)
    }
}

/// A response that may serve all who wait.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) stored: Stored,
    /// Whether it stays in the store: else only those who are reading it now can have it.
    pub(crate) kept: bool,
    /// The status that the next tier answered with: 304 after a validation.
    pub(crate) status: u16,
    /// What the tiers above said of it.
    pub(crate) cache_status: Arc<[HeaderValue]>,
}

/// Bytes of one version of a representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bytes {
    /// Its strong validator.
    pub(crate) version: HeaderValue,
    pub(crate) positions: Range<u64>,
}

/// What a request would have fetched.
#[derive(Clone, Debug)]
pub(crate) struct Sought<'a> {
    /// The stored response that it would validate or complete.
    pub(crate) of: Option<&'a Arc<StoredHead>>,
    /// What it is to bring of the version that is stored, if that is what it asks for.
    pub(crate) bytes: Option<Bytes>,
    /// Or else the Range that the fetch is to answer; `None`: it is to bring the whole.
    pub(crate) range: Option<&'a HeaderValue>,
    /// The first byte of that Range, if it says so.
    pub(crate) first: Option<u64>,
    /// Who asks.
    pub(crate) whose: Whose,
}

impl Sought<'_> {
    /// Whether a fetch brings it soon: one of the whole, one of bytes among which are the first of
    /// those wanted, or one for the very same Range; and not one for an authorized request, whose
    /// answer is likely for its sender alone (RFC 9111 section 3.5), unless this one is authorized,
    /// too. A fetch of the whole that has yet to come to the bytes wanted is waited for if what it
    /// has brought ends no farther than `ahead` before them, or if the origin takes no notice of
    /// Range.
    fn is_brought_by(&self, flight: &Flight, ahead: u64) -> bool {
        let is_near = |start, first| flight.is_near(start, first, ahead);
        let brings = match (&self.bytes, &flight.bytes) {
            (Some(sought), Some(bytes)) => {
                sought.version == bytes.version
                    && bytes.positions.contains(&sought.positions.start)
                    && is_near(bytes.positions.start, sought.positions.start)
            }
            (Some(sought), None) => flight.range.is_none() && is_near(0, sought.positions.start),
            (None, Some(_)) => false,
            (None, None) if flight.range.is_none() => {
                self.range.is_none() || self.first.is_none_or(|first| is_near(0, first))
            }
            (None, None) => flight.range.as_ref() == self.range || flight.has_no_ranges(),
        };
        brings && (flight.whose != Whose::Authorized || self.whose == Whose::Authorized)
    }
}

/// A fetch under way.
#[derive(Debug)]
struct Flight {
    id: u64,
    key: CacheKey,
    /// The stored response that it validates.
    of: Option<Arc<StoredHead>>,
    /// What it brings of a version that is stored.
    bytes: Option<Bytes>,
    /// Or else the Range that it answers; `None`: it brings the whole.
    range: Option<HeaderValue>,
    whose: Whose,
    /// `None`: nobody may join it.
    progress: Option<Listener<Progress>>,
    /// The last purge from before it began.
    asked: Revision,
}

impl Flight {
    /// Whether no purge that came since it began is about what it brings. Of what has not arrived
    /// nobody knows yet which groups and tags it has: then each of its origin counts.
    fn is_of_now(&self, key: &CacheKey, purges: &Purges) -> bool {
        let verdict = |arrival: Option<&Arrival>| {
            let head = arrival.map(|arrival| &*arrival.stored.head);
            purges.verdict(key, head, self.asked) == Verdict::Holds
        };
        self.asked >= purges.now() || self.with_arrival(verdict)
    }
}

impl Flight {
    /// Whether it will soon have come to this byte, or has it. Its first one is at `start`.
    fn is_near(&self, start: u64, first: u64, ahead: u64) -> bool {
        let reached = self.with_arrival(|arrival| match arrival {
            Some(arrival) if arrival.stored.body.has_passed(first) => None,
            Some(arrival) => Some(arrival.stored.body.reached().max(start)),
            None => Some(start),
        });
        reached.is_some_and(|reached| first.saturating_sub(reached) <= ahead)
    }

    /// Whether all came though a Range was asked for: to fetch another one would bring all again.
    fn has_no_ranges(&self) -> bool {
        let is_whole = |arrival: &Arrival| arrival.stored.head.held().is_none();
        self.range.is_some() && self.with_arrival(|arrival| arrival.is_some_and(is_whole))
    }

    /// Looks at the response, if it has arrived and others may have it.
    fn with_arrival<R>(&self, look: impl FnOnce(Option<&Arrival>) -> R) -> R {
        let Some(progress) = &self.progress else {
            return look(None);
        };
        progress.with(|progress| match progress {
            Progress::Arrived(arrival) => look(Some(arrival)),
            _ => look(None),
        })
    }
}

/// The flights of keys that have one hash: nearly always one flight of one key.
type OfHash = SmallVec<[Flight; 1]>;

#[derive(Debug)]
struct UnderWay {
    /// By [`Flights::hash`] of their keys.
    by_key: ByHash<OfHash>,
    ids: u64,
    marks: Marks,
    purges: Arc<Purges>,
    /// See [`crate::Streaming::join_ahead`].
    join_ahead: u64,
}

impl UnderWay {
    fn of<'a>(
        &'a self,
        hash: u64,
        key: &'a CacheKey,
    ) -> impl DoubleEndedIterator<Item = &'a Flight> {
        let flights = self.by_key.get(&hash).into_iter().flatten();
        flights.filter(move |flight| flight.key == *key)
    }

    /// Whether the key is marked for such a request, and was not purged since.
    fn is_marked(&mut self, key: &CacheKey, whose: Whose, now: Instant) -> bool {
        self.marks.concerns(key, whose, &self.purges, now)
    }

    fn begin(
        &mut self,
        (hash, key): (u64, &CacheKey),
        sought: Sought<'_>,
        joinable: bool,
        all: &Flights,
    ) -> Lead {
        let (progress, receiver) = told(Progress::Waiting);
        let asked = self.purges.now();
        self.ids += 1;
        self.by_key.entry(hash).or_default().push(Flight {
            id: self.ids,
            key: key.clone(),
            of: sought.of.cloned(),
            bytes: sought.bytes,
            range: sought.range.cloned(),
            whose: sought.whose,
            progress: joinable.then_some(receiver),
            asked,
        });
        Lead {
            id: self.ids,
            hash,
            key: key.clone(),
            flights: all.clone(),
            progress,
            asked,
            is_background: false,
            is_over: AtomicBool::new(false),
        }
    }
}

/// All fetches under way, of what may be stored, and what is known to be not worth waiting for.
#[derive(Clone, Debug)]
pub(crate) struct Flights(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    under_way: Mutex<UnderWay>,
    /// Of hashes: with another one in each process, nobody can make keys that have one hash.
    seed: u64,
    /// See [`Flights::landings`].
    landings: AtomicU64,
}

/// What to do about a key.
pub(crate) enum Joined {
    /// Nobody fetches it: fetch it, and tell.
    Lead(Lead),
    /// Somebody does: wait. The number is that of the flight.
    Follow(u64, Listener<Progress>),
    /// The last response was not to be shared (hit-for-miss): neither wait nor make others wait.
    Marked,
}

impl Flights {
    /// Nothing is under way. At most so many keys are marked at once.
    pub(crate) fn new(max_marks: usize, purges: Arc<Purges>, join_ahead: u64) -> Self {
        let under_way = UnderWay {
            by_key: ByHash::default(),
            ids: 0,
            marks: Marks::new(max_marks),
            purges,
            join_ahead,
        };
        Flights(Arc::new(Shared {
            under_way: Mutex::new(under_way),
            seed: RandomState::new().hash_one(0),
            landings: AtomicU64::new(0),
        }))
    }

    /// How often a fetch has come to its end, or what it has brought into the store: as long as that is
    /// the same, no fetch has stored what a look at the store has missed.
    pub(crate) fn landings(&self) -> u64 {
        self.0.landings.load(Acquire)
    }

    /// What a fetch has brought is in the store.
    pub(crate) fn note_landing(&self) {
        self.0.landings.fetch_add(1, Release);
    }

    /// Joins the newest fetch of a key that brings what is sought, or begins one. `tried` are the flights that had nothing
    /// for this request: what they fetch is another variant.
    ///
    /// A mark does not concern a request that has something stored to validate: what is not to be
    /// shared is another variant, then.
    pub(crate) fn join(
        &self,
        key: &CacheKey,
        sought: Sought<'_>,
        tried: &[u64],
        now: Instant,
    ) -> Joined {
        let hash = self.hash(key);
        let mut under_way = self.lock();
        if sought.of.is_none() && under_way.is_marked(key, sought.whose, now) {
            return Joined::Marked;
        }
        let (purges, ahead) = (&under_way.purges, under_way.join_ahead);
        let mut flights = under_way
            .of(hash, key)
            .rev()
            .filter(|flight| !tried.contains(&flight.id) && sought.is_brought_by(flight, ahead))
            .filter(|flight| flight.is_of_now(key, purges));
        match flights.find_map(|flight| Some((flight.id, flight.progress.clone()?))) {
            Some((id, progress)) => Joined::Follow(id, progress),
            None => {
                drop(flights);
                Joined::Lead(under_way.begin((hash, key), sought, true, self))
            }
        }
    }

    /// Begins to validate a stored response, unless that is under way.
    pub(crate) fn refresh(&self, key: &CacheKey, sought: Sought<'_>) -> Option<Lead> {
        let of = sought.of?;
        let validates = |flight: &Flight| flight.of.as_ref() == Some(of);
        let hash = self.hash(key);
        let mut under_way = self.lock();
        let purges = &under_way.purges;
        let mut flights = under_way
            .of(hash, key)
            .filter(|it| it.is_of_now(key, purges));
        if flights.any(validates) {
            return None;
        }
        drop(flights);
        let mut lead = under_way.begin((hash, key), sought, true, self);
        lead.is_background = true;
        Some(lead)
    }

    /// A fetch that nobody may join.
    pub(crate) fn alone(&self, key: &CacheKey, sought: Sought<'_>) -> Lead {
        let hash = self.hash(key);
        self.lock().begin((hash, key), sought, false, self)
    }

    /// The last response of this key was to be shared after all.
    pub(crate) fn unmark(&self, key: &CacheKey) {
        self.lock().marks.remove(key);
    }

    /// The last response of this marked key, asked for then, was not to be shared, again. What was
    /// purged meanwhile is not marked any more, and stays so.
    pub(crate) fn mark_again(&self, key: &CacheKey, mark: Mark, asked: Revision, now: Instant) {
        let mut under_way = self.lock();
        if under_way.is_marked(key, mark.whose, now) {
            under_way.marks.set(key, mark, asked, now);
        }
    }

    /// The mark of a key, with the time that it still stands.
    pub(crate) fn mark(&self, key: &CacheKey, now: Instant) -> Option<Mark> {
        let under_way = self.lock();
        under_way.marks.standing(key, &under_way.purges, now)
    }

    /// How many fetches of a key are under way.
    pub(crate) fn count(&self, key: &CacheKey) -> usize {
        self.lock().of(self.hash(key), key).count()
    }

    fn hash(&self, key: &CacheKey) -> u64 {
        key.seeded_hash(self.0.seed)
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.0
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right, and the duty, to fetch a key. Dropped, the fetch is over: nobody can join any more.
#[derive(Debug)]
pub(crate) struct Lead {
    pub(crate) id: u64,
    hash: u64,
    key: CacheKey,
    flights: Flights,
    progress: Teller<Progress>,
    asked: Revision,
    is_background: bool,
    /// Whether nobody can join it any more.
    is_over: AtomicBool,
}

impl Lead {
    /// Whether no client asked for it.
    pub(crate) fn is_background(&self) -> bool {
        self.is_background
    }

    /// Tells all who wait. What cannot be joined later leaves at once.
    pub(crate) fn tell(&self, progress: Progress) {
        let joinable = matches!(&progress, Progress::Arrived(arrival) if arrival.kept);
        self.progress.tell(progress);
        if !joinable {
            self.close(&mut self.flights.lock());
        }
    }

    /// The fetch is over, and what came of it is in the store for those who come from now on: those
    /// who wait, if any do, are told of it.
    pub(crate) fn land(self, arrival: &Arrival) {
        self.close(&mut self.flights.lock());
        if self.progress.is_heard() {
            self.progress.tell(Progress::Arrived(arrival.clone()));
        }
    }

    /// Marks the key, so that those who come from now on do not wait, and tells all who do that
    /// they must send their own. What was purged meanwhile is not marked.
    pub(crate) fn tell_not_shared(&self, mark: Option<Mark>, now: Instant) {
        let mut under_way = self.flights.lock();
        if let Some(mark) = mark
            && !under_way.purges.key_was_purged(&self.key, self.asked)
        {
            under_way.marks.set(&self.key, mark, self.asked, now);
        }
        self.close(&mut under_way);
        drop(under_way);
        self.progress.tell(Progress::NotShared);
    }

    fn close(&self, under_way: &mut UnderWay) {
        if self.is_over.swap(true, Relaxed) {
            return;
        }
        self.flights.note_landing();
        if let Entry::Occupied(mut flights) = under_way.by_key.entry(self.hash) {
            flights.get_mut().retain(|flight| flight.id != self.id);
            if flights.get().is_empty() {
                flights.remove();
            }
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if !*self.is_over.get_mut() {
            self.close(&mut self.flights.lock());
        }
    }
}

#[cfg(test)]
mod tests;
