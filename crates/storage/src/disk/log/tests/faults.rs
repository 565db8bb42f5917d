//! Disks that fail.

use std::{path::Path, sync::Arc, sync::mpsc, time::Duration};

use bytes::Bytes;

use super::{
    super::*,
    kit::*,
    ram::{Faults, Ram},
};

fn config() -> LogConfig {
    LogConfig {
        folder: Path::new("/store").to_owned(),
        size: 1 << 20,
        segment: 128 << 10,
        queue: 1 << 20,
        readmit: 0,
        pause: Duration::from_millis(1)..Duration::from_millis(4),
    }
}

fn log_on(ram: &Ram) -> Log {
    started_with(config(), Arc::new(ram.clone()), Box::new(()))
}

/// Writes until it goes well.
fn write_at_last(log: &Log, seed: u64) -> Stretch {
    let body = bytes(seed, 10_000);
    loop {
        let (tell, told) = mpsc::channel();
        let done = Box::new(move |stretch| tell.send(stretch).unwrap());
        let queued = log.write(seed, blocks(body.clone()), done);
        match queued.map(|()| told.recv().unwrap()) {
            Ok(Some(stretch)) => return stretch,
            Ok(None) | Err(Shed::Unusable) => std::thread::yield_now(),
            Err(shed) => panic!("{shed:?}"),
        }
    }
}

#[test]
fn short_writes_are_gone_on_with() {
    let ram = Ram::default();
    ram.set(Faults {
        short_writes: Some(1000),
        ..Faults::default()
    });
    let log = log_on(&ram);
    let body = bytes(1, 70_001);
    let stretch = write(&log, 1, &body).unwrap();
    assert_eq!(read_all(&stretch), Ok(body));
}

#[test]
fn an_error_loses_the_record_and_no_other() {
    let ram = Ram::default();
    let log = log_on(&ram);
    let before = write(&log, 1, &bytes(1, 10_000)).unwrap();
    ram.set(Faults {
        good_writes: Some(1),
        ..Faults::default()
    });
    assert!(write(&log, 2, &bytes(2, 10_000)).is_none());
    assert!(log.state().unusable.is_some());
    assert!(log.state().write_errors > 0);
    ram.set(Faults::default());
    let after = write_at_last(&log, 3);
    assert!(log.state().unusable.is_none());
    // Nothing more went where the error was.
    assert!(after.place().segment > before.place().segment);
    assert_eq!(read_all(&before), Ok(bytes(1, 10_000)));
    assert_eq!(read_all(&after), Ok(bytes(3, 10_000)));
}

#[test]
fn an_unusable_disk_is_shed_from_and_left() {
    let ram = Ram::default();
    ram.set(Faults {
        read_only: true,
        ..Faults::default()
    });
    let log = log_on(&ram);
    let done: Done = Box::new(|_| panic!("it was not taken"));
    assert_eq!(log.write(1, vec![bytes(1, 10)], done), Err(Shed::Unusable));
    assert_eq!(log.state().shed, 1);
    let why = log.state().unusable.unwrap().1;
    assert!(why.contains("read-only"), "{why}");
    // It is left while it is tried again.
    drop(log);

    let log = log_on(&ram);
    ram.set(Faults::default());
    assert_eq!(read_all(&write_at_last(&log, 1)), Ok(bytes(1, 10_000)));
}

#[test]
fn a_disk_that_fails_while_the_log_is_closed_does_not_hold_it() {
    let ram = Ram::default();
    let log = started_with(
        LogConfig {
            pause: Duration::ZERO..Duration::ZERO,
            ..config()
        },
        Arc::new(ram.clone()),
        Box::new(()),
    );
    ram.set(Faults {
        good_writes: Some(0),
        ..Faults::default()
    });
    assert!(write(&log, 1, &bytes(1, 10)).is_none());
    drop(log);
}

#[test]
fn a_disk_that_fails_again_and_again_is_not_filled_with_empty_segments() {
    let ram = Ram::default();
    let log = log_on(&ram);
    let kept = write(&log, 1, &bytes(1, 10_000)).unwrap();
    ram.set(Faults {
        good_writes: Some(0),
        ..Faults::default()
    });
    let errors = || log.state().write_errors;
    assert!(write(&log, 1, &bytes(1, 10)).is_none());
    while errors() < 20 {
        std::thread::yield_now();
    }
    assert!(log.state().segments <= 2);
    assert!(ram.bytes() <= 2 * (128 << 10));
    // And what was there stays.
    assert_eq!(log.state().evicted, 0);
    assert_eq!(read_all(&kept), Ok(bytes(1, 10_000)));
}

#[test]
fn a_full_disk_costs_the_oldest() {
    let ram = Ram::default();
    ram.set(Faults {
        capacity: Some(400 << 10),
        ..Faults::default()
    });
    let log = log_on(&ram);
    let written: Vec<_> = (0..60)
        .map(|seed| write(&log, seed, &bytes(seed, 20_000)).unwrap())
        .collect();
    assert!(log.state().evicted > 0);
    assert!(log.state().unusable.is_none());
    assert!(log.state().bytes <= 400 << 10);
    assert!(log.stretch(written[0].place(), 20_000).is_none());
    let last = written.last().unwrap();
    assert_eq!(read_all(last), Ok(bytes(59, 20_000)));
    // Nobody keeps its room.
    assert_eq!(read_all(&written[0]), Err(Damaged::Gone));
}

#[test]
fn a_folder_that_vanishes_is_made_again() {
    let ram = Ram::default();
    let log = log_on(&ram);
    let before = write(&log, 1, &bytes(1, 10_000)).unwrap();
    ram.vanish();
    // The segment that is open is written on until it is full; then another is needed.
    let mut last = before.clone();
    for seed in 2..40 {
        last = write_at_last(&log, seed);
    }
    assert_eq!(read_all(&last), Ok(bytes(39, 10_000)));
    assert_eq!(read_all(&before), Ok(bytes(1, 10_000)));
    let place = last.place();
    drop(log);
    let log = log_on(&ram);
    let again = log.stretch(place, 10_000).unwrap();
    assert_eq!(read_all(&again), Ok(bytes(39, 10_000)));
}

#[test]
fn a_folder_that_comes_back_is_told_and_recovered() {
    struct Tell(mpsc::Sender<()>);

    impl Keeper for Tell {
        fn evicting(&mut self, _: &Leaving, _: &mut Readmission<'_>) {}

        fn mounted(&mut self) {
            let _ = self.0.send(());
        }
    }

    let ram = Ram::default();
    let log = log_on(&ram);
    append(&log, 1, new_key(b"state", 1, &bytes(1, 100))).unwrap();
    drop(log);
    // It is not mounted when the process starts.
    ram.set(Faults {
        read_only: true,
        ..Faults::default()
    });
    let (tell, mounted) = mpsc::channel();
    let log = started_with(config(), Arc::new(ram.clone()), Box::new(Tell(tell)));
    assert_eq!(recovered(&log).0.len(), 0);
    ram.set(Faults::default());
    mounted.recv().unwrap();
    let (found, _) = recovered(&log);
    let record = log.read_key(found[0].place, found[0].length).unwrap();
    assert_eq!(record.payload, &b"state"[..]);
}

#[test]
fn a_change_that_panics_leaves_nobody_waiting() {
    struct Panic(mpsc::Receiver<()>);

    impl KeyChange for Panic {
        fn make(&mut self, _: Place) -> Option<NewKey> {
            self.0.recv().unwrap();
            std::panic::resume_unwind(Box::new("on purpose"));
        }

        fn written(self: Box<Self>, _: Option<Written>) {}
    }

    let log = log_on(&Ram::default());
    let kept = write(&log, 1, &bytes(1, 100)).unwrap();
    let (go, wait) = mpsc::channel();
    log.append_key(1, 0, Box::new(Panic(wait))).unwrap();
    let (tell, told) = mpsc::channel();
    let done = Box::new(move |stretch: Option<Stretch>| tell.send(stretch.is_none()).unwrap());
    log.write(1, vec![bytes(2, 100)], done).unwrap();
    go.send(()).unwrap();
    assert_eq!(told.recv(), Ok(true));
    let shed = log.write(1, vec![bytes(2, 100)], Box::new(|_| {}));
    assert_eq!(shed, Err(Shed::Unusable));
    assert!(log.state().unusable.is_some());
    assert_eq!(read_all(&kept), Ok(bytes(1, 100)));
}

#[test]
fn a_read_error_is_damage_and_no_panic() {
    let ram = Ram::default();
    let log = log_on(&ram);
    let key = append(&log, 1, new_key(b"state", 1, &bytes(1, 100))).unwrap();
    let stretch = log.stretch(key.place, 100).unwrap();
    ram.set(Faults {
        bad_reads: true,
        ..Faults::default()
    });
    assert!(matches!(log.read_key(key.place, 0), Err(Damaged::Io(_))));
    assert!(matches!(stretch.read(0), Err(Damaged::Io(_))));
    assert!(matches!(stretch.read_now(0), Err(Damaged::Io(_))));
    assert_eq!(log.state().damaged, 3);
}

#[test]
fn what_is_not_cached_is_not_waited_for() {
    let ram = Ram::default();
    let log = log_on(&ram);
    let key = append(&log, 1, new_key(b"state", 1, &bytes(1, 100))).unwrap();
    let stretch = log.stretch(key.place, 100).unwrap();
    ram.set(Faults {
        uncached: true,
        ..Faults::default()
    });
    assert!(matches!(log.read_key_now(key.place, 0), Ok(None)));
    assert_eq!(stretch.read_now(0), Ok(None));
    assert_eq!(stretch.read(0), Ok(bytes(1, 100)));
    // Its checksums are known by now, its bytes are not.
    assert_eq!(stretch.read_now(0), Ok(None));
    assert_eq!(log.state().damaged, 0);
}

#[test]
fn a_flipped_bit_is_found_before_a_byte_is_given() {
    let ram = Ram::default();
    let log = log_on(&ram);
    let stretch = write(&log, 1, &bytes(1, 70_000)).unwrap();
    let key = append(&log, 1, new_key(b"state", 1, &Bytes::new())).unwrap();
    let last_byte = stretch.place().offset as usize + 40 + 16 + 69_999;
    ram.change(0, |bytes| bytes[last_byte] ^= 1);
    assert_eq!(stretch.read(0), Ok(bytes(1, 70_000).slice(..BLOCK)));
    assert_eq!(stretch.read(65_536), Err(Damaged::Checksum));
    assert_eq!(stretch.read_now(65_536), Err(Damaged::Checksum));
    ram.change(0, |bytes| bytes[key.place.offset as usize + 42] ^= 1);
    assert_eq!(log.read_key(key.place, 0).err(), Some(Damaged::Checksum));
    assert_eq!(log.state().damaged, 3);
}

#[test]
fn what_is_sealed_survives_a_power_loss() {
    let ram = Ram::default();
    let log = log_on(&ram);
    let keys: Vec<_> = (0..20)
        .map(|seed| append(&log, seed, new_key(b"state", seed, &bytes(seed, 20_000))).unwrap())
        .collect();
    let last = keys.last().unwrap().place.segment;
    while ram.syncs() + 1 < last {
        std::thread::yield_now();
    }
    ram.kill();
    drop(log);
    ram.lose(|| true);
    ram.revive();
    let log = log_on(&ram);
    let (found, recovery) = recovered(&log);
    let sealed: Vec<_> = keys
        .iter()
        .rev()
        .filter(|key| key.place.segment < last)
        .collect();
    assert_eq!(found.len(), sealed.len());
    for (found, key) in found.iter().zip(sealed) {
        assert_eq!(found.place, key.place);
        let record = log.read_key(found.place, found.length).unwrap();
        assert_eq!(
            record.blocks.unwrap().concat(),
            bytes(found.key_hash, 20_000)
        );
    }
    assert_eq!((recovery.scanned, recovery.damaged), (1, 0));
}

#[test]
fn what_only_looks_like_records_is_given_up() {
    let ram = Ram::default();
    let config = LogConfig {
        size: 64 << 20,
        segment: 8 << 20,
        ..config()
    };
    let start = |ram: &Ram| started_with(config.clone(), Arc::new(ram.clone()), Box::new(()));
    let log = start(&ram);
    append(&log, 1, new_key(b"state", 1, &Bytes::new())).unwrap();
    ram.kill();
    drop(log);
    ram.revive();
    // Headers that each announce 4 MiB: to verify them all would take hours.
    let mut header = [0; 40];
    header[8..12].copy_from_slice(b"prg\x01");
    header[12..16].copy_from_slice(&(4u32 << 20).to_le_bytes());
    ram.change(0, |bytes| {
        for place in bytes[200..].chunks_exact_mut(40) {
            place.copy_from_slice(&header);
        }
    });
    let log = start(&ram);
    let (found, recovery) = recovered(&log);
    assert_eq!((found.len(), recovery.damaged), (1, 1));
    // It is left as it is.
    let read = log.read_key(found[0].place, found[0].length).unwrap();
    assert_eq!(read.payload, &b"state"[..]);
    assert_eq!(log.state().bytes, 8 << 20);
}

#[test]
fn a_failed_sync_stops_nothing() {
    let ram = Ram::default();
    let log = log_on(&ram);
    ram.set(Faults {
        bad_syncs: true,
        ..Faults::default()
    });
    for seed in 0..20 {
        let stretch = write(&log, seed, &bytes(seed, 20_000)).unwrap();
        assert_eq!(read_all(&stretch), Ok(bytes(seed, 20_000)));
    }
    while log.state().write_errors == 0 {
        std::thread::yield_now();
    }
}
