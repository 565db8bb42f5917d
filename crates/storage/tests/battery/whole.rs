//! Responses that have come whole, and are stored without a fill.

use std::{
    sync::{Arc, Barrier},
    time::SystemTime,
};

use bytes::Bytes;
use perigee_http_cache::StoredHead;
use perigee_storage::{MOST_AT_HAND, Purge, Store, Taken, Target};

use crate::support::*;

fn keep(store: &dyn Store, path: &str, head: &Arc<StoredHead>, body: &Bytes) -> Option<Taken> {
    let taken = store.keep(&key(path), head, body.clone(), store.purges().now());
    taken.ok()
}

pub(crate) async fn what_is_taken_whole_is_found(make: Make) {
    let store = make(ROOMY);
    for length in [0, 1, 1000, 4096, 4097, MOST_AT_HAND as usize] {
        let (path, body) = (format!("/{length}"), bytes(length));
        let taken = keep(&*store, &path, &head("en", &path), &body).unwrap();
        assert!(taken.is_kept);
        assert!(read(taken.stored.body.read()).await.unwrap() == body);
        let found = lookup(&*store, &path).await;
        assert_eq!(found.len(), 1);
        assert_eq!((mark(&found[0]), found[0].id), (&*path, taken.stored.id));
        assert!(read(found[0].body.read()).await.unwrap() == body);
    }
    assert_eq!(store.stats().filling_bytes, 0);
}

pub(crate) async fn what_is_taken_whole_weighs_as_what_was_filled(make: Make) {
    let (taken, filled) = (make(ROOMY), make(ROOMY));
    for length in [0, 1000, 10_000] {
        let (path, body) = (format!("/{length}"), bytes(length));
        keep(&*taken, &path, &head("en", "a"), &body).unwrap();
        let mut fill = filled.begin(&key(&path), head("en", "a"), Some(length as u64));
        write(&mut fill, &body, length.max(1)).await.unwrap();
        fill.commit().unwrap();
        assert_eq!(taken.stats().bytes, filled.stats().bytes, "{length}");
    }
}

pub(crate) async fn what_is_taken_whole_stands_beside_its_variants(make: Make) {
    let store = make(ROOMY);
    let marks = async || {
        let found = lookup(&*store, "/").await;
        found
            .iter()
            .map(mark)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    store_body(&*store, "/", head("en", "old"), &bytes(10)).await;
    keep(&*store, "/", &head("de", "other"), &bytes(10)).unwrap();
    assert_eq!(marks().await, ["other", "old"]);
    keep(&*store, "/", &head("en", "new"), &bytes(10)).unwrap();
    assert_eq!(marks().await, ["new", "other"]);
}

pub(crate) async fn what_is_large_or_finds_no_room_is_to_be_filled(make: Make) {
    let store = make(ROOMY);
    let large = bytes(MOST_AT_HAND as usize + 1);
    assert!(keep(&*store, "/", &head("en", "a"), &large).is_none());
    let small = make(Limits {
        max_object: 100,
        ..ROOMY
    });
    assert!(keep(&*small, "/", &head("en", "a"), &bytes(101)).is_none());
    let full = make(Limits {
        fill_bytes: 100,
        ..ROOMY
    });
    assert!(keep(&*full, "/", &head("en", "a"), &bytes(101)).is_none());
    for store in [store, small, full] {
        assert!(lookup(&*store, "/").await.is_empty());
        assert_eq!(store.stats().filling_bytes, 0);
    }
}

pub(crate) async fn what_is_taken_whole_is_as_purges_have_left_it(make: Make) {
    let store = make(ROOMY);
    let tag = Target::Tag {
        tag: "news".into(),
        host: None,
    };
    for target in [Target::Key(key("/")), tag, Target::Everything] {
        for soft in [false, true] {
            let asked = store.purges().now();
            let target = target.clone();
            purge(&*store, Purge { target, soft }).await;
            let head = head_tagged("en", "a", "news");
            let taken = store.keep(&key("/"), &head, bytes(10), asked).unwrap();
            assert_eq!(taken.is_kept, soft);
            assert!(read(taken.stored.body.read()).await.unwrap() == bytes(10));
            let found = lookup(&*store, "/").await;
            let is_fresh =
                |stored: &perigee_storage::Stored| stored.head.ttl(SystemTime::now()) > 0;
            assert_eq!(found.len(), usize::from(soft));
            assert!(!found.iter().any(is_fresh));
        }
    }
}

/// It was asked for, then one thread stores it while another purges: it must be gone afterwards,
/// whoever came first.
pub(crate) async fn a_purge_wins_every_race_with_it(make: Make) {
    let store = make(ROOMY);
    for round in 0..1000 {
        let asked = store.purges().now();
        let barrier = Arc::new(Barrier::new(2));
        let (purging, storing) = (Arc::clone(&barrier), barrier);
        let (purger, keeper) = (Arc::clone(&store), Arc::clone(&store));
        let purge = tokio::task::spawn_blocking(move || {
            purging.wait();
            purger.purge(&Purge::hard(Target::Key(key("/"))), SystemTime::now())
        });
        let keep = tokio::task::spawn_blocking(move || {
            storing.wait();
            keeper.keep(&key("/"), &head("en", "a"), bytes(100), asked)
        });
        purge.await.unwrap().get().await;
        assert!(lookup(&*store, "/").await.is_empty(), "round {round}");
        keep.await.unwrap().unwrap();
        assert!(lookup(&*store, "/").await.is_empty(), "round {round}");
    }
}
