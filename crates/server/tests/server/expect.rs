//! Clients that wait to be told to send their body (RFC 9110 section 10.1.1).

use perigee_server::Limits;

use crate::support::{Raw, start};

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

async fn post(client: &mut Raw, path: &str, version: &str, fields: &str) {
    let head = format!("POST {path} HTTP/{version}\r\nhost: a.example\r\n{fields}\r\n");
    client.send(&head).await;
}

#[tokio::test]
async fn a_client_is_told_to_go_on_when_its_body_is_read_and_not_before() {
    let it = start(Limits::default()).await;
    let framings = ["content-length: 3\r\n", "transfer-encoding: chunked\r\n"];
    for (before, framing) in framings.into_iter().enumerate() {
        let mut client = it.connect().await;
        let fields = format!("expect: 100-Continue\r\n{framing}");
        post(&mut client, "/late", "1.1", &fields).await;
        it.wait_for_held(before + 1).await;
        assert_eq!(
            client.0.try_read(&mut [0]).unwrap_err().kind(),
            std::io::ErrorKind::WouldBlock,
            "nothing has asked for it yet"
        );
        it.paths.release.add_permits(1);
        assert_eq!(client.read_until("\r\n\r\n").await, CONTINUE);
        let chunked = framing.starts_with("transfer");
        client
            .send(if chunked {
                "3\r\nabc\r\n0\r\n\r\n"
            } else {
                "abc"
            })
            .await;
        let response = client.read_until("read b\"abc\"").await;
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        client.get("/next").await;
        client.read_until("cl=0").await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_wait_is_not_told() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    let fields = "expect: 100-continue\r\ncontent-length: 3\r\n";
    post(&mut client, "/body", "1.1", fields).await;
    client.read_until(CONTINUE).await;
    client.send("abc").await;
    client.read_until("abc").await;

    let whole = format!("POST /body HTTP/1.1\r\nhost: a\r\n{fields}\r\nabc");
    client.send(&whole).await;
    let response = client.read_until("\r\n\r\nabc").await;
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
}

#[tokio::test]
async fn a_client_that_is_not_told_finds_its_connection_closed() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    let fields = "expect: 100-continue\r\ncontent-length: 3\r\n";
    post(&mut client, "/unread", "1.1", fields).await;
    // Whether the next bytes are the body nobody can know.
    let response = client.read_to_end().await.unwrap();
    assert!(response.starts_with("HTTP/1.1 413 "), "{response}");
    assert!(response.contains("connection: close\r\n"), "{response}");
}

#[tokio::test]
async fn http_1_0_is_told_nothing() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    let fields = "expect: 100-continue\r\ncontent-length: 3\r\n";
    post(&mut client, "/body", "1.0", fields).await;
    client.send("abc").await;
    let response = client.read_to_end().await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\nabc"), "{response}");
}
