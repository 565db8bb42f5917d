//! Edges, shields and the origin together.

use std::time::Duration;

use http::{Method, Response, StatusCode};
use rustix::process::Signal;
use tokio::time::timeout;

use crate::harness::{
    cdn::{Cdn, Plan},
    client::{ask, get},
    origin::{Origin, fresh},
    wait,
};

#[tokio::test]
async fn an_object_is_kept_once_per_pop_and_the_way_is_told() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let path = cdn.path_owned_by("fra-2", "once").await;

    let through_peer = cdn.get("fra-1", &path).await;
    let status = through_peer.cache_status();
    assert!(status.starts_with("fra-2; hit"), "{status}");
    assert!(status.contains("fra-1; fwd=uri-miss"), "{status}");
    assert!(status.contains("detail=\"peer fra-2\""), "{status}");
    assert_eq!(origin.count(&path), 1);

    let again = cdn.get("fra-1", &path).await;
    assert!(!again.cache_status().contains("fra-1; hit"), "{again:?}");
}

#[tokio::test]
async fn a_miss_goes_edge_peer_shield_origin_and_each_tier_says_so() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let mut ways = Vec::new();
    for n in 0..20 {
        let answer = cdn.get("fra-1", &format!("/way-{n}")).await;
        let status = answer.cache_status();
        assert!(status.starts_with("shield-1; fwd=uri-miss"), "{status}");
        ways.push(status.contains("fra-2; fwd=uri-miss"));
        let via = answer.field("via");
        assert!(via.contains("shield-1") && via.contains("fra-1"), "{via}");
        let internal = answer
            .headers
            .keys()
            .find(|n| n.as_str().starts_with("perigee-"));
        assert_eq!(internal, None);
    }
    assert!(ways.contains(&true) && ways.contains(&false), "{ways:?}");
    let asked = &origin.asked()[0];
    assert_eq!(asked.field("x-forwarded-for"), "127.0.0.1");
    assert_eq!(asked.field("cdn-loop"), "cdn.test");
    assert!(
        !asked
            .headers
            .keys()
            .any(|n| n.as_str().starts_with("perigee-"))
    );
}

#[tokio::test]
async fn the_shield_makes_the_misses_of_all_pops_one() {
    let origin = Origin::cacheable("content").await;
    let plan = Plan {
        pops: vec![
            ("fra", 50.0, 8.0, 1),
            ("nyc", 40.0, -74.0, 1),
            ("tyo", 35.0, 139.0, 1),
        ],
        shields: 2,
        ..Plan::small(origin.url())
    };
    let cdn = Cdn::start(plan).await;
    for name in ["fra-1", "nyc-1", "tyo-1"] {
        assert_eq!(cdn.get(name, "/all").await.text(), "content");
    }
    assert_eq!(origin.count("/all"), 1);
}

#[tokio::test]
async fn a_shield_admits_only_nodes_of_its_cdn() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let shield = cdn.at("shield-1");
    let plain = get(shield, Cdn::HOST, "/").send().await;
    assert_eq!(plain.status, StatusCode::FORBIDDEN);
    let forged = get(shield, Cdn::HOST, "/")
        .with("perigee-auth", "v1;t=1700000000;n=fra-1;s=00")
        .with("perigee-via", "from=edge;scheme=http;client=192.0.2.1")
        .send()
        .await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    assert_eq!(origin.asked().len(), 0);
}

#[tokio::test]
async fn readiness_is_not_for_clients() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    for name in ["fra-1", "fra-2"] {
        let answer = cdn.get(name, "/.well-known/perigee/ready").await;
        assert_eq!(answer.text(), "content", "{name}");
    }
}

#[tokio::test]
async fn an_origin_does_not_speak_for_a_tier() {
    let origin = Origin::start(|_| async {
        let mut response = fresh("done");
        let one = http::HeaderValue::from_static("1");
        response.headers_mut().insert("perigee-refused", one);
        response
    })
    .await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let posted = ask(Method::POST, cdn.at("fra-1"), Cdn::HOST, "/once").send();
    let posted = posted.await;
    assert_eq!(posted.text(), "done");
    assert!(posted.cache_status().contains("shield-1"), "{posted:?}");
    assert_eq!(origin.count("/once"), 1);
}

#[tokio::test]
async fn an_owner_that_is_killed_is_passed_over() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = Cdn::start(Plan::small(origin.url())).await;
    let path = cdn.path_owned_by("fra-2", "dead").await;
    cdn.node("fra-2").kill();
    // Not one of these may fail, from the very first on.
    for _ in 0..20 {
        let answer = cdn.get("fra-1", &path).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "content"));
    }
    // fra-1 has taken its place, and the shield had the object: the origin was asked once.
    assert!(cdn.get("fra-1", &path).await.is_hit());
    assert_eq!(origin.count(&path), 1);

    cdn.spawn("fra-2");
    cdn.until_ready("fra-2").await;
    wait::until("fra-2 is asked again", || async {
        let answer = cdn.get("fra-1", &format!("{path}?new")).await;
        let owned_by_peer = cdn.get("fra-1", &path).await;
        drop(answer);
        owned_by_peer.status.is_success().then_some(())
    })
    .await;
}

#[tokio::test]
async fn nobody_waits_for_a_node_that_froze() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = Cdn::start(Plan::small(origin.url())).await;
    let path = cdn.path_owned_by("fra-2", "frozen").await;
    // Their kernels still accept connections for them, and keep those there are.
    for name in ["fra-2", "shield-1"] {
        cdn.node(name).signal(Signal::STOP);
    }
    // Far below what a node may take to answer, which is 40 s.
    let answer = timeout(Duration::from_secs(20), cdn.get("fra-1", &path)).await;
    let answer = answer.expect("it goes on once the node is known to be down");
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "content"));
}

#[tokio::test]
async fn shields_that_are_all_dead_are_passed_over() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = Cdn::start(Plan::small(origin.url())).await;
    cdn.node("shield-1").kill();
    let answer = cdn.get("fra-1", "/direct").await;
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "content"));
}

#[tokio::test]
async fn a_request_that_comes_back_is_refused() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let answer = get(cdn.at("fra-1"), Cdn::HOST, "/")
        .with("cdn-loop", "other, CDN.test; x=1")
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::LOOP_DETECTED);
    assert_eq!(origin.asked().len(), 0);
}

#[tokio::test]
async fn a_host_that_nobody_has_is_misdirected() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let answer = get(cdn.at("fra-1"), "evil.example", "/").send().await;
    assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn an_unsafe_request_reaches_the_owner_and_its_copy_goes() {
    let origin = Origin::start(|asked| async move { fresh(format!("{}!", asked.method)) }).await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let path = cdn.path_owned_by("fra-2", "post").await;
    assert!(cdn.get("fra-2", &path).await.is_hit());
    let posted = ask(Method::POST, cdn.at("fra-1"), Cdn::HOST, &path)
        .body("x")
        .send()
        .await;
    assert_eq!(posted.text(), "POST!");
    let after = cdn.get("fra-2", &path).await;
    assert!(!after.cache_status().contains("; hit"), "{after:?}");
}

#[tokio::test]
async fn a_cap_on_an_origin_holds_for_the_whole_shield() {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (Arc::clone(&now), Arc::clone(&most));
    let origin = Origin::start(move |_| {
        let (now, most) = (Arc::clone(&counts.0), Arc::clone(&counts.1));
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Long enough for requests to meet here if nothing keeps them apart.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            fresh("slow")
        }
    })
    .await;
    let plan = Plan {
        service: "[services.origin_limits]\nmax_concurrent = 2\n".to_owned(),
        ..Plan::small(origin.url())
    };
    let cdn = Cdn::start(plan).await;
    let asks: Vec<_> = (0..20)
        .map(|n| tokio::spawn(get(cdn.at("fra-1"), Cdn::HOST, &format!("/cap-{n}")).send()))
        .collect();
    for ask in asks {
        assert_eq!(ask.await.unwrap().text(), "slow");
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_a_304_of_the_origin_says_comes_to_every_tier() {
    let origin = Origin::start(|asked| async move {
        let response = Response::builder()
            .header("cache-control", "max-age=1")
            .header("etag", "\"a\"");
        match asked.field("if-none-match") {
            "" => response.header("x-a", "before").body("hello".into()),
            _ => response.status(304).header("x-a", "after").body("".into()),
        }
        .unwrap()
    })
    .await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let first = cdn.get("fra-1", "/").await;
    assert_eq!(first.field("x-a"), "before");
    // RFC 9111 section 3.2: the edge validates with the shield, and the shield with the origin.
    let later = wait::until("the edge has validated", || async {
        let answer = cdn.get("fra-1", "/").await;
        (answer.field("x-a") == "after").then_some(answer)
    })
    .await;
    assert_eq!(later.text(), "hello");
}
