//! What the last purges have removed here.
//!
//! A node may hear of a purge from another one before it is told by who asked for it. That one wants to
//! know what the purge has removed, whichever of the two was first: nothing is left for the second.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use perigee_proxy::Outcome;

/// Purges that are remembered: more than are told at once, unless somebody tells thousands.
const MOST: usize = 1_024;

/// By their ids.
#[derive(Debug, Default)]
pub(crate) struct Removed(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    keys: HashMap<String, Arc<Keys>>,
    /// The oldest first.
    ids: VecDeque<String>,
}

/// Of one purge, and locked while that is carried out: `None` before its first time.
type Keys = tokio::sync::Mutex<Option<Known>>;

/// How many keys, if that is known.
type Known = Option<u64>;

impl Removed {
    /// Carries out a purge, once nobody else does the same one. The keys of the outcome are those that
    /// the purge has removed here whenever it was carried out, and not known if it was `before` and is
    /// not remembered.
    pub(crate) async fn by(
        &self,
        id: &str,
        before: impl FnOnce() -> bool,
        carry_out: impl Future<Output = Outcome>,
    ) -> Outcome {
        let keys = self.last().keys_of(id, before);
        let mut keys = keys.lock().await;
        // Whoever is stopped on the way leaves it unknown.
        let before = keys.replace(None);
        let outcome = carry_out.await;
        let now = match before {
            None => outcome.keys,
            // A key that was refilled in between is the same one.
            Some(before) => before
                .zip(outcome.keys)
                .map(|(before, now)| before.max(now)),
        };
        *keys = Some(now);
        Outcome {
            keys: now,
            ..outcome
        }
    }

    /// It is whole after each change, so a panic elsewhere does not spoil it.
    fn last(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Last {
    fn keys_of(&mut self, id: &str, before: impl FnOnce() -> bool) -> Arc<Keys> {
        if let Some(keys) = self.keys.get(id) {
            return Arc::clone(keys);
        }
        let keys = Arc::new(Keys::new(before().then_some(None)));
        self.keys.insert(id.to_owned(), Arc::clone(&keys));
        self.ids.push_back(id.to_owned());
        if self.ids.len() > MOST
            && let Some(oldest) = self.ids.pop_front()
        {
            self.keys.remove(&oldest);
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, poll_fn, ready},
        pin::pin,
        task::Poll,
    };

    use tokio::sync::oneshot;

    use super::*;

    fn outcome(keys: Option<u64>) -> Outcome {
        Outcome {
            keys,
            unwritten: None,
        }
    }

    async fn told(removed: &Removed, id: &str, keys: Option<u64>) -> Option<u64> {
        let new = || false;
        removed.by(id, new, ready(outcome(keys))).await.keys
    }

    /// Begins, and comes no further.
    async fn polled_once(what: &mut (impl Future<Output = Outcome> + Unpin)) {
        let polled = poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut *what).poll(cx))).await;
        assert!(polled.is_pending());
    }

    #[tokio::test]
    async fn who_tells_of_a_purge_again_hears_what_it_has_removed() {
        let removed = Removed::default();
        assert_eq!(told(&removed, "a", Some(2)).await, Some(2));
        assert_eq!(told(&removed, "a", Some(0)).await, Some(2));
        assert_eq!(told(&removed, "b", Some(0)).await, Some(0));
        assert_eq!(told(&removed, "b", Some(1)).await, Some(1));
        assert_eq!(told(&removed, "tag", None).await, None);
        assert_eq!(told(&removed, "tag", Some(0)).await, None);
    }

    #[tokio::test]
    async fn who_comes_while_it_is_carried_out_hears_it_too() {
        let removed = Removed::default();
        let (done, until_done) = oneshot::channel();
        let first = async {
            let keys = until_done.await.expect("is told");
            outcome(Some(keys))
        };
        let mut first = Box::pin(removed.by("a", || false, first));
        polled_once(&mut first).await;
        let mut second = pin!(told(&removed, "a", Some(0)));
        assert!(
            poll_fn(|cx| Poll::Ready(second.as_mut().poll(cx)))
                .await
                .is_pending()
        );
        done.send(3).expect("is awaited");
        assert_eq!(first.await.keys, Some(3));
        assert_eq!(second.await, Some(3));
    }

    #[tokio::test]
    async fn what_is_not_remembered_is_not_known() {
        let removed = Removed::default();
        let again = |id: &'static str| removed.by(id, || true, ready(outcome(Some(0))));
        assert_eq!(again("of an earlier life").await.keys, None);
        assert_eq!(told(&removed, "a", Some(2)).await, Some(2));
        for number in 0..MOST {
            told(&removed, &number.to_string(), Some(0)).await;
        }
        assert_eq!(again("a").await.keys, None);
        assert_eq!(removed.last().keys.len(), MOST);
    }

    #[tokio::test]
    async fn who_is_stopped_leaves_it_unknown() {
        let removed = Removed::default();
        {
            let mut stopped = Box::pin(removed.by("a", || false, pending()));
            polled_once(&mut stopped).await;
        }
        assert_eq!(told(&removed, "a", Some(0)).await, None);
    }
}
