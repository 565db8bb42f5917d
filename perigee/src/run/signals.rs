//! What the operating system tells a process.

use std::{io, process};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Stop, or look at the files again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

/// The signals that are listened to, from creation on.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        // Left alone, it would end the process where a file may not grow any more (RLIMIT_FSIZE):
        // caught once, it stays so, and the write fails as on a disk that is full.
        let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.hang_up.recv() => Told::Reload,
        }
    }

    /// Ends the process at the next signal to stop, or at the second one if none has been `asked` yet.
    pub(super) async fn quit_at_stop(&mut self, mut asked: bool) {
        loop {
            match self.next().await {
                Told::Stop if asked => quit(),
                Told::Stop => asked = true,
                Told::Reload => {}
            }
        }
    }
}

/// Ends the process: who asks twice does not want to wait.
pub(super) fn quit() -> ! {
    tracing::warn!("asked again to stop: quitting at once");
    process::exit(130);
}
