//! Work that is done for somebody, and goes on when that one leaves.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
};

use tokio::runtime::Handle;

/// Work in the task of the one who waits for it: nothing is handed over, and nobody else is woken.
/// Once that one does not wait any more, it goes on in a task of its own.
pub(crate) struct Outlive(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Outlive {
    pub(crate) fn new(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Outlive(Some(Box::pin(work)))
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
        let work = self.0.as_mut().map(|work| work.as_mut().poll(cx));
        if work == Some(Poll::Ready(())) {
            self.0 = None;
        }
    }
}

impl Drop for Outlive {
    fn drop(&mut self) {
        if let Some(work) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::sync::{Notify, oneshot};

    use super::*;

    #[tokio::test]
    async fn what_needs_nobody_else_is_done_at_once() {
        let (sender, receiver) = oneshot::channel();
        let work = Outlive::new(async move {
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
            let work = Outlive::new(async move {
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
