mod failing;

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use bytes::Bytes;
use http::Method;
use tokio::{io::AsyncWriteExt, net::TcpListener};

use super::*;
use crate::{
    BreakerConfig, Limits, RetryLimit,
    testing::{
        endpoint, endpoint_with, get, nobody, read_head, scripted, serve, serve_connection, text,
        until, url_target,
    },
};

fn quick() -> PoolConfig {
    PoolConfig {
        retry_after: Duration::from_millis(100),
        ..PoolConfig::default()
    }
}

fn pool(addrs: &[SocketAddr]) -> Pool {
    Pool::new(addrs.iter().copied().map(endpoint).collect(), quick())
}

fn post(text: &'static str) -> Request<Body> {
    let mut request = get("/").map(|_| body::full(text));
    *request.method_mut() = Method::POST;
    request
}

/// An origin that says its name and the request body.
async fn named(name: &'static str) -> SocketAddr {
    serve(move |request| says(name, request)).await
}

async fn says(name: &'static str, request: Request<Bytes>) -> Response<Body> {
    let body = String::from_utf8_lossy(request.body()).into_owned();
    // One that does not come in one piece is under way until it is read.
    let rest = match request.uri().path() {
        "/long" => "-".repeat(1 << 20),
        _ => String::new(),
    };
    Response::new(body::full(format!("{name}{body}{rest}")))
}

async fn ask(pool: &Pool, request: Request<Body>) -> String {
    text(pool.send(request).await.unwrap()).await
}

#[tokio::test]
async fn takes_turns() {
    let pool = pool(&[named("a").await, named("b").await]);
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(ask(&pool, get("/")).await);
    }
    assert_eq!(heard, ["a", "b", "a", "b"]);
}

#[tokio::test]
async fn the_busy_one_is_spared() {
    let pool = pool(&[named("a").await, named("b").await]);
    let held = pool.send(get("/long")).await.unwrap();
    assert_eq!(pool.in_flight(), 1);
    for _ in 0..3 {
        assert_eq!(ask(&pool, get("/")).await, "b");
    }
    assert!(text(held).await.starts_with("a-"));
    assert_eq!(pool.in_flight(), 0);
}

#[tokio::test]
async fn fails_over_and_no_request_is_lost() {
    let pool = pool(&[nobody().await, named("b").await]);
    for _ in 0..10 {
        assert_eq!(ask(&pool, get("/")).await, "b");
    }
    let up: Vec<_> = pool.health().into_iter().map(|(_, up)| up).collect();
    assert_eq!(up, [false, true]);
    assert_eq!(pool.endpoints().len(), 2);
}

#[tokio::test]
async fn a_body_goes_on_to_the_next_when_nothing_of_it_was_sent() {
    let pool = pool(&[nobody().await, named("b").await]);
    for _ in 0..5 {
        assert_eq!(ask(&pool, post(" has it")).await, "b has it");
    }
}

#[tokio::test]
async fn a_post_that_may_have_arrived_is_not_repeated() {
    let heard = Arc::new(AtomicUsize::new(0));
    let count = heard.clone();
    let (rude, _) = scripted(move |mut stream, _| {
        let count = count.clone();
        async move {
            read_head(&mut stream).await;
            count.fetch_add(1, SeqCst);
        }
    })
    .await;
    let pool = pool(&[rude, named("b").await]);
    let error = pool.send(post("")).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Broken);
    assert_eq!(ask(&pool, get("/")).await, "b");
    assert_eq!(heard.load(SeqCst), 1);
}

#[tokio::test]
async fn each_kind_of_failure_moves_a_get_on() {
    for says in [&b""[..], b"garbage\r\n\r\n"] {
        let (rude, _) = scripted(move |mut stream, _| async move {
            read_head(&mut stream).await;
            let _ = stream.write_all(says).await;
        })
        .await;
        let pool = pool(&[rude, named("b").await]);
        assert_eq!(ask(&pool, get("/")).await, "b");
    }
}

#[tokio::test]
async fn a_full_cap_moves_on_and_is_no_illness() {
    let limits = Limits {
        max_concurrent: 1,
        max_queued: 0,
        ..Limits::default()
    };
    let small = |addr| endpoint_with(url_target(&format!("http://{addr}")), limits.clone());
    let endpoints = vec![small(named("a").await), small(named("b").await)];
    let pool = Pool::new(endpoints, quick());
    let held = [
        pool.send(get("/long")).await.unwrap(),
        pool.send(get("/long")).await.unwrap(),
    ];
    for _ in 0..5 {
        let error = pool.send(get("/")).await.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::Overloaded);
    }
    assert!(pool.health().iter().all(|(_, up)| *up));
    drop(held);
}

/// An origin that answers each request with this status.
async fn says_status(status: u16) -> SocketAddr {
    serve(move |_| async move {
        let mut response = Response::new(body::empty());
        *response.status_mut() = status.try_into().unwrap();
        response
    })
    .await
}

#[tokio::test]
async fn a_status_of_trouble_is_an_answer_and_counts_as_a_failure() {
    for (status, up) in [(500, true), (404, true), (503, false)] {
        let pool = pool(&[says_status(status).await]);
        for _ in 0..5 {
            assert_eq!(pool.send(get("/")).await.unwrap().status(), status);
        }
        assert_eq!(pool.health()[0].1, up, "{status}");
    }
}

#[tokio::test]
async fn who_fails_fast_does_not_draw_all_requests() {
    let pool = pool(&[says_status(503).await, named("b").await]);
    while pool.health()[0].1 {
        pool.send(get("/")).await.unwrap();
    }
    assert_eq!(ask(&pool, get("/")).await, "b");
}

#[tokio::test]
async fn comes_back_by_one_request_that_is_let_through() {
    let addr = nobody().await;
    let pool = pool(&[addr, named("b").await]);
    while pool.health()[0].1 {
        assert_eq!(ask(&pool, get("/")).await, "b");
    }
    let listener = TcpListener::bind(addr).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_connection(stream, |request| says("a", request)));
        }
    });
    // A request that cannot be repeated is not risked on it.
    tokio::time::sleep(quick().retry_after).await;
    assert_eq!(ask(&pool, post("")).await, "b");
    assert!(!pool.health()[0].1);
    assert_eq!(ask(&pool, get("/")).await, "a", "the trial");
    assert!(pool.health()[0].1);
}

#[tokio::test]
async fn when_all_look_dead_all_are_tried() {
    let (first, second) = (nobody().await, nobody().await);
    let pool = pool(&[first, second]);
    until_all_down(&pool).await;
    let listener = TcpListener::bind(second).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_connection(stream, |request| says("b", request)));
        }
    });
    assert_eq!(
        ask(&pool, get("/")).await,
        "b",
        "at once, not after a while"
    );
}

async fn until_all_down(pool: &Pool) {
    for _ in 0..3 {
        let error = pool.send(get("/")).await.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::Connect);
    }
    until("all down", || pool.health().iter().all(|(_, up)| !up)).await;
}

#[tokio::test]
async fn tries_no_more_than_it_may() {
    let (rude, accepted) = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
    })
    .await;
    let config = PoolConfig {
        retries: 1,
        ..quick()
    };
    let pool = Pool::new(vec![endpoint(rude), endpoint(rude), endpoint(rude)], config);
    assert!(pool.send(get("/")).await.is_err());
    assert_eq!(accepted.load(SeqCst), 2);
}

#[tokio::test]
async fn an_empty_pool_says_so() {
    let error = pool(&[]).send(get("/")).await.unwrap_err();
    assert!(error.detail.contains("no endpoint"), "{error}");
}
