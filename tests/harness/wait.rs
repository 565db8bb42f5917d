//! Waiting for something to become true: polled, with a deadline.

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Long enough for a loaded machine; what is waited for takes milliseconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Polls until `check` gives something. Panics with `what` at the deadline.
pub(crate) async fn until<T, F, Fut>(what: &str, mut check: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(Instant::now() < end, "not within {DEADLINE:?}: {what}");
        // Between two looks, not in place of one.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
