use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use perigee_http_cache::{Policy, RequestHead, ResponseHead, Scheme, StoredHead, Times};

use super::*;
use crate::{
    Body, Stored,
    body::{Extents, Whole},
};

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn stored(tag: &str) -> Stored {
    let mut headers = HeaderMap::new();
    headers.insert("cache-control", HeaderValue::from_static("max-age=60"));
    headers.insert("cache-tag", HeaderValue::from_str(tag).unwrap());
    let response = ResponseHead {
        status: StatusCode::OK,
        headers: &headers,
    };
    let request = RequestHead {
        method: &Method::GET,
        headers: &HeaderMap::new(),
    };
    let times = Times {
        requested: NOW,
        received: NOW,
    };
    let head = StoredHead::new(&request, response, &Policy::default(), times);
    let whole = Whole::new(vec![Bytes::from_static(b"x")]);
    Stored::new(
        Arc::new(head),
        Body::kept(Extents::one(0, whole)),
        Default::default(),
    )
}

fn entry(number: usize, tag: &str) -> Entry {
    Entry {
        key: CacheKey::new(Scheme::Http, "a.test", &format!("/{number}")),
        variants: Arc::new([stored(tag)]),
        tiers: Tiers::MEMORY,
        hits: Some(0),
    }
}

/// Turns the pages over these entries; how many there were of them, and what stood on them.
fn all(entries: &[Entry], most: usize, looked_at: usize, only: &Only) -> (usize, Vec<String>) {
    let (mut pages, mut keys, mut after) = (0, Vec::new(), None);
    loop {
        let ask = Ask {
            after,
            most,
            only: only.clone(),
            now: NOW + Duration::from_secs(1),
        };
        let mut nearest = Nearest::behind(after.map(Cursor::place), looked_at);
        for entry in entries {
            nearest.show(Place::of_hash(entry.key.stable_hash()), || entry.clone());
        }
        let page = ask.page(nearest.end());
        pages += 1;
        assert!(page.entries.len() <= most);
        keys.extend(page.entries.iter().map(|entry| entry.key.to_string()));
        after = page.next;
        if after.is_none() {
            return (pages, keys);
        }
    }
}

#[test]
fn each_key_stands_on_one_page() {
    let entries: Vec<_> = (0..100).map(|n| entry(n, "t")).collect();
    for (most, looked_at, pages) in [(7, 10, 15), (100, 100, 1), (1000, 30, 4), (1, 100, 100)] {
        let (turned, mut keys) = all(&entries, most, looked_at, &Only::default());
        assert_eq!((turned, keys.len()), (pages, 100), "{most} {looked_at}");
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 100);
    }
}

#[test]
fn a_page_may_be_empty_and_the_next_one_not() {
    let entries: Vec<_> = (0..100)
        .map(|n| entry(n, if n == 42 { "rare" } else { "t" }))
        .collect();
    let only = Only {
        tag: Some("rare".to_owned()),
        ..Only::default()
    };
    let (pages, keys) = all(&entries, 50, 10, &only);
    assert_eq!((pages, keys), (10, vec!["http://a.test/42".to_owned()]));
}

#[test]
fn large_heads_make_short_pages() {
    let tag = vec!["x".repeat(250); 128].join(",");
    let entries: Vec<_> = (0..100).map(|n| entry(n, &tag)).collect();
    let (pages, keys) = all(&entries, 1000, 1000, &Only::default());
    assert_eq!(keys.len(), 100);
    assert!(pages > 4, "{pages}");
}

#[test]
fn what_is_stale_is_told_by_the_time_of_the_question() {
    let only = Only {
        stale: true,
        ..Only::default()
    };
    let entry = entry(1, "t");
    assert!(!only.meets(&entry, NOW + Duration::from_secs(59)));
    assert!(only.meets(&entry, NOW + Duration::from_secs(60)));
}

#[test]
fn a_tier_is_one_of_those_that_it_is_in() {
    let mut entry = entry(1, "t");
    let meets = |entry: &Entry, tier| {
        let only = Only {
            tier: Some(tier),
            ..Only::default()
        };
        only.meets(entry, NOW)
    };
    assert!(meets(&entry, Tier::Memory) && !meets(&entry, Tier::Disk));
    entry.tiers.disk = true;
    assert!(meets(&entry, Tier::Memory) && meets(&entry, Tier::Disk));
    let names: Vec<_> = entry.tiers.iter().map(Tier::as_str).collect();
    assert_eq!(names, ["memory", "disk"]);
}

#[test]
fn no_more_is_read_than_the_page_takes() {
    let entries: Vec<_> = (0..100).map(|n| entry(n, "t")).collect();
    let ask = Ask {
        after: None,
        most: 10,
        only: Only::default(),
        now: NOW,
    };
    let mut nearest = Nearest::behind(None, 50);
    for entry in &entries {
        nearest.show(Place::of_hash(entry.key.stable_hash()), || entry.clone());
    }
    let mut read = 0;
    // Every second one is gone by then.
    let page = ask.page_of(nearest.end(), |entry| {
        read += 1;
        (read % 2 == 0).then_some(entry)
    });
    assert_eq!((page.entries.len(), read), (10, 20));
    assert!(page.next.is_some());
}
