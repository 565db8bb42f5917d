//! Purges, and the fills that they race.

use std::sync::Arc;

use perigee_storage::Purge;

use crate::support::*;

fn of(path: &str) -> Purge {
    Purge::Key(key(path))
}

pub(crate) async fn a_purge_removes_all_variants(make: Make) {
    let store = make(ROOMY);
    for language in ["en", "de"] {
        store_body(&*store, "/", head(language, "a"), &bytes(100)).await;
    }
    store_body(&*store, "/other", head("en", "a"), &bytes(100)).await;
    assert_eq!(store.purge(&of("/")).get().await, 1, "one key");
    assert!(lookup(&*store, "/").await.is_empty());
    assert_eq!(lookup(&*store, "/other").await.len(), 1);
    assert_eq!(store.purge(&of("/")).get().await, 0);
    assert_eq!(store.stats().keys, 1);
}

pub(crate) async fn a_fill_that_is_forgone_is_read_and_not_stored(make: Make) {
    let (store, body) = (make(ROOMY), bytes(300_000));
    for stated in [None, Some(body.len() as u64)] {
        let mut fill = store.fill(&key("/"), head("en", "a"), stated);
        let reader = tokio::spawn(read(fill.body().read()));
        fill.forgo();
        assert!(!fill.is_kept());
        write(&mut fill, &body, 10_000).await.unwrap();
        fill.commit().unwrap();
        assert!(reader.await.unwrap().unwrap() == body);
        assert!(lookup(&*store, "/").await.is_empty());
    }
    assert_eq!(store.stats().filling_bytes, 0);
}

pub(crate) async fn a_fill_under_way_is_not_stored(make: Make) {
    let (store, body) = (make(ROOMY), bytes(300_000));
    let length = body.len() as u64;
    for (stated, purge_at) in [
        (None, 0),
        (Some(length), 0),
        (None, 150_000),
        (Some(length), 150_000),
    ] {
        let mut fill = store.fill(&key("/"), head("en", "a"), stated);
        let mut other = store.fill(&key("/other"), head("en", "a"), stated);
        let reader = tokio::spawn(read(fill.body().read()));
        write(&mut fill, &body.slice(..purge_at), 10_000)
            .await
            .unwrap();
        assert!(fill.is_kept());
        store.purge(&of("/")).get().await;
        assert!(!fill.is_kept());
        write(&mut fill, &body.slice(purge_at..), 10_000)
            .await
            .unwrap();
        fill.commit().unwrap();
        assert!(
            reader.await.unwrap().unwrap() == body,
            "its readers get it all"
        );
        assert!(lookup(&*store, "/").await.is_empty());

        write(&mut other, &body, 10_000).await.unwrap();
        other.commit().unwrap();
        assert_eq!(lookup(&*store, "/other").await.len(), 1, "another key");
    }
    assert_eq!(store.stats().filling_bytes, 0);
}

pub(crate) async fn a_fill_that_begins_after_is_stored(make: Make) {
    let store = make(ROOMY);
    let before = store.fill(&key("/"), head("en", "before"), Some(0));
    store.purge(&of("/")).get().await;
    let after = store.fill(&key("/"), head("en", "after"), Some(0));
    after.commit().unwrap();
    before.commit().unwrap();
    let variants = lookup(&*store, "/").await;
    assert_eq!(variants.iter().map(mark).collect::<Vec<_>>(), ["after"]);
}

/// A fill began, then one thread commits it while another purges: it must be gone afterwards,
/// whoever came first.
pub(crate) async fn a_purge_wins_every_race(make: Make) {
    let store = make(ROOMY);
    for round in 0..2000 {
        let mut fill = store.fill(&key("/"), head("en", "a"), None);
        fill.write(bytes(100)).await.unwrap();
        let barrier = Arc::new(std::sync::Barrier::new(2));
        let (purging, committing) = (Arc::clone(&barrier), barrier);
        let purger = Arc::clone(&store);
        let purge = tokio::task::spawn_blocking(move || {
            purging.wait();
            purger.purge(&of("/"))
        });
        let commit = tokio::task::spawn_blocking(move || {
            committing.wait();
            fill.commit().unwrap();
        });
        purge.await.unwrap().get().await;
        commit.await.unwrap();
        assert!(lookup(&*store, "/").await.is_empty(), "round {round}");
    }
}
