//! The request body on its way out, watched so that the wait for a response head is measured
//! from the last moment at which it was the origin's turn.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{Body, body::BoxError};

/// Whose turn it is.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// The connection is not there yet, or the client has to bring more of the body: other limits
    /// bound that.
    NotTheOrigins,
    /// The origin has had all there was since then: it should read on, or answer.
    Origins(Instant),
}

/// What is known of one request's way out.
#[derive(Debug)]
pub(crate) struct Progress(Mutex<Turn>);

impl Progress {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Progress(Mutex::new(Turn::NotTheOrigins)))
    }

    fn set(&self, turn: Turn) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }

    fn turn(&self) -> Turn {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends when it has been the origin's turn for `limit` without a break.
    pub(crate) async fn origin_silent_for(&self, limit: Duration) {
        loop {
            match self.turn() {
                // Its turn cannot have begun before now, so nothing is missed by sleeping.
                Turn::NotTheOrigins => sleep(limit).await,
                Turn::Origins(since) if since.elapsed() >= limit => return,
                Turn::Origins(since) => sleep_until(since + limit).await,
            }
        }
    }
}

/// A request body that notes its progress. Dropped when the last of it is written.
#[derive(Debug)]
pub(crate) struct Upload {
    body: Body,
    progress: Arc<Progress>,
}

impl Upload {
    pub(crate) fn new(body: Body, progress: Arc<Progress>) -> Self {
        Upload { body, progress }
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.progress.set(match polled {
            Poll::Pending => Turn::NotTheOrigins,
            Poll::Ready(_) => Turn::Origins(Instant::now()),
        });
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.progress.set(Turn::Origins(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use http_body_util::{BodyExt, StreamBody};

    use super::*;
    use crate::body;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn time_runs_from_the_end_of_the_body() {
        let progress = Progress::new();
        let upload = Upload::new(body::full("x"), progress.clone());
        let start = Instant::now();
        tokio::spawn(async move {
            sleep(Duration::from_secs(45)).await;
            drop(upload);
        });
        progress.origin_silent_for(LIMIT).await;
        assert_eq!(start.elapsed(), Duration::from_secs(75));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stalls_is_not_the_origins_fault() {
        let progress = Progress::new();
        let never = StreamBody::new(futures_util::stream::once(pending()));
        let mut upload = Upload::new(body::boxed::<StreamBody<_>>(typed(never)), progress.clone());
        let client_stalls = tokio::time::timeout(LIMIT * 10, async {
            tokio::select! {
                _ = upload.frame() => {}
                () = progress.origin_silent_for(LIMIT) => {}
            }
        });
        assert!(client_stalls.await.is_err(), "nothing may end");
    }

    #[tokio::test(start_paused = true)]
    async fn an_origin_that_stops_reading_is() {
        let progress = Progress::new();
        let mut upload = Upload::new(body::full("x"), progress.clone());
        upload.frame().await.unwrap().unwrap();
        let start = Instant::now();
        progress.origin_silent_for(LIMIT).await;
        assert_eq!(start.elapsed(), LIMIT);
    }

    fn typed<S>(stream: StreamBody<S>) -> StreamBody<S>
    where
        S: futures_util::Stream<Item = Result<Frame<Bytes>, BoxError>>,
    {
        stream
    }
}
