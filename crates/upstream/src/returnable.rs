//! A request body that comes back when nobody read of it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use crate::{Body, body::BoxError};

/// Where a body waits between two tries of a request. One of nothing is always there.
#[derive(Clone, Debug)]
pub(crate) struct Home(Option<Slot>);

type Slot = Arc<Mutex<Option<Body>>>;

impl Home {
    pub(crate) fn new(body: Body) -> Self {
        let is_empty = body.is_end_stream();
        Home((!is_empty).then(|| Arc::new(Mutex::new(Some(body)))))
    }

    /// Whether it is here.
    pub(crate) fn is_there(&self) -> bool {
        self.0.as_ref().is_none_or(|slot| lock(slot).is_some())
    }

    /// The body for one try, if it is here: it comes back when it is dropped untouched.
    pub(crate) fn lend(&self) -> Option<Returnable> {
        let slot = self.0.as_ref()?;
        let body = lock(slot).take()?;
        Some(Returnable {
            body: Some(body),
            touched: false,
            home: Arc::clone(slot),
        })
    }
}

fn lock(slot: &Slot) -> MutexGuard<'_, Option<Body>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A body on loan.
#[derive(Debug)]
pub(crate) struct Returnable {
    // There until the drop.
    body: Option<Body>,
    touched: bool,
    home: Slot,
}

impl http_body::Body for Returnable {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.touched = true;
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map(|body| body.size_hint())
            .unwrap_or_default()
    }
}

impl Drop for Returnable {
    fn drop(&mut self) {
        if !self.touched {
            *lock(&self.home) = self.body.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::body;

    #[tokio::test]
    async fn comes_back_untouched_only() {
        let home = Home::new(body::full("abc"));
        let lent = home.lend().unwrap();
        assert!(home.lend().is_none(), "only one at a time");
        drop(lent);
        let mut lent = home.lend().expect("it came back");
        assert_eq!(lent.size_hint().exact(), Some(3));
        lent.frame().await.unwrap().unwrap();
        drop(lent);
        assert!(home.lend().is_none(), "what was read does not come back");
    }
}
