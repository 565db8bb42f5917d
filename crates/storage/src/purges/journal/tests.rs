//! Restarts, and what may befall the file between them.

use std::{path::PathBuf, sync::Arc};

use perigee_http_cache::{CacheKey, Scheme};
use proptest::prelude::*;

use super::*;
use crate::{
    Purge, Purges, Revision, Target, Verdict,
    disk::log::tests::ram::{Faults, Ram},
};

fn path() -> PathBuf {
    PathBuf::from("/store/purges.journal")
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + BEGINNING + Duration::from_secs(seconds)
}

fn key(path: &str) -> CacheKey {
    CacheKey::new(Scheme::Http, "a.test", path)
}

fn opened(ram: &Ram, seconds: u64) -> Purges {
    let files: Arc<dyn Files> = Arc::new(ram.clone());
    Purges::open(&files, &path(), 10_000, at(seconds)).unwrap()
}

fn carry_out(purges: &Purges, purge: &Purge) -> Option<String> {
    let (_, written) = purges.carry_out(purge, at(7));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(written.get())
}

fn purge(purges: &Purges, path: &str) -> Option<String> {
    carry_out(purges, &Purge::key(key(path)))
}

fn bytes(ram: &Ram) -> Vec<u8> {
    ram.read(&path()).unwrap()
}

fn verdict(purges: &Purges, path: &str, since: Revision) -> Verdict {
    purges.verdict(&key(path), None, since)
}

#[test]
fn purges_hold_over_restarts_and_revisions_go_on() {
    let ram = Ram::default();
    let mut since = Vec::new();
    for round in 1..4 {
        let purges = opened(&ram, 100);
        since.push(purges.now());
        let path = format!("/{round}");
        assert_eq!(purge(&purges, &path), None);
        let soft = Purge::soft(Target::Prefix(format!("a.test/soft-{round}").into()));
        assert_eq!(carry_out(&purges, &soft), None);
    }
    let purges = opened(&ram, 100);
    assert!(since.is_sorted() && *since.last().unwrap() < purges.now());
    for (round, before) in (1..4).zip(&since) {
        let at_start = |path: &str| verdict(&purges, path, *before);
        assert_eq!(at_start(&format!("/{round}")), Verdict::Gone);
        assert_eq!(at_start(&format!("/soft-{round}/x")), Verdict::Stale(at(7)));
        assert_eq!(at_start("/other"), Verdict::Holds);
        assert_eq!(
            verdict(&purges, &format!("/{round}"), purges.now()),
            Verdict::Holds
        );
    }
    assert_eq!(purges.stats().known, 6);
}

#[test]
fn everything_stays_gone() {
    let ram = Ram::default();
    let purges = opened(&ram, 100);
    let before = purges.now();
    carry_out(&purges, &Purge::hard(Target::Everything));
    let after = purges.now();
    drop(purges);
    for _ in 0..2 {
        let purges = opened(&ram, 100);
        assert_eq!(verdict(&purges, "/", before), Verdict::Gone);
        assert_eq!(verdict(&purges, "/", after), Verdict::Holds);
    }
}

/// Whatever it is that was lost: also where the clock was set back.
#[test]
fn without_its_journal_all_that_was_stored_is_gone() {
    for seconds in [100, 101, 50] {
        let ram = Ram::default();
        let purges = opened(&ram, 100);
        for n in 0..50 {
            purge(&purges, &format!("/{n}"));
        }
        let last = purges.now();
        drop(purges);
        ram.vanish();
        let purges = opened(&ram, seconds);
        assert_eq!(verdict(&purges, "/x", last), Verdict::Gone, "{seconds}");
    }
}

#[test]
fn a_journal_does_not_grow_with_what_is_purged_again() {
    let ram = Ram::default();
    let purges = opened(&ram, 100);
    let since = purges.now();
    for _ in 0..5000 {
        assert_eq!(purge(&purges, "/a"), None);
    }
    assert!(bytes(&ram).len() < 1100 * SLOT, "{}", bytes(&ram).len());
    drop(purges);
    let purges = opened(&ram, 100);
    assert_eq!(verdict(&purges, "/a", since), Verdict::Gone);
    purge(&purges, "/b");
    drop(purges);
    assert_eq!(bytes(&ram).len(), 3 * SLOT);
}

#[test]
fn what_was_being_written_at_the_end_costs_nothing_else() {
    let ram = Ram::default();
    let purges = opened(&ram, 100);
    let since = purges.now();
    purge(&purges, "/a");
    drop(purges);
    let whole = bytes(&ram);
    for tail in [&whole[..SLOT - 1], &[1], &[0; SLOT], &[0; 5 * SLOT + 3]] {
        ram.put(&path(), &[&whole[..], tail].concat());
        let purges = opened(&ram, 100);
        assert_eq!(verdict(&purges, "/a", since), Verdict::Gone);
        assert_eq!(verdict(&purges, "/b", since), Verdict::Holds);
        assert_eq!(purge(&purges, "/b"), None);
        drop(purges);
        assert_eq!(verdict(&opened(&ram, 100), "/b", since), Verdict::Gone);
    }
}

/// A disk that fails: the purge holds, and the answer says that it is not written. When the disk is
/// well again, the next one brings the earlier ones along.
#[test]
fn what_cannot_be_written_is_told_and_written_later() {
    let faults = [
        Faults {
            read_only: true,
            ..Faults::default()
        },
        Faults {
            good_writes: Some(0),
            ..Faults::default()
        },
        Faults {
            bad_syncs: true,
            ..Faults::default()
        },
    ];
    for fault in faults {
        let ram = Ram::default();
        let purges = opened(&ram, 100);
        let since = purges.now();
        assert_eq!(purge(&purges, "/a"), None);
        ram.set(fault.clone());
        assert!(purge(&purges, "/b").is_some(), "{fault:?}");
        assert!(
            purge(&purges, "/c").is_some(),
            "at once, without a look at the disk"
        );
        assert_eq!(verdict(&purges, "/b", since), Verdict::Gone);
        ram.set(Faults::default());
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while purge(&purges, "/d").is_some() {
            assert!(std::time::Instant::now() < deadline, "{fault:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(purges);
        let purges = opened(&ram, 100);
        for path in ["/a", "/b", "/c", "/d"] {
            assert_eq!(
                verdict(&purges, path, since),
                Verdict::Gone,
                "{path} {fault:?}"
            );
        }
        assert_eq!(verdict(&purges, "/e", since), Verdict::Holds);
    }
}

#[test]
fn short_writes_are_continued() {
    let ram = Ram::default();
    ram.set(Faults {
        short_writes: Some(7),
        ..Faults::default()
    });
    let purges = opened(&ram, 100);
    let since = purges.now();
    assert_eq!(purge(&purges, "/a"), None);
    drop(purges);
    assert_eq!(verdict(&opened(&ram, 100), "/a", since), Verdict::Gone);
}

/// Those that come at once are synced at once.
#[test]
fn many_purges_are_one_write() {
    let ram = Ram::default();
    let purges = opened(&ram, 100);
    purge(&purges, "/");
    let before = ram.syncs();
    let all: Vec<_> = (0..2000)
        .map(|n| {
            purges
                .carry_out(&Purge::key(key(&format!("/{n}"))), at(7))
                .1
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for written in all {
        assert_eq!(runtime.block_on(written.get()), None);
    }
    assert!(ram.syncs() - before < 1500, "{}", ram.syncs() - before);
    drop(purges);
    assert_eq!(opened(&ram, 100).stats().known, 2001);
}

/// What another one purges while the whole file is about to be written must come to the writer after
/// that, or the file would be without it.
#[test]
fn nothing_is_purged_between_a_look_at_all_and_its_place_in_the_queue() {
    let purges = opened(&Ram::default(), 100);
    let began = purges.now().number();
    std::thread::scope(|scope| {
        let held = purges.journal.as_ref().unwrap().hold();
        scope.spawn(|| purge(&purges, "/a"));
        // It looks at all, and stays there.
        let looks = || {
            let is_noted = purges.now().number() > began;
            is_noted && purges.table.try_read().is_ok() && purges.table.try_write().is_err()
        };
        let patience = std::time::Instant::now() + Duration::from_secs(5);
        while !looks() && std::time::Instant::now() < patience {
            std::thread::yield_now();
        }
        scope.spawn(|| purge(&purges, "/b"));
        for _ in 0..100 {
            std::thread::sleep(Duration::from_millis(1));
            assert_eq!(purges.now().number(), began + 1);
        }
        drop(held);
    });
    assert_eq!(purges.now().number(), began + 2);
}

fn small() -> (Vec<u8>, Revision) {
    let ram = Ram::default();
    let purges = opened(&ram, 100);
    let since = purges.now();
    purge(&purges, "/a");
    carry_out(&purges, &Purge::soft(Target::Host("a.test".into())));
    purge(&purges, "/b");
    drop(purges);
    (bytes(&ram), since)
}

proptest! {
    /// Bits that are flipped, a stretch that is zero: what was purged never holds, and that other
    /// things that were stored before are gone is all that it costs.
    #[test]
    fn what_was_purged_never_comes_back_by_damage(
        from in 0..4 * SLOT,
        length in 0..3 * SLOT,
        kind in 0..2,
        flip in 1..=255_u8,
    ) {
        let (mut bytes, since) = small();
        let end = (from + length).min(bytes.len());
        match kind {
            0 => bytes[from] ^= flip,
            1 if end < bytes.len() => bytes[from..end].fill(0),
            _ => {}
        }
        let replayed = read(&bytes, 100, at(101));
        let ram = Ram::default();
        ram.put(&path(), &bytes);
        let purges = opened(&ram, 101);
        prop_assert_eq!(verdict(&purges, "/a", since), Verdict::Gone);
        prop_assert_eq!(verdict(&purges, "/b", since), Verdict::Gone);
        prop_assert!(verdict(&purges, "/c", since) != Verdict::Holds);
        prop_assert_eq!(verdict(&purges, "/a", purges.now()), Verdict::Holds);
        prop_assert_eq!(replayed.now, purges.now().number());
    }

    /// A file may be anything.
    #[test]
    fn any_bytes_are_read(mut bytes in prop::collection::vec(any::<u8>(), 0..600), is_ours in any::<bool>()) {
        if is_ours {
            let (ours, _) = small();
            bytes.splice(..0, ours.into_iter().take(3 * SLOT));
        }
        let replayed = read(&bytes, 2, at(100));
        prop_assert!(replayed.now >= replayed.table.floor());
        prop_assert!(replayed.table.len() <= 2);
    }
}
