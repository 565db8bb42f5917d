//! An origin that answers only when the test lets it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use tokio::sync::Semaphore;

use super::{
    origin::{Asked, Origin},
    wait,
};

/// A running origin, and the gate before its answers.
#[derive(Debug)]
pub(crate) struct Gated {
    pub(crate) origin: Origin,
    gate: Arc<Semaphore>,
}

impl Gated {
    /// Answers by `answer`, which sees the request, and how many came before it; each answer
    /// waits to be let out.
    pub(crate) async fn start<F>(answer: F) -> Self
    where
        F: Fn(&Asked, usize) -> Response<Full<Bytes>> + Send + Sync + 'static,
    {
        Gated::start_for(|_| true, answer).await
    }

    /// The same, where only the answers to some requests wait.
    pub(crate) async fn start_for<W, F>(waits: W, answer: F) -> Self
    where
        W: Fn(&Asked) -> bool + Send + Sync + 'static,
        F: Fn(&Asked, usize) -> Response<Full<Bytes>> + Send + Sync + 'static,
    {
        let gate = Arc::new(Semaphore::new(0));
        let (passed, how) = (Arc::clone(&gate), Arc::new((waits, answer)));
        let count = AtomicUsize::new(0);
        let origin = Origin::start(move |asked| {
            let (gate, how) = (Arc::clone(&passed), Arc::clone(&how));
            let before = count.fetch_add(1, Ordering::SeqCst);
            async move {
                if (how.0)(&asked) {
                    gate.acquire().await.unwrap().forget();
                }
                (how.1)(&asked, before)
            }
        })
        .await;
        Gated { origin, gate }
    }

    /// Lets this many answers out.
    pub(crate) fn let_out(&self, answers: usize) {
        self.gate.add_permits(answers);
    }

    /// Waits until a path was asked for this often.
    pub(crate) async fn until_asked(&self, path: &str, times: usize) {
        let what = format!("{path} is asked for {times} times");
        wait::until(&what, || async {
            (self.origin.count(path) >= times).then_some(())
        })
        .await;
    }

    pub(crate) fn url(&self) -> String {
        self.origin.url()
    }

    pub(crate) fn count(&self, path: &str) -> usize {
        self.origin.count(path)
    }
}
