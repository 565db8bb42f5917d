//! Origins that fail, and what they are spared.

use super::*;

/// Reads each request, and closes in place of an answer. Counts the requests.
async fn rude() -> (SocketAddr, Arc<AtomicUsize>) {
    let heard = Arc::new(AtomicUsize::new(0));
    let count = heard.clone();
    let (addr, _) = scripted(move |mut stream, _| {
        let count = count.clone();
        async move {
            if !read_head(&mut stream).await.is_empty() {
                count.fetch_add(1, SeqCst);
            }
        }
    })
    .await;
    (addr, heard)
}

fn never_left_alone() -> BreakerConfig {
    BreakerConfig {
        failures: 0,
        ..BreakerConfig::default()
    }
}

fn with(addrs: &[SocketAddr], config: PoolConfig) -> Pool {
    Pool::new(addrs.iter().copied().map(endpoint).collect(), config)
}

#[tokio::test]
async fn an_origin_that_fails_is_left_alone() {
    let (addr, heard) = rude().await;
    let config = PoolConfig {
        retries: 0,
        breaker: BreakerConfig {
            failures: 5,
            break_for: Duration::from_secs(3600),
            ..BreakerConfig::default()
        },
        ..quick()
    };
    let pool = with(&[addr], config);
    for n in 0..50 {
        let request = if n % 2 == 0 { get("/") } else { post("x") };
        let kind = pool.send(request).await.unwrap_err().kind;
        assert_eq!(kind == SendErrorKind::Broken, n < 5, "{n}: {kind:?}");
        let left_alone = matches!(kind, SendErrorKind::LeftAlone { .. });
        assert_eq!(left_alone, n >= 5, "{n}: {kind:?}");
    }
    assert_eq!(heard.load(SeqCst), 5);
    assert!(pool.left_alone_for(Instant::now()).is_some());
    assert!(!pool.health()[0].1, "panic mode would try it all the same");
}

#[tokio::test]
async fn requests_that_try_it_bring_it_back() {
    let addr = nobody().await;
    let config = PoolConfig {
        breaker: BreakerConfig {
            failures: 1,
            break_for: Duration::from_millis(1),
            break_max: Duration::from_millis(1),
            ..BreakerConfig::default()
        },
        ..quick()
    };
    let pool = with(&[addr, addr], config);
    pool.send(get("/")).await.unwrap_err();
    let listener = TcpListener::bind(addr).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_connection(stream, |request| says("a", request)));
        }
    });
    // One that is dropped on its way leaves it to the next.
    until("it is due", || {
        pool.left_alone_for(Instant::now()) == Some(Duration::ZERO)
    })
    .await;
    {
        let mut dropped = pin!(pool.send(get("/")));
        assert!(futures_util::poll!(&mut dropped).is_pending());
        assert!(pool.left_alone_for(Instant::now()) > Some(Duration::ZERO));
    }
    assert_eq!(ask(&pool, get("/")).await, "a");
    assert_eq!(pool.left_alone_for(Instant::now()), None);
}

#[tokio::test]
async fn when_all_fail_no_more_than_a_share_is_sent_again() {
    let (addr, heard) = rude().await;
    let config = PoolConfig {
        retries: 5,
        retry_limit: RetryLimit {
            share: 0.2,
            per_second: 0,
        },
        retry_backoff: Duration::from_micros(1),
        breaker: never_left_alone(),
        ..quick()
    };
    let pool = with(&[addr, addr], config);
    for _ in 0..100 {
        pool.send(get("/")).await.unwrap_err();
    }
    // Seconds may pass on a slow machine; never more.
    let heard = heard.load(SeqCst);
    assert!((101..=120).contains(&heard), "{heard}");
}

#[tokio::test]
async fn what_failed_is_sent_there_again_after_a_pause() {
    let (addr, accepted) = scripted(|mut stream, nth| async move {
        while !read_head(&mut stream).await.is_empty() && nth > 0 {
            let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(ok).await.unwrap();
        }
    })
    .await;
    let pool = with(&[addr], quick());
    assert_eq!(ask(&pool, get("/")).await, "ok");
    assert_eq!(accepted.load(SeqCst), 2);
}

#[tokio::test]
async fn a_post_is_sent_once_whatever_the_budget() {
    let (addr, heard) = rude().await;
    let pool = with(&[addr, addr], quick());
    for _ in 0..3 {
        let error = pool.send(post("x")).await.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::Broken);
    }
    assert_eq!(heard.load(SeqCst), 3);
}

/// Takes requests, and never says a word.
async fn silent() -> (SocketAddr, Arc<AtomicUsize>) {
    scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await
}

fn hedging(per_second: u32) -> PoolConfig {
    PoolConfig {
        hedge_after: Some(Duration::from_millis(1)),
        retry_limit: RetryLimit {
            share: 0.0,
            per_second,
        },
        ..quick()
    }
}

#[tokio::test]
async fn with_hedging_a_silent_endpoint_does_no_harm() {
    let (slow, asked) = silent().await;
    let pool = with(&[slow, named("b").await], hedging(100));
    for _ in 0..20 {
        assert_eq!(ask(&pool, get("/")).await, "b");
    }
    assert!(asked.load(SeqCst) > 0);
}

#[tokio::test]
async fn no_hedge_by_default_nor_over_the_budget_nor_for_a_post() {
    assert_eq!(PoolConfig::default().hedge_after, None);
    for (config, request) in [
        (quick(), get("/")),
        (hedging(0), get("/")),
        (hedging(100), post("x")),
    ] {
        let (slow, asked) = silent().await;
        let (other, _) = rude().await;
        let pool = with(&[slow, other], config);
        {
            let mut sending = pin!(pool.send(request));
            let is_asked = || asked.load(SeqCst) == 1;
            tokio::select! {
                _ = &mut sending => panic!("it cannot end"),
                () = until("the slow one is asked", is_asked) => {}
            }
            // Long past the time of a hedge.
            let wait = tokio::time::timeout(Duration::from_millis(50), sending);
            assert!(wait.await.is_err());
        }
        assert_eq!(pool.endpoints()[1].in_flight(), 0);
    }
}
