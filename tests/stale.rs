//! What is stale is served where that is allowed: while it is validated (RFC 5861 section 3), and
//! when the next tier fails (section 4).

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::Full;

use crate::{
    harness::{
        cdn::{Cdn, OneEdge, Plan},
        client::{Answer, ask as send, get},
        gated::Gated,
        origin::fresh,
        wait,
    },
    one_proxy::Proxy,
};

/// 200 that is stale since `age` - 10 seconds when it comes.
fn stale(cache_control: &str, age: u64, text: String) -> Response<Full<Bytes>> {
    Response::builder()
        .header("cache-control", format!("max-age=10, {cache_control}"))
        .header("age", age)
        .header("etag", format!("\"{text}\""))
        .body(Full::new(text.into()))
        .unwrap()
}

async fn ask(proxy: &Proxy, path: &str) -> Answer {
    get(proxy.address, "www.example.com", path).send().await
}

/// Asks until the refresh that is under way has ended, and been stored.
async fn until_served(proxy: &Proxy, path: &str, text: &str) -> Answer {
    wait::until(&format!("{text:?} is served"), || async {
        let answer = ask(proxy, path).await;
        (answer.text() == text).then_some(answer)
    })
    .await
}

#[tokio::test]
async fn inside_the_window_all_are_served_at_once_and_one_request_validates() {
    let origin = Gated::start(|_, before| match before {
        0 => stale("stale-while-revalidate=60", 40, "old".to_owned()),
        _ => stale("", 0, "new".to_owned()),
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    origin.let_out(1);
    ask(&proxy, "/page").await;
    // The origin says nothing now, and nobody waits for it.
    for _ in 0..20 {
        let answer = ask(&proxy, "/page").await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "old"));
        let status = answer.cache_status();
        assert!(status.contains("; hit; ttl=-3"), "{status}");
        assert!(status.contains("detail=stale-while-revalidate"), "{status}");
    }
    origin.until_asked("/page", 2).await;
    let refresh = &origin.origin.asked()[1];
    assert_eq!(refresh.field("if-none-match"), "\"old\"");
    origin.let_out(1);
    let fresh = until_served(&proxy, "/page", "new").await;
    assert!(fresh.is_hit(), "{fresh:?}");
    assert!(!fresh.cache_status().contains("detail"), "{fresh:?}");
    assert_eq!(origin.count("/page"), 2);
}

#[tokio::test]
async fn after_the_window_and_where_it_is_forbidden_the_origin_is_asked_first() {
    for (cache_control, age) in [
        ("stale-while-revalidate=60", 100),
        ("stale-while-revalidate=60, must-revalidate", 20),
        ("stale-while-revalidate=60, proxy-revalidate", 20),
        ("stale-while-revalidate=60, s-maxage=10", 20),
        ("stale-while-revalidate=60, no-cache", 20),
        ("stale-while-revalidate=0", 20),
        ("", 20),
    ] {
        let origin =
            Gated::start(move |_, before| stale(cache_control, age, before.to_string())).await;
        origin.let_out(2);
        let proxy = Proxy::start(&origin.url(), &[]).await;
        assert_eq!(ask(&proxy, "/page").await.text(), "0");
        let answer = ask(&proxy, "/page").await;
        assert_eq!(answer.text(), "1", "{cache_control}");
        let status = answer.cache_status();
        assert!(status.contains("fwd=stale"), "{cache_control}: {status}");
    }
}

/// Old for the first request, new for later ones.
async fn renewing() -> Gated {
    Gated::start(
        |asked, before| match (before, asked.method == Method::GET) {
            (0, _) => stale("stale-while-revalidate=60", 40, "old".to_owned()),
            (_, true) => stale("", 0, "new".to_owned()),
            (_, false) => Response::default(),
        },
    )
    .await
}

/// What an answer from before a purge, or before an unsafe request, must not do: be stored when it
/// comes after.
async fn a_refresh_is_overtaken(method: Method) {
    let origin = renewing().await;
    let edge = OneEdge::before(&origin.url(), "").await;
    origin.let_out(1);
    edge.get("/page").await;
    assert_eq!(edge.get("/page").await.text(), "old");
    origin.until_asked("/page", 2).await;
    if method == Method::POST {
        let posted = send(method, edge.address, Cdn::HOST, "/page").send();
        let posted = tokio::spawn(posted);
        origin.until_asked("/page", 3).await;
        // The refresh is let out first, and then the answer to the unsafe request.
        origin.let_out(2);
        assert_eq!(posted.await.unwrap().status, StatusCode::OK);
    } else {
        let body = format!("{{\"url\":\"http://{}/page\"}}", Cdn::HOST);
        let purge = send(Method::POST, edge.admin, "localhost", "/purge");
        let purged = purge.with("content-type", "application/json").body(body);
        let purged = purged.send().await;
        assert!(purged.status.is_success(), "{purged:?}");
        origin.let_out(1);
    }
    origin.let_out(1);
    // Not a hit: it is asked for anew.
    let before = origin.count("/page");
    let answer = edge.get("/page").await;
    assert!(!answer.is_hit(), "{answer:?}");
    assert_eq!(origin.count("/page"), before + 1);
}

#[tokio::test]
async fn a_purge_wins_against_a_refresh() {
    a_refresh_is_overtaken(Method::GET).await;
}

#[tokio::test]
async fn an_unsafe_request_wins_against_a_refresh() {
    a_refresh_is_overtaken(Method::POST).await;
}

#[tokio::test]
async fn only_so_many_are_refreshed_at_once() {
    let origin = Gated::start_for(
        |asked| !asked.field("if-none-match").is_empty(),
        |_, _| stale("stale-while-revalidate=60", 40, "old".to_owned()),
    )
    .await;
    let edge = OneEdge::before(&origin.url(), "[limits]\nmax_refreshes = 1\n").await;
    for path in ["/a", "/b"] {
        edge.get(path).await;
    }
    assert!(edge.get("/a").await.is_hit());
    origin.until_asked("/a", 2).await;
    // There is no room for this one; it is served all the same.
    assert!(edge.get("/b").await.is_hit());
    assert_eq!(origin.count("/b"), 1);
    origin.let_out(2);
    wait::until("there is room again", || async {
        assert!(edge.get("/b").await.is_hit());
        (origin.count("/b") >= 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_refresh_that_fails_leaves_what_is_stored() {
    let origin = Gated::start_for(
        |_| false,
        |_, before| {
            let mut response = stale("stale-while-revalidate=60", 40, "old".to_owned());
            if before == 1 {
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            response
        },
    )
    .await;
    let edge = OneEdge::before(&origin.url(), "").await;
    edge.get("/page").await;
    // The second request fails; the third one is made by who asks after that.
    wait::until("the next refresh is made", || async {
        let answer = edge.get("/page").await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "old"));
        (origin.count("/page") >= 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_the_origin_answers_otherwise_is_served_no_more() {
    let origin = Gated::start_for(
        |_| false,
        |_, before| match before {
            0 => stale("stale-while-revalidate=60", 40, "everybody's".to_owned()),
            _ => stale("no-store", 0, "yours".to_owned()),
        },
    )
    .await;
    let edge = OneEdge::before(&origin.url(), "").await;
    edge.get("/page").await;
    wait::until("the refresh has ended", || async {
        (edge.get("/page").await.text() == "yours").then_some(())
    })
    .await;
    assert!(!edge.get("/page").await.is_hit());
}

#[tokio::test]
async fn the_policy_gives_and_bounds_the_window() {
    for (lines, cache_control, served) in [
        ("stale_while_revalidate = \"1m\"", "", true),
        ("stale_while_revalidate = \"20s\"", "", false),
        ("stale_while_revalidate = \"1m\"", "must-revalidate", false),
        (
            "stale_while_revalidate_max = \"20s\"",
            "stale-while-revalidate=60",
            false,
        ),
    ] {
        let origin = Gated::start_for(
            |_| false,
            move |_, _| stale(cache_control, 40, "old".to_owned()),
        )
        .await;
        let lines = format!("[services.cache]\n{lines}\n");
        let edge = OneEdge::before(&origin.url(), &lines).await;
        edge.get("/page").await;
        assert_eq!(edge.get("/page").await.is_hit(), served, "{lines}");
    }
}

#[tokio::test]
async fn a_timeout_is_a_failure_in_whose_place_the_stale_is_served() {
    for (cache_control, status) in [
        ("", StatusCode::OK),
        ("stale-if-error=60", StatusCode::OK),
        ("stale-if-error=20", StatusCode::GATEWAY_TIMEOUT),
        ("must-revalidate", StatusCode::GATEWAY_TIMEOUT),
        (
            "proxy-revalidate, stale-if-error=60",
            StatusCode::GATEWAY_TIMEOUT,
        ),
        ("s-maxage=10", StatusCode::GATEWAY_TIMEOUT),
        ("no-cache", StatusCode::GATEWAY_TIMEOUT),
    ] {
        let origin = Gated::start(move |_, _| stale(cache_control, 40, "old".to_owned())).await;
        let lines = "[services.origin_limits]\nfirst_byte_timeout = \"300ms\"\n";
        let edge = OneEdge::before(&origin.url(), lines).await;
        origin.let_out(1);
        edge.get("/page").await;
        let answer = edge.get("/page").await;
        assert_eq!(answer.status, status, "{cache_control}");
        let is_told = answer.cache_status().contains("detail=stale-if-error");
        assert_eq!(is_told, status == StatusCode::OK, "{answer:?}");
    }
}

/// An origin that is down once the test says so: from then on it answers 503.
async fn failing(
    cache_control: &'static str,
    down: std::sync::Arc<std::sync::atomic::AtomicBool>,
) -> Gated {
    Gated::start_for(
        |_| false,
        move |_, _| {
            let mut response = stale(cache_control, 40, "old".to_owned());
            if down.load(std::sync::atomic::Ordering::SeqCst) {
                response = fresh("broken");
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                response.headers_mut().remove("cache-control");
            }
            response
        },
    )
    .await
}

#[tokio::test]
async fn owner_and_shield_serve_what_is_stale_when_the_origin_fails() {
    let down = std::sync::Arc::<std::sync::atomic::AtomicBool>::default();
    let origin = failing("stale-if-error=600", down.clone()).await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let path = cdn.path_owned_by("fra-2", "stale").await;
    cdn.get("fra-1", &path).await;
    down.store(true, std::sync::atomic::Ordering::SeqCst);
    for edge in ["fra-1", "fra-2"] {
        let answer = cdn.get(edge, &path).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "old"));
        let status = answer.cache_status();
        assert!(status.contains("detail=stale-if-error"), "{edge}: {status}");
    }
    let unknown = cdn.get("fra-1", "/unknown").await;
    assert_eq!(unknown.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn who_stood_in_serves_its_old_copy_when_the_owner_has_only_an_error() {
    for (cache_control, status) in [
        ("stale-if-error=600", StatusCode::OK),
        ("must-revalidate", StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let down = std::sync::Arc::<std::sync::atomic::AtomicBool>::default();
        let origin = failing(cache_control, down.clone()).await;
        let plan = Plan {
            shields: 0,
            // The third one knows of all purges while the owner starts anew: without it nothing that
            // fra-1 has would be trusted any more.
            pops: vec![("fra", 50.11, 8.68, 2), ("nyc", 40.71, -74.01, 1)],
            ..Plan::small(origin.url())
        };
        let mut cdn = Cdn::start(plan).await;
        let path = cdn.path_owned_by("fra-2", "old").await;
        cdn.node("fra-2").kill();
        // fra-1 stands in, and keeps what it fetches.
        wait::until("fra-1 has a copy", || async {
            let answer = cdn.get("fra-1", &path).await;
            answer.cache_status().contains("fra-1").then_some(())?;
            let again = cdn.get("fra-1", &path).await;
            again.cache_status().contains("fwd=stale").then_some(())
        })
        .await;
        cdn.spawn("fra-2");
        cdn.until_ready("fra-2").await;
        down.store(true, std::sync::atomic::Ordering::SeqCst);
        wait::until("fra-2 has been asked", || async {
            let answer = cdn.get("fra-1", &path).await;
            assert_eq!(answer.status, status, "{answer:?}");
            let asked = get(cdn.admin("fra-2"), "localhost", "/metrics")
                .send()
                .await;
            let text = asked.text();
            text.contains("name=\"origin\",outcome=\"answered\"")
                .then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn the_owner_serves_what_is_stale_and_refreshes_it_for_its_peers() {
    let origin = renewing().await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    // Every path but one is let through at once.
    origin.let_out(1);
    let first = cdn.get("fra-1", "/page").await;
    assert_eq!(first.text(), "old");
    for edge in ["fra-1", "fra-2", "fra-1"] {
        let answer = cdn.get(edge, "/page").await;
        let status = answer.cache_status();
        assert_eq!(answer.text(), "old", "{edge}");
        assert!(
            status.contains("detail=stale-while-revalidate"),
            "{edge}: {status}"
        );
    }
    origin.until_asked("/page", 2).await;
    origin.let_out(1);
    wait::until("the new one is served", || async {
        (cdn.get("fra-1", "/page").await.text() == "new").then_some(())
    })
    .await;
    assert_eq!(origin.count("/page"), 2);
}
