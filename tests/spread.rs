//! What the edges of a PoP do with what many ask for, and with shields in several places.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use http::StatusCode;
use tokio::sync::Barrier;

use crate::harness::{
    cdn::{Cdn, Plan},
    client::get,
    metrics::metric,
    origin::{Origin, fresh},
    wait,
};

/// A plan with these lines for `[ring]`.
fn ring(origin: &Origin, lines: &str) -> Plan {
    Plan {
        tables: format!("[ring]\n{lines}\n"),
        ..Plan::small(origin.url())
    }
}

#[tokio::test]
async fn what_is_hot_is_served_by_every_edge_and_what_is_cold_by_its_owner() {
    let origin = Origin::cacheable("content").await;
    // For ever, so that a slow machine does not let it cool.
    let cdn = Cdn::start(ring(&origin, "hot_after = 5\nhot_window = \"1h\"")).await;
    let path = cdn.path_owned_by("fra-2", "hot").await;
    let mut said = Vec::new();
    for _ in 0..7 {
        said.push(cdn.get("fra-1", &path).await.cache_status());
    }
    let own = |status: &String| {
        status
            .split("fra-1; ")
            .nth(1)
            .unwrap_or_default()
            .to_owned()
    };
    for status in &said[..4] {
        assert!(own(status).contains("peer fra-2"), "{said:?}");
    }
    assert!(
        own(&said[4]).contains("stored") && own(&said[4]).contains("copy of fra-2"),
        "{said:?}"
    );
    assert!(own(&said[5]).starts_with("hit"), "{said:?}");
    assert_eq!(origin.count(&path), 1);
    assert_eq!(metric(&cdn, "fra-1", "perigee_hot_copies").await, 1.0);

    let url = format!("http://{}{path}", Cdn::HOST);
    let (_, told, _) = cdn.perigee(&["explain", "http", &url]);
    assert!(told.contains("it is a copy: fra-2 owns the key"), "{told}");

    // A purge reaches every node, and so every copy.
    let (code, _, errors) = cdn.perigee(&["purge", &url]);
    assert_eq!(code, 0, "{errors}");
    let after = cdn.get("fra-1", &path).await.cache_status();
    assert!(!after.contains("; hit"), "{after}");
    assert_eq!(origin.count(&path), 2);
}

#[tokio::test]
async fn after_a_purge_nothing_is_copied_that_its_owner_may_have_from_before() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start(ring(&origin, "hot_after = 1\nhot_window = \"1h\"")).await;
    let path = cdn.path_owned_by("fra-2", "purged").await;
    assert!(cdn.get("fra-2", &path).await.is_hit());
    let purge = format!("/purge?url=http://{}{path}", Cdn::HOST);
    // As if it had not come to the owner yet.
    let purge =
        crate::harness::client::ask(http::Method::POST, cdn.admin("fra-1"), "localhost", &purge);
    assert_eq!(purge.send().await.status, StatusCode::OK);
    for _ in 0..3 {
        let answer = cdn.get("fra-1", &path).await;
        assert!(!answer.cache_status().contains("fra-1; hit"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_copy_that_is_stale_is_validated_at_the_owner() {
    let origin = Origin::start(|asked| async move {
        let mut response = fresh("content");
        let second = http::HeaderValue::from_static("max-age=1");
        response.headers_mut().insert("cache-control", second);
        if asked.field("if-none-match") == response.headers()["etag"] {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = bytes::Bytes::new().into();
        }
        response
    })
    .await;
    let cdn = Cdn::start(ring(&origin, "hot_after = 1\nhot_window = \"1h\"")).await;
    let path = cdn.path_owned_by("fra-2", "stale").await;
    wait::until("a copy was validated at its owner", || async {
        let status = cdn.get("fra-1", &path).await.cache_status();
        let own = status.split("fra-1; ").nth(1)?;
        let is_validated = own.contains("fwd=stale; fwd-status=304");
        (is_validated && own.contains("copy of fra-2")).then_some(())
    })
    .await;
}

/// What a node of those that answered says in Cache-Status.
fn said_by(status: &str, node: &str) -> Option<String> {
    let entry = status.split(", ").find(|entry| entry.starts_with(node));
    entry.map(str::to_owned)
}

fn ttl(entry: &str) -> u64 {
    let ttl = entry.split("; ").find_map(|part| part.strip_prefix("ttl="));
    ttl.unwrap_or_else(|| panic!("{entry}")).parse().unwrap()
}

#[tokio::test]
async fn a_copy_is_as_old_as_what_its_owner_has() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start(ring(&origin, "hot_after = 1\nhot_window = \"1h\"")).await;
    let path = cdn.path_owned_by("fra-2", "old").await;
    let owner_has = wait::until("the owner has had it for some seconds", || async {
        let left = ttl(&said_by(
            &cdn.get("fra-2", &path).await.cache_status(),
            "fra-2",
        )?);
        (left <= 3_597).then_some(left)
    })
    .await;
    let first = cdn.get("fra-1", &path).await.cache_status();
    let own = said_by(&first, "fra-1").unwrap();
    assert!(
        own.contains("stored") && own.contains("copy of fra-2"),
        "{first}"
    );
    let copy = cdn.get("fra-1", &path).await;
    let own = said_by(&copy.cache_status(), "fra-1").unwrap();
    assert!(own.contains("; hit"), "{own}");
    // Not a second longer than its owner may serve it, and told so to those who keep it further.
    assert!(ttl(&own) <= owner_has, "{own}: {owner_has}");
    let age: u64 = copy.field("age").parse().unwrap();
    assert!(age >= 3, "{age}");
}

#[tokio::test]
async fn what_is_large_is_not_copied() {
    let origin = Origin::start(|_| async { fresh(vec![b'x'; 5000]) }).await;
    let cdn = Cdn::start(ring(
        &origin,
        "hot_after = 1\nhot_window = \"1h\"\ncopy_max = 4000",
    ))
    .await;
    let path = cdn.path_owned_by("fra-2", "large").await;
    for _ in 0..5 {
        let answer = cdn.get("fra-1", &path).await;
        let status = answer.cache_status();
        assert!(
            status.contains("fra-2; hit") && !status.contains("fra-1; hit"),
            "{status}"
        );
        assert_eq!(answer.body.len(), 5000);
        let part = get(cdn.at("fra-1"), Cdn::HOST, &path).with("range", "bytes=10-19");
        let part = part.send().await;
        assert_eq!(
            (part.status, part.body.len()),
            (StatusCode::PARTIAL_CONTENT, 10)
        );
    }
}

#[tokio::test]
async fn six_edges_share_the_work_of_a_viral_object() {
    let origin = Origin::cacheable("content").await;
    let plan = Plan {
        pops: vec![("fra", 50.11, 8.68, 6)],
        shields: 0,
        tables: "[ring]\nhot_window = \"1h\"\n".to_owned(),
        ..Plan::small(origin.url())
    };
    let cdn = Cdn::start(plan).await;
    // Zipf of 400 objects by 0.9, and one more with 30 % of all; the same at each run.
    let requests = 3000;
    let total: f64 = (1..=400).map(|rank| f64::from(rank).powf(-0.9)).sum();
    let mut random = 88_172_645_463_325_252_u64;
    for n in 0..requests {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut left = (random >> 11) as f64 / (1_u64 << 53) as f64 / 0.7 * total;
        let object = (1..=400).find(|rank| {
            left -= f64::from(*rank).powf(-0.9);
            left < 0.0
        });
        let path = object.map_or("/viral".to_owned(), |rank| format!("/zipf-{rank}"));
        let answer = cdn.get(&format!("fra-{}", n % 6 + 1), &path).await;
        assert_eq!(answer.text(), "content");
    }
    let mut handled = Vec::new();
    for n in 1..=6 {
        handled.push(metric(&cdn, &format!("fra-{n}"), "perigee_requests_total").await);
    }
    let mean = handled.iter().sum::<f64>() / 6.0;
    assert!(
        mean > 500.0,
        "clients and peers alike are counted: {handled:?}"
    );
    let most = handled.iter().fold(0.0, |most: f64, n| most.max(*n));
    assert!(most <= 1.25 * mean, "{handled:?}");
    // The PoP has everything once, and copies of little.
    assert_eq!(origin.asked().len(), origin_paths(&origin));
}

/// How many different paths the origin was asked for.
fn origin_paths(origin: &Origin) -> usize {
    let asked = origin.asked();
    let paths: std::collections::HashSet<_> = asked.iter().map(|asked| &asked.path).collect();
    paths.len()
}

#[tokio::test]
async fn an_owner_with_too_much_to_do_is_passed_over() {
    const HELD: usize = 6;
    let gate = Arc::new((AtomicBool::new(false), Barrier::new(HELD)));
    let origin = Origin::start({
        let gate = Arc::clone(&gate);
        move |_| {
            let gate = Arc::clone(&gate);
            async move {
                if gate.0.load(SeqCst) {
                    // All of them are under way at once.
                    gate.1.wait().await;
                }
                fresh("content")
            }
        }
    })
    .await;
    let cdn = Cdn::start(ring(&origin, "load_floor = 0")).await;
    let mut paths = Vec::new();
    for n in 0..HELD {
        paths.push(cdn.path_owned_by("fra-2", &format!("busy-{n}")).await);
    }
    let (code, _, errors) = cdn.perigee(&["purge", "--all", "--yes"]);
    assert_eq!(code, 0, "{errors}");
    gate.0.store(true, SeqCst);
    let asks = paths
        .iter()
        .map(|path| get(cdn.at("fra-1"), Cdn::HOST, path));
    let asks: Vec<_> = asks.map(|ask| tokio::spawn(ask.send())).collect();
    let mut by_owner = 0;
    for ask in asks {
        let answer = ask.await.unwrap();
        assert_eq!(answer.text(), "content");
        by_owner += usize::from(answer.cache_status().contains("peer fra-2"));
    }
    assert!((1..HELD).contains(&by_owner), "{by_owner}");
    let passed_over = metric(&cdn, "fra-1", "perigee_owner_passed_over_total").await;
    assert!(passed_over >= (HELD - by_owner) as f64, "{passed_over}");
}
