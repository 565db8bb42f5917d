//! Purges, and the fills that they race.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use perigee_storage::{MOST_PURGES, Purge, Store, Target};

use crate::support::*;

pub(crate) fn group(group: &str) -> Target {
    Target::Group {
        origin: key("/").origin().into(),
        group: group.into(),
    }
}

pub(crate) fn tag(tag: &str) -> Target {
    Target::Tag {
        host: None,
        tag: tag.into(),
    }
}

pub(crate) fn prefix(path: &str) -> Target {
    Target::Prefix(format!("www.example.org{path}").into())
}

fn of(path: &str) -> Purge {
    Purge::key(key(path))
}

/// The marks of what is stored under a key, and whether it is fresh.
async fn left(store: &dyn Store, path: &str) -> Vec<(String, bool)> {
    let (variants, now) = (lookup(store, path).await, SystemTime::now());
    let told = |stored| (mark(stored).to_owned(), stored.head.ttl(now) > 0);
    variants.iter().map(told).collect()
}

fn fresh(mark: &str) -> (String, bool) {
    (mark.to_owned(), true)
}

fn stale(mark: &str) -> (String, bool) {
    (mark.to_owned(), false)
}

pub(crate) async fn a_purge_removes_all_variants(make: Make) {
    let store = make(ROOMY);
    for language in ["en", "de"] {
        store_body(&*store, "/", head(language, "a"), &bytes(100)).await;
    }
    store_body(&*store, "/other", head("en", "a"), &bytes(100)).await;
    assert_eq!(purge(&*store, of("/")).await.keys, Some(1), "one key");
    assert!(lookup(&*store, "/").await.is_empty());
    assert_eq!(lookup(&*store, "/other").await.len(), 1);
    assert_eq!(purge(&*store, of("/")).await.keys, Some(0));
    assert_eq!(store.stats().keys, 1);
}

pub(crate) async fn purges_are_numbered(make: Make) {
    let store = make(ROOMY);
    let before = store.purges().now();
    for n in 1..4 {
        let purged = purge(&*store, of("/")).await;
        assert_eq!(purged.revision.number(), before.number() + n);
        assert_eq!(purged.revision, store.purges().now());
        assert_eq!(purged.unwritten, None);
    }
}

/// Each kind of purge is about what it names, hard and soft.
pub(crate) async fn a_purge_is_about_what_it_names(make: Make) {
    let host = |host: &str| Target::Host(host.into());
    let elsewhere = Target::Group {
        origin: "http://www.example.org".into(),
        group: "news".into(),
    };
    let tag_of = |host: &str| Target::Tag {
        host: Some(host.into()),
        tag: "news".into(),
    };
    for (target, purged) in [
        (Target::Key(key("/a")), "/a"),
        (prefix("/a"), "/a /ab"),
        (prefix("/a/"), ""),
        (prefix("/"), "/a /ab /b /c"),
        (host("WWW.example.org"), "/a /ab /b /c"),
        (host("www.example.org:443"), "/a /ab /b /c"),
        (host("www.example.org:80"), ""),
        (host("example.org"), ""),
        (tag("news"), "/b"),
        (tag_of("www.example.org"), "/b"),
        (tag_of("example.org"), ""),
        (group("news"), "/c"),
        (group("new"), ""),
        (elsewhere, ""),
        (Target::Everything, "/a /ab /b /c"),
    ] {
        for soft in [false, true] {
            let (store, target) = (make(ROOMY), target.clone());
            for (path, head) in [
                ("/a", head("en", "x")),
                ("/ab", head("en", "x")),
                ("/b", head_tagged("en", "x", "home news")),
                ("/c", head_in("en", "x", "\"home\", \"news\"")),
            ] {
                store_body(&*store, path, head, &bytes(100)).await;
            }
            let case = format!("{target:?} {soft}");
            purge(&*store, Purge { target, soft }).await;
            for path in ["/a", "/ab", "/b", "/c"] {
                let expected = match purged.split(' ').any(|it| it == path) {
                    false => vec![fresh("x")],
                    true if soft => vec![stale("x")],
                    true => vec![],
                };
                assert_eq!(left(&*store, path).await, expected, "{case} {path}");
            }
        }
    }
}

pub(crate) async fn other_variants_of_a_key_stay(make: Make) {
    let store = make(ROOMY);
    store_body(&*store, "/", head_tagged("en", "a", "news home"), &bytes(9)).await;
    store_body(&*store, "/", head_tagged("de", "b", "home"), &bytes(9)).await;
    purge(&*store, Purge::soft(tag("news"))).await;
    assert_eq!(left(&*store, "/").await, [fresh("b"), stale("a")]);
    purge(&*store, Purge::hard(tag("news"))).await;
    assert_eq!(left(&*store, "/").await, [fresh("b")]);
    assert_eq!(store.stats().keys, 1);
}

/// What a soft purge has made stale is fresh again once the origin has said so, and the next one
/// makes it stale again.
pub(crate) async fn what_is_stale_by_a_purge_is_freshened(make: Make) {
    let store = make(ROOMY);
    store_body(&*store, "/", head("en", "a"), &bytes(9)).await;
    let old = lookup(&*store, "/").await[0].clone();
    let before = store.purges().now();
    purge(&*store, Purge::soft(Target::Everything)).await;
    let purged = lookup(&*store, "/").await[0].clone();
    assert_eq!(purged.id, old.id, "it is still the same response");
    let age = |seconds| SystemTime::now() + Duration::from_secs(seconds);
    assert!(purged.head.ttl(age(5)) <= -5, "stale since the purge");

    // One that was asked for before the purge says nothing of what came after it.
    let late = old.freshened(head("en", "late"), before);
    store.freshen(&key("/"), &old, late.clone()).get().await;
    assert_eq!(left(&*store, "/").await, [stale("late")]);
    let new = freshened(&*store, &late, head("en", "new"));
    store.freshen(&key("/"), &late, new).get().await;
    assert_eq!(left(&*store, "/").await, [fresh("new")]);
    purge(&*store, Purge::soft(Target::Everything)).await;
    assert_eq!(left(&*store, "/").await, [stale("new")]);
}

pub(crate) async fn a_validation_that_was_purged_freshens_nothing(make: Make) {
    let store = make(ROOMY);
    store_body(&*store, "/", head("en", "a"), &bytes(9)).await;
    let old = lookup(&*store, "/").await[0].clone();
    let asked = store.purges().now();
    purge(&*store, Purge::hard(tag("news"))).await;
    // It is only the answer that says that it has the tag.
    let new = old.freshened(head_tagged("en", "b", "news"), asked);
    store.freshen(&key("/"), &old, new).get().await;
    assert!(lookup(&*store, "/").await.is_empty());
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
        let mut fill = store.begin(&key("/"), head("en", "a"), stated);
        let mut other = store.begin(&key("/other"), head("en", "a"), stated);
        let reader = tokio::spawn(read(fill.body().read()));
        write(&mut fill, &body.slice(..purge_at), 10_000)
            .await
            .unwrap();
        assert!(fill.is_kept());
        purge(&*store, of("/")).await;
        assert!(!fill.is_kept() && fill.has_room());
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

pub(crate) async fn a_fill_under_way_is_as_stale_as_it_was_made(make: Make) {
    let store = make(ROOMY);
    let mut fill = store.begin(&key("/"), head("en", "a"), None);
    purge(&*store, Purge::soft(Target::Key(key("/")))).await;
    assert!(fill.is_kept());
    write(&mut fill, &bytes(1000), 100).await.unwrap();
    fill.commit().unwrap();
    assert_eq!(left(&*store, "/").await, [stale("a")]);
}

/// A request was sent, a purge came, and only then the answer, which begins to be stored.
pub(crate) async fn what_was_asked_for_before_a_purge_is_not_stored(make: Make) {
    let store = make(ROOMY);
    for target in [Target::Key(key("/")), tag("news"), Target::Everything] {
        for soft in [false, true] {
            let asked = store.purges().now();
            let target = target.clone();
            purge(&*store, Purge { target, soft }).await;
            let head = head_tagged("en", "a", "news");
            let fill = store.fill(&key("/"), head, Some(0), asked);
            assert_eq!(fill.is_kept(), soft);
            fill.commit().unwrap();
            let expected = if soft { vec![stale("a")] } else { vec![] };
            assert_eq!(left(&*store, "/").await, expected);
        }
    }
}

pub(crate) async fn a_fill_that_begins_after_is_stored(make: Make) {
    let store = make(ROOMY);
    let before = store.begin(&key("/"), head("en", "before"), Some(0));
    purge(&*store, of("/")).await;
    let after = store.begin(&key("/"), head("en", "after"), Some(0));
    after.commit().unwrap();
    before.commit().unwrap();
    assert_eq!(left(&*store, "/").await, [fresh("after")]);
}

/// A fill began, then one thread commits it while another purges: it must be gone afterwards,
/// whoever came first.
pub(crate) async fn a_purge_wins_every_race(make: Make) {
    let store = make(ROOMY);
    let targets = [
        Target::Key(key("/")),
        group("news"),
        prefix("/"),
        Target::Everything,
    ];
    for round in 0..2000 {
        let mut fill = store.begin(&key("/"), head_in("en", "a", "\"news\""), None);
        fill.write(bytes(100)).await.unwrap();
        let barrier = Arc::new(std::sync::Barrier::new(2));
        let (purging, committing) = (Arc::clone(&barrier), barrier);
        let (purger, target) = (Arc::clone(&store), targets[round % 4].clone());
        let purge = tokio::task::spawn_blocking(move || {
            purging.wait();
            purger.purge(&Purge::hard(target), SystemTime::now())
        });
        let commit = tokio::task::spawn_blocking(move || {
            committing.wait();
            fill.commit().unwrap();
        });
        purge.await.unwrap().get().await;
        assert!(lookup(&*store, "/").await.is_empty(), "round {round}");
        commit.await.unwrap();
        assert!(lookup(&*store, "/").await.is_empty(), "round {round}");
    }
}

/// Bytes come back though nobody looks, and purges are forgotten that nothing is older than.
pub(crate) async fn what_was_purged_is_swept_out(make: Make) {
    let store = make(ROOMY);
    for n in 0..1000 {
        let head = head_tagged("en", "a", if n % 2 == 0 { "even" } else { "odd" });
        store_body(&*store, &format!("/{n}"), head, &bytes(1000)).await;
    }
    let before = store.stats();
    purge(&*store, Purge::hard(tag("even"))).await;
    let mut steps = 0;
    while store.sweep(10) {
        steps += 1;
        assert!(steps < 10_000);
    }
    assert!(steps >= 100, "{steps}: in small steps");
    let after = store.stats();
    assert_eq!(after.keys, 500);
    assert!(after.bytes < before.bytes / 10 * 7, "{before:?} {after:?}");
    assert!(!store.sweep(10), "nothing is left to do");
    for n in 0..1000 {
        let left = lookup(&*store, &format!("/{n}")).await.len();
        assert_eq!(left, n % 2);
    }
}

/// More purges than may be known at once, and a sweep now and then: nothing goes but what is purged.
pub(crate) async fn purges_that_nothing_is_older_than_are_forgotten(make: Make) {
    let store = make(ROOMY);
    store_body(&*store, "/kept", head("en", "a"), &bytes(9)).await;
    for n in 0..2 * MOST_PURGES {
        purge(&*store, of(&format!("/{n}"))).await;
        if n % 10_000 == 0 {
            while store.sweep(1000) {}
        }
    }
    assert_eq!(lookup(&*store, "/kept").await.len(), 1);
    let stats = store.purges().stats();
    assert!(
        stats.known <= MOST_PURGES as u64 && stats.lost == 0,
        "{stats:?}"
    );
}
