//! Bodies both ways: how their ends are told, and what follows them.

use perigee_server::Limits;
use tokio::io::AsyncWriteExt;

use crate::support::{Raw, SHORT, start};

/// The head of the next response, and after it exactly this.
async fn reads(client: &mut Raw, content: &str) -> String {
    let head = client.read_until("\r\n\r\n").await;
    if !content.is_empty() {
        assert_eq!(client.read_until(content).await, content, "{head}");
    }
    head
}

#[tokio::test]
async fn the_end_of_a_response_is_told_in_one_way() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    client.get("/length").await;
    let head = reads(&mut client, "hello").await;
    assert!(head.contains("\r\ncontent-length: 5\r\n"), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
    client.get("/pieces").await;
    let head = reads(&mut client, "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n").await;
    assert!(
        head.contains("\r\ntransfer-encoding: chunked\r\n"),
        "{head}"
    );
    assert!(!head.contains("content-length"), "{head}");
    client.get("/x").await;
    let head = reads(&mut client, "/x host=a.example tls=false te=0 cl=0").await;
    assert!(head.contains("\r\ncontent-length: 37\r\n"), "{head}");
}

#[tokio::test]
async fn some_responses_have_no_content() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    for (request, status) in [
        ("HEAD /length", "200 OK"),
        ("HEAD /pieces", "200 OK"),
        ("HEAD /x", "200 OK"),
        ("GET /none", "204 No Content"),
        ("GET /same", "304 Not Modified"),
    ] {
        client
            .send(&format!("{request} HTTP/1.1\r\nhost: a\r\n\r\n"))
            .await;
        let head = client.read_until("\r\n\r\n").await;
        let begins = format!("HTTP/1.1 {status}\r\n");
        assert!(head.starts_with(&begins), "{request}: {head}");
        assert!(!head.contains("transfer-encoding"), "{request}: {head}");
        let says_length = head.contains("content-length: 5\r\n");
        assert_eq!(says_length, request == "HEAD /length", "{request}: {head}");
    }
    client.get("/next").await;
    client.read_until("cl=0").await;
}

#[tokio::test]
async fn a_length_that_is_not_kept_to_ends_the_connection() {
    let it = start(Limits::default()).await;
    let mut short = it.connect().await;
    short.get("/short").await;
    short.get("/next").await;
    let response = short.read_to_end().await.unwrap_or_default();
    assert!(!response.contains("/next"), "{response}");
    assert!(
        response.is_empty() || response.ends_with("\r\n\r\nhello"),
        "{response}"
    );

    let mut long = it.connect().await;
    long.get("/long").await;
    reads(&mut long, "he").await;
    long.get("/next").await;
    let next = long.read_until("cl=0").await;
    assert!(next.starts_with("HTTP/1.1 200 OK\r\n"), "{next}");
}

#[tokio::test]
async fn http_1_0_is_kept_only_when_it_asks() {
    let it = start(Limits::default()).await;
    let get = |path: &str| format!("GET {path} HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n");
    let mut client = it.connect().await;
    for _ in 0..2 {
        client.send(&get("/length")).await;
        let head = reads(&mut client, "hello").await;
        assert!(head.contains("\r\nconnection: keep-alive\r\n"), "{head}");
    }
    // Nothing but the end of the connection ends this one.
    client.send(&get("/pieces")).await;
    let response = client.read_to_end().await.unwrap();
    assert!(response.contains("\r\nconnection: close\r\n"), "{response}");
    assert!(!response.contains("transfer-encoding"), "{response}");
    assert!(response.ends_with("\r\n\r\nhello"), "{response}");

    let mut once = it.connect().await;
    once.send("GET /length HTTP/1.0\r\n\r\n").await;
    let response = once.read_to_end().await.unwrap();
    assert!(response.ends_with("\r\n\r\nhello"), "{response}");
}

#[tokio::test]
async fn who_says_close_is_closed() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    let two = "GET /x HTTP/1.1\r\nhost: a\r\nconnection: x, Close\r\n\r\nGET /y HTTP/1.1\r\nhost: a\r\n\r\n";
    client.send(two).await;
    let all = client.read_to_end().await.unwrap();
    assert!(all.contains("\r\nconnection: close\r\n"), "{all}");
    assert!(all.ends_with("cl=0") && !all.contains("/y"), "{all}");

    let mut handler = it.connect().await;
    handler.get("/gone").await;
    let all = handler.read_to_end().await.unwrap();
    assert!(all.contains("\r\nconnection: close\r\n"), "{all}");
}

#[tokio::test]
async fn chunks_are_read_however_they_come() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    let head = "POST /body HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let request = format!("{head}2;x=y\r\nhe\r\n003\r\nllo\r\n0\r\n\r\n");
    for cut in 1..request.len() {
        let (first, second) = request.split_at(cut);
        client.send(first).await;
        tokio::task::yield_now().await;
        client.send(second).await;
        reads(&mut client, "hello").await;
    }
}

#[tokio::test]
async fn a_body_that_is_none_or_breaks_off_is_never_whole() {
    let it = start(Limits::default()).await;
    let head = "POST /late HTTP/1.1\r\nhost: a\r\n";
    for body in [
        "content-length: 4\r\n\r\nabc",
        "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n",
        "transfer-encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\nx\r\n",
    ] {
        it.paths.release.add_permits(1);
        let mut client = it.connect().await;
        client.send(&format!("{head}{body}")).await;
        client.0.shutdown().await.unwrap();
        let response = client.read_to_end().await.unwrap();
        assert!(
            response.starts_with("HTTP/1.1 400 "),
            "{body:?}: {response}"
        );
        assert!(response.contains("\r\nconnection: close\r\n"), "{response}");
        assert!(
            response.contains("the request body is broken"),
            "{response}"
        );
    }
}

#[tokio::test]
async fn a_body_that_breaks_behind_the_head_of_its_response_is_the_last() {
    let it = start(Limits::default()).await;
    let head = "POST /reads-on HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let next = "GET /next HTTP/1.1\r\nhost: a.example\r\n\r\n";
    for body in ["3\r\nabc\r\nx\r\n", "3\r\nabcd", "3\n", "0\r\nx\r\n\r\n"] {
        let mut client = it.connect().await;
        client.send(head).await;
        client.read_until("begun, ").await;
        client.send(&format!("{body}{next}")).await;
        let rest = client.read_to_end().await.unwrap();
        assert!(rest.contains("broken"), "{body:?}: {rest}");
        assert!(!rest.contains("HTTP/1.1 "), "{body:?}: {rest}");
    }
    let mut client = it.connect().await;
    client.send(head).await;
    client.read_until("begun, ").await;
    client.send(&format!("3\r\nabc\r\n0\r\n\r\n{next}")).await;
    client.read_until("whole").await;
    client.read_until("/next host=a.example").await;
}

#[tokio::test]
async fn what_follows_a_body_that_nobody_read_is_the_next_request() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    for body in [
        "content-length: 5\r\n\r\nhello",
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n",
    ] {
        let post = format!("POST /unread HTTP/1.1\r\nhost: a\r\n{body}");
        client.send(&format!("{post}{post}")).await;
        for _ in 0..2 {
            let response = client.read_until("too much").await;
            assert!(response.starts_with("HTTP/1.1 413 "), "{response}");
        }
    }
    client.get("/next").await;
    client.read_until("cl=0").await;
}

#[tokio::test]
async fn a_response_and_its_request_can_be_on_the_way_at_once() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    let head = "POST /mirror HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    client.send(head).await;
    client.read_until("\r\n\r\n").await;
    for word in ["hello", "again"] {
        let chunk = format!("5\r\n{word}\r\n");
        client.send(&chunk).await;
        assert_eq!(client.read_until(word).await, format!("5\r\n{word}"));
        client.read_until("\r\n").await;
    }
    client.send("0\r\n\r\n").await;
    client.read_until("0\r\n\r\n").await;
    client.get("/next").await;
    client.read_until("cl=0").await;
}

#[tokio::test]
async fn a_large_body_goes_through_in_both_directions() {
    let it = start(Limits::default()).await;
    let size = 4 << 20;
    let body: String = (0..size)
        .map(|n| char::from(b'a' + (n % 23) as u8))
        .collect();
    let stream = it.connect().await.0;
    let (mut read, mut write) = stream.into_split();
    let head = format!("POST /mirror HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n");
    let sent = format!("{head}{body}");
    let writing = tokio::spawn(async move {
        write.write_all(sent.as_bytes()).await.unwrap();
        write
    });
    let mut all = Vec::new();
    let mut piece = vec![0; 64 << 10];
    while !all.ends_with(&body.as_bytes()[size - 64..]) || all.len() < size {
        let length = tokio::io::AsyncReadExt::read(&mut read, &mut piece)
            .await
            .unwrap();
        assert!(length > 0, "{} bytes came", all.len());
        all.extend_from_slice(&piece[..length]);
    }
    let text = String::from_utf8(all).unwrap();
    let (head, came) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("content-length: {size}")), "{head}");
    assert!(came == body, "it is the same");
    drop(writing.await.unwrap());
}

#[tokio::test]
async fn pipelined_requests_with_bodies_are_answered_in_order() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    let one = |n: usize| match n % 3 {
        0 => format!("POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{n:02}"),
        1 => format!(
            "POST /body HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{n:02}\r\n0\r\n\r\n"
        ),
        _ => format!("\r\nGET /{n:02} HTTP/1.1\r\nhost: a\r\n\r\n"),
    };
    client.send(&(0..30).map(one).collect::<String>()).await;
    for n in 0..30 {
        let head = client.read_until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{n}: {head}");
        let expected = match n % 3 {
            2 => format!("/{n:02} host=a tls=false te=0 cl=0"),
            _ => format!("{n:02}"),
        };
        assert_eq!(client.read_until(&expected).await, expected);
    }
}

#[tokio::test]
async fn a_half_head_behind_a_request_has_its_time() {
    let it = start(Limits {
        head_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = it.connect().await;
    client
        .send("GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HT")
        .await;
    client.read_until("cl=0").await;
    assert!(client.is_closed().await);
}
