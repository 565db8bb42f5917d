//! Coalescing: requests for one key that come while it is being fetched wait for that fetch
//! (RFC 9111 section 4, "collapsed requests") instead of sending their own.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use http::HeaderValue;
use perigee_http_cache::{CacheKey, Failure, StoredHead};
use perigee_storage::Stored;
use tokio::sync::watch;

/// What a fetch has come to.
#[derive(Clone, Debug)]
pub(crate) enum Progress {
    /// No response head yet.
    Waiting,
    /// A response that may serve all who wait; its body may still be arriving.
    Arrived(Arrival),
    /// A response that is for one request alone: the others must send their own.
    NotShared,
    /// The same, but only because of who asked (RFC 9111 section 3.5): what another one is
    /// answered may be shared.
    Personal,
    /// An error came, and what is stored may be served in its place.
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

/// A fetch under way.
#[derive(Debug)]
struct Flight {
    id: u64,
    /// The stored response that it validates.
    of: Option<Arc<StoredHead>>,
    /// The Range that it answers; `None`: it brings the whole.
    range: Option<HeaderValue>,
    /// `None`: nobody may join it.
    progress: Option<watch::Receiver<Progress>>,
    purged: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct UnderWay {
    by_key: HashMap<CacheKey, Vec<Flight>>,
    ids: u64,
}

impl UnderWay {
    fn begin(&mut self, key: &CacheKey, sought: Sought<'_>, joinable: bool, all: &Flights) -> Lead {
        let (progress, receiver) = watch::channel(Progress::Waiting);
        let purged = Arc::<AtomicBool>::default();
        self.ids += 1;
        self.by_key.entry(key.clone()).or_default().push(Flight {
            id: self.ids,
            of: sought.of.cloned(),
            range: sought.range.cloned(),
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

/// All fetches under way, of what may be stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flights(Arc<Mutex<UnderWay>>);

/// What a request would have fetched.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sought<'a> {
    /// The stored response that it would validate or complete.
    pub(crate) of: Option<&'a Arc<StoredHead>>,
    /// The Range that the fetch is to answer; `None`: it is to bring the whole.
    pub(crate) range: Option<&'a HeaderValue>,
}

impl Sought<'_> {
    /// Whether a fetch brings it: one of the whole, or one for the very same Range.
    fn is_brought_by(self, flight: &Flight) -> bool {
        flight.range.is_none() || flight.range.as_ref() == self.range
    }
}

/// What to do about a key.
pub(crate) enum Joined {
    /// Nobody fetches it: fetch it, and tell.
    Lead(Lead),
    /// Somebody does: wait. The number is that of the flight.
    Follow(u64, watch::Receiver<Progress>),
}

impl Flights {
    /// Joins the newest fetch of a key that brings what is sought, or begins one. `tried` are the
    /// flights that had nothing for this request: what they fetch is another variant.
    pub(crate) fn join(&self, key: &CacheKey, sought: Sought<'_>, tried: &[u64]) -> Joined {
        let mut under_way = self.lock();
        let flights = under_way.by_key.get(key).into_iter().flatten().rev();
        let untried =
            flights.filter(|flight| !tried.contains(&flight.id) && sought.is_brought_by(flight));
        let found = untried
            .filter_map(|flight| Some((flight.id, flight.progress.clone()?)))
            .next();
        match found {
            Some((id, progress)) => Joined::Follow(id, progress),
            None => Joined::Lead(under_way.begin(key, sought, true, self)),
        }
    }

    /// Begins to validate a stored response, unless that is under way.
    pub(crate) fn refresh(&self, key: &CacheKey, sought: Sought<'_>) -> Option<Lead> {
        let of = sought.of?;
        let mut under_way = self.lock();
        let mut flights = under_way.by_key.get(key).into_iter().flatten();
        let validates = |flight: &Flight| flight.of.as_ref().is_some_and(|it| Arc::ptr_eq(it, of));
        match flights.any(validates) {
            true => None,
            false => Some(under_way.begin(key, sought, true, self)),
        }
    }

    /// A fetch that nobody may join.
    pub(crate) fn alone(&self, key: &CacheKey) -> Lead {
        self.lock().begin(key, Sought::default(), false, self)
    }

    /// What is being fetched was asked for before this purge: nobody joins it any more, and it
    /// must not be stored. To be called before the store is purged.
    pub(crate) fn purge(&self, key: &CacheKey) {
        let flights = self.lock().by_key.remove(key);
        for flight in flights.into_iter().flatten() {
            flight.purged.store(true, Ordering::Release);
        }
    }

    /// How many fetches of a key are under way.
    pub(crate) fn count(&self, key: &CacheKey) -> usize {
        self.lock().by_key.get(key).map_or(0, Vec::len)
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().by_key.len()
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
    /// Waits for what this fetch comes to.
    pub(crate) fn follow(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

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
            self.close();
        }
    }

    fn close(&self) {
        let by_key = &mut self.flights.lock().by_key;
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
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perigee_http_cache::Scheme;

    const WHOLE: Sought<'_> = Sought {
        of: None,
        range: None,
    };

    fn key(path: &str) -> CacheKey {
        CacheKey::new(Scheme::Http, "www.example.com", path)
    }

    fn lead(joined: Joined) -> Lead {
        match joined {
            Joined::Lead(lead) => lead,
            Joined::Follow(id, _) => panic!("flight {id} is under way"),
        }
    }

    fn followed(joined: Joined) -> u64 {
        match joined {
            Joined::Lead(_) => panic!("nobody fetches it"),
            Joined::Follow(id, _) => id,
        }
    }

    #[test]
    fn one_leads_and_the_others_follow_until_it_is_over() {
        let flights = Flights::default();
        let first = lead(flights.join(&key("/a"), WHOLE, &[]));
        let Joined::Follow(_, follower) = flights.join(&key("/a"), WHOLE, &[]) else {
            panic!("a fetch is under way");
        };
        lead(flights.join(&key("/b"), WHOLE, &[]));
        first.tell(Progress::Failed(Failure::Timeout));
        assert!(matches!(
            *follower.borrow(),
            Progress::Failed(Failure::Timeout)
        ));
        lead(flights.join(&key("/a"), WHOLE, &[]));
    }

    #[test]
    fn a_leader_that_is_lost_leaves_nothing_behind() {
        let flights = Flights::default();
        let joined = (
            flights.join(&key("/a"), WHOLE, &[]),
            flights.alone(&key("/a")),
        );
        assert_eq!(flights.len(), 1);
        drop(joined);
        assert_eq!(flights.len(), 0);
    }

    #[test]
    fn a_flight_that_had_nothing_for_a_request_is_not_joined_again() {
        let flights = Flights::default();
        let gzip = lead(flights.join(&key("/a"), WHOLE, &[]));
        let tried = [followed(flights.join(&key("/a"), WHOLE, &[]))];
        let br = lead(flights.join(&key("/a"), WHOLE, &tried));
        assert_eq!(followed(flights.join(&key("/a"), WHOLE, &tried)), br.id);
        drop(br);
        assert_eq!(followed(flights.join(&key("/a"), WHOLE, &[])), gzip.id);
    }

    #[test]
    fn what_is_fetched_alone_is_not_joined() {
        let flights = Flights::default();
        let _alone = flights.alone(&key("/a"));
        lead(flights.join(&key("/a"), WHOLE, &[]));
    }

    #[test]
    fn a_purge_ends_all_flights_of_its_key_and_none_that_begins_later() {
        let flights = Flights::default();
        let old = lead(flights.join(&key("/a"), WHOLE, &[]));
        let alone = flights.alone(&key("/a"));
        let other = lead(flights.join(&key("/b"), WHOLE, &[]));
        flights.purge(&key("/a"));
        assert!(old.is_purged() && alone.is_purged() && !other.is_purged());
        let new = lead(flights.join(&key("/a"), WHOLE, &[]));
        drop((old, alone));
        assert_eq!(followed(flights.join(&key("/a"), WHOLE, &[])), new.id);
        assert!(!new.is_purged());
    }

    #[test]
    fn a_fetch_of_a_range_is_joined_by_the_same_range_alone() {
        let flights = Flights::default();
        let lines = ["bytes=0-4", "bytes=5-9"].map(HeaderValue::from_static);
        let [front, back] = lines.each_ref().map(|range| Sought {
            range: Some(range),
            ..WHOLE
        });
        let part = lead(flights.join(&key("/a"), front, &[]));
        assert_eq!(followed(flights.join(&key("/a"), front, &[])), part.id);
        lead(flights.join(&key("/a"), back, &[]));
        let whole = lead(flights.join(&key("/a"), WHOLE, &[]));
        for sought in [front, back, WHOLE] {
            assert_eq!(followed(flights.join(&key("/a"), sought, &[])), whole.id);
        }
    }
}
