//! The signals that end the demo.

use tokio::{
    io::{Interest, unix::AsyncFd},
    signal::unix::{Signal, SignalKind, signal},
};

/// Ctrl-C, SIGTERM, or the terminal closed.
pub(super) struct Stop([Signal; 3]);

impl Stop {
    pub(super) fn listen() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|e| format!("cannot listen to signals: {e}"));
        Ok(Stop([
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        ]))
    }

    pub(super) async fn asked(&mut self) {
        let [interrupt, terminate, hang_up] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}

/// Waits until nobody reads standard output any more. A file has no reader that could leave.
pub(super) async fn reader_left() {
    #[expect(
        deprecated,
        reason = "it asks for a descriptor that stays open, as that of standard output does, and \
                  what replaces it is unsafe"
    )]
    let output = AsyncFd::with_interest(std::io::stdout(), Interest::ERROR);
    match output {
        Ok(output) if output.ready(Interest::ERROR).await.is_ok() => {}
        _ => std::future::pending().await,
    }
}
