//! What is stale is served where that is allowed: while it is validated (RFC 5861 section 3), and
//! when the next tier fails (section 4).

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;

use crate::{
    harness::{
        client::{Answer, get},
        gated::Gated,
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
