//! What an origin or an operator says of storing, through whole nodes: targeted fields, rules,
//! negative caching, cookies.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;

use crate::harness::{
    cdn::{Cdn, OneEdge, Plan, one_edge},
    client::{Answer, get},
    origin::Origin,
};

const HOST: &str = "www.example.com";

fn answer(status: u16, fields: &[(&str, &str)]) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    response.body(Full::new(Bytes::from("content"))).unwrap()
}

/// An origin that answers every request so.
async fn origin(status: u16, fields: &'static [(&'static str, &'static str)]) -> Origin {
    Origin::start(move |_| async move { answer(status, fields) }).await
}

/// One edge in front of an origin, with these lines of `[services.cache]`.
async fn edge(origin: &Origin, cache: &str) -> OneEdge {
    let url = origin.url();
    one_edge(&format!(
        "[[pops]]\nname = \"p\"\nlatitude = 1\nlongitude = 1\n\
         [[services]]\nname = \"s\"\nhosts = [\"*\"]\norigins = [\"{url}\"]\n\
         [services.cache]\n{cache}\n"
    ))
    .await
}

async fn ask(edge: &OneEdge, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut ask = get(edge.address, HOST, path);
    for (name, value) in fields {
        ask = ask.with(name, value);
    }
    ask.send().await
}

#[tokio::test]
async fn cdn_cache_control_governs_at_every_tier_and_reaches_the_client() {
    let origin = origin(
        200,
        &[
            ("cache-control", "no-store"),
            ("cdn-cache-control", "max-age=3600"),
            ("expires", "0"),
        ],
    )
    .await;
    let cdn = Cdn::start(Plan {
        pops: vec![("fra", 50.11, 8.68, 2), ("sin", 1.35, 103.99, 1)],
        ..Plan::small(origin.url())
    })
    .await;
    for edge in ["fra-1", "fra-2", "fra-1"] {
        let answer = cdn.get(edge, "/a").await;
        assert_eq!(answer.text(), "content");
        assert_eq!(answer.field("cache-control"), "no-store");
        assert_eq!(answer.field("cdn-cache-control"), "max-age=3600");
    }
    assert_eq!(origin.count("/a"), 1);
    // The shield stores by it, too: what an edge elsewhere lacks, the shield has.
    let answer = cdn.get("sin-1", "/a").await;
    assert!(
        answer.cache_status().contains("shield-1; hit"),
        "{answer:?}"
    );
    assert_eq!(origin.count("/a"), 1);
}

#[tokio::test]
async fn cdn_cache_control_forbids_what_cache_control_allows() {
    let origin = origin(
        200,
        &[
            ("cache-control", "max-age=3600"),
            ("cdn-cache-control", "no-store"),
        ],
    )
    .await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    for n in 1..=3 {
        let answer = cdn.get("fra-1", "/a").await;
        assert!(!answer.is_hit(), "{answer:?}");
        assert_eq!(origin.count("/a"), n);
    }
}

#[tokio::test]
async fn the_first_of_the_configured_targets_governs() {
    let origin = origin(
        200,
        &[
            ("cdn-cache-control", "no-store"),
            ("site-cache-control", "max-age=3600"),
        ],
    )
    .await;
    for (targets, is_hit) in [
        ("[\"Site-Cache-Control\", \"CDN-Cache-Control\"]", true),
        ("[\"CDN-Cache-Control\", \"Site-Cache-Control\"]", false),
        ("[\"Site-Cache-Control\"]", true),
        ("[]", false),
    ] {
        let edge = edge(&origin, &format!("targets = {targets}")).await;
        ask(&edge, "/a", &[]).await;
        assert_eq!(ask(&edge, "/a", &[]).await.is_hit(), is_hit, "{targets}");
    }
}

#[tokio::test]
async fn a_rule_gives_another_lifetime() {
    let origin = origin(200, &[("cache-control", "max-age=0")]).await;
    let rules =
        "[[services.cache.rules]]\npaths = [\"/static/*\"]\nextensions = [\"css\"]\nttl = \"1h\"";
    let edge = edge(&origin, rules).await;
    for (path, is_hit) in [
        ("/static/a.css", true),
        ("/%73tatic/b.CSS?x", true),
        ("/static/a.html", false),
        ("/a.css", false),
    ] {
        ask(&edge, path, &[]).await;
        let again = ask(&edge, path, &[]).await;
        assert_eq!(again.is_hit(), is_hit, "{path}: {again:?}");
    }
}

#[tokio::test]
async fn a_rule_sends_some_requests_past_the_store() {
    let origin = origin(200, &[("cache-control", "max-age=3600")]).await;
    let rules = "[[services.cache.rules]]\nwith_cookies = [\"login_*\"]\nbypass = true";
    let edge = edge(&origin, rules).await;
    let logged_in = [("cookie", "a=b; login_7=x")];
    for n in 1..=2 {
        let answer = ask(&edge, "/a", &logged_in).await;
        let status = answer.cache_status();
        assert!(status.contains("fwd=bypass"), "{status}");
        assert!(!status.contains("stored"), "{status}");
        assert_eq!(origin.count("/a"), n);
    }
    // Of all that, nothing was stored for others; what others store is not for it.
    assert!(!ask(&edge, "/a", &[("cookie", "a=b")]).await.is_hit());
    assert!(ask(&edge, "/a", &[("cookie", "a=b")]).await.is_hit());
    assert!(!ask(&edge, "/a", &logged_in).await.is_hit());
}

#[tokio::test]
async fn an_error_that_states_nothing_is_kept_for_the_negative_ttl() {
    let origin = origin(404, &[]).await;
    let remembering = edge(&origin, "negative_ttl = \"1m\"").await;
    ask(&remembering, "/a", &[]).await;
    let again = ask(&remembering, "/a", &[]).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    assert!(again.is_hit(), "{again:?}");
    assert_eq!(origin.count("/a"), 1);

    let forgetful = edge(&origin, "").await;
    ask(&forgetful, "/b", &[]).await;
    assert!(!ask(&forgetful, "/b", &[]).await.is_hit());
    assert_eq!(origin.count("/b"), 2);
}

#[tokio::test]
async fn cookies_are_shared_if_that_is_explicit() {
    let origin = Origin::start(|asked| async move {
        match asked.path.as_str() {
            "/explicit" => answer(
                200,
                &[("cache-control", "max-age=60"), ("set-cookie", "a=b")],
            ),
            _ => answer(
                200,
                &[
                    ("etag", "\"1\""),
                    ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
                ],
            ),
        }
    })
    .await;
    let edge = edge(&origin, "").await;
    ask(&edge, "/explicit", &[]).await;
    let again = ask(&edge, "/explicit", &[("cookie", "c=d")]).await;
    assert!(again.is_hit(), "{again:?}");
    assert_eq!(again.field("set-cookie"), "a=b");

    let cookie = [("cookie", "c=d")];
    let brought = ask(&edge, "/guessed", &cookie).await;
    assert!(!brought.cache_status().contains("stored"), "{brought:?}");
    assert!(!ask(&edge, "/guessed", &[]).await.is_hit());
    assert!(ask(&edge, "/guessed", &[]).await.is_hit());
}

/// What came for one user's cookies never stands in for another user's page.
#[tokio::test]
async fn what_came_for_cookies_does_not_stand_in_when_the_origin_fails() {
    let down = Arc::new(AtomicBool::new(false));
    let is_down = Arc::clone(&down);
    let origin = Origin::start(move |_| {
        let is_down = is_down.load(Ordering::SeqCst);
        async move {
            match is_down {
                true => answer(503, &[]),
                false => answer(200, &[("etag", "\"of one user\"")]),
            }
        }
    })
    .await;
    let edge = edge(&origin, "").await;
    ask(&edge, "/account", &[("cookie", "user=1")]).await;
    ask(&edge, "/public", &[]).await;
    down.store(true, Ordering::SeqCst);
    let other = ask(&edge, "/account", &[("cookie", "user=2")]).await;
    assert_eq!(other.status, StatusCode::SERVICE_UNAVAILABLE);
    let other = ask(&edge, "/public", &[("cookie", "user=2")]).await;
    assert_eq!(other.status, StatusCode::OK);
}

/// What is stale stands in for as long as the rule of the request says.
#[tokio::test]
async fn a_rule_says_how_long_what_is_stale_may_stand_in() {
    let down = Arc::new(AtomicBool::new(false));
    let is_down = Arc::clone(&down);
    let origin = Origin::start(move |_| {
        let is_down = is_down.load(Ordering::SeqCst);
        async move {
            match is_down {
                true => answer(503, &[]),
                false => answer(200, &[("cache-control", "max-age=0"), ("etag", "\"1\"")]),
            }
        }
    })
    .await;
    let rules = "[[services.cache.rules]]\npaths = [\"/prices/*\"]\nstale_if_error = \"0s\"";
    let edge = edge(&origin, rules).await;
    for path in ["/prices/a", "/a"] {
        assert_eq!(ask(&edge, path, &[]).await.status, StatusCode::OK);
    }
    down.store(true, Ordering::SeqCst);
    let status = ask(&edge, "/prices/a", &[]).await.status;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask(&edge, "/a", &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn strict_cookies_share_nothing() {
    let origin = Origin::start(|asked| async move {
        let sets = asked.path == "/sets";
        let fresh = ("cache-control", "max-age=60");
        match sets {
            true => answer(200, &[fresh, ("set-cookie", "a=b")]),
            false => answer(200, &[fresh]),
        }
    })
    .await;
    let edge = edge(&origin, "cookies = \"strict\"").await;
    for _ in 0..2 {
        assert!(!ask(&edge, "/sets", &[]).await.is_hit());
        let brought = ask(&edge, "/a", &[("cookie", "c=d")]).await;
        let status = brought.cache_status();
        assert!(status.contains("fwd=bypass"), "{status}");
    }
    assert!(!ask(&edge, "/a", &[]).await.is_hit());
    assert!(ask(&edge, "/a", &[]).await.is_hit());
    assert!(!ask(&edge, "/a", &[("cookie", "c=d")]).await.is_hit());
}

#[tokio::test]
async fn ignored_cookies_reach_nobody() {
    let origin = origin(
        200,
        &[("cache-control", "max-age=60"), ("set-cookie", "a=b")],
    )
    .await;
    let rules = "[[services.cache.rules]]\nextensions = [\"png\"]\ncookies = \"ignore\"";
    let edge = edge(&origin, rules).await;
    let first = ask(&edge, "/a.png", &[("cookie", "c=d")]).await;
    assert_eq!(first.field("set-cookie"), "");
    assert!(ask(&edge, "/a.png", &[]).await.is_hit());
    let asked: Vec<HeaderMap> = origin.asked().into_iter().map(|a| a.headers).collect();
    assert!(!asked[0].contains_key("cookie"), "{asked:?}");
    let other = ask(&edge, "/a", &[("cookie", "c=d")]).await;
    assert_eq!(other.field("set-cookie"), "a=b");
    assert_eq!(origin.asked()[1].field("cookie"), "c=d");
}
