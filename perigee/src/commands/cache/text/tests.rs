use std::collections::BTreeMap;

use perigee_edge::{MemoryCounts, PurgeCounts};

use super::*;

fn stored() -> StoredResponse {
    StoredResponse {
        status: 200,
        content_type: Some("text/css".to_owned()),
        length: Some(1536),
        complete: Some(1536),
        held: Vec::new(),
        part: None,
        received: 1_700_000_000,
        age: 130,
        ttl: -10,
        lifetime_by: "max-age=120 (Cache-Control)".to_owned(),
        selected_by: BTreeMap::new(),
        groups: Vec::new(),
        tags: vec!["a".to_owned(), "b".to_owned()],
        etag: None,
        last_modified: None,
        always_validate: false,
        never_stale: true,
        stale_while_revalidate: Some(30),
        stale_if_error: None,
    }
}

fn listed(variants: Vec<StoredResponse>) -> Listed {
    Listed {
        key: "http://a.test/x".to_owned(),
        tiers: vec!["memory".to_owned(), "disk".to_owned()],
        hits: Some(7),
        variants,
    }
}

#[test]
fn a_line_for_each_stored_response() {
    let part = StoredResponse {
        status: 206,
        length: Some(100),
        complete: Some(2048),
        part: Some("bytes 0-99/2048".to_owned()),
        selected_by: BTreeMap::from([("accept-language".to_owned(), Some("de".to_owned()))]),
        ttl: 7200,
        ..stored()
    };
    let page = Listing {
        entries: vec![listed(vec![stored(), part])],
        next: None,
    };
    assert_eq!(
        listing_head() + &listing(&page),
        "   age     ttl                   size  tier            hits  status  key\n    \
            2m    -10s                1.5 KiB  memory+disk        7     200  http://a.test/x\n    \
            2m      2h          100 B/2.0 KiB  memory+disk              206  http://a.test/x  accept-language: de\n"
    );
}

#[test]
fn once_is_no_plural() {
    let shown = |hits| {
        let hits = Some(hits);
        super::shown(&Shown {
            url: "http://a.test/x".to_owned(),
            entries: vec![ShownEntry {
                listed: Listed {
                    hits,
                    ..listed(Vec::new())
                },
                uses: Vec::new(),
            }],
        })
    };
    assert!(shown(1).contains("looked up 1 time since"), "{}", shown(1));
    assert!(shown(0).contains("looked up 0 times since"), "{}", shown(0));
}

#[test]
fn times_are_short() {
    for (seconds, text) in [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (7_199, "119m"),
        (172_800, "2d"),
        (-60, "-60s"),
        (i64::MIN, "-106751991167300d"),
    ] {
        assert_eq!(time(seconds), text);
    }
}

#[test]
fn all_that_is_known_of_a_stored_response_is_shown() {
    let used = Use {
        outcome: Some("revalidate".to_owned()),
        because: "stale since 10 s".to_owned(),
    };
    let part = StoredResponse {
        held: vec![[0, 99], [200, 299]],
        ..stored()
    };
    let shown = Shown {
        url: "http://a.test/x".to_owned(),
        entries: vec![ShownEntry {
            listed: listed(vec![part]),
            uses: vec![used],
        }],
    };
    let text = super::shown(&shown);
    for expected in [
        "http://a.test/x\n  in memory and on disk, looked up 7 times since",
        "type         text/css",
        "held         bytes 0-99, 200-299",
        "freshness    stale since 10 s, by max-age=120 (Cache-Control)",
        "tags         a, b",
        "while stale  30 s",
        "obeys        must-revalidate",
        "a GET now    revalidate: stale since 10 s",
    ] {
        assert!(text.contains(expected), "{expected}:\n{text}");
    }
    assert!(!text.contains("etag") && !text.contains("groups"), "{text}");
}

#[test]
fn both_tiers_are_counted() {
    let mut counted = CacheStats {
        node: "a".to_owned(),
        role: "edge".to_owned(),
        memory: MemoryCounts {
            keys: 3,
            bytes: 2048,
            capacity: 4096,
            hits: 5,
            evicted: 1,
            filling_bytes: 0,
        },
        disk: None,
        purges: PurgeCounts { known: 2, lost: 0 },
    };
    let memory = "tier    keys    bytes  capacity  hits  evicted\n\
                  memory     3  2.0 KiB   4.0 KiB     5        1\n\n\
                  purges remembered 2, forgotten for want of room 0\n";
    assert_eq!(stats(&counted), memory);
    counted.disk = Some(DiskCounts {
        damaged: 7,
        loaded: 0.5,
        unusable: Some("No space left on device".to_owned()),
        ..DiskCounts::default()
    });
    let text = stats(&counted);
    for expected in [
        "disk ",
        "0 segments",
        "damaged   7",
        "50 % loaded",
        "No space left",
    ] {
        assert!(text.contains(expected), "{expected}:\n{text}");
    }
}
