//! Origins that are slow, full or broken: what they are spared, and what clients get meanwhile.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use tokio::time::timeout;

use crate::harness::{
    cdn::{Cdn, OneEdge, one_edge},
    client::{Answer, ask, get},
    gated::Gated,
    origin::{Origin, fresh},
    raw_origin::{RawOrigin, Then},
    wait::{self, DEADLINE},
};

/// 200 that is stale when it comes, and may be served while it is refreshed for so many seconds, or
/// in place of an error for ten minutes.
fn stale(while_revalidating: u32) -> Response<Full<Bytes>> {
    let mut response = fresh("old");
    let value = format!("max-age=10, stale-while-revalidate={while_revalidating}");
    let headers = response.headers_mut();
    headers.insert("cache-control", value.parse().unwrap());
    headers.insert("age", "40".parse().unwrap());
    response
}

fn broken() -> Response<Full<Bytes>> {
    let mut response = fresh("broken");
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().remove("cache-control");
    response
}

/// An edge in front of two origins.
async fn edge_of_two(first: &str, second: &str, lines: &str) -> OneEdge {
    one_edge(&format!(
        "[[pops]]\nname = \"p\"\nlatitude = 0\nlongitude = 0\n\n[dns]\nzone = \"cdn.test\"\n\n\
         [[services]]\nname = \"www\"\norigins = [\"{first}\", \"{second}\"]\n{lines}\n"
    ))
    .await
}

fn is_refused(answer: &Answer) -> bool {
    answer.status == StatusCode::SERVICE_UNAVAILABLE && !answer.field("retry-after").is_empty()
}

#[tokio::test]
async fn a_full_origin_has_a_short_queue_then_the_stale_then_503() {
    let origin = Gated::start_for(
        |asked| asked.path.starts_with("/slow"),
        |asked, _| match asked.path.as_str() {
            "/old" => stale(0),
            _ => fresh("new"),
        },
    )
    .await;
    let lines =
        "[services.origin_limits]\nmax_concurrent = 1\nmax_queued = 1\nqueue_timeout = \"10m\"\n";
    let edge = OneEdge::before(&origin.url(), lines).await;
    for path in ["/old", "/new"] {
        edge.get(path).await;
    }
    let first = tokio::spawn(edge.ask("/slow").send());
    origin.until_asked("/slow", 1).await;
    // One of these has a place in the queue; the others are told at once to come again.
    let more: Vec<_> = (0..5)
        .map(|n| tokio::spawn(edge.ask(&format!("/slow-{n}")).send()))
        .collect();
    wait::until("four are refused", || async {
        let ended = more.iter().filter(|ask| ask.is_finished()).count();
        (ended == 4).then_some(())
    })
    .await;
    // Others are served: what is fresh as ever, what is stale in place of an error.
    assert!(edge.get("/new").await.is_hit());
    let old = edge.get("/old").await;
    assert_eq!((old.status, old.text()), (StatusCode::OK, "old"));
    assert!(old.cache_status().contains("detail=stale-if-error"));
    assert_eq!(origin.origin.asked().len(), 3, "no more than one at once");

    origin.let_out(2);
    assert_eq!(first.await.unwrap().text(), "new");
    let mut answers = Vec::new();
    for ask in more {
        answers.push(ask.await.unwrap());
    }
    let refused = answers.iter().filter(|answer| is_refused(answer)).count();
    let served = answers
        .iter()
        .filter(|answer| answer.text() == "new")
        .count();
    assert_eq!((refused, served), (4, 1), "{answers:?}");
}

#[tokio::test]
async fn who_waits_too_long_for_a_full_origin_is_told_so() {
    let origin = Gated::start(|_, _| fresh("new")).await;
    let lines = "[services.origin_limits]\nmax_concurrent = 1\nqueue_timeout = \"50ms\"\n";
    let edge = OneEdge::before(&origin.url(), lines).await;
    let first = tokio::spawn(edge.ask("/first").send());
    origin.until_asked("/first", 1).await;
    let second = edge.get("/second").await;
    assert!(is_refused(&second), "{second:?}");
    origin.let_out(1);
    assert_eq!(first.await.unwrap().text(), "new");
}

#[tokio::test]
async fn an_origin_that_fails_is_left_alone() {
    let down = Arc::<AtomicBool>::default();
    let is_down = Arc::clone(&down);
    let origin = Origin::start(move |_| {
        let is_down = is_down.load(SeqCst);
        async move { if is_down { broken() } else { stale(0) } }
    })
    .await;
    let lines = "[services.cache]\nfailure_ttl = \"0s\"\n[services.origin_pool]\nbreak_after = 5\n\
                 break_for = \"1h\"\nbreak_max = \"1h\"\n";
    let edge = OneEdge::before(&origin.url(), lines).await;
    edge.get("/old").await;
    down.store(true, SeqCst);
    let before = origin.asked().len();
    for n in 0..30 {
        let method = if n % 2 == 0 {
            Method::GET
        } else {
            Method::POST
        };
        let path = format!("/{n}");
        let answer = ask(method, edge.address, Cdn::HOST, &path).send().await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        let waits: u64 = answer.field("retry-after").parse().unwrap_or(0);
        assert_eq!((3500..=3600).contains(&waits), n >= 5, "{n}: {answer:?}");
    }
    let old = edge.get("/old").await;
    assert_eq!((old.status, old.text()), (StatusCode::OK, "old"));
    assert_eq!(origin.asked().len() - before, 5);
    let status = get(edge.admin, "localhost", "/status").send().await;
    assert!(status.text().contains("left alone"), "{}", status.text());
}

#[tokio::test]
async fn one_request_tries_an_origin_that_was_left_alone_and_brings_it_back() {
    let down = Arc::new(AtomicBool::new(true));
    let is_down = Arc::clone(&down);
    let origin = Gated::start_for(
        |asked| asked.path == "/trial",
        move |_, _| {
            if is_down.load(SeqCst) {
                broken()
            } else {
                fresh("back")
            }
        },
    )
    .await;
    let lines = "[services.cache]\nfailure_ttl = \"0s\"\n[services.origin_pool]\nbreak_after = 3\n\
                 break_for = \"1ms\"\nbreak_max = \"1ms\"\n";
    let edge = OneEdge::before(&origin.url(), lines).await;
    for n in 0..3 {
        edge.get(&format!("/before-{n}")).await;
    }
    down.store(false, SeqCst);
    let address = edge.address;
    let trial = tokio::spawn(async move {
        wait::until("the trial is answered", || async {
            let answer = get(address, Cdn::HOST, "/trial").send().await;
            (answer.text() == "back").then_some(())
        })
        .await;
    });
    origin.until_asked("/trial", 1).await;
    // As long as it is on its way, nobody else gets there.
    let asked = origin.origin.asked().len();
    for n in 0..20 {
        let answer = edge.get(&format!("/meanwhile-{n}")).await;
        assert!(is_refused(&answer), "{answer:?}");
    }
    assert_eq!(origin.origin.asked().len(), asked);
    origin.let_out(1);
    trial.await.unwrap();
    assert_eq!(edge.get("/after").await.text(), "back");
}

#[tokio::test]
async fn when_all_requests_fail_few_are_sent_again() {
    let origin = RawOrigin::start(b"", Then::Close).await;
    let lines = "[services.cache]\nfailure_ttl = \"0s\"\n[services.origin_pool]\nbreak_after = 0\n\
                 retries = 5\nretry_share = 0.2\nretry_min = 0\nretry_backoff = \"1ms\"\n";
    let edge = OneEdge::before(&origin.url(), lines).await;
    for n in 0..100 {
        let answer = edge.get(&format!("/{n}")).await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    }
    // A fifth more; up to two fifths if it takes so long that the count begins anew.
    let requests = origin.requests();
    assert!((101..=140).contains(&requests), "{requests}");
}

#[tokio::test]
async fn a_get_has_its_second_chance_and_a_post_is_never_sent_twice() {
    let first = RawOrigin::start(b"", Then::Close).await;
    let second = RawOrigin::start(b"", Then::Close).await;
    let edge = edge_of_two(&first.url(), &second.url(), "").await;
    let requests = || first.requests() + second.requests();
    for n in 1..=5 {
        let post = ask(Method::POST, edge.address, Cdn::HOST, "/form");
        let answer = post.body("once").send().await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
        assert_eq!(requests(), n);
    }
    edge.get("/page").await;
    assert_eq!(requests(), 5 + 3, "each once, and one of them again");
}

#[tokio::test]
async fn with_hedging_an_origin_that_hangs_does_no_harm() {
    let silent = RawOrigin::start(b"", Then::Hang).await;
    let well = Origin::cacheable("well").await;
    let lines = "[services.origin_limits]\nfirst_byte_timeout = \"10m\"\n\
                 [services.origin_pool]\nhedge_after = \"20ms\"\nretry_min = 1000\n";
    let edge = edge_of_two(&silent.url(), &well.url(), lines).await;
    for n in 0..10 {
        let answer = timeout(DEADLINE, edge.get(&format!("/{n}"))).await;
        assert_eq!(answer.expect("it does not wait").text(), "well");
    }
    assert!(silent.requests() > 0);
}

#[tokio::test]
async fn refreshes_of_what_cannot_be_refreshed_come_seldom() {
    let origin = Gated::start_for(
        |_| false,
        |_, before| if before == 0 { stale(3600) } else { broken() },
    )
    .await;
    let lines = "[services.cache]\nfailure_ttl = \"1h\"\nfailure_backoff_max = \"1h\"\n";
    let edge = OneEdge::before(&origin.url(), lines).await;
    edge.get("/page").await;
    edge.get("/page").await;
    origin.until_asked("/page", 2).await;
    for _ in 0..50 {
        assert_eq!(edge.get("/page").await.text(), "old");
    }
    assert_eq!(origin.count("/page"), 2);
}

#[tokio::test]
async fn what_could_not_be_fetched_is_not_asked_for_again_at_once() {
    let origin = RawOrigin::start(b"", Then::Close).await;
    let lines = "[services.cache]\nfailure_ttl = \"1h\"\n[services.origin_pool]\nretries = 0\n";
    let edge = OneEdge::before(&origin.url(), lines).await;
    for _ in 0..10 {
        assert_eq!(edge.get("/a").await.status, StatusCode::BAD_GATEWAY);
    }
    assert_eq!(origin.requests(), 1);
    let own = edge.ask("/a").with("authorization", "Bearer x");
    assert_eq!(own.send().await.status, StatusCode::BAD_GATEWAY);
    edge.get("/b").await;
    assert_eq!(origin.requests(), 3, "others are");
}

#[tokio::test]
async fn what_fails_for_one_user_does_not_fail_for_all() {
    let origin = RawOrigin::answering(|seen| match seen.field("authorization").is_empty() {
        true => (
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec(),
            Then::KeepOn,
        ),
        false => (Vec::new(), Then::Close),
    })
    .await;
    let lines = "[services.cache]\nfailure_ttl = \"1h\"\n[services.origin_pool]\nretries = 0\n";
    let edge = OneEdge::before(&origin.url(), lines).await;
    let own = edge.ask("/a").with("authorization", "Bearer x");
    assert_eq!(own.send().await.status, StatusCode::BAD_GATEWAY);
    assert_eq!(edge.get("/a").await.text(), "ok");
}

#[tokio::test]
async fn in_place_of_an_error_of_a_moment_ago_the_stale_is_served_without_asking() {
    let origin = Gated::start_for(
        |_| false,
        |_, before| if before == 0 { stale(0) } else { broken() },
    )
    .await;
    let lines = "[services.cache]\nfailure_ttl = \"1h\"\n";
    let edge = OneEdge::before(&origin.url(), lines).await;
    for _ in 0..10 {
        assert_eq!(edge.get("/page").await.text(), "old");
    }
    assert_eq!(origin.count("/page"), 2);
}
