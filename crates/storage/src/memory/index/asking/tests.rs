use std::{
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use perigee_http_cache::Scheme;

use super::*;
use crate::memory::held::tests::stored;

fn key(n: u64) -> CacheKey {
    CacheKey::new(Scheme::Http, "a.test", &format!("/{n}"))
}

fn put(index: &Index, n: u64, length: usize) {
    index.change(&key(n), Revision::new(0), 0, |_, _| {
        Some(vec![stored(length)])
    });
}

/// The length of the body that is found.
fn ask(index: &Index, n: u64) -> Option<u64> {
    let mut length = None;
    let is_served = index.at_once(key(n).as_str().as_bytes(), |found| {
        length = found.view().hits().next().and_then(|it| it.body_length());
        true
    });
    assert_eq!(is_served, length.is_some());
    length
}

fn hits(index: &Index, n: u64) -> Option<u32> {
    index.look(&key(n), |found| found.entry.hits)
}

fn has_copy(index: &Index, n: u64) -> bool {
    let copy = copies::take(index.number, key(n).stable_hash());
    let is_there = copy.is_some();
    if let Some(copy) = copy {
        index.keep(copy);
    }
    is_there
}

/// Runs while another thread has the shard of a key.
fn while_it_is_locked<T>(index: &Index, n: u64, run: impl FnOnce() -> T) -> T {
    let (has_it, had) = mpsc::channel();
    let (done, is_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let _shard = index.shard(key(n).stable_hash());
            has_it.send(()).unwrap();
            // Until `done` is dropped, too.
            let _ = is_done.recv();
        });
        had.recv().unwrap();
        let told = run();
        drop(done);
        told
    })
}

/// Asks beside a thread that does so, until this one has a copy.
fn get_a_copy(index: &Index, n: u64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(SeqCst) {
                let shard = index.shard(key(n).stable_hash());
                thread::yield_now();
                drop(shard);
            }
        });
        while !has_copy(index, n) {
            ask(index, n);
            assert!(Instant::now() < deadline, "nobody ever waited");
        }
        stop.store(true, SeqCst);
    });
}

#[test]
fn who_had_to_wait_need_not_again() {
    let index = Index::new(1 << 20, 0, 1);
    put(&index, 1, 1000);
    put(&index, 2, 100_000);
    ask(&index, 1);
    assert!(!has_copy(&index, 1), "nobody else asked");
    get_a_copy(&index, 1);
    assert_eq!(while_it_is_locked(&index, 1, || ask(&index, 1)), Some(1000));
}

#[test]
fn hits_of_a_copy_are_counted() {
    let index = Index::new(1 << 20, 0, 1);
    put(&index, 1, 1000);
    get_a_copy(&index, 1);
    let before = (hits(&index, 1).unwrap(), index.hits());
    for _ in 0..1600 {
        ask(&index, 1);
    }
    let more = hits(&index, 1).unwrap() - before.0;
    assert!((1585..=1615).contains(&more), "{more}");
    assert_eq!(u64::from(more), index.hits() - before.1);
    // All of them, once the copy goes.
    put(&index, 1, 999);
    ask(&index, 1);
    let more = index.hits() - before.1;
    assert!((1601..=1616).contains(&more), "{more}");
}

#[test]
fn those_who_had_the_answer_of_another_one_are_counted() {
    let index = Index::new(1 << 20, 0, 1);
    put(&index, 1, 1000);
    ask(&index, 1);
    let again = |times| index.again(key(1).as_str().as_bytes(), times);
    again(9);
    assert_eq!((hits(&index, 1), index.hits()), (Some(10), 10));
    // Those of a copy are told some at a time, as ever.
    get_a_copy(&index, 1);
    let before = (hits(&index, 1).unwrap(), index.hits());
    again(1000);
    let more = hits(&index, 1).unwrap() - before.0;
    assert!((1000..=1015).contains(&more), "{more}");
    assert_eq!(u64::from(more), index.hits() - before.1);
    // What is gone meanwhile was found all the same.
    let before = index.hits();
    index.again(key(2).as_str().as_bytes(), 3);
    assert_eq!(index.hits(), before + 3);
}

/// Whatever becomes of an entry, the next lookup finds it so.
#[test]
fn a_copy_is_as_good_as_what_it_is_of() {
    let index = Index::new(1 << 20, 0, 1);
    put(&index, 1, 1000);
    get_a_copy(&index, 1);
    put(&index, 1, 500);
    assert_eq!(ask(&index, 1), Some(500), "replaced");
    get_a_copy(&index, 1);
    index.change(&key(1), Revision::new(7), 0, |_, _| None::<Vec<_>>);
    index.at_once(key(1).as_str().as_bytes(), |found| {
        assert_eq!(found.entry.checked, Revision::new(7), "checked");
        true
    });
    get_a_copy(&index, 1);
    index.drop_where(|_| true);
    assert_eq!(ask(&index, 1), None, "dropped");
    put(&index, 1, 1000);
    get_a_copy(&index, 1);
    index.change(&key(1), Revision::new(7), 0, |_, _| Some(Vec::new()));
    assert_eq!(ask(&index, 1), None, "removed");
    put(&index, 1, 1000);
    get_a_copy(&index, 1);
    for n in 2.. {
        put(&index, n, 5000);
        let is_there = index.look(&key(1), |_| ()).is_some();
        assert_eq!(ask(&index, 1).is_some(), is_there, "evicted");
        if !is_there || n > 2000 {
            break;
        }
    }
}

#[test]
fn another_index_has_other_copies() {
    let (one, other) = (Index::new(1 << 20, 0, 1), Index::new(1 << 20, 0, 1));
    put(&one, 1, 1000);
    get_a_copy(&one, 1);
    assert_eq!(ask(&other, 1), None);
    put(&other, 1, 10);
    assert_eq!((ask(&other, 1), ask(&one, 1)), (Some(10), Some(1000)));
}

/// Nobody finds what was replaced before they asked.
#[test]
fn what_is_new_is_seen_by_all_threads() {
    const LAST: usize = 2000;
    let index = Index::new(1 << 20, 0, 1);
    put(&index, 1, 0);
    let newest = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let least = newest.load(SeqCst);
                    let found = ask(&index, 1).unwrap();
                    assert!(found >= least as u64, "{found} of {least}");
                    if found == LAST as u64 {
                        break;
                    }
                }
            });
        }
        for length in 1..=LAST {
            put(&index, 1, length);
            newest.store(length, SeqCst);
        }
    });
}
