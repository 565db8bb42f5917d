//! What is stored is listed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use perigee_storage::{Ask, Entry, MOST_ON_A_PAGE, Only, Page, Store};

use super::support::{Make, ROOMY, bytes, head, head_tagged, key, lookup, mark, store_body};

fn ask(most: usize, only: &Only) -> Ask {
    Ask {
        after: None,
        most,
        only: only.clone(),
        now: SystemTime::now(),
    }
}

/// Turns all pages; `between` is called after each with its number.
async fn list(
    store: &dyn Store,
    most: usize,
    only: &Only,
    mut between: impl AsyncFnMut(usize),
) -> Vec<Entry> {
    let (mut ask, mut entries) = (ask(most, only), Vec::new());
    for page in 1.. {
        let Page {
            entries: some,
            next,
        } = store.list(&ask).get().await;
        assert!(some.len() <= most && page < 10_000);
        entries.extend(some);
        ask.after = next;
        if next.is_none() {
            break;
        }
        between(page).await;
    }
    entries
}

fn path(entry: &Entry) -> String {
    entry.key.path_and_query().to_owned()
}

async fn paths(store: &dyn Store, only: &Only) -> BTreeSet<String> {
    let entries = list(store, MOST_ON_A_PAGE, only, async |_| {}).await;
    entries.iter().map(path).collect()
}

async fn remove(store: &dyn Store, path: &str) {
    for stored in lookup(store, path).await.iter() {
        store.remove(&key(path), stored).get().await;
    }
}

pub(crate) async fn nothing_is_listed_of_an_empty_store(make: Make) {
    let store = make(ROOMY);
    let page = store.list(&ask(10, &Only::default())).get().await;
    assert!(page.entries.is_empty() && page.next.is_none());
    assert!(store.entry(&key("/a")).get().await.is_none());
}

/// Others come and go between all pages, as a map says.
pub(crate) async fn a_listing_agrees_with_a_map(make: Make) {
    let store = &*make(ROOMY);
    let mut others = BTreeMap::new();
    let mut ever = BTreeSet::new();
    for n in 0..300 {
        store_body(store, &format!("/stays/{n}"), head("en", "s"), &bytes(20)).await;
    }
    let entries = list(store, 7, &Only::default(), async |page| {
        for n in 0..4 {
            let path = format!("/comes/{page}/{n}");
            store_body(store, &path, head("en", "c"), &bytes(10)).await;
            ever.insert(path.clone());
            others.insert(path, ());
        }
        // A key that stays may get other responses.
        let stays = format!("/stays/{}", page % 300);
        store_body(store, &stays, head("de", "t"), &bytes(30)).await;
        for _ in 0..2 {
            if let Some((path, ())) = others.pop_first() {
                remove(store, &path).await;
            }
        }
    })
    .await;
    let listed: BTreeSet<_> = entries.iter().map(path).collect();
    let stays = listed.iter().filter(|path| path.starts_with("/stays/"));
    assert_eq!(stays.count(), 300, "each key that stays is listed");
    let twice = entries.len() - listed.len();
    assert_eq!(twice, 0, "no key that stays is listed twice");
    for path in &listed {
        assert!(path.starts_with("/stays/") || ever.contains(path), "{path}");
    }
    // Once it is quiet, the listing is the map.
    let mut now: BTreeSet<String> = others.into_keys().collect();
    now.extend((0..300).map(|n| format!("/stays/{n}")));
    assert_eq!(paths(store, &Only::default()).await, now);
}

pub(crate) async fn an_entry_tells_what_is_stored(make: Make) {
    let store = &*make(ROOMY);
    store_body(store, "/a", head("en", "old"), &bytes(100)).await;
    store_body(store, "/a", head("de", "new"), &bytes(300)).await;
    store_body(store, "/b", head("en", "b"), &Bytes::new()).await;
    let entries = list(store, 1, &Only::default(), async |_| {}).await;
    assert_eq!(entries.len(), 2);
    let listed = entries.iter().find(|entry| path(entry) == "/a").unwrap();
    let asked = store.entry(&key("/a")).get().await.unwrap();
    for entry in [listed, &asked] {
        assert_eq!(entry.key, key("/a"));
        let marks: Vec<_> = entry.variants.iter().map(mark).collect();
        assert_eq!(marks, ["new", "old"]);
        assert_eq!(entry.variants[0].body.length(), Some(300));
        assert!(entry.tiers.iter().count() >= 1);
        assert_eq!(entry.hits.is_some(), entry.tiers.memory);
    }
    remove(store, "/a").await;
    assert!(store.entry(&key("/a")).get().await.is_none());
    assert_eq!(
        paths(store, &Only::default()).await,
        BTreeSet::from(["/b".to_owned()])
    );
}

pub(crate) async fn only_what_is_wanted_is_listed(make: Make) {
    let store = &*make(ROOMY);
    for n in 0..50 {
        let head = head_tagged(
            "en",
            "tagged",
            if n % 10 == 0 { "round every" } else { "every" },
        );
        store_body(store, &format!("/{}/{n}", n % 2), head, &bytes(10)).await;
    }
    let count = async |only: Only| paths(store, &only).await.len();
    let of = |host: &str| Some(host.to_owned());
    let all = Only::default();
    assert_eq!(
        count(Only {
            host: of("WWW.example.org"),
            ..all.clone()
        })
        .await,
        50
    );
    assert_eq!(
        count(Only {
            host: of("example.org"),
            ..all.clone()
        })
        .await,
        0
    );
    assert_eq!(
        count(Only {
            prefix: of("www.example.org/1/"),
            ..all.clone()
        })
        .await,
        25
    );
    assert_eq!(
        count(Only {
            tag: of("round"),
            ..all.clone()
        })
        .await,
        5
    );
    assert_eq!(
        count(Only {
            tag: of("none"),
            ..all.clone()
        })
        .await,
        0
    );
    assert_eq!(
        count(Only {
            stale: true,
            ..all.clone()
        })
        .await,
        0
    );
    let later = Ask {
        now: SystemTime::now() + Duration::from_secs(61),
        ..ask(1000, &Only { stale: true, ..all })
    };
    assert_eq!(store.list(&later).get().await.entries.len(), 50);
}
