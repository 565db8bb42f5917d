//! What one has to tell, and all who wait for it. A fetch nearly always has nobody who waits: that
//! costs one allocation and no wakeup.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// Who tells. Dropped, nothing more is told.
#[derive(Debug)]
pub(crate) struct Teller<T>(Arc<Mutex<Told<T>>>);

/// Who hears of it.
#[derive(Debug)]
pub(crate) struct Listener<T>(Arc<Mutex<Told<T>>>);

#[derive(Debug)]
struct Told<T> {
    last: T,
    is_over: bool,
    waiting: Vec<Waker>,
}

impl<T> Clone for Listener<T> {
    fn clone(&self) -> Self {
        Listener(Arc::clone(&self.0))
    }
}

/// Both ends.
pub(crate) fn told<T>(first: T) -> (Teller<T>, Listener<T>) {
    let told = Arc::new(Mutex::new(Told {
        last: first,
        is_over: false,
        waiting: Vec::new(),
    }));
    (Teller(Arc::clone(&told)), Listener(told))
}

impl<T> Teller<T> {
    pub(crate) fn tell(&self, news: T) {
        self.change(|told| told.last = news);
    }

    /// Whether there is anybody to tell, now or later.
    pub(crate) fn is_heard(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    fn change(&self, change: impl FnOnce(&mut Told<T>)) {
        let waiting = {
            let mut told = lock(&self.0);
            change(&mut told);
            std::mem::take(&mut told.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<T> Drop for Teller<T> {
    fn drop(&mut self) {
        self.change(|told| told.is_over = true);
    }
}

impl<T> Listener<T> {
    /// What was told last, as seen by `look`.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&lock(&self.0).last)
    }
}

impl<T: Clone> Listener<T> {
    /// The first news that `is_it`; `None` if such will not come any more.
    pub(crate) async fn until(&self, is_it: impl Fn(&T) -> bool) -> Option<T> {
        // All who wait are woken at each news, so that one place in the row is enough.
        let mut place = None;
        poll_fn(|cx| self.poll_until(&is_it, &mut place, cx)).await
    }

    fn poll_until(
        &self,
        is_it: &impl Fn(&T) -> bool,
        place: &mut Option<usize>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<T>> {
        let mut told = lock(&self.0);
        if is_it(&told.last) {
            return Poll::Ready(Some(told.last.clone()));
        }
        if told.is_over {
            return Poll::Ready(None);
        }
        let waker = cx.waker();
        match place.and_then(|place| told.waiting.get_mut(place)) {
            Some(mine) if mine.will_wake(waker) => {}
            // Perhaps another one's by now: then that one is not displaced.
            _ => {
                *place = Some(told.waiting.len());
                told.waiting.push(waker.clone());
            }
        }
        Poll::Pending
    }
}

fn lock<T>(told: &Mutex<Told<T>>) -> MutexGuard<'_, Told<T>> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_who_wait_hear_what_they_wait_for() {
        let (teller, listener) = told(0);
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let listener = listener.clone();
                tokio::spawn(async move { listener.until(|&news| news > 1).await })
            })
            .collect();
        tokio::task::yield_now().await;
        teller.tell(1);
        tokio::task::yield_now().await;
        assert!(waiting.iter().all(|it| !it.is_finished()));
        teller.tell(2);
        for waited in waiting {
            assert_eq!(waited.await.unwrap(), Some(2));
        }
        assert_eq!(listener.with(|&news| news), 2);
    }

    #[tokio::test]
    async fn nobody_waits_for_one_who_is_gone() {
        let (teller, listener) = told(0);
        let waiting = {
            let listener = listener.clone();
            tokio::spawn(async move { listener.until(|&news| news > 1).await })
        };
        tokio::task::yield_now().await;
        teller.tell(1);
        drop(teller);
        assert_eq!(waiting.await.unwrap(), None);
        assert_eq!(listener.until(|&news| news == 1).await, Some(1));
    }

    #[tokio::test]
    async fn who_is_polled_often_stands_in_the_row_once() {
        let (_teller, listener) = told(0);
        let mut waits = Box::pin(listener.until(|&news| news > 1));
        for _ in 0..10 {
            poll_fn(|cx| {
                assert!(waits.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
        }
        assert_eq!(lock(&listener.0).waiting.len(), 1);
    }
}
