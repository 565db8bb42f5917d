//! Purges, and the fills that they race.

use std::sync::Arc;

use perigee_storage::Purge;

use crate::support::*;

pub(crate) fn group_of(group: &str) -> Purge {
    Purge::Group {
        origin: key("/").origin().into(),
        group: group.to_owned(),
    }
}

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

pub(crate) async fn a_group_is_removed_and_no_more(make: Make) {
    let store = make(ROOMY);
    for (path, language, groups) in [
        ("/a", "en", "\"news\", \"home\""),
        ("/a", "de", "\"home\""),
        ("/b", "en", "\"news\""),
        ("/c", "en", "\"newspaper\""),
        ("/d", "en", ""),
    ] {
        store_body(&*store, path, head_in(language, path, groups), &bytes(100)).await;
    }
    assert_eq!(store.stats().grouped, 4, "/a twice, /b and /c");
    let elsewhere = Purge::Group {
        origin: "https://www.example.com".into(),
        group: "news".to_owned(),
    };
    assert_eq!(store.purge(&elsewhere).get().await, 0, "another origin's");
    assert_eq!(store.purge(&group_of("new")).get().await, 0);
    assert_eq!(store.purge(&group_of("news")).get().await, 2, "/a and /b");
    let left = async |path| lookup(&*store, path).await.len();
    assert_eq!(left("/a").await, 1, "the other variant stays");
    assert_eq!(
        (left("/b").await, left("/c").await, left("/d").await),
        (0, 1, 1)
    );
    assert_eq!(store.purge(&group_of("news")).get().await, 0);
    assert_eq!(store.stats().grouped, 2);
}

pub(crate) async fn fills_of_a_group_are_not_stored(make: Make) {
    let store = make(ROOMY);
    let mut inside = store.fill(&key("/a"), head_in("en", "a", "\"news\""), None);
    let outside = store.fill(&key("/a"), head_in("de", "b", "\"home\""), Some(0));
    let reader = tokio::spawn(read(inside.body().read()));
    store.purge(&group_of("news")).get().await;
    assert!(!inside.is_kept() && outside.is_kept());
    let after = store.fill(&key("/c"), head_in("en", "c", "\"news\""), Some(0));
    write(&mut inside, &bytes(100_000), 10_000).await.unwrap();
    inside.commit().unwrap();
    outside.commit().unwrap();
    after.commit().unwrap();
    assert!(reader.await.unwrap().unwrap() == bytes(100_000));
    let variants = lookup(&*store, "/a").await;
    assert_eq!(variants.iter().map(mark).collect::<Vec<_>>(), ["b"]);
    assert_eq!(lookup(&*store, "/c").await.len(), 1);
    drop(store.fill(&key("/d"), head_in("en", "d", "\"news\""), None));
    assert_eq!(
        store.stats().grouped,
        2,
        "what is not stored is in no group"
    );
}

/// Many more responses than there is room for, each in groups of its own and in one that all
/// share: the index holds what the store does.
pub(crate) async fn evicted_responses_leave_their_groups(make: Make) {
    let store = make(Limits {
        capacity: 1 << 20,
        max_object: 1 << 20,
        ..ROOMY
    });
    for n in 0..2000 {
        let groups = format!("\"all\", \"own-{n}\"");
        let head = head_in("en", "a", &groups);
        store_body(&*store, &format!("/{n}"), head, &bytes(1000)).await;
    }
    // One that is too large for the store altogether.
    let large = head_in("en", "a", "\"all\", \"large\"");
    store_body(&*store, "/large", large, &bytes(1 << 20)).await;
    let stats = store.stats();
    assert!(stats.keys > 100 && stats.keys < 1000, "{stats:?}");
    assert!(stats.bytes <= stats.capacity, "{stats:?}");
    assert_eq!(stats.grouped, 2 * stats.keys);
    assert_eq!(store.purge(&group_of("all")).get().await, stats.keys);
    let stats = store.stats();
    assert_eq!((stats.keys, stats.grouped), (0, 0));
}

/// What the index takes is weighed: no more fits in than without it.
pub(crate) async fn groups_are_weighed(make: Make) {
    let groups: Vec<String> = (0..100).map(|n| format!("\"g{n}\"")).collect();
    let bytes_with = |groups: &str| {
        let (store, head) = (make(ROOMY), head_in("en", "a", groups));
        async move {
            store_body(&*store, "/", head, &bytes(100)).await;
            store.stats().bytes
        }
    };
    let (without, with) = (bytes_with("").await, bytes_with(&groups.join(",")).await);
    assert!(with > without + 100 * 100, "{with} {without}");
}

pub(crate) async fn a_purge_of_a_group_wins_every_race(make: Make) {
    let store = make(ROOMY);
    for round in 0..2000 {
        let fill = store.fill(&key("/"), head_in("en", "a", "\"news\""), Some(0));
        let barrier = Arc::new(std::sync::Barrier::new(2));
        let (purging, committing) = (Arc::clone(&barrier), barrier);
        let purger = Arc::clone(&store);
        let purge = tokio::task::spawn_blocking(move || {
            purging.wait();
            purger.purge(&group_of("news"))
        });
        let commit = tokio::task::spawn_blocking(move || {
            committing.wait();
            fill.commit().unwrap();
        });
        purge.await.unwrap().get().await;
        commit.await.unwrap();
        assert!(lookup(&*store, "/").await.is_empty(), "round {round}");
    }
    assert_eq!(store.stats().grouped, 0);
}
