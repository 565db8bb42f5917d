//! An origin with bad manners never becomes a cached lie.

use http::StatusCode;

use crate::{
    harness::{
        cdn::{OneEdge, one_edge},
        client::get,
        raw_origin::{RawOrigin, Then},
        wait,
    },
    one_proxy::Proxy,
};

/// Asks twice; both transfers must fail visibly, and nothing may be stored between them.
async fn fails_visibly_and_is_not_stored(bytes: &'static [u8]) {
    let origin = RawOrigin::start(bytes, Then::Close).await;
    let lines = "[services.cache]\nfailure_ttl = \"0s\"\n";
    let edge = OneEdge::before(&origin.url(), lines).await;
    for _ in 0..2 {
        let before = origin.requests();
        let outcome = edge.ask("/cut").try_send().await;
        let failed = match &outcome {
            Err(_) => true,
            Ok(answer) => answer.status.is_server_error(),
        };
        assert!(
            failed,
            "a whole answer came out of a broken one: {outcome:?}"
        );
        assert!(origin.requests() > before, "it was served from the store");
    }
}

#[tokio::test]
async fn too_few_bytes() {
    fails_visibly_and_is_not_stored(
        b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 100\r\n\r\nshort",
    )
    .await;
}

#[tokio::test]
async fn a_chunked_body_without_its_end() {
    fails_visibly_and_is_not_stored(
        b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    )
    .await;
}

#[tokio::test]
async fn garbage() {
    fails_visibly_and_is_not_stored(b"this is not HTTP at all\r\n\r\n").await;
}

#[tokio::test]
async fn half_a_head() {
    fails_visibly_and_is_not_stored(b"HTTP/1.1 200 OK\r\ncache-control: max-a").await;
}

#[tokio::test]
async fn nothing() {
    fails_visibly_and_is_not_stored(b"").await;
}

#[tokio::test]
async fn a_switch_of_protocols_that_nobody_asked_for() {
    fails_visibly_and_is_not_stored(
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n",
    )
    .await;
}

#[tokio::test]
async fn a_304_without_a_condition() {
    fails_visibly_and_is_not_stored(b"HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n").await;
}

#[tokio::test]
async fn an_origin_that_hangs_is_given_up_on() {
    let origin = RawOrigin::start(b"", Then::Hang).await;
    let file = format!(
        "[[pops]]\nname = \"p\"\nlatitude = 0\nlongitude = 0\n\
         [dns]\nzone = \"cdn.test\"\n\
         [[services]]\nname = \"www\"\norigins = [\"{}\"]\n\
         [services.origin_limits]\nfirst_byte_timeout = \"200ms\"\n",
        origin.url()
    );
    let edge = one_edge(&file).await;
    let answer = get(edge.address, "www.cdn.test", "/").send().await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
}

#[tokio::test]
async fn an_origin_that_is_not_there_is_a_502_and_comes_back() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let proxy = Proxy::start(&format!("http://{address}"), &[]).await;
    let answer = get(proxy.address, "www.example.com", "/").send().await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert_eq!(answer.field("cache-control"), "no-store");

    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nback";
            let mut head = [0; 4096];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut head).await;
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
        }
    });
    wait::until("the origin is used again", || async {
        let answer = get(proxy.address, "www.example.com", "/").send().await;
        (answer.text() == "back").then_some(())
    })
    .await;
}
