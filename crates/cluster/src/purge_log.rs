//! The purges that a node has carried out, numbered, so that one who was away can catch up.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

/// One purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeRecord {
    /// Its number: one more than that of the purge before.
    pub revision: u64,
    /// When it was carried out.
    pub at: SystemTime,
    /// What was purged, as text.
    pub what: String,
}

/// The last purges, oldest dropped first. It starts empty with each process.
#[derive(Debug)]
pub struct PurgeLog {
    capacity: usize,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    /// The number of the last purge, kept or dropped.
    revision: u64,
    records: VecDeque<PurgeRecord>,
}

impl PurgeLog {
    /// An empty log that keeps `capacity` records.
    pub fn new(capacity: usize) -> Self {
        PurgeLog {
            capacity,
            log: Mutex::default(),
        }
    }

    /// Writes a purge down; answers with its number. The first is 1.
    pub fn append(&self, what: String, now: SystemTime) -> u64 {
        let mut log = self.log();
        log.revision += 1;
        let revision = log.revision;
        log.records.push_back(PurgeRecord {
            revision,
            at: now,
            what,
        });
        while log.records.len() > self.capacity {
            log.records.pop_front();
        }
        revision
    }

    /// The number of the last purge; 0 if there was none.
    pub fn revision(&self) -> u64 {
        self.log().revision
    }

    /// The records after `revision` that are still kept, oldest first.
    pub fn since(&self, revision: u64) -> Vec<PurgeRecord> {
        let log = self.log();
        let known = log.records.partition_point(|r| r.revision <= revision);
        log.records.range(known..).cloned().collect()
    }

    /// Whether [`PurgeLog::since`] has all that came after `revision`. It has not if some were
    /// dropped, or if `revision` is yet to come, so of another log: then who asks must take all
    /// that it holds as purged. A number alone cannot tell a log from that of an earlier process
    /// that was as long or shorter.
    pub fn reaches_back_to(&self, revision: u64) -> bool {
        let log = self.log();
        let dropped = log.revision - log.records.len() as u64;
        (dropped..=log.revision).contains(&revision)
    }

    /// The log is whole after each statement above, so a panic elsewhere does not spoil it.
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn log_of(capacity: usize, purges: u64) -> PurgeLog {
        let log = PurgeLog::new(capacity);
        for i in 1..=purges {
            let at = UNIX_EPOCH + Duration::from_secs(i);
            assert_eq!(log.append(format!("/{i}"), at), i);
        }
        log
    }

    fn revisions(records: &[PurgeRecord]) -> Vec<u64> {
        records.iter().map(|record| record.revision).collect()
    }

    #[test]
    fn an_empty_log_is_at_zero() {
        let log = log_of(10, 0);
        assert_eq!(log.revision(), 0);
        assert_eq!(log.since(0), []);
        assert!(log.reaches_back_to(0));
        assert!(!log.reaches_back_to(1));
    }

    #[test]
    fn records_come_back_as_they_went_in() {
        let log = log_of(10, 2);
        let second = PurgeRecord {
            revision: 2,
            at: UNIX_EPOCH + Duration::from_secs(2),
            what: "/2".into(),
        };
        assert_eq!(log.since(1), [second]);
        assert_eq!(revisions(&log.since(0)), [1, 2]);
        assert_eq!(log.since(2), []);
        assert_eq!(log.since(u64::MAX), []);
    }

    #[test]
    fn the_oldest_are_dropped_and_the_gap_is_known() {
        let log = log_of(3, 10);
        assert_eq!(log.revision(), 10);
        assert_eq!(revisions(&log.since(0)), [8, 9, 10]);
        assert_eq!(revisions(&log.since(8)), [9, 10]);
        for (revision, whole) in [(0, false), (6, false), (7, true), (10, true), (11, false)] {
            assert_eq!(log.reaches_back_to(revision), whole, "{revision}");
        }
    }

    #[test]
    fn a_log_that_keeps_nothing_still_counts() {
        let log = log_of(0, 2);
        assert_eq!(log.revision(), 2);
        assert_eq!(log.since(0), []);
        assert!(!log.reaches_back_to(1));
        assert!(log.reaches_back_to(2));
    }
}
