//! Finding what was there at start.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::Instant,
};

use super::{
    log::{Found, Written},
    shared::Shared,
    state::NOTHING,
};

impl Shared {
    /// Begins to fill the index with what is on disk, on a thread of its own. The store is used
    /// meanwhile: what is not found yet is not there.
    pub(super) fn start_loading(self: &Arc<Self>) -> std::io::Result<()> {
        let shared = Arc::clone(self);
        let builder = thread::Builder::new().name("perigee-load".to_owned());
        builder.spawn(move || shared.load()).map(drop)
    }

    fn load(&self) {
        let begun = Instant::now();
        let floor = self.purges.stats().floor.number();
        let (to_load, loaded) = (&self.counters.to_load, &self.counters.loaded);
        to_load.store(self.log.state().segments, Relaxed);
        loaded.store(0, Relaxed);
        let mut segment = None;
        let recovery = self.log.recover(|found| {
            // The one before is done.
            let now = found.place.segment;
            let is_next = segment.replace(now).is_some_and(|before| before != now);
            loaded.fetch_add(u64::from(is_next), Relaxed);
            self.load_one(&found, floor);
        });
        loaded.store(to_load.load(Relaxed), Relaxed);
        self.index.is_loaded();
        tracing::info!(
            keys = self.index.len(),
            segments = recovery.segments,
            damaged = recovery.damaged,
            seconds = %format_args!("{:.3}", begun.elapsed().as_secs_f32()),
            "what is on disk is known"
        );
    }

    fn load_one(&self, found: &Found, floor: u64) {
        // All of it was purged, and so was whatever is older.
        if found.revision < floor {
            return self.index.shut_out(found.key_hash);
        }
        if found.revision == NOTHING {
            return self.index.shut_out(found.key_hash);
        }
        self.note_checked(found.place, found.revision);
        let at = Written {
            place: found.place,
            length: found.length,
        };
        self.index.load(found.key_hash, at);
    }
}
