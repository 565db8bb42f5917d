//! HTTP/1.1 and 1.0 as clients speak them.

use perigee_server::Limits;
use tokio::io::AsyncWriteExt;

use crate::support::{SHORT, start};

#[tokio::test]
async fn a_connection_carries_one_request_after_the_other() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    for path in ["/one", "/two", "/three"] {
        client.get(path).await;
        let response = client.read_until("cl=0").await;
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert!(response.ends_with(&format!("{path} host=a.example tls=false te=0 cl=0")));
    }
    assert_eq!(it.server.connections(), 1);
    assert_eq!(it.server.stats().accepted, 1);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    let one = |n: usize| format!("GET /{n} HTTP/1.1\r\nhost: a.example\r\n\r\n");
    client.send(&(0..40).map(one).collect::<String>()).await;
    for n in 0..40 {
        let response = client.read_until("cl=0").await;
        assert!(response.contains(&format!("/{n} host=")), "{response}");
    }
}

#[tokio::test]
async fn a_client_that_has_sent_fin_still_gets_its_answers() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    client.get("/held").await;
    client.get("/after").await;
    client.0.shutdown().await.unwrap();
    it.wait_for_held(1).await;
    it.paths.release.add_permits(1);
    let responses = client.read_to_end().await.unwrap();
    assert!(responses.contains("second"), "{responses}");
    assert!(
        responses.ends_with("/after host=a.example tls=false te=0 cl=0"),
        "{responses}"
    );
    it.wait_for_connections(0).await;
}

#[tokio::test]
async fn a_date_is_added_only_where_there_is_none() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    client.get("/dated").await;
    let dated = client.read_until("old").await;
    assert_eq!(dated.matches("date: ").count(), 1, "{dated}");
    assert!(
        dated.contains("date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
        "{dated}"
    );
    client.get("/").await;
    let undated = client.read_until("cl=0").await;
    assert_eq!(undated.matches("date: ").count(), 1, "{undated}");
}

#[tokio::test]
async fn the_authority_of_an_absolute_target_replaces_host() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    client
        .send("GET http://B.example:81/x HTTP/1.1\r\nhost: b.example:81\r\n\r\n")
        .await;
    let response = client.read_until("cl=0").await;
    assert!(response.contains("/x host=B.example:81 "), "{response}");
}

#[tokio::test]
async fn http_1_0_needs_no_host_and_closes() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    client.send("GET /x HTTP/1.0\r\n\r\n").await;
    let response = client.read_to_end().await.unwrap();
    assert!(response.contains("/x host=- "), "{response}");
}

#[tokio::test]
async fn a_body_that_fails_is_seen_to_fail() {
    let it = start(Limits::default()).await;

    let mut chunked = it.connect().await;
    chunked.get("/broken").await;
    let response = chunked.read_to_end().await.unwrap();
    assert!(response.contains("the beginning"), "{response}");
    assert!(
        !response.contains("\r\n0\r\n"),
        "the last chunk is missing: {response}"
    );

    // Here only a RST tells the client that this was not all.
    let mut by_close = it.connect().await;
    by_close.send("GET /broken HTTP/1.0\r\n\r\n").await;
    let error = by_close.read_to_end().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_panic_of_the_handler_ends_its_connection_alone() {
    let it = start(Limits::default()).await;
    let mut bystander = it.connect().await;
    bystander.get("/before").await;
    bystander.read_until("cl=0").await;

    let mut client = it.connect().await;
    client.get("/panic").await;
    assert!(client.is_closed().await);
    it.wait_for_connections(1).await;

    bystander.get("/after").await;
    bystander.read_until("cl=0").await;
    it.connect().await.get("/").await;
}

#[tokio::test]
async fn a_request_body_that_does_not_come_times_out() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    client
        .send("POST /body HTTP/1.1\r\nhost: a.example\r\ncontent-length: 9\r\n\r\nhalf")
        .await;
    let response = client.read_to_end().await.unwrap();
    assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    assert!(response.contains(&format!("no byte of the request body came for {SHORT:?}")));

    let mut slow = it.connect().await;
    slow.send("POST /body HTTP/1.1\r\nhost: a.example\r\ncontent-length: 9\r\n\r\n")
        .await;
    for letter in "slow body".chars() {
        // The slowness that is tested: all of it takes longer than the limit on one pause.
        tokio::time::sleep(SHORT / 6).await;
        slow.send(&letter.to_string()).await;
    }
    assert!(
        slow.read_until("slow body")
            .await
            .starts_with("HTTP/1.1 200 ")
    );
}
