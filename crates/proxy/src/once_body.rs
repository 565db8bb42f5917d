//! A request body that can be offered to several hops, and is given to the first that reads it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use perigee_upstream::Body as Relayed;

/// A body that waits for a hop that reads it. One of nothing is for all of them.
pub(crate) struct Offered(Option<Arc<Mutex<Option<Relayed>>>>);

impl Offered {
    pub(crate) fn new(body: Relayed) -> Self {
        let is_empty = body.is_end_stream();
        Offered((!is_empty).then(|| Arc::new(Mutex::new(Some(body)))))
    }

    /// The body as one hop gets it.
    pub(crate) fn offer(&self) -> Relayed {
        match &self.0 {
            None => perigee_upstream::body::empty(),
            Some(slot) => perigee_upstream::body::boxed(OnceBody::new(slot)),
        }
    }

    /// Whether no hop has read of it.
    pub(crate) fn is_untouched(&self) -> bool {
        let slot = self.0.as_ref();
        slot.is_none_or(|slot| slot.lock().is_ok_and(|body| body.is_some()))
    }
}

/// Takes the body out of its slot at the first poll; until then another hop may still have it.
struct OnceBody {
    slot: Arc<Mutex<Option<Relayed>>>,
    taken: Option<Relayed>,
    hint: SizeHint,
    empty: bool,
}

impl OnceBody {
    fn new(slot: &Arc<Mutex<Option<Relayed>>>) -> Self {
        let (hint, empty) = match slot.lock().as_deref() {
            Ok(Some(body)) => (body.size_hint(), body.is_end_stream()),
            _ => (SizeHint::with_exact(0), true),
        };
        OnceBody {
            slot: Arc::clone(slot),
            taken: None,
            hint,
            empty,
        }
    }
}

impl Body for OnceBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.empty {
            return Poll::Ready(None);
        }
        if self.taken.is_none() {
            let body = self.slot.lock().ok().and_then(|mut slot| slot.take());
            self.taken = body;
        }
        match &mut self.taken {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(Some(
                Err("the request body was given to another hop".into()),
            )),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.taken.as_ref().map_or(self.empty, Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.taken
            .as_ref()
            .map_or_else(|| self.hint, Body::size_hint)
    }
}
