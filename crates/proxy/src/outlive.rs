//! Work that is done for somebody, and goes on when that one leaves.

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
};

use tokio::runtime::Handle;

use crate::lead::Errand;

/// Places for work that a thread keeps: more are seldom under way in one at once.
const MOST_KEPT: usize = 64;

thread_local! {
    static KEPT: RefCell<Vec<Box<dyn Place>>> = const { RefCell::new(Vec::new()) };
}

/// Where work is done. It is large, so that places are used again.
trait Place: Send {
    fn begin(&mut self, errand: Errand);
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// A place for the work that `of` makes of an errand.
struct Room<O, W> {
    of: O,
    work: Pin<Box<Option<W>>>,
}

impl<O, W> Place for Room<O, W>
where
    O: Fn(Errand) -> W + Send,
    W: Future<Output = ()> + Send,
{
    fn begin(&mut self, errand: Errand) {
        self.work.set(Some((self.of)(errand)));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let polled = self.work.as_mut().as_pin_mut().map(|work| work.poll(cx));
        if polled == Some(Poll::Pending) {
            return Poll::Pending;
        }
        self.work.set(None);
        Poll::Ready(())
    }
}

fn place<O, W>(of: O) -> Box<dyn Place>
where
    O: Fn(Errand) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let work = Box::pin(None);
    Box::new(Room { of, work })
}

/// Keeps a place where nothing is done any more for the next one.
fn keep(place: Box<dyn Place>) {
    // Not at the end of a thread.
    let _ = KEPT.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.len() < MOST_KEPT {
            kept.push(place);
        }
    });
}

/// Work in the task of the one who waits for it: nothing is handed over, and nobody else is woken.
/// Once that one does not wait any more, it goes on in a task of its own.
pub(crate) struct Outlive(Option<Box<dyn Place>>);

impl Outlive {
    pub(crate) fn new(errand: Errand) -> Self {
        let kept = KEPT.with(|kept| kept.borrow_mut().pop());
        let mut place = kept.unwrap_or_else(|| place(Errand::run));
        place.begin(errand);
        Outlive(Some(place))
    }

    /// Works until `done`, and leaves the rest for later.
    pub(crate) async fn until<T>(mut self, done: impl Future<Output = T>) -> T {
        let mut done = pin!(done);
        poll_fn(|cx| {
            self.work(cx);
            done.as_mut().poll(cx)
        })
        .await
    }

    fn work(&mut self, cx: &mut Context<'_>) {
        let polled = self.0.as_mut().map(|place| place.poll(cx));
        if polled == Some(Poll::Ready(()))
            && let Some(place) = self.0.take()
        {
            keep(place);
        }
    }
}

impl Drop for Outlive {
    fn drop(&mut self) {
        if let Some(mut place) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move {
                poll_fn(|cx| place.poll(cx)).await;
                keep(place);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::sync::{Notify, oneshot};

    use super::*;

    /// A place for one work alone.
    struct Only(Pin<Box<dyn Future<Output = ()> + Send>>);

    impl Place for Only {
        fn begin(&mut self, _: Errand) {
            panic!("it has its work");
        }

        fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            self.0.as_mut().poll(cx)
        }
    }

    fn outlive(work: impl Future<Output = ()> + Send + 'static) -> Outlive {
        Outlive(Some(Box::new(Only(Box::pin(work)))))
    }

    #[tokio::test]
    async fn what_needs_nobody_else_is_done_at_once() {
        let (sender, receiver) = oneshot::channel();
        let work = outlive(async move {
            let _ = sender.send(tokio::task::try_id());
        });
        let worker = work.until(receiver).await.unwrap();
        assert_eq!(worker, tokio::task::try_id(), "the task that waits");
    }

    #[tokio::test]
    async fn the_rest_goes_on_by_itself_wherever_it_is_left() {
        for waits in [true, false] {
            let (sender, receiver) = oneshot::channel();
            let (go_on, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let (told, tells) = (Arc::clone(&go_on), Arc::clone(&done));
            let work = outlive(async move {
                if waits {
                    let _ = sender.send(());
                }
                told.notified().await;
                tells.notify_one();
                drop(told);
            });
            let waited = tokio::time::timeout(Duration::from_millis(1), work.until(receiver));
            assert_eq!(waited.await.is_ok(), waits);
            go_on.notify_one();
            done.notified().await;
        }
    }
}
