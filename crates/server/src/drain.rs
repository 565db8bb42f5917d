//! How a drain ended.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use crate::{registry::Registry, state::State};

/// How long connections may take to close that have been cut.
const CUT: Duration = Duration::from_secs(1);

/// What became of the connections that were open when a drain began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainReport {
    /// Connections that finished what they were doing.
    pub finished: usize,
    /// Connections cut at the deadline.
    pub cut: usize,
}

/// Waits for the connections to end that have been told to, and cuts what is left at the deadline.
pub(crate) async fn run(registry: &Registry, deadline: Instant) -> DrainReport {
    let open = registry.count();
    let cut = match timeout_at(deadline, registry.emptied()).await {
        Ok(()) => 0,
        Err(_) => registry.count(),
    };
    if cut > 0 {
        registry.each(State::cut);
        // Their tasks need a moment to drop them. One that does not is cut off with the process.
        let _ = timeout(CUT, registry.emptied()).await;
    }
    DrainReport {
        finished: open.saturating_sub(cut),
        cut,
    }
}
