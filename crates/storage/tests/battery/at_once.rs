//! What memory shows of a key where it stands.

use std::time::SystemTime;

use bytes::Bytes;
use http::StatusCode;
use perigee_storage::{Purge, Store, Target};

use crate::support::*;

/// The body of the newest response, if it is shown in one piece. It is a request.
fn ask(store: &dyn Store, path: &str) -> Option<Bytes> {
    let (key, mut body) = (key(path), None);
    store.at_once(key.as_str().as_bytes(), &mut |hits| {
        body = hits.iter().next().and_then(|hit| hit.bytes());
        true
    });
    body
}

async fn hits(store: &dyn Store, path: &str) -> Option<u64> {
    let entry = store.entry(&key(path)).get().await;
    entry.and_then(|entry| entry.hits)
}

pub(crate) async fn what_memory_has_is_shown(make: Make) {
    let store = &*make(ROOMY);
    assert_eq!(shown(store, &key("/1000")).await, None);
    for length in [0, 1000, 4096, 5000, 65_536] {
        let (path, body) = (format!("/{length}"), bytes(length));
        store_body(store, &path, head("en", "one"), &body).await;
        assert_eq!(ask(store, &path), Some(body));
    }
    // What is in several pieces is read like any body.
    let long = bytes(200_000);
    store_body(store, "/long", head("en", "one"), &long).await;
    let (key, mut seen) = (key("/long"), None);
    assert!(store.at_once(key.as_str().as_bytes(), &mut |hits| {
        let hit = hits.iter().next().unwrap();
        assert!(hit.bytes().is_none() && hit.body_length() == Some(200_000));
        assert_eq!(hit.head().status(), StatusCode::OK);
        assert!(hit.head().ttl(SystemTime::now()) > 0);
        seen = Some(hit.body());
        true
    }));
    assert!(read(seen.unwrap().read()).await.unwrap() == long);
    // All variants are, the newest first.
    for language in ["en", "de", "fr"] {
        store_body(store, "/many", head(language, language), &bytes(9)).await;
    }
    let marks = shown(store, &crate::support::key("/many")).await.unwrap();
    let marks: Vec<_> = marks.iter().map(|(_, mark)| mark.as_str()).collect();
    assert_eq!(marks, ["fr", "de", "en"]);
}

pub(crate) async fn only_an_answer_counts_as_a_request(make: Make) {
    let store = &*make(ROOMY);
    store_body(store, "/", head("en", "one"), &bytes(9)).await;
    assert!(shown(store, &key("/")).await.is_some());
    assert_eq!(hits(store, "/").await, Some(0));
    assert!(ask(store, "/").is_some());
    assert_eq!(hits(store, "/").await, Some(1));
    assert_eq!(store.stats().hits, 1);
}

pub(crate) async fn what_was_purged_is_not_shown(make: Make) {
    let store = &*make(ROOMY);
    for path in ["/a", "/b", "/c"] {
        store_body(store, path, head("en", path), &bytes(9)).await;
        assert!(ask(store, path).is_some());
    }
    purge(store, Purge::hard(Target::Key(key("/a")))).await;
    assert!(ask(store, "/a").is_none());
    // Whoever has not been checked since a purge is looked up first.
    assert!(ask(store, "/b").is_none());
    assert_eq!(lookup(store, "/b").await.len(), 1);
    assert!(ask(store, "/b").is_some());
    purge(store, Purge::hard(Target::Everything)).await;
    assert!(ask(store, "/b").is_none() && lookup(store, "/b").await.is_empty());
    assert!(ask(store, "/c").is_none() && lookup(store, "/c").await.is_empty());
}
