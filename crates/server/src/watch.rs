//! Keeps the times of one connection.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::{Limits, shared::Shared, state::State, timers, timers::Action};

/// The watch of one connection. It has one timer, which is moved only when something becomes due
/// earlier than it stands: a request that is answered at once costs no timer work.
pub(crate) struct Watch {
    state: Arc<State>,
    shared: Arc<Shared>,
    limits: Arc<Limits>,
    sleep: Pin<Box<Sleep>>,
}

impl Watch {
    pub(crate) fn new(state: Arc<State>, shared: Arc<Shared>, limits: Arc<Limits>) -> Self {
        let sleep = Box::pin(sleep_until(state.born().into()));
        let mut watch = Watch {
            state,
            shared,
            limits,
            sleep,
        };
        watch.set(
            watch
                .limits
                .handshake_timeout
                .min(watch.limits.idle_timeout),
        );
        watch
    }

    /// Waits until something is due.
    pub(crate) async fn next(&mut self) -> Action {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Runs `future` unless something becomes due first.
    pub(crate) async fn guard<F: Future>(&mut self, future: F) -> Result<F::Output, Action> {
        let mut future = pin!(future);
        tokio::select! {
            biased;
            output = &mut future => Ok(output),
            action = self.next() => Err(action),
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Action> {
        // Before the marks are read, so that none is missed that is set from here on.
        self.state.task.register(cx);
        if self.state.is_cut() || self.state.is_gone() {
            return Poll::Ready(Action::Cut);
        }
        loop {
            let view = self.state.view(self.shared.phase(self.state.born()));
            let Some((due, action)) = timers::next(&view, &self.limits) else {
                return Poll::Pending;
            };
            let at = self.state.born() + due;
            if self.sleep.deadline().into_std() > at {
                self.set(due);
            }
            match self.sleep.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) if self.state.age() >= due => return Poll::Ready(action),
                Poll::Ready(()) => self.set(due),
            }
        }
    }

    fn set(&mut self, due: Duration) {
        let at = Instant::from_std(self.state.born() + due);
        self.sleep.as_mut().reset(at);
    }
}
