//! Waiting for a hop, and what is done meanwhile to find out whether it is still there.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use perigee_upstream::Body as Relayed;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::{
    body::BodyError,
    next_hop::{Hop, NextHop},
};

/// Ends once the hop is known to be down. One that lets wait is suspected, and again after ever
/// longer pauses: a process that has frozen keeps its connections, and says nothing on them.
pub(crate) async fn until_lost(hop: &Hop, next: &dyn NextHop, suspect_after: Duration) {
    let suspect = async {
        let mut pause = suspect_after.max(Duration::from_millis(1));
        loop {
            sleep(pause).await;
            next.suspect(hop);
            pause *= 2;
        }
    };
    tokio::select! {
        () = next.lost(hop) => {}
        () = suspect => {}
    }
}

/// Whether the hop is known to be down now.
pub(crate) fn is_lost(hop: &Hop, next: &dyn NextHop) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    next.lost(hop).as_mut().poll(&mut cx).is_ready()
}

/// A body that comes from another node: it ends with an error once that is known to be down, and
/// whether it is gets looked into when it is silent, or breaks off.
pub(crate) struct Suspected {
    body: Relayed,
    hop: Hop,
    next: Arc<dyn NextHop>,
    suspect_after: Duration,
    /// Made when the body first has to wait.
    timer: Option<Pin<Box<Sleep>>>,
    is_silent: bool,
    /// Since its silence has lasted for too long.
    lost: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    is_over: bool,
}

impl Suspected {
    pub(crate) fn new(
        body: Relayed,
        hop: &Hop,
        next: &Arc<dyn NextHop>,
        suspect_after: Duration,
    ) -> Self {
        Suspected {
            body,
            hop: hop.clone(),
            next: Arc::clone(next),
            suspect_after,
            timer: None,
            is_silent: false,
            lost: None,
            is_over: false,
        }
    }

    /// Ready once it is known that nothing more comes.
    fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_silent {
            self.is_silent = true;
            let at = Instant::now() + self.suspect_after;
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(at),
                None => self.timer = Some(Box::pin(sleep_until(at))),
            }
        }
        if self.lost.is_none()
            && let Some(timer) = &mut self.timer
        {
            ready!(timer.as_mut().poll(cx));
            self.next.suspect(&self.hop);
        }
        let (hop, next, pause) = (&self.hop, &self.next, self.suspect_after);
        let lost = self.lost.get_or_insert_with(|| {
            let (hop, next) = (hop.clone(), Arc::clone(next));
            Box::pin(async move { until_lost(&hop, &*next, pause).await })
        });
        lost.as_mut().poll(cx)
    }
}

impl Body for Suspected {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            ready!(self.poll_lost(cx));
            self.is_over = true;
            let name = self.hop.name();
            let went = format!("{name} went down while it sent the response body");
            return Poll::Ready(Some(Err(went.into())));
        };
        (self.is_silent, self.lost) = (false, None);
        if let Some(Err(_)) = &frame {
            self.is_over = true;
            // It may have died, or it passes on that an origin broke off: its probe will tell.
            self.next.suspect(&self.hop);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
