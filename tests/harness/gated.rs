//! An origin that answers only when the test lets it.

use std::sync::Arc;

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
        let gate = Arc::new(Semaphore::new(0));
        let (answer, passed) = (Arc::new(answer), Arc::clone(&gate));
        let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let origin = Origin::start(move |asked| {
            let (answer, gate) = (Arc::clone(&answer), Arc::clone(&passed));
            let before = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            async move {
                gate.acquire().await.unwrap().forget();
                answer(&asked, before)
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
