//! Many requests for one object are one request to the origin, and its body is shared as it comes.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
};

use crate::{
    harness::{
        cdn::one_edge,
        client::get,
        origin::{Origin, fresh},
        wait,
    },
    one_proxy::Proxy,
};

#[tokio::test]
async fn a_herd_is_one_request() {
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let origin = Origin::start(move |_| {
        let gate = Arc::clone(&opened);
        async move {
            gate.acquire().await.unwrap().forget();
            fresh("once")
        }
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let herd: Vec<_> = (0..50)
        .map(|_| tokio::spawn(get(proxy.address, "www.example.com", "/herd").send()))
        .collect();
    wait::until("the origin is asked", || async {
        (origin.count("/herd") > 0).then_some(())
    })
    .await;
    gate.add_permits(50);
    let mut collapsed = 0;
    for member in herd {
        let answer = member.await.unwrap();
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "once"));
        collapsed += usize::from(answer.cache_status().contains("collapsed"));
    }
    assert_eq!(origin.count("/herd"), 1);
    assert!(collapsed > 0, "nobody waited");
}

#[tokio::test]
async fn what_is_not_shared_goes_to_each_at_once() {
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let origin = Origin::start(move |_| {
        let gate = Arc::clone(&opened);
        async move {
            gate.acquire().await.unwrap().forget();
            Response::builder()
                .header("cache-control", "no-store")
                .body(Full::new(Bytes::from("yours")))
                .unwrap()
        }
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let herd: Vec<_> = (0..10)
        .map(|_| tokio::spawn(get(proxy.address, "www.example.com", "/mine").send()))
        .collect();
    gate.add_permits(10);
    for member in herd {
        let answer = member.await.unwrap();
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "yours"));
    }
    assert_eq!(origin.count("/mine"), 10);
}

#[tokio::test]
async fn a_herd_of_two_variants_is_two_requests() {
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let origin = Origin::start(move |asked| {
        let gate = Arc::clone(&opened);
        async move {
            gate.acquire().await.unwrap().forget();
            let mut response = fresh(asked.field("accept-language").to_owned());
            let vary = http::HeaderValue::from_static("accept-language");
            response.headers_mut().insert("vary", vary);
            response
        }
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let herd: Vec<_> = (0..40)
        .map(|n| {
            let language = if n % 2 == 0 { "de" } else { "en" };
            let get = get(proxy.address, "www.example.com", "/words");
            let sent = get.with("accept-language", language).send();
            (language, tokio::spawn(sent))
        })
        .collect();
    let asked = || async { (origin.count("/words") > 0).then_some(()) };
    wait::until("the origin is asked", asked).await;
    gate.add_permits(40);
    for (language, member) in herd {
        assert_eq!(member.await.unwrap().text(), language);
    }
    assert_eq!(origin.count("/words"), 2);
}

#[tokio::test]
async fn one_authorized_request_does_not_spoil_the_fetch_of_the_others() {
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let origin = Origin::start(move |asked| {
        let gate = Arc::clone(&opened);
        async move {
            if asked.headers.contains_key("authorization") {
                gate.acquire().await.unwrap().forget();
                return fresh("yours");
            }
            fresh("everybody's")
        }
    })
    .await;
    let edge = one_edge(&format!(
        "[[pops]]\nname = \"p\"\nlatitude = 0\nlongitude = 0\n\
         [dns]\nzone = \"cdn.test\"\n\
         [[services]]\nname = \"www\"\norigins = [\"{}\"]\n",
        origin.url()
    ))
    .await;
    let ask = || get(edge.address, "www.cdn.test", "/page");
    let first = tokio::spawn(ask().with("authorization", "Basic eDp5").send());
    let asked = || async { (origin.count("/page") > 0).then_some(()) };
    wait::until("the origin is asked", asked).await;
    let others: Vec<_> = (0..20).map(|_| tokio::spawn(ask().send())).collect();
    wait::until("all of them wait", || async {
        let status = get(edge.admin, "localhost", "/status").send().await;
        status.text().contains("\"requests\":21").then_some(())
    })
    .await;
    gate.add_permits(1);
    assert_eq!(first.await.unwrap().text(), "yours");
    for other in others {
        assert_eq!(other.await.unwrap().text(), "everybody's");
    }
    assert_eq!(origin.count("/page"), 2);
}

/// An origin that sends 12 bytes in three pieces, each when the test says so.
async fn in_pieces() -> (String, mpsc::Sender<&'static [u8]>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (pieces, mut next) = mpsc::channel::<&'static [u8]>(8);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).await.unwrap();
        let answer = b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 12\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        while let Some(piece) = next.recv().await {
            stream.write_all(piece).await.unwrap();
        }
    });
    (url, pieces)
}

/// Opens a request and reads up to and including `until`.
async fn read_until(stream: &mut TcpStream, until: &str) -> String {
    let mut text = String::new();
    let mut piece = [0; 4096];
    while !text.contains(until) {
        let length = stream.read(&mut piece).await.unwrap();
        assert!(length > 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&piece[..length]).unwrap());
    }
    text
}

#[tokio::test]
async fn who_waits_gets_the_body_while_it_is_still_arriving() {
    let (url, pieces) = in_pieces().await;
    let proxy = Proxy::start(&url, &[]).await;
    let ask = b"GET /slow HTTP/1.1\r\nhost: www.example.com\r\n\r\n";

    let mut first = TcpStream::connect(proxy.address).await.unwrap();
    first.write_all(ask).await.unwrap();
    pieces.send(b"one ").await.unwrap();
    read_until(&mut first, "one ").await;

    // The second one comes in the middle, and has at once what is there.
    let mut second = TcpStream::connect(proxy.address).await.unwrap();
    second.write_all(ask).await.unwrap();
    let head = read_until(&mut second, "one ").await;
    assert!(head.contains("collapsed"), "{head}");

    pieces.send(b"two ").await.unwrap();
    read_until(&mut first, "two ").await;
    read_until(&mut second, "two ").await;
    // The first one leaves; the second one gets the end.
    drop(first);
    pieces.send(b"end.").await.unwrap();
    read_until(&mut second, "end.").await;
}
