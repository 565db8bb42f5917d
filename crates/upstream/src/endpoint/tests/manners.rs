//! Origins with bad manners: each is told from the others, and none is taken for a good answer.

use std::{
    io::{Read, Write},
    net::SocketAddr,
    sync::{atomic::Ordering::SeqCst, mpsc},
    time::Duration,
};

use http_body_util::BodyExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    Limits, SendError, SendErrorKind,
    testing::{
        LONG, endpoint, endpoint_with, get, nobody, read_head, scripted, text, until, url_target,
    },
};

fn short_limits() -> Limits {
    Limits {
        first_byte_timeout: Duration::from_millis(100),
        body_idle_timeout: Duration::from_millis(100),
        max_head: 8 << 10,
        max_fields: 16,
        ..Limits::default()
    }
}

/// Asks an origin that reads the request, says this, and closes or stays silent.
async fn ask(says: &'static [u8], then_closes: bool) -> Result<Result<String, String>, SendError> {
    let (addr, _) = scripted(move |mut stream, _| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(says).await;
        if !then_closes {
            let _ = stream.read_u8().await;
        }
    })
    .await;
    let endpoint = endpoint_with(url_target(&format!("http://{addr}")), short_limits());
    let asked = timeout(LONG, async {
        let response = endpoint.send(get("/")).await?;
        Ok(match response.into_body().collect().await {
            Ok(body) => Ok(String::from_utf8(body.to_bytes().to_vec()).unwrap()),
            Err(error) => Err(error.to_string()),
        })
    });
    let answer = asked.await.expect("it ends");
    until("no permit is held", || endpoint.in_flight() == 0).await;
    answer
}

async fn no_head(says: &'static [u8], then_closes: bool) -> SendError {
    ask(says, then_closes).await.expect_err("no response")
}

async fn broken_body(says: &'static [u8], then_closes: bool) -> String {
    let answer = ask(says, then_closes).await.expect("a head");
    answer.expect_err("a broken body")
}

#[tokio::test]
async fn refused() {
    let addr = nobody().await;
    let error = endpoint(addr).send(get("/")).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Connect);
    assert!(error.kind.nothing_was_sent());
    let words = error.to_string();
    let says_where = format!("www (http://{addr}): no connection: ");
    assert!(words.starts_with(&says_where), "{words}");
    assert!(words.ends_with("connection refused"), "{words}");
}

#[tokio::test]
async fn no_such_name() {
    let limits = Limits {
        connect_timeout: Duration::from_secs(2),
        ..Limits::default()
    };
    let target = url_target("http://no-such-name.invalid/");
    let error = endpoint_with(target, limits)
        .send(get("/"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Connect);
    assert!(
        error.detail.contains("cannot resolve no-such-name.invalid"),
        "{error}"
    );
}

#[tokio::test]
async fn closes_at_once() {
    let error = no_head(b"", true).await;
    assert_eq!(error.kind, SendErrorKind::Broken, "{error}");
    assert!(!error.kind.nothing_was_sent());
}

#[tokio::test]
async fn half_a_head() {
    let error = no_head(b"HTTP/1.1 200 OK\r\ncontent-le", true).await;
    assert_eq!(error.kind, SendErrorKind::Broken);
    assert!(error.detail.contains("closed in the middle"), "{error}");
}

#[tokio::test]
async fn stalls_before_or_within_the_head() {
    for says in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let error = no_head(says, false).await;
        assert_eq!(error.kind, SendErrorKind::Timeout);
        assert!(
            error.detail.ends_with("no response head within 100ms"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn garbage() {
    for says in [
        &b"SSH-2.0-OpenSSH_9.2\r\n\r\n"[..],
        b"\0\x01\x02\x03garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: ten\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
    ] {
        let error = no_head(says, true).await;
        let shown = String::from_utf8_lossy(says);
        assert_eq!(error.kind, SendErrorKind::Invalid, "{shown}: {error}");
    }
}

#[tokio::test]
async fn too_large_a_head() {
    let (addr, _) = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
        let field = format!("x: {}\r\n", "y".repeat(1000));
        let head = format!("HTTP/1.1 200 OK\r\n{}\r\n", field.repeat(15));
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.read_u8().await;
    })
    .await;
    let endpoint = endpoint_with(url_target(&format!("http://{addr}")), short_limits());
    let error = endpoint.send(get("/")).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Invalid, "{error}");
}

#[tokio::test]
async fn too_many_fields() {
    let says = b"HTTP/1.1 200 OK\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\n\
        a: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\ncontent-length: 0\r\n\r\n";
    let error = no_head(says, false).await;
    assert_eq!(error.kind, SendErrorKind::Invalid, "{error}");
}

#[tokio::test]
async fn short_bodies() {
    for says in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n123",
    ] {
        let error = broken_body(says, true).await;
        assert!(error.contains("the response body broke off"), "{error}");
    }
}

#[tokio::test]
async fn a_chunk_size_that_is_none() {
    let says = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n12345\r\n";
    assert!(broken_body(says, false).await.contains("broke off"));
}

#[tokio::test]
async fn stalls_in_the_body() {
    let says = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345";
    let error = broken_body(says, false).await;
    assert!(
        error.ends_with("the response body stalled for 100ms"),
        "{error}"
    );
}

#[tokio::test]
async fn a_slow_body_is_not_a_stalled_one() {
    let (addr, _) = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n";
        stream.write_all(head).await.unwrap();
        for _ in 0..8 {
            // The slowness that is tested: eight of these are longer than the limit on one.
            tokio::time::sleep(Duration::from_millis(100)).await;
            stream.write_all(b".").await.unwrap();
        }
        let _ = stream.read_u8().await;
    })
    .await;
    let limits = Limits {
        body_idle_timeout: Duration::from_millis(500),
        ..Limits::default()
    };
    let endpoint = endpoint_with(url_target(&format!("http://{addr}")), limits);
    let response = endpoint.send(get("/")).await.unwrap();
    assert_eq!(text(response).await, "........");
}

#[tokio::test]
async fn a_request_that_is_given_up_closes_its_connection() {
    let (closed, seen) = tokio::sync::oneshot::channel();
    let closed = std::sync::Mutex::new(Some(closed));
    let (addr, _) = scripted(move |mut stream, _| {
        let closed = closed.lock().unwrap().take();
        async move {
            read_head(&mut stream).await;
            let _ = stream.read_u8().await;
            let _ = closed.map(|closed| closed.send(()));
        }
    })
    .await;
    let endpoint = endpoint_with(url_target(&format!("http://{addr}")), short_limits());
    let error = endpoint.send(get("/")).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Timeout);
    timeout(LONG, seen).await.expect("it is closed").unwrap();
}

#[tokio::test]
async fn surplus_bytes_do_not_poison_the_next_response() {
    let (addr, _) = scripted(|mut stream, _| async move {
        while !read_head(&mut stream).await.is_empty() {
            let says = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
            let _ = stream.write_all(says).await;
        }
    })
    .await;
    let endpoint = endpoint(addr);
    for _ in 0..5 {
        let response = endpoint.send(get("/")).await.unwrap();
        assert_eq!(text(response).await, "ok");
    }
}

/// An origin on threads of its own, which gives a handle on each connection before it answers.
fn with_handles() -> (SocketAddr, mpsc::Receiver<std::net::TcpStream>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (handles, connections) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if handles.send(stream.try_clone().unwrap()).is_err() {
                return;
            }
            std::thread::spawn(move || {
                while let Ok(1..) = stream.read(&mut [0; 4096]) {
                    let _ = stream.write_all(OK);
                }
            });
        }
    });
    (addr, connections)
}

#[tokio::test]
async fn what_is_said_unasked_is_nobodys_answer() {
    let (addr, connections) = with_handles();
    for _ in 0..50 {
        let endpoint = endpoint(addr);
        assert_eq!(text(endpoint.send(get("/")).await.unwrap()).await, "ok");
        // Without a pause for the runtime: only the kernel knows that this is there.
        let evil = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
        connections.recv().unwrap().write_all(evil).unwrap();
        assert_eq!(text(endpoint.send(get("/")).await.unwrap()).await, "ok");
        connections.recv().expect("a second connection");
    }
}

#[tokio::test]
async fn idle_connections_that_all_went_bad_are_left_one_after_the_other() {
    let (addr, accepted) = scripted(|mut stream, nth| async move {
        read_head(&mut stream).await;
        stream.write_all(OK).await.unwrap();
        if nth < 3 {
            // Takes the second request, and goes without a word.
            read_head(&mut stream).await;
            return;
        }
        let _ = stream.read_u8().await;
    })
    .await;
    let endpoint = endpoint(addr);
    let three = (0..3).map(|_| endpoint.send(get("/")));
    for response in futures_util::future::join_all(three).await {
        assert_eq!(text(response.unwrap()).await, "ok");
    }
    let response = endpoint.send(get("/")).await.expect("a new connection");
    assert_eq!(text(response).await, "ok");
    assert_eq!(accepted.load(SeqCst), 4);
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn connections_are_kept() {
    let (addr, accepted) = scripted(|mut stream, _| async move {
        while !read_head(&mut stream).await.is_empty() {
            stream.write_all(OK).await.unwrap();
        }
    })
    .await;
    let endpoint = endpoint(addr);
    for _ in 0..10 {
        let response = endpoint.send(get("/")).await.unwrap();
        assert_eq!(text(response).await, "ok");
    }
    assert_eq!(accepted.load(SeqCst), 1);
}

#[tokio::test]
async fn closed_after_each_response_without_a_word() {
    let (addr, accepted) = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
        stream.write_all(OK).await.unwrap();
    })
    .await;
    let endpoint = endpoint(addr);
    for _ in 0..50 {
        let response = endpoint.send(get("/")).await.unwrap();
        assert_eq!(text(response).await, "ok");
    }
    assert!(accepted.load(SeqCst) >= 50);
}

#[tokio::test]
async fn closed_when_the_second_request_is_already_on_its_way() {
    let (addr, accepted) = scripted(|mut stream, nth| async move {
        read_head(&mut stream).await;
        stream.write_all(OK).await.unwrap();
        read_head(&mut stream).await;
        if nth > 0 {
            stream.write_all(OK).await.unwrap();
        }
    })
    .await;
    let endpoint = endpoint(addr);
    let response = endpoint.send(get("/")).await.unwrap();
    assert_eq!(text(response).await, "ok");
    let response = endpoint.send(get("/")).await.expect("it is sent once more");
    assert_eq!(text(response).await, "ok");
    assert_eq!(accepted.load(SeqCst), 2);
}

#[tokio::test]
async fn a_post_is_not_sent_twice() {
    let (addr, accepted) = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
        stream.write_all(OK).await.unwrap();
        read_head(&mut stream).await;
    })
    .await;
    let limits = Limits {
        idle_before_unsafe: LONG,
        idle_timeout: LONG,
        ..Limits::default()
    };
    let endpoint = endpoint_with(url_target(&format!("http://{addr}")), limits);
    let post = || {
        let mut post = get("/");
        *post.method_mut() = http::Method::POST;
        post
    };
    let response = endpoint.send(post()).await.unwrap();
    assert_eq!(text(response).await, "ok");
    let error = endpoint.send(post()).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Broken);
    assert_eq!(accepted.load(SeqCst), 1);
}
