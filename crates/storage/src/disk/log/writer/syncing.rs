//! Waits for the disk in place of the writer.

use std::{
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread::{Builder, JoinHandle},
};

use super::super::{files::File, state::Counters};

/// Syncs files, one after the other, on a thread of its own. One may wait while another is synced;
/// then the writer waits: the disk does not keep up.
pub(super) struct Syncing {
    waiting: Option<SyncSender<Arc<dyn File>>>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
}

impl Syncing {
    pub(super) fn start(counters: &Arc<Counters>) -> Self {
        let (waiting, files) = sync_channel::<Arc<dyn File>>(1);
        let counted = Arc::clone(counters);
        let run = move || files.iter().for_each(|file| sync(file.as_ref(), &counted));
        let thread = Builder::new().name("perigee-sync".to_owned()).spawn(run);
        Syncing {
            waiting: Some(waiting),
            // Without it, the writer does it.
            thread: thread.ok(),
            counters: Arc::clone(counters),
        }
    }

    /// Syncs a file, some time later.
    pub(super) fn sync(&self, file: Arc<dyn File>) {
        let Some(waiting) = &self.waiting else {
            return;
        };
        if let Err(unsent) = waiting.send(file) {
            sync(unsent.0.as_ref(), &self.counters);
        }
    }
}

/// What was written stays readable when this fails: only a power loss would show it.
fn sync(file: &dyn File, counters: &Counters) {
    if let Err(error) = file.sync() {
        Counters::add(&counters.write_errors, 1);
        tracing::debug!(%error, "a segment of the disk could not be synced");
    }
}

impl Drop for Syncing {
    fn drop(&mut self) {
        self.waiting = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
