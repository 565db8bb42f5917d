//! Connections that wait for their next request.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Wake, Waker},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::Connection;

/// The idle connections of one endpoint. The last one that came is the first to go, so that those
/// which are not needed grow old.
///
/// One that the other side closes is closed here at once, too: a task, which is there as long as
/// anything is kept, is woken for it.
#[derive(Debug)]
pub(crate) struct Kept {
    max: usize,
    timeout: Duration,
    idle: Mutex<Idle>,
    alarm: Arc<Alarm>,
    waker: Waker,
    this: Weak<Kept>,
}

#[derive(Debug, Default)]
struct Idle {
    // The oldest first.
    connections: Vec<Resting>,
    is_swept: bool,
}

#[derive(Debug)]
struct Resting {
    connection: Box<Connection>,
    since: Instant,
}

/// Something has come on a connection that waits.
#[derive(Debug, Default)]
struct Alarm(Notify);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

impl Kept {
    /// Keeps so many at most, for so long at most.
    pub(crate) fn new(max: usize, timeout: Duration) -> Arc<Self> {
        let alarm = Arc::new(Alarm::default());
        Arc::new_cyclic(|this| Kept {
            max,
            timeout,
            idle: Mutex::default(),
            waker: Waker::from(Arc::clone(&alarm)),
            alarm,
            this: this.clone(),
        })
    }

    /// One that has been idle for less than `brief`, if there is one on which nothing has come.
    pub(crate) fn take(&self, brief: Duration, now: Instant) -> Option<Box<Connection>> {
        let limit = brief.min(self.timeout);
        loop {
            let mut idle = self.lock();
            let youngest = idle.connections.last()?;
            if now.saturating_duration_since(youngest.since) >= limit {
                return None;
            }
            let resting = idle.connections.pop()?;
            drop(idle);
            if resting.connection.is_silent() {
                return Some(resting.connection);
            }
        }
    }

    /// Keeps a connection that has nothing under way.
    pub(crate) fn put(&self, mut connection: Box<Connection>) {
        connection.rest();
        let mut cx = Context::from_waker(&self.waker);
        if connection.poll_bad(&mut cx).is_ready() {
            return;
        }
        let since = Instant::now();
        let mut idle = self.lock();
        if idle.connections.len() >= self.max {
            return;
        }
        idle.connections.push(Resting { connection, since });
        if !idle.is_swept
            && let Ok(runtime) = Handle::try_current()
        {
            idle.is_swept = true;
            runtime.spawn(sweep(self.this.clone(), Arc::clone(&self.alarm)));
        }
    }

    /// Closes what is of no use any more. When the next one will be too old; `None`: none is left,
    /// and nobody sweeps from now on.
    fn sweep(&self, now: Instant) -> Option<Instant> {
        let mut cx = Context::from_waker(&self.waker);
        let mut idle = self.lock();
        idle.connections.retain_mut(|resting| {
            let is_young = now.saturating_duration_since(resting.since) < self.timeout;
            is_young && resting.connection.poll_bad(&mut cx).is_pending()
        });
        let next = idle.connections.first().map(|it| it.since + self.timeout);
        idle.is_swept = next.is_some();
        next
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sweep(kept: Weak<Kept>, alarm: Arc<Alarm>) {
    loop {
        let next = match kept.upgrade() {
            Some(kept) => kept.sweep(Instant::now()),
            None => None,
        };
        let Some(next) = next else {
            return;
        };
        tokio::select! {
            () = alarm.0.notified() => {}
            () = sleep_until(next) => {}
        }
    }
}
