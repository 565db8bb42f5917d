//! Coalescing: requests for one key that come while it is being fetched wait for that fetch
//! (RFC 9111 section 4, "collapsed requests") instead of sending their own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::HeaderValue;
use perigee_http_cache::{CacheKey, Failure};
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

type ByKey = Arc<Mutex<HashMap<CacheKey, watch::Receiver<Progress>>>>;

/// All fetches under way that may be shared.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    by_key: ByKey,
}

/// What to do about a key.
pub(crate) enum Joined {
    /// Nobody fetches it: fetch it, and tell.
    Lead(Lead),
    /// Somebody does: wait.
    Follow(watch::Receiver<Progress>),
}

impl Flights {
    /// Joins the fetch of a key, or begins one.
    pub(crate) fn join(&self, key: &CacheKey) -> Joined {
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = by_key.get(key) {
            return Joined::Follow(progress.clone());
        }
        let (progress, receiver) = watch::channel(Progress::Waiting);
        by_key.insert(key.clone(), receiver);
        Joined::Lead(Lead {
            key: key.clone(),
            flights: Some(Arc::clone(&self.by_key)),
            progress,
        })
    }

    /// A fetch that nobody may join.
    pub(crate) fn alone(key: &CacheKey) -> Lead {
        Lead {
            key: key.clone(),
            flights: None,
            progress: watch::channel(Progress::Waiting).0,
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.by_key.lock().unwrap().len()
    }
}

/// The right, and the duty, to fetch a key. Dropped, the fetch is over: nobody can join any more.
#[derive(Debug)]
pub(crate) struct Lead {
    key: CacheKey,
    flights: Option<ByKey>,
    progress: watch::Sender<Progress>,
}

impl Lead {
    /// Waits for what this fetch comes to.
    pub(crate) fn follow(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Tells all who wait. What cannot be joined later leaves the map at once.
    pub(crate) fn tell(&mut self, progress: Progress) {
        let joinable = matches!(&progress, Progress::Arrived(arrival) if arrival.kept);
        self.progress.send_replace(progress);
        if !joinable {
            self.close();
        }
    }

    fn close(&mut self) {
        if let Some(flights) = self.flights.take() {
            let mut by_key = flights.lock().unwrap_or_else(PoisonError::into_inner);
            by_key.remove(&self.key);
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

    fn key(path: &str) -> CacheKey {
        CacheKey::new(Scheme::Http, "www.example.com", path)
    }

    #[test]
    fn one_leads_and_the_others_follow_until_it_is_over() {
        let flights = Flights::default();
        let Joined::Lead(mut lead) = flights.join(&key("/a")) else {
            panic!("nobody was there before");
        };
        let Joined::Follow(follower) = flights.join(&key("/a")) else {
            panic!("a fetch is under way");
        };
        assert!(matches!(flights.join(&key("/b")), Joined::Lead(_)));
        lead.tell(Progress::Failed(Failure::Timeout));
        assert!(matches!(
            *follower.borrow(),
            Progress::Failed(Failure::Timeout)
        ));
        assert!(matches!(flights.join(&key("/a")), Joined::Lead(_)));
    }

    #[test]
    fn a_leader_that_is_lost_leaves_nothing_behind() {
        let flights = Flights::default();
        let joined = flights.join(&key("/a"));
        assert_eq!(flights.len(), 1);
        drop(joined);
        assert_eq!(flights.len(), 0);
    }
}
