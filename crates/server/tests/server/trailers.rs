//! Trailer sections, of requests and of responses (RFC 9110 section 6.5).

use perigee_server::Limits;

use crate::support::{Raw, start};

async fn ask(client: &mut Raw, version: &str, fields: &str) {
    let body = "1\r\nx\r\n0\r\n\r\n";
    let (framing, body) = match version {
        "1.1" => ("transfer-encoding: chunked\r\n", body),
        _ => ("", ""),
    };
    let head = format!("POST /trailers HTTP/{version}\r\nhost: a\r\n{framing}{fields}\r\n{body}");
    client.send(&head).await;
}

#[tokio::test]
async fn who_takes_trailers_gets_them() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    ask(&mut client, "1.1", "te: gzip;q=0, trailers\r\n").await;
    let response = client.read_until("x-sum: 7\r\n\r\n").await;
    assert!(response.contains("\r\ntrailer: x-sum\r\n"), "{response}");
    assert!(response.contains("\r\n0\r\nx-sum: 7\r\n"), "{response}");
    client.get("/next").await;
    client.read_until("cl=0").await;
}

#[tokio::test]
async fn who_does_not_take_trailers_gets_none() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    for fields in ["", "te: gzip\r\n"] {
        ask(&mut client, "1.1", fields).await;
        let response = client.read_until("\r\n0\r\n\r\n").await;
        assert!(response.contains("came=."), "{response}");
        assert!(!response.contains("x-sum"), "{response}");
    }
    ask(&mut client, "1.0", "te: trailers\r\n").await;
    let response = client.read_to_end().await.unwrap();
    assert!(response.ends_with("came=."), "{response}");
    assert!(!response.contains("x-sum"), "{response}");
}

#[tokio::test]
async fn trailers_of_a_request_reach_the_handler_but_for_those_that_must_not() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    let trailers = "x-a: 1\r\nhost: b\r\nContent-Length: 7\r\nx-b: 2\r\nauthorization: c\r\n";
    client
        .send(&format!(
            "POST /trailers HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n{trailers}\r\n"
        ))
        .await;
    client.read_until("came=x-a,x-b.").await;
}
