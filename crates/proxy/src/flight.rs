//! Coalescing: requests for one key that come while it is being fetched wait for that fetch
//! (RFC 9111 section 4, "collapsed requests") instead of sending their own.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use http::HeaderValue;
use perigee_http_cache::{CacheKey, Failure, StoredHead};
use perigee_storage::Stored;
use tokio::sync::watch;

use crate::marks::{Mark, Marks, Whose};

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

/// What a request would have fetched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sought<'a> {
    /// The stored response that it would validate or complete.
    pub(crate) of: Option<&'a Arc<StoredHead>>,
    /// The Range that the fetch is to answer; `None`: it is to bring the whole.
    pub(crate) range: Option<&'a HeaderValue>,
    /// Who asks.
    pub(crate) whose: Whose,
}

impl Sought<'_> {
    /// Whether a fetch brings it: one of the whole, or one for the very same Range; and not one
    /// for an authorized request, whose answer is likely for its sender alone (RFC 9111 section
    /// 3.5), unless this one is authorized, too.
    fn is_brought_by(self, flight: &Flight) -> bool {
        (flight.range.is_none() || flight.range.as_ref() == self.range)
            && (flight.whose != Whose::Authorized || self.whose == Whose::Authorized)
    }
}

/// A fetch under way.
#[derive(Debug)]
struct Flight {
    id: u64,
    /// The stored response that it validates.
    of: Option<Arc<StoredHead>>,
    /// The Range that it answers; `None`: it brings the whole.
    range: Option<HeaderValue>,
    whose: Whose,
    /// `None`: nobody may join it.
    progress: Option<watch::Receiver<Progress>>,
    purged: Arc<AtomicBool>,
}

#[derive(Debug)]
struct UnderWay {
    by_key: HashMap<CacheKey, Vec<Flight>>,
    ids: u64,
    marks: Marks,
}

impl UnderWay {
    fn of(&self, key: &CacheKey) -> impl DoubleEndedIterator<Item = &Flight> {
        self.by_key.get(key).into_iter().flatten()
    }

    fn begin(&mut self, key: &CacheKey, sought: Sought<'_>, joinable: bool, all: &Flights) -> Lead {
        let (progress, receiver) = watch::channel(Progress::Waiting);
        let purged = Arc::<AtomicBool>::default();
        self.ids += 1;
        self.by_key.entry(key.clone()).or_default().push(Flight {
            id: self.ids,
            of: sought.of.cloned(),
            range: sought.range.cloned(),
            whose: sought.whose,
            progress: joinable.then_some(receiver),
            purged: Arc::clone(&purged),
        });
        Lead {
            id: self.ids,
            key: key.clone(),
            flights: all.clone(),
            progress,
            purged,
        }
    }
}

/// All fetches under way, of what may be stored, and what is known to be not worth waiting for.
#[derive(Clone, Debug)]
pub(crate) struct Flights(Arc<Mutex<UnderWay>>);

/// What to do about a key.
pub(crate) enum Joined {
    /// Nobody fetches it: fetch it, and tell.
    Lead(Lead),
    /// Somebody does: wait. The number is that of the flight.
    Follow(u64, watch::Receiver<Progress>),
    /// The last response was not to be shared (hit-for-miss): neither wait nor make others wait.
    Marked,
}

impl Flights {
    /// Nothing is under way. At most so many keys are marked at once.
    pub(crate) fn new(max_marks: usize) -> Self {
        Flights(Arc::new(Mutex::new(UnderWay {
            by_key: HashMap::new(),
            ids: 0,
            marks: Marks::new(max_marks),
        })))
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
        let mut under_way = self.lock();
        if sought.of.is_none() && under_way.marks.concerns(key, sought.whose, now) {
            return Joined::Marked;
        }
        let mut flights = under_way
            .of(key)
            .rev()
            .filter(|flight| !tried.contains(&flight.id) && sought.is_brought_by(flight));
        match flights.find_map(|flight| Some((flight.id, flight.progress.clone()?))) {
            Some((id, progress)) => Joined::Follow(id, progress),
            None => {
                drop(flights);
                Joined::Lead(under_way.begin(key, sought, true, self))
            }
        }
    }

    /// Begins to validate a stored response, unless that is under way.
    pub(crate) fn refresh(&self, key: &CacheKey, sought: Sought<'_>) -> Option<Lead> {
        let of = sought.of?;
        let validates = |flight: &Flight| flight.of.as_ref().is_some_and(|it| Arc::ptr_eq(it, of));
        let mut under_way = self.lock();
        if under_way.of(key).any(validates) {
            return None;
        }
        Some(under_way.begin(key, sought, true, self))
    }

    /// A fetch that nobody may join.
    pub(crate) fn alone(&self, key: &CacheKey, sought: Sought<'_>) -> Lead {
        self.lock().begin(key, sought, false, self)
    }

    /// The last response of this key was to be shared after all.
    pub(crate) fn unmark(&self, key: &CacheKey) {
        self.lock().marks.remove(key);
    }

    /// The last response of this marked key was not to be shared, again. What was purged meanwhile
    /// is not marked any more, and stays so.
    pub(crate) fn mark_again(&self, key: &CacheKey, mark: Mark, now: Instant) {
        let marks = &mut self.lock().marks;
        if marks.concerns(key, mark.whose, now) {
            marks.set(key, mark, now);
        }
    }

    /// What is being fetched was asked for before this purge: nobody joins it any more, and it
    /// must not be stored. To be called before the store is purged.
    pub(crate) fn purge(&self, key: &CacheKey) {
        let mut under_way = self.lock();
        under_way.marks.remove(key);
        let flights = under_way.by_key.remove(key);
        for flight in flights.into_iter().flatten() {
            flight.purged.store(true, Ordering::Release);
        }
    }

    /// The mark of a key, with the time that it still stands.
    pub(crate) fn mark(&self, key: &CacheKey, now: Instant) -> Option<Mark> {
        self.lock().marks.standing(key, now)
    }

    /// How many fetches of a key are under way.
    pub(crate) fn count(&self, key: &CacheKey) -> usize {
        self.lock().by_key.get(key).map_or(0, Vec::len)
    }

    /// Nobody joins any more what is in a group of this origin (RFC 9875). Of what has not arrived
    /// nobody knows yet whether it is: it goes to those who wait already.
    pub(crate) fn purge_group(&self, origin: &str, group: &str) {
        let is_outdated = |progress: &Progress| match progress {
            Progress::Waiting => true,
            Progress::Arrived(arrival) => arrival.stored.head.groups().any(|g| g == group),
            _ => false,
        };
        let by_key = &mut self.lock().by_key;
        let of_origin = by_key.iter_mut().filter(|(key, _)| key.origin() == origin);
        for flight in of_origin.flat_map(|(_, flights)| flights) {
            flight.progress = flight
                .progress
                .take()
                .filter(|progress| !is_outdated(&progress.borrow()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right, and the duty, to fetch a key. Dropped, the fetch is over: nobody can join any more.
#[derive(Debug)]
pub(crate) struct Lead {
    pub(crate) id: u64,
    key: CacheKey,
    flights: Flights,
    progress: watch::Sender<Progress>,
    purged: Arc<AtomicBool>,
}

impl Lead {
    /// Whether the key was purged since this fetch began. Asked after a fill has begun, it misses
    /// no purge: one that comes later finds the fill in the store.
    pub(crate) fn is_purged(&self) -> bool {
        self.purged.load(Ordering::Acquire)
    }

    /// Tells all who wait. What cannot be joined later leaves at once.
    pub(crate) fn tell(&self, progress: Progress) {
        let joinable = matches!(&progress, Progress::Arrived(arrival) if arrival.kept);
        self.progress.send_replace(progress);
        if !joinable {
            self.close(&mut self.flights.lock());
        }
    }

    /// Marks the key, so that those who come from now on do not wait, and tells all who do that
    /// they must send their own. What was purged meanwhile is not marked.
    pub(crate) fn tell_not_shared(&self, mark: Option<Mark>, now: Instant) {
        let mut under_way = self.flights.lock();
        if let Some(mark) = mark
            && !self.is_purged()
        {
            under_way.marks.set(&self.key, mark, now);
        }
        self.close(&mut under_way);
        drop(under_way);
        self.progress.send_replace(Progress::NotShared);
    }

    fn close(&self, under_way: &mut UnderWay) {
        let by_key = &mut under_way.by_key;
        if let Some(flights) = by_key.get_mut(&self.key) {
            flights.retain(|flight| flight.id != self.id);
            if flights.is_empty() {
                by_key.remove(&self.key);
            }
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.close(&mut self.flights.lock());
    }
}

#[cfg(test)]
mod tests;
