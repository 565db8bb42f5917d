//! Interim responses: 102, 103 (RFC 8297).

use perigee_server::Limits;

use crate::support::{http2, request, soon, start, text};

#[tokio::test]
async fn hints_come_before_the_answer_is_there() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    client.get("/hints").await;
    let first = client.read_until("\r\n\r\n").await;
    assert_eq!(first, "HTTP/1.1 103 Early Hints\r\nlink: <0>\r\n\r\n");
    it.paths.release.add_permits(1);
    let second = client.read_until("\r\n\r\n").await;
    assert_eq!(second, "HTTP/1.1 102 Processing\r\n\r\n");
    let rest = client.read_until("taken=16.").await;
    assert_eq!(rest.matches("HTTP/1.1 103 ").count(), 14, "{rest}");
    assert_eq!(rest.matches("HTTP/1.1 200 ").count(), 1, "{rest}");
    let (_, last) = rest.rsplit_once("HTTP/1.1 200 OK\r\n").unwrap();
    assert!(!last.contains("link: "), "{last}");

    client.get("/next").await;
    let next = client.read_until("cl=0").await;
    assert!(next.starts_with("HTTP/1.1 200 OK\r\n"), "{next}");
}

#[tokio::test]
async fn there_are_no_more_of_them_than_allowed() {
    for max_interim in [0, 3] {
        let it = start(Limits {
            max_interim,
            ..Limits::default()
        })
        .await;
        it.paths.release.add_permits(2);
        let mut client = it.connect().await;
        // Each request has as many.
        for _ in 0..2 {
            client.get("/hints").await;
            let all = client.read_until(&format!("taken={max_interim}.")).await;
            assert_eq!(all.matches("HTTP/1.1 10").count(), max_interim, "{all}");
        }
    }
}

#[tokio::test]
async fn once_the_answer_has_begun_there_are_none() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    client.get("/hints-late").await;
    let response = client.read_until("0\r\n\r\n").await;
    assert_eq!(response.matches("HTTP/1.1 ").count(), 1, "{response}");
    assert!(response.contains("ignored"), "{response}");
}

#[tokio::test]
async fn an_interim_response_is_no_answer() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    client.get("/hundred").await;
    let response = client.read_until("no final response").await;
    assert!(response.starts_with("HTTP/1.1 500 "), "{response}");
}

#[tokio::test]
async fn http_1_0_and_http_2_get_none() {
    let it = start(Limits::default()).await;
    it.paths.release.add_permits(2);
    let mut old = it.connect().await;
    old.send("GET /hints HTTP/1.0\r\nhost: a.example\r\n\r\n")
        .await;
    let response = old.read_to_end().await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.ends_with("taken=0."), "{response}");

    let (mut send, _connection) = http2(it.connect().await.0).await;
    let response = soon(send.send_request(request("http://a.example/hints")))
        .await
        .unwrap();
    assert_eq!(text(response).await.unwrap(), "no line");
}
