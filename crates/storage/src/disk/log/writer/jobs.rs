//! One job after the other.

use bytes::Bytes;

use super::{
    super::{
        appending::Record,
        queue::{Done, Job, KeyChange, Written},
        state::Counters,
    },
    Writer,
};

impl Writer {
    pub(super) fn work(&mut self, job: Job) {
        match job {
            Job::Tell(done) => done(),
            job if self.pause.is_some() => {
                Counters::add(&self.shared.counters.write_errors, 1);
                job.lose();
            }
            Job::Stretch {
                key_hash,
                blocks,
                done,
            } => self.write_stretch(key_hash, &blocks, done),
            Job::Key { key_hash, change } => self.write_key(key_hash, change),
        }
    }

    fn write_stretch(&mut self, key_hash: u64, blocks: &[Bytes], done: Done) {
        let record = Record {
            key_hash,
            revision: 0,
            key: &[],
            blocks,
        };
        let put = self.make_room(record.takes()).then(|| self.write(&record));
        done(
            put.flatten()
                .map(|(put, segment)| self.shared.stretch(segment, put, record.data_length())),
        );
    }

    fn write_key(&mut self, key_hash: u64, mut change: Box<dyn KeyChange>) {
        let written = self.make_key(key_hash, change.as_mut());
        change.written(written);
    }

    fn make_key(&mut self, key_hash: u64, change: &mut dyn KeyChange) -> Option<Written> {
        // A second time if a segment had to be begun for it, or evicted, after it was made.
        loop {
            if !self.make_room(1) {
                return None;
            }
            let new = change.make(self.appending.as_ref()?.place())?;
            let record = Record {
                key_hash,
                revision: new.revision,
                key: &new.payload,
                blocks: &new.blocks,
            };
            if new.payload.is_empty() || !self.shared.fits(&record) {
                return None;
            }
            if record.takes() <= self.left() {
                let (put, _) = self.write(&record)?;
                return Some(Written {
                    place: put.place,
                    length: put.length,
                });
            }
            if !self.make_room(record.takes()) {
                return None;
            }
        }
    }
}
