//! Keeps the times of one connection.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    Limits,
    shared::Shared,
    state::State,
    timers,
    timers::{Action, Phase, Stage},
};

/// The watch of one connection. It has one timer, which is moved only when something becomes due
/// earlier than it stands: a request that is answered at once costs no timer work.
pub(crate) struct Watch {
    state: Arc<State>,
    shared: Arc<Shared>,
    limits: Arc<Limits>,
    sleep: Pin<Box<Sleep>>,
    /// When that is due, counted as [`timers::next`] does.
    at: Duration,
    /// The timer knows whom to wake when it is due.
    armed: bool,
}

impl Watch {
    pub(crate) fn new(state: Arc<State>, shared: Arc<Shared>, limits: Arc<Limits>) -> Self {
        let sleep = Box::pin(sleep_until(state.born().into()));
        let mut watch = Watch {
            state,
            shared,
            limits,
            sleep,
            at: Duration::ZERO,
            armed: false,
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
            let Some((due, action)) = self.due() else {
                return Poll::Pending;
            };
            if self.at > due {
                self.set(due);
            }
            // One that is armed and has not fired has nothing to say.
            if self.armed && !self.sleep.is_elapsed() {
                return Poll::Pending;
            }
            match self.sleep.as_mut().poll(cx) {
                Poll::Pending => {
                    self.armed = true;
                    return Poll::Pending;
                }
                Poll::Ready(()) if self.state.age() >= due => return Poll::Ready(action),
                Poll::Ready(()) => self.set(due),
            }
        }
    }

    /// The earliest thing that is due, if there is any.
    fn due(&self) -> Option<(Duration, Action)> {
        let phase = self.shared.phase(self.state.born());
        match self.state.usual() {
            Some(usual) if phase == Phase::Serving => Some(timers::usual(usual, &self.limits)),
            _ => timers::next(&self.state.view(phase), &self.limits),
        }
    }

    fn set(&mut self, due: Duration) {
        let at = Instant::from_std(self.state.born() + due);
        self.sleep.as_mut().reset(at);
        (self.at, self.armed) = (due, false);
    }
}

pin_project! {
    /// A connection on its way to its end, and the watch over it. When it is over the socket is
    /// closed, or about to be as the connection is dropped.
    pub(crate) struct Watched<C, E> {
        #[pin]
        connection: C,
        ended: E,
        watch: Watch,
        // The connection is over; its socket may be somebody else's now.
        over: bool,
    }
}

impl<C, E> Watched<C, E> {
    /// `ended` is told how the connection went. That it is to finish it sees by its state.
    pub(crate) fn new(connection: C, ended: E, watch: Watch) -> Self {
        Watched {
            connection,
            ended,
            watch,
            over: false,
        }
    }
}

impl<C, E> Future for Watched<C, E>
where
    C: Future,
    E: Fn(C::Output),
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        loop {
            if !*this.over
                && let Poll::Ready(ended) = this.connection.as_mut().poll(cx)
            {
                (this.ended)(ended);
                *this.over = true;
            }
            if *this.over && this.watch.state.stage() != Stage::Upgraded {
                return Poll::Ready(());
            }
            let action = ready!(this.watch.poll_next(cx));
            let state = &this.watch.state;
            match (action, *this.over) {
                (Action::Finish, false) => state.closing(),
                (Action::Cut, false) => {
                    if state.has_unsent() {
                        state.reset_on_close();
                    }
                    return Poll::Ready(());
                }
                (Action::Finish, true) => return Poll::Ready(()),
                (Action::Cut, true) => {
                    state.cut();
                    return Poll::Ready(());
                }
            }
        }
    }
}
