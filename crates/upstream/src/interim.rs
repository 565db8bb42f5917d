//! Interim responses (RFC 9110 section 15.2) on their way in: told to who wants to know, and counted,
//! since an origin may send them without end.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use http::{HeaderMap, Request, StatusCode};
use tokio::sync::Notify;

type Tell = dyn Fn(StatusCode, &HeaderMap) + Send + Sync;

/// Who is told of the interim responses to a request: put among its extensions.
#[derive(Clone)]
pub struct OnInterim(Arc<Tell>);

impl OnInterim {
    /// Calls `tell` with the status and the fields of each.
    pub fn new(tell: impl Fn(StatusCode, &HeaderMap) + Send + Sync + 'static) -> Self {
        OnInterim(Arc::new(tell))
    }
}

impl fmt::Debug for OnInterim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnInterim").finish_non_exhaustive()
    }
}

/// Counts the interim responses to one request.
#[derive(Debug)]
pub(crate) struct Interim {
    max: usize,
    seen: AtomicUsize,
    exceeded: Notify,
}

impl Interim {
    /// Has the interim responses to `request` counted, and told as far as they are no more than
    /// `max`.
    pub(crate) fn watch<B>(request: &mut Request<B>, max: usize) -> Arc<Self> {
        let told = request.extensions_mut().remove::<OnInterim>();
        let count = Arc::new(Interim {
            max,
            seen: AtomicUsize::new(0),
            exceeded: Notify::new(),
        });
        let counting = Arc::clone(&count);
        hyper::ext::on_informational(request, move |response| {
            if counting.seen.fetch_add(1, Relaxed) >= max {
                counting.exceeded.notify_one();
            } else if let Some(OnInterim(tell)) = &told {
                tell(response.status(), response.headers());
            }
        });
        count
    }

    /// Ends when there were more than there may be.
    pub(crate) async fn exceeded(&self) {
        self.exceeded.notified().await;
    }

    /// Whether there were more than there may be, though a response has followed.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.seen.load(Relaxed) > self.max
    }
}
