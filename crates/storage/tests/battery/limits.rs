//! Memory stays within bounds, whatever comes.

use std::sync::Arc;

use bytes::Bytes;
use perigee_storage::Store;

use crate::support::*;

const WINDOW: u64 = 100_000;
const PIECE: usize = 10_000;

fn small_objects_only(make: Make) -> Arc<dyn Store> {
    make(Limits {
        max_object: 1 << 20,
        window: WINDOW,
        ..ROOMY
    })
}

/// Writes a body while two tasks read it; the most bytes that were claimed meanwhile.
async fn stream(store: &dyn Store, stated: Option<u64>, body: &Bytes) -> u64 {
    let mut fill = store.begin(&key("/"), head("en", "a"), stated);
    let readers = [(); 2].map(|()| tokio::spawn(read(fill.body().read())));
    let mut most = 0;
    for chunk in body.chunks(PIECE) {
        fill.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        most = most.max(store.stats().filling_bytes);
    }
    fill.commit().unwrap();
    for reader in readers {
        assert!(reader.await.unwrap().unwrap() == *body);
    }
    assert!(
        lookup(store, "/").await.is_empty(),
        "too large to be stored"
    );
    assert_eq!(store.stats().filling_bytes, 0);
    most
}

pub(crate) async fn a_large_object_streams_through(make: Make) {
    let (store, body) = (small_objects_only(make), bytes(8 << 20));
    let most = stream(&*store, Some(body.len() as u64), &body).await;
    assert!(most <= WINDOW + PIECE as u64, "{most} bytes held");
    assert!(most > 0);
}

pub(crate) async fn an_unknown_length_may_outgrow_the_limit(make: Make) {
    let (store, body) = (small_objects_only(make), bytes(8 << 20));
    let most = stream(&*store, None, &body).await;
    assert!(
        most <= (1 << 20) + WINDOW + PIECE as u64,
        "{most} bytes held"
    );
    assert!(
        most >= (1 << 20) - PIECE as u64,
        "it was kept until it was too large"
    );
}

pub(crate) async fn fills_share_a_budget(make: Make) {
    let store = make(Limits {
        fill_bytes: 100_000,
        ..ROOMY
    });
    let stated = store.begin(&key("/1"), head("en", "a"), Some(60_000));
    assert!(stated.is_kept());
    assert_eq!(
        store.stats().filling_bytes,
        60_000,
        "claimed before it has come"
    );
    assert!(
        !store
            .begin(&key("/2"), head("en", "a"), Some(60_000))
            .is_kept()
    );

    let mut growing = store.begin(&key("/3"), head("en", "a"), None);
    let mut reader = growing.body().read();
    growing.write(bytes(40_000)).await.unwrap();
    assert!(growing.is_kept());
    assert_eq!(store.stats().filling_bytes, 100_000);
    growing.write(bytes(1)).await.unwrap();
    assert!(!growing.is_kept(), "midway");
    read_exactly(&mut reader, 40_001).await;
    growing.commit().unwrap();
    assert!(lookup(&*store, "/3").await.is_empty());
    assert_eq!(store.stats().filling_bytes, 60_000);
}

pub(crate) async fn the_budget_comes_back(make: Make) {
    let store = make(Limits {
        fill_bytes: 100_000,
        ..ROOMY
    });
    for n in 0..10 {
        for stated in [Some(100_000), None] {
            let mut fill = store.begin(&key("/"), head("en", "a"), stated);
            assert!(fill.is_kept());
            let _reader = fill.body().read();
            write(&mut fill, &bytes(100_000), PIECE).await.unwrap();
            assert!(fill.is_kept());
            match n % 2 {
                0 => fill.commit().unwrap(),
                _ => drop(fill),
            }
        }
    }
    assert_eq!(store.stats().filling_bytes, 0);
    assert_eq!(lookup(&*store, "/").await.len(), 1);
}

pub(crate) async fn the_capacity_holds(make: Make) {
    let capacity = 4 << 20;
    let store = make(Limits {
        capacity,
        max_object: 1 << 20,
        ..ROOMY
    });
    let (count, length) = (2000, 10_000);
    for n in 0..count {
        store_body(&*store, &format!("/{n}"), head("en", "a"), &bytes(length)).await;
        if n % 100 == 0 {
            let stats = store.stats();
            assert!(stats.bytes <= capacity, "{stats:?}");
        }
    }
    // What is on its way to disk makes room as it arrives; then each is there or was evicted.
    let stats = loop {
        let stats = store.stats();
        assert!(
            stats.keys + stats.evicted <= count,
            "none is counted twice: {stats:?}"
        );
        let is_still = stats.disk.as_ref().is_none_or(|disk| disk.queued == 0);
        if is_still && stats.keys + stats.evicted == count {
            break stats;
        }
        tokio::task::yield_now().await;
    };
    assert!(
        stats.bytes <= capacity && stats.bytes > capacity / 2,
        "{stats:?}"
    );
    let mut found = 0;
    for n in 0..count {
        for stored in lookup(&*store, &format!("/{n}")).await.iter() {
            assert!(read(stored.body.read()).await.unwrap() == bytes(length));
            found += 1;
        }
    }
    assert_eq!(found, stats.keys, "{stats:?}");
}

/// Eviction does not wait for an occasion while large objects come in a row.
pub(crate) async fn what_is_too_much_goes_at_once(make: Make) {
    let store = make(Limits {
        capacity: 4 << 20,
        max_object: 1 << 20,
        ..ROOMY
    });
    for n in 0..20 {
        let path = format!("/{n}");
        store_body(&*store, &path, head("en", "a"), &bytes(1 << 20)).await;
    }
    let mut found = 0;
    for n in 0..20 {
        found += lookup(&*store, &format!("/{n}")).await.len();
    }
    assert_eq!(
        found, 3,
        "three and their heads are what four megabytes hold"
    );
}

/// A store full of small objects has room for a large one that is asked for again and again.
pub(crate) async fn a_large_object_finds_room_among_small_ones(make: Make) {
    let store = make(Limits {
        capacity: 4 << 20,
        max_object: 1 << 20,
        ..ROOMY
    });
    for n in 0..4000 {
        store_body(
            &*store,
            &format!("/small/{n}"),
            head("en", "a"),
            &bytes(1000),
        )
        .await;
    }
    let mut asked = 0;
    while lookup(&*store, "/large").await.is_empty() {
        store_body(&*store, "/large", head("en", "a"), &bytes(1 << 20)).await;
        asked += 1;
        assert!(asked < 20, "it never finds room");
    }
}

/// Many small objects give way to few large ones, which are weighed as what they are.
pub(crate) async fn large_objects_in_a_row_are_weighed(make: Make) {
    let capacity = 16 << 20;
    let store = make(Limits {
        capacity,
        max_object: 8 << 20,
        ..ROOMY
    });
    for n in 0..2000 {
        store_body(
            &*store,
            &format!("/small/{n}"),
            head("en", "a"),
            &bytes(1000),
        )
        .await;
    }
    for n in 0..20 {
        let language = ["en", "de"][n % 2];
        store_body(&*store, "/large", head(language, "a"), &bytes(5 << 20)).await;
        store_body(
            &*store,
            &format!("/large/{n}"),
            head("en", "a"),
            &bytes(3 << 20),
        )
        .await;
        let stats = store.stats();
        assert!(stats.bytes <= capacity, "{stats:?}");
    }
}
