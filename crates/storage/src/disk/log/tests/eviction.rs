//! The oldest segment goes, and what is wanted of it stays.

use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::{super::*, kit::*};

/// Writes the states anew of keys that are wanted.
struct Wanting {
    /// Those are wanted whose hash is a multiple of this.
    every: u64,
    log: Arc<Mutex<Option<Arc<Log>>>>,
    gone: Arc<Mutex<Vec<u64>>>,
    kept: Arc<Mutex<Vec<(u64, Written)>>>,
}

impl Keeper for Wanting {
    fn evicting(&mut self, leaving: &Leaving, room: &mut Readmission<'_>) {
        let log = Arc::clone(self.log.lock().unwrap().as_ref().unwrap());
        for record in leaving.records.iter().filter(|record| record.is_key) {
            assert_eq!(record.place.segment, leaving.segment);
            self.gone.lock().unwrap().push(record.key_hash);
            if !record.key_hash.is_multiple_of(self.every) {
                continue;
            }
            // It can still be read.
            let old = log.read_key(record.place, record.length).unwrap();
            let new = NewKey {
                payload: old.payload.to_vec(),
                revision: old.revision,
                blocks: old.blocks.unwrap(),
            };
            let (left, place) = (room.left(), room.place());
            match room.append_key(record.key_hash, &new) {
                Some(written) => {
                    assert_eq!(Some(written.place), place);
                    self.kept.lock().unwrap().push((record.key_hash, written));
                }
                None => assert!(left < u64::from(record.length) + 64),
            }
        }
    }

    fn mounted(&mut self) {}
}

struct Filled {
    log: Arc<Log>,
    gone: Vec<u64>,
    kept: Vec<(u64, Written)>,
}

/// Writes 1000 keys with bodies of 10,000 bytes into a log of 4 MiB; all are still being read, if
/// so said.
fn filled(folder: &tempfile::TempDir, every: u64, readmit: u64, is_read: bool) -> Filled {
    let config = LogConfig {
        size: 4 << 20,
        segment: if is_read { 1 << 18 } else { 1 << 20 },
        readmit,
        ..config(folder)
    };
    let (log, gone, kept) = (Arc::default(), Arc::default(), Arc::default());
    let keeper = Wanting {
        every,
        log: Arc::clone(&log),
        gone: Arc::clone(&gone),
        kept: Arc::clone(&kept),
    };
    let started = Arc::new(started_with(config, Arc::new(RealFiles), Box::new(keeper)));
    *log.lock().unwrap() = Some(Arc::clone(&started));
    let mut read = Vec::new();
    for key in 1..=1000 {
        let written = append(&started, key, new_key(b"state", 1, &bytes(key, 10_000))).unwrap();
        if is_read {
            read.extend(started.stretch(written.place, 10_000));
        }
        assert!(started.state().bytes <= 4 << 20);
    }
    log.lock().unwrap().take();
    Filled {
        log: started,
        gone: gone.lock().unwrap().clone(),
        kept: kept.lock().unwrap().clone(),
    }
}

#[test]
fn the_oldest_goes_first_and_all_of_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let filled = filled(&folder, u64::MAX, 1 << 18, false);
    assert!(filled.gone.iter().copied().eq(1..=filled.gone.len() as u64));
    let (_, recovery) = {
        drop(filled.log);
        recovered(&started(config(&folder)))
    };
    assert_eq!(filled.gone.len() as u64 + recovery.keys, 1000);
}

#[test]
fn what_is_wanted_is_written_anew_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let filled = filled(&folder, 10, 1 << 18, false);
    let state = filled.log.state();
    assert!(!filled.kept.is_empty());
    assert!(filled.kept.iter().all(|(key, _)| key % 10 == 0));
    assert!(state.readmitted <= state.evicted * (1 << 18));
    let mut readable = 0;
    for (key, written) in &filled.kept {
        // Some have been evicted again since.
        if let Ok(record) = filled.log.read_key(written.place, written.length) {
            assert_eq!(record.blocks.unwrap().concat(), bytes(*key, 10_000));
            readable += 1;
        }
    }
    assert!(readable > 0);
}

#[test]
fn all_being_wanted_there_is_still_room_for_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let filled = filled(&folder, 1, 1 << 18, false);
    let state = filled.log.state();
    assert!(state.readmitted > 0 && state.readmitted <= state.evicted * (1 << 18));
    assert!(state.unusable.is_none());
}

#[test]
fn what_is_still_read_does_not_keep_out_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    // More segments go at once, since their room does not come back yet.
    let filled = filled(&folder, 1, 1 << 17, true);
    let state = filled.log.state();
    let begun = state.evicted + state.segments;
    assert!(state.readmitted > 0 && state.readmitted <= begun * (1 << 17));
}

#[test]
fn who_reads_on_is_bounded_and_finds_it_gone() {
    let folder = tempfile::tempdir().unwrap();
    let config = LogConfig {
        size: 8 << 20,
        segment: 512 << 10,
        ..config(&folder)
    };
    let log = started(config);
    // All are held, so each segment that goes is still read.
    let held: Vec<_> = (0..160)
        .map(|seed| write(&log, seed, &bytes(seed, 100_000)).unwrap())
        .collect();
    assert!(log.state().bytes <= 8 << 20);
    let is_there = |stretch: &Stretch| log.stretch(stretch.place(), 1).is_some();
    let evicted: Vec<_> = held.iter().filter(|stretch| !is_there(stretch)).collect();
    let read: Vec<_> = evicted.iter().map(|stretch| stretch.read(0)).collect();
    let gone = read
        .iter()
        .filter(|read| **read == Err(Damaged::Gone))
        .count();
    let kept = read.iter().filter(|read| read.is_ok()).count();
    assert!(gone > 0 && kept > 0 && gone + kept == evicted.len());
    // A part of `size`, and its last segment.
    assert!(kept * 100_000 <= (1 << 20) + (512 << 10));
    assert_eq!(log.state().damaged, 0);
    // Nothing of it is damaged, and nothing of what is there either.
    for (seed, stretch) in held
        .iter()
        .enumerate()
        .filter(|(_, stretch)| is_there(stretch))
    {
        assert_eq!(read_all(stretch), Ok(bytes(seed as u64, 100_000)));
    }
    drop(held);
    let body = Bytes::from_static(b"still written");
    assert_eq!(read_all(&write(&log, 1, &body).unwrap()), Ok(body));
}
