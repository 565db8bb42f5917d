//! What a crash leaves, and a disk that fails.

use proptest::prelude::*;

use super::kit::*;
use crate::{Store, disk::log::tests::ram::Faults};

#[derive(Clone, Debug)]
enum Step {
    Put { path: u8, seed: u64, length: usize },
    Freshen { path: u8 },
    Remove { path: u8 },
    Flush,
    Read { path: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let path = || 0..6_u8;
    let length = prop_oneof![0..3000_usize, 60_000..70_000_usize, 0..3_000_000_usize];
    prop_oneof![
        4 => (path(), any::<u64>(), length)
            .prop_map(|(path, seed, length)| Step::Put { path, seed, length }),
        2 => path().prop_map(|path| Step::Freshen { path }),
        1 => path().prop_map(|path| Step::Remove { path }),
        1 => Just(Step::Flush),
        2 => path().prop_map(|path| Step::Read { path }),
    ]
}

#[derive(Clone, Debug)]
enum End {
    Stop,
    /// The process is killed.
    Kill,
    /// The power goes, and of what was not synced every page with this chance out of 256 is lost.
    PowerLoss(u8),
}

/// A stored body is the one that its tag says, whatever happened.
fn check(disk: &crate::Disk) -> usize {
    let mut found = 0;
    for path in 0..6 {
        for stored in lookup(disk, &format!("/{path}")).iter() {
            let etag = etag(stored);
            let mut parts = etag.split('.').map(|part| part.parse::<u64>().unwrap());
            let (seed, length) = (parts.next().unwrap(), parts.next().unwrap());
            if let Ok(body) = read(stored) {
                assert!(body == bytes(seed, length as usize), "{etag}");
                found += 1;
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Bodies are whole or not there, and what was flushed before a kill is there.
    #[test]
    fn only_whole_objects_are_found(
        lives in prop::collection::vec(
            (
                prop::collection::vec(step(), 0..12),
                prop_oneof![
                    Just(End::Stop),
                    Just(End::Kill),
                    any::<u8>().prop_map(End::PowerLoss),
                ],
                prop::option::of(0..40_u64),
            ),
            1..4,
        ),
        seed: u64,
    ) {
        let mut random = fastrand::Rng::with_seed(seed);
        let machine = Machine::new(32 << 20);
        for (steps, end, good_writes) in lives {
            let disk = machine.start();
            check(&disk);
            machine.ram.set(Faults { good_writes, ..Faults::default() });
            for step in steps {
                take(&disk, step);
            }
            let mut found = None;
            if matches!(end, End::Kill) && good_writes.is_none() {
                disk.flush();
                found = Some(check(&disk));
            }
            match end {
                End::Stop => {}
                End::Kill | End::PowerLoss(_) => machine.ram.kill(),
            }
            drop(disk);
            if let End::PowerLoss(chance) = end {
                machine.ram.lose(|| random.u8(..) < chance);
            }
            machine.ram.revive();
            let disk = machine.start();
            let after = check(&disk);
            prop_assert!(found.is_none_or(|found| found == after), "{found:?} {after}");
        }
    }
}

fn take(disk: &crate::Disk, step: Step) {
    match step {
        Step::Put { path, seed, length } => {
            let etag = format!("{seed}.{length}.0");
            let head = head("en", &etag, length);
            store(disk, &format!("/{path}"), head, &bytes(seed, length));
        }
        Step::Freshen { path } => {
            let path = format!("/{path}");
            if let Some(old) = lookup(disk, &path).first() {
                let etag = format!("{}1", etag(old));
                let length = old.head.length.unwrap() as usize;
                let new = old.freshened(head("en", &etag, length), disk.purges().now());
                wait(disk.freshen(&key(&path), old, new).get());
            }
        }
        Step::Remove { path } => {
            let path = format!("/{path}");
            if let Some(old) = lookup(disk, &path).first() {
                wait(disk.remove(&key(&path), old).get());
                assert!(lookup(disk, &path).is_empty());
            }
        }
        Step::Flush => disk.flush(),
        Step::Read { path } => {
            lookup(disk, &format!("/{path}"))
                .iter()
                .for_each(|stored| drop(read(stored)));
        }
    }
}

#[test]
fn a_disk_that_fails_is_no_store_and_comes_back() {
    let machine = Machine::new(32 << 20);
    let disk = machine.start();
    store(&disk, "/a", head("en", "a", 1000), &bytes(1, 1000));
    disk.flush();
    machine.ram.set(Faults {
        read_only: true,
        ..Faults::default()
    });
    let large = bytes(2, 100_000);
    for n in 0..100 {
        store(
            &disk,
            &format!("/{n}"),
            head("en", "b", large.len()),
            &large,
        );
        disk.flush();
    }
    assert_eq!(etag(&lookup(&disk, "/a")[0]), "a");
    machine.ram.set(Faults::default());
    // The pause is a thousandth of a second.
    while !store(&disk, "/c", head("en", "c", 1000), &bytes(3, 1000)) {
        disk.flush();
    }
    disk.flush();
    assert_eq!(etag(&lookup(&disk, "/c")[0]), "c");
    drop(disk);
    let disk = machine.start();
    assert_eq!(etag(&lookup(&disk, "/c")[0]), "c");
}
