//! Fills, lookups, variants, freshening.

use std::sync::Arc;

use perigee_storage::{
    FillError::{TooLong, TooShort},
    Purge, Store, StoredId,
};

use crate::support::*;

pub(crate) async fn a_key_without_responses_has_none(make: Make) {
    assert!(lookup(&*make(ROOMY), "/").await.is_empty());
}

pub(crate) async fn what_is_committed_is_found(make: Make) {
    let store = make(ROOMY);
    let block = 64 << 10;
    let lengths = [
        0,
        1,
        1000,
        block - 1,
        block,
        block + 1,
        3 * block,
        1_000_000,
    ];
    for length in lengths {
        for piece in [977, 16_384, 100_000, 1 << 20] {
            for stated in [None, Some(length as u64)] {
                let body = bytes(length);
                let path = format!("/{length}/{piece}/{stated:?}");
                let mut fill = store.begin(&key(&path), head("en", &path), stated);
                assert!(fill.is_kept());
                write(&mut fill, &body, piece).await.unwrap();
                assert!(
                    lookup(&*store, &path).await.is_empty(),
                    "not before it is committed"
                );
                fill.commit().unwrap();

                let variants = lookup(&*store, &path).await;
                assert_eq!(variants.len(), 1);
                assert_eq!(mark(&variants[0]), path);
                assert_eq!(variants[0].body.length(), Some(length as u64));
                assert!(
                    read(variants[0].body.read()).await.unwrap() == body,
                    "{path}"
                );
            }
        }
    }
    let stats = store.stats();
    assert_eq!(stats.keys, 8 * 4 * 2);
    assert_eq!((stats.filling_bytes, stats.evicted), (0, 0));
    assert_eq!(stats.capacity, ROOMY.capacity);
}

pub(crate) async fn what_is_stored_is_weighed(make: Make) {
    let store = make(ROOMY);
    let mut bodies = 0;
    for length in [100_000, 65_536, 1 << 20, 3 << 20] {
        let path = format!("/{length}");
        store_body(&*store, &path, head("en", "a"), &bytes(length)).await;
        bodies += length as u64;
    }
    let stats = store.stats();
    assert!(
        (bodies..bodies + bodies / 5).contains(&stats.bytes),
        "{stats:?}"
    );
}

pub(crate) async fn a_fill_that_is_dropped_leaves_nothing(make: Make) {
    let store = make(ROOMY);
    for stated in [None, Some(5000)] {
        let mut fill = store.begin(&key("/"), head("en", "a"), stated);
        write(&mut fill, &bytes(5000), 1000).await.unwrap();
        assert!(store.stats().filling_bytes >= 4000);
        drop(fill);
        assert!(lookup(&*store, "/").await.is_empty());
        assert_eq!(store.stats().filling_bytes, 0);
    }
}

pub(crate) async fn a_body_that_is_too_short_is_not_stored(make: Make) {
    let store = make(ROOMY);
    let mut fill = store.begin(&key("/"), head("en", "a"), Some(100));
    let reader = fill.body().read();
    write(&mut fill, &bytes(99), 10).await.unwrap();
    assert_eq!(fill.commit(), Err(TooShort));
    assert!(lookup(&*store, "/").await.is_empty());
    assert!(read(reader).await.is_err(), "nobody takes it for whole");
}

pub(crate) async fn a_body_that_is_too_long_is_not_stored(make: Make) {
    let store = make(ROOMY);
    for piece in [10, 101] {
        let mut fill = store.begin(&key("/"), head("en", "a"), Some(100));
        let reader = fill.body().read();
        assert_eq!(write(&mut fill, &bytes(101), piece).await, Err(TooLong));
        assert_eq!(
            fill.commit(),
            Err(TooLong),
            "also if the caller does not care"
        );
        assert!(lookup(&*store, "/").await.is_empty());
        assert!(read(reader).await.is_err(), "nobody takes it for whole");
    }
}

pub(crate) async fn the_newer_takes_the_place_of_the_older(make: Make) {
    let store = make(ROOMY);
    store_body(&*store, "/", head("en", "old"), &bytes(100)).await;
    let old = lookup(&*store, "/").await;
    store_body(&*store, "/", head("en", "new"), &bytes(200)).await;
    let new = lookup(&*store, "/").await;
    assert_eq!(new.iter().map(mark).collect::<Vec<_>>(), ["new"]);
    assert_eq!(new[0].body.length(), Some(200));
    assert!(
        read(old[0].body.read()).await.unwrap() == bytes(100),
        "who has it reads on"
    );
}

pub(crate) async fn variants_stand_side_by_side(make: Make) {
    let store = make(ROOMY);
    for language in ["en", "de", "fr"] {
        store_body(&*store, "/", head(language, language), &bytes(100)).await;
    }
    store_body(&*store, "/", head("de", "de again"), &bytes(100)).await;
    let marks: Vec<_> = lookup(&*store, "/")
        .await
        .iter()
        .map(mark)
        .map(str::to_owned)
        .collect();
    assert_eq!(marks, ["de again", "fr", "en"], "newest first");
    assert_eq!(store.stats().keys, 1);
}

pub(crate) async fn the_oldest_variant_goes(make: Make) {
    let store = make(Limits {
        variants: 2,
        ..ROOMY
    });
    for language in ["en", "de", "fr"] {
        store_body(&*store, "/", head(language, language), &bytes(100)).await;
    }
    let variants = lookup(&*store, "/").await;
    assert_eq!(variants.iter().map(mark).collect::<Vec<_>>(), ["fr", "de"]);
}

pub(crate) async fn freshening_replaces_the_head(make: Make) {
    let store = make(ROOMY);
    let body = bytes(150_000);
    store_body(&*store, "/", head("en", "old"), &body).await;
    store_body(&*store, "/", head("de", "other"), &body).await;
    let old = lookup(&*store, "/").await[1].clone();
    store
        .freshen(&key("/"), &old, freshened(&*store, &old, head("en", "new")))
        .get()
        .await;
    let variants = lookup(&*store, "/").await;
    assert_eq!(
        variants.iter().map(mark).collect::<Vec<_>>(),
        ["new", "other"]
    );
    assert!(read(variants[0].body.read()).await.unwrap() == body);

    // A 304 may even change what selects it.
    let old = variants[0].clone();
    store
        .freshen(
            &key("/"),
            &old,
            freshened(&*store, &old, head("fr", "newest")),
        )
        .get()
        .await;
    let variants = lookup(&*store, "/").await;
    assert_eq!(
        variants.iter().map(mark).collect::<Vec<_>>(),
        ["newest", "other"]
    );
}

pub(crate) async fn freshening_what_is_gone_does_nothing(make: Make) {
    let store = make(ROOMY);
    let fill = store.begin(&key("/"), head("en", "a"), Some(0));
    let unstored = fill.stored();
    store
        .freshen(
            &key("/"),
            &unstored,
            freshened(&*store, &unstored, head("en", "b")),
        )
        .get()
        .await;
    assert!(lookup(&*store, "/").await.is_empty());
    fill.commit().unwrap();

    store
        .freshen(
            &key("/"),
            &unstored,
            freshened(&*store, &unstored, head("en", "b")),
        )
        .get()
        .await;
    assert_eq!(
        mark(&lookup(&*store, "/").await[0]),
        "b",
        "what followers had is what is stored"
    );
    store
        .freshen(
            &key("/"),
            &unstored,
            freshened(&*store, &unstored, head("en", "c")),
        )
        .get()
        .await;
    assert_eq!(
        mark(&lookup(&*store, "/").await[0]),
        "b",
        "replaced already"
    );
}

pub(crate) async fn one_response_is_removed_and_its_variants_stay(make: Make) {
    let store = make(ROOMY);
    let body = bytes(1000);
    store_body(&*store, "/", head("en", "a"), &body).await;
    store_body(&*store, "/", head("de", "b"), &body).await;
    let old = lookup(&*store, "/").await[1].clone();
    let marks = || async {
        let variants = lookup(&*store, "/").await;
        variants.iter().map(mark).collect::<Vec<_>>().join(" ")
    };
    store.remove(&key("/"), &old).get().await;
    assert_eq!(marks().await, "b");
    // What has taken its place is another.
    store_body(&*store, "/", head("en", "c"), &body).await;
    store.remove(&key("/"), &old).get().await;
    assert_eq!(marks().await, "c b");
    for stored in lookup(&*store, "/").await.iter() {
        store.remove(&key("/"), stored).get().await;
    }
    assert_eq!(marks().await, "");
}

pub(crate) async fn keys_do_not_mix(make: Make) {
    let store = make(ROOMY);
    for n in 0..200 {
        store_body(
            &*store,
            &format!("/{n}"),
            head("en", &n.to_string()),
            &bytes(n),
        )
        .await;
    }
    for n in 0..200 {
        let variants = Arc::clone(&lookup(&*store, &format!("/{n}")).await);
        assert_eq!(
            variants.iter().map(mark).collect::<Vec<_>>(),
            [n.to_string()]
        );
        assert!(read(variants[0].body.read()).await.unwrap() == bytes(n));
    }
}

/// A response that names more in Vary than those before it puts an end to them: for whom they
/// are can no longer be told.
pub(crate) async fn a_vary_that_names_more_ends_what_names_less(make: Make) {
    let store = make(ROOMY);
    let marks = async || {
        let variants = lookup(&*store, "/").await;
        variants
            .iter()
            .map(|v| mark(v).to_owned())
            .collect::<Vec<_>>()
    };
    let put = async |mark, vary| {
        store_body(
            &*store,
            "/",
            head_of("en", mark, &[("vary", vary)]),
            &bytes(10),
        )
        .await;
    };
    put("none", "").await;
    put("one", "accept-language").await;
    assert_eq!(marks().await, ["one"]);
    put("two", "accept-language, x-device").await;
    assert_eq!(marks().await, ["two"]);
    // It knows of all that this one names.
    put("other", "x-device").await;
    assert_eq!(marks().await, ["other", "two"]);
}

/// The ids of what is shown at once, if anything is; and whether that counted as a request.
fn shown(store: &dyn Store, path: &str, is_served: bool) -> Option<Vec<StoredId>> {
    let mut ids = None;
    let counted = store.at_once(key(path).as_str().as_bytes(), &mut |all| {
        ids = Some(all.iter().map(|hit| hit.id()).collect());
        is_served
    });
    assert_eq!(counted, ids.is_some() && is_served);
    ids
}

pub(crate) async fn what_is_shown_at_once_is_what_is_found(make: Make) {
    let store = make(ROOMY);
    assert_eq!(shown(&*store, "/a", true), None);
    for language in ["de", "en"] {
        let mut fill = store.begin(&key("/a"), head(language, language), Some(5));
        write(&mut fill, &bytes(5), 5).await.unwrap();
        fill.commit().unwrap();
    }
    let found = lookup(&*store, "/a").await;
    let hits = store.stats().hits;
    // A disk alone shows nothing, which is no request.
    let Some(ids) = shown(&*store, "/a", false) else {
        return;
    };
    assert_eq!(
        ids,
        found.iter().map(|stored| stored.id).collect::<Vec<_>>()
    );
    assert_eq!(found[0].body.at_hand(1..3), Some(bytes(5).slice(1..3)));
    assert_eq!(store.stats().hits, hits);
    assert_eq!(shown(&*store, "/a", true), Some(ids));
    assert_eq!(store.stats().hits, hits + 1);
    // What a purge may be about is left to a lookup.
    purge(&*store, Purge::key(key("/b"))).await;
    assert_eq!(shown(&*store, "/a", true), None);
    assert_eq!(lookup(&*store, "/a").await.len(), 2);
    assert!(shown(&*store, "/a", true).is_some());
    purge(&*store, Purge::key(key("/a"))).await;
    assert_eq!(shown(&*store, "/a", true), None);
    assert!(lookup(&*store, "/a").await.is_empty());
}
