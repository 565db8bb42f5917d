//! Many requests for one object are one request to the origin, and its body is shared as it comes;
//! what is not to be shared goes to each, side by side.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};

use crate::{
    harness::{
        cdn::{Cdn, OneEdge, Plan},
        client::{Answer, get},
        gated::Gated,
        origin::fresh,
    },
    one_proxy::Proxy,
};

/// 200 with this Cache-Control and an ETag.
fn response(cache_control: &str, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = fresh(text);
    let value = HeaderValue::try_from(cache_control).unwrap();
    response.headers_mut().insert(header::CACHE_CONTROL, value);
    response
}

fn not_modified() -> Response<Full<Bytes>> {
    Response::builder()
        .status(StatusCode::NOT_MODIFIED)
        .body(Full::default())
        .unwrap()
}

/// All answers of a herd, each 200 with this text.
async fn all(herd: Vec<JoinHandle<Answer>>, text: &str) -> Vec<Answer> {
    let mut answers = Vec::new();
    for member in herd {
        let answer = member.await.unwrap();
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, text));
        answers.push(answer);
    }
    answers
}

#[tokio::test]
async fn a_herd_is_one_request() {
    let origin = Gated::start(|_, _| fresh("once")).await;
    let edge = OneEdge::before(&origin.url(), "").await;
    let herd = edge.herd("/herd", 50);
    edge.until_under_way(50).await;
    origin.let_out(1);
    let answers = all(herd, "once").await;
    assert_eq!(origin.count("/herd"), 1);
    let waited = |answer: &&Answer| answer.cache_status().contains("collapsed");
    assert!(
        answers.iter().any(|answer| waited(&answer)),
        "nobody waited"
    );
}

#[tokio::test]
async fn a_herd_on_what_has_expired_is_one_validation() {
    let origin = Gated::start(|_, before| match before {
        // It was fresh for nine seconds, ten seconds ago.
        0 => {
            let mut response = response("max-age=9", "old but good");
            response.headers_mut().insert("age", HeaderValue::from(10));
            response
        }
        _ => not_modified(),
    })
    .await;
    let edge = OneEdge::before(&origin.url(), "").await;
    origin.let_out(1);
    edge.get("/herd").await;
    let herd = edge.herd("/herd", 50);
    edge.until_under_way(50).await;
    origin.let_out(1);
    all(herd, "old but good").await;
    assert_eq!(origin.count("/herd"), 2);
}

#[tokio::test]
async fn what_is_not_shared_goes_to_each_side_by_side() {
    for cache_control in ["no-store", "private", "no-cache", "max-age=0"] {
        let origin = Gated::start(move |_, _| response(cache_control, "yours")).await;
        let edge = OneEdge::before(&origin.url(), "").await;
        // Nothing is known: they wait for the first head, and then not for each other.
        let herd = edge.herd("/mine", 10);
        edge.until_under_way(10).await;
        origin.until_asked("/mine", 1).await;
        assert_eq!(origin.count("/mine"), 1, "{cache_control}");
        origin.let_out(1);
        origin.until_asked("/mine", 10).await;
        origin.let_out(9);
        all(herd, "yours").await;
        // Now it is known: all of them ask before anyone is answered.
        let herd = edge.herd("/mine", 10);
        origin.until_asked("/mine", 20).await;
        origin.let_out(10);
        all(herd, "yours").await;
        assert_eq!(origin.count("/mine"), 20, "{cache_control}");
    }
}

#[tokio::test]
async fn a_response_that_is_not_shared_is_known_by_its_head() {
    let head = b"HTTP/1.1 200 OK\r\ncache-control: no-store\r\ncontent-length: 5\r\n\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let edge = OneEdge::before(&format!("http://{}", listener.local_addr().unwrap()), "").await;
    let herd = edge.herd("/mine", 10);
    // Each gets its head, and none its body, before all of them have asked.
    let mut asked = Vec::new();
    while asked.len() < 10 {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_until(&mut stream, "\r\n\r\n").await;
        stream.write_all(head).await.unwrap();
        asked.push(stream);
    }
    for mut stream in asked {
        stream.write_all(b"yours").await.unwrap();
    }
    all(herd, "yours").await;
}

#[tokio::test]
async fn what_is_not_shared_is_asked_for_side_by_side_through_all_tiers() {
    let origin = Gated::start(|_, _| response("no-store", "yours")).await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let herd = || -> Vec<_> {
        let edges = ["fra-1", "fra-2"].iter().cycle().take(20);
        let asks = edges.map(|edge| get(cdn.at(edge), Cdn::HOST, "/mine"));
        asks.map(|ask| tokio::spawn(ask.send())).collect()
    };
    let first = herd();
    origin.until_asked("/mine", 1).await;
    // The owner and the shield both learn from this one.
    origin.let_out(1);
    origin.until_asked("/mine", 20).await;
    origin.let_out(19);
    all(first, "yours").await;
    let second = herd();
    origin.until_asked("/mine", 40).await;
    origin.let_out(20);
    for answer in all(second, "yours").await {
        let status = answer.cache_status();
        assert!(status.contains("shield-1; fwd=uri-miss"), "{status}");
        assert!(status.contains("detail=hit-for-miss"), "{status}");
    }
    assert_eq!(origin.count("/mine"), 40);
}

#[tokio::test]
async fn the_mark_goes_when_a_cacheable_answer_comes() {
    let origin = Gated::start_for(
        |_| false,
        |_, before| match before {
            0 => response("no-store", "0"),
            n => fresh(n.to_string()),
        },
    )
    .await;
    let edge = OneEdge::before(&origin.url(), "").await;
    assert_eq!(edge.get("/page").await.text(), "0");
    let marked = edge.get("/page").await;
    assert_eq!(marked.text(), "1");
    let status = marked.cache_status();
    assert!(status.contains("detail=hit-for-miss"), "{status}");
    // It was not stored, but the next one is.
    let stored = edge.get("/page").await;
    assert_eq!(stored.text(), "2");
    assert!(stored.cache_status().contains("; stored"), "{stored:?}");
    assert!(edge.get("/page").await.is_hit());
    assert_eq!(origin.count("/page"), 3);
}

/// A herd after a response that was not to be shared, of one that is: how many requests it makes.
async fn herd_after_a_mark(lines: &str, purge: bool) -> usize {
    let origin = Gated::start(|_, before| match before {
        0 => response("no-store", "once"),
        _ => fresh("once"),
    })
    .await;
    let edge = OneEdge::before(&origin.url(), lines).await;
    origin.let_out(1);
    edge.get("/page").await;
    if purge {
        let posted =
            crate::harness::client::ask(http::Method::POST, edge.address, Cdn::HOST, "/page");
        origin.let_out(1);
        posted.send().await;
    }
    let before = origin.count("/page");
    let herd = edge.herd("/page", 10);
    edge.until_under_way(10).await;
    origin.let_out(10);
    all(herd, "once").await;
    origin.count("/page") - before
}

#[tokio::test]
async fn the_mark_goes_with_a_purge_and_is_not_made_where_it_is_not_wanted() {
    assert_eq!(herd_after_a_mark("", false).await, 10);
    assert_eq!(herd_after_a_mark("", true).await, 1);
    let never = "[services.cache]\nhit_for_miss = \"0s\"\n";
    assert_eq!(herd_after_a_mark(never, false).await, 1);
    let none = "[limits]\nmax_hit_for_miss = 0\n";
    assert_eq!(herd_after_a_mark(none, false).await, 1);
}

#[tokio::test]
async fn an_error_of_the_moment_makes_no_mark() {
    let origin = Gated::start(|_, before| {
        let mut response = fresh("once");
        if before == 0 {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response.headers_mut().remove("cache-control");
        }
        response
    })
    .await;
    let edge = OneEdge::before(&origin.url(), "").await;
    origin.let_out(1);
    let failed = edge.get("/page").await;
    assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
    let herd = edge.herd("/page", 10);
    edge.until_under_way(10).await;
    origin.let_out(10);
    all(herd, "once").await;
    assert_eq!(origin.count("/page"), 2);
}

#[tokio::test]
async fn who_waited_asks_with_conditions_and_range_of_its_own() {
    let origin = Gated::start(|_, _| response("no-store", "yours")).await;
    let edge = OneEdge::before(&origin.url(), "").await;
    let first = edge.herd("/mine", 1);
    origin.until_asked("/mine", 1).await;
    let ask = edge.ask("/mine").with("range", "bytes=1-2");
    let other = tokio::spawn(ask.with("if-none-match", "\"mine\"").send());
    edge.until_under_way(2).await;
    origin.let_out(2);
    all(first, "yours").await;
    other.await.unwrap();
    let asked = origin.origin.asked();
    assert_eq!(asked[0].field("range"), "");
    assert_eq!(asked[1].field("range"), "bytes=1-2");
    assert_eq!(asked[1].field("if-none-match"), "\"mine\"");
}

#[tokio::test]
async fn the_first_ones_own_conditions_are_met_though_nothing_is_stored() {
    let origin = Gated::start_for(
        |_| false,
        |asked, _| {
            let mut response = response("no-store", "yours");
            if asked.path.ends_with("cookie") {
                let cookie = HeaderValue::from_static("a=b");
                response.headers_mut().insert("set-cookie", cookie);
            }
            response
        },
    )
    .await;
    let edge = OneEdge::before(&origin.url(), "").await;
    let tag = edge.get("/").await.field("etag");
    let same = edge.ask("/same").with("if-none-match", &tag).send().await;
    assert_eq!(same.status, StatusCode::NOT_MODIFIED);
    assert_eq!(same.field("etag"), tag);
    assert_eq!(same.field("cache-control"), "no-store");
    assert!(!same.headers.contains_key("age"), "{same:?}");
    let other = edge
        .ask("/other")
        .with("if-none-match", "\"x\"")
        .send()
        .await;
    assert_eq!((other.status, other.text()), (StatusCode::OK, "yours"));
    let failed = edge.ask("/failed").with("if-match", "\"x\"").send().await;
    assert_eq!(failed.status, StatusCode::PRECONDITION_FAILED);
    // Whole is an answer to a range, too; and a cookie is not lost.
    for (path, name, value) in [
        ("/range", "range", "bytes=1-2"),
        ("/cookie", "if-none-match", tag.as_str()),
    ] {
        let answer = edge.ask(path).with(name, value).send().await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "yours"));
    }
    let asked = origin.origin.asked();
    assert!(
        asked
            .iter()
            .all(|asked| asked.field("if-none-match").is_empty())
    );
}

#[tokio::test]
async fn a_herd_of_two_variants_is_two_requests() {
    let origin = Gated::start(|asked, _| {
        let mut response = fresh(asked.field("accept-language").to_owned());
        let vary = HeaderValue::from_static("accept-language");
        response.headers_mut().insert("vary", vary);
        response
    })
    .await;
    let edge = OneEdge::before(&origin.url(), "").await;
    let herd: Vec<_> = (0..40)
        .map(|n| {
            let language = if n % 2 == 0 { "de" } else { "en" };
            let ask = edge.ask("/words").with("accept-language", language);
            (language, tokio::spawn(ask.send()))
        })
        .collect();
    edge.until_under_way(40).await;
    origin.let_out(40);
    for (language, member) in herd {
        assert_eq!(member.await.unwrap().text(), language);
    }
    assert_eq!(origin.count("/words"), 2);
}

#[tokio::test]
async fn an_error_for_one_variant_is_none_for_another() {
    let origin = Gated::start(|asked, before| {
        let language = asked.field("accept-language").to_owned();
        let mut response = response("max-age=9", language);
        let headers = response.headers_mut();
        headers.insert("vary", HeaderValue::from_static("accept-language"));
        if before == 0 {
            headers.insert("age", HeaderValue::from(10));
        } else if asked.field("accept-language") == "de" {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response
    })
    .await;
    let edge = OneEdge::before(&origin.url(), "").await;
    let ask = |language| edge.ask("/words").with("accept-language", language).send();
    origin.let_out(1);
    ask("de").await;
    let german = tokio::spawn(ask("de"));
    origin.until_asked("/words", 2).await;
    let english = tokio::spawn(ask("en"));
    edge.until_under_way(2).await;
    origin.let_out(2);
    for (answer, language) in [(german, "de"), (english, "en")] {
        let answer = answer.await.unwrap();
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, language));
    }
}

/// Says who is authorized; their answers wait at the gate.
async fn knows_users() -> Gated {
    Gated::start_for(
        |asked| !asked.field("authorization").is_empty(),
        |asked, _| match asked.field("authorization") {
            "" => fresh("everybody's"),
            user => fresh(user.to_owned()),
        },
    )
    .await
}

#[tokio::test]
async fn nobody_else_waits_for_an_authorized_request() {
    let origin = knows_users().await;
    let edge = OneEdge::before(&origin.url(), "").await;
    let ask = edge.ask("/page").with("authorization", "user 0");
    let first = tokio::spawn(ask.send());
    origin.until_asked("/page", 1).await;
    all(edge.herd("/page", 10), "everybody's").await;
    origin.let_out(1);
    assert_eq!(first.await.unwrap().text(), "user 0");
    // What came for it alone was not stored over what is everybody's, and marked nothing.
    all(edge.herd("/page", 10), "everybody's").await;
    assert_eq!(origin.count("/page"), 2);
}

#[tokio::test]
async fn the_authorized_learn_together_that_each_must_ask() {
    let origin = knows_users().await;
    let edge = OneEdge::before(&origin.url(), "").await;
    for (before, known) in [(0, false), (10, true)] {
        let herd: Vec<_> = (0..10)
            .map(|n| {
                let user = format!("user {n}");
                let ask = edge.ask("/page").with("authorization", &user);
                (user, tokio::spawn(ask.send()))
            })
            .collect();
        edge.until_under_way(10).await;
        if !known {
            origin.until_asked("/page", 1).await;
            assert_eq!(origin.count("/page"), 1);
            origin.let_out(1);
        }
        origin.until_asked("/page", before + 10).await;
        origin.let_out(if known { 10 } else { 9 });
        for (user, member) in herd {
            assert_eq!(member.await.unwrap().text(), user);
        }
    }
    // The mark is for them alone.
    all(edge.herd("/page", 10), "everybody's").await;
    assert_eq!(origin.count("/page"), 21);
}

#[tokio::test]
async fn nobody_gets_a_page_that_was_made_for_another_ones_cookies() {
    // As frameworks do it: an ETag, and not a word on caching.
    let origin = Gated::start(|asked, _| {
        let mut response = fresh(asked.field("cookie").to_owned());
        response.headers_mut().remove("cache-control");
        response
    })
    .await;
    let edge = OneEdge::before(&origin.url(), "").await;
    for round in 1..=2 {
        let herd: Vec<_> = (0..10)
            .map(|n| {
                let cookie = format!("user={n}");
                let ask = edge.ask("/account").with("cookie", &cookie);
                (cookie, tokio::spawn(ask.send()))
            })
            .collect();
        edge.until_under_way(10).await;
        origin.let_out(10);
        for (cookie, member) in herd {
            assert_eq!(member.await.unwrap().text(), cookie);
        }
        assert_eq!(origin.count("/account"), 10 * round);
    }
}

#[tokio::test]
async fn who_has_waited_long_enough_asks_for_itself() {
    let origin = Gated::start(|_, _| fresh("slow")).await;
    let lines = "[limits]\ncoalesce_wait = \"50ms\"\n";
    let edge = OneEdge::before(&origin.url(), lines).await;
    let herd = edge.herd("/slow", 2);
    origin.until_asked("/slow", 2).await;
    origin.let_out(2);
    all(herd, "slow").await;
    assert_eq!(origin.count("/slow"), 2);
}

#[tokio::test]
async fn one_failure_answers_all_who_waited_and_is_not_stored() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let lines = "[services.origin_pool]\nretries = 0\n[services.cache]\nfailure_ttl = \"0s\"\n";
    let edge = OneEdge::before(&url, lines).await;
    let herd = edge.herd("/page", 10);
    let gate = Arc::new(Semaphore::new(0));
    let (opened, requests) = (Arc::clone(&gate), mpsc::unbounded_channel());
    let (count, mut counted) = requests;
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = read_until(&mut stream, "\r\n\r\n").await;
            count.send(()).unwrap();
            let _ = opened.acquire().await.unwrap();
        }
    });
    counted.recv().await.unwrap();
    // One is under way a moment before it waits.
    edge.until_waiting(9).await;
    gate.add_permits(1);
    for member in herd {
        let answer = member.await.unwrap();
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    }
    assert!(counted.is_empty(), "others have asked, too");
    let again = edge.get("/page").await;
    assert_eq!(again.status, StatusCode::BAD_GATEWAY);
    assert_eq!(counted.len(), 1, "the failure was stored");
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

#[tokio::test]
async fn who_comes_late_and_wants_it_validated_asks_for_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let obeys = "[services.cache]\nobey_request_directives = true";
    let edge = OneEdge::before(&url, obeys).await;
    let head = "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 6\r\n\r\n";
    let ask = |more| format!("GET /slow HTTP/1.1\r\nhost: {}\r\n{more}\r\n", Cdn::HOST);

    let mut first = TcpStream::connect(edge.address).await.unwrap();
    first.write_all(ask("").as_bytes()).await.unwrap();
    let (mut old, _) = listener.accept().await.unwrap();
    read_until(&mut old, "\r\n\r\n").await;
    let begun = format!("{head}old");
    old.write_all(begun.as_bytes()).await.unwrap();
    read_until(&mut first, "old").await;

    let mut second = TcpStream::connect(edge.address).await.unwrap();
    let fields = "cache-control: no-cache\r\n";
    second.write_all(ask(fields).as_bytes()).await.unwrap();
    let mut new = tokio::select! {
        accepted = listener.accept() => accepted.unwrap().0,
        text = read_until(&mut second, "old") => panic!("not validated: {text}"),
    };
    read_until(&mut new, "\r\n\r\n").await;
    let whole = format!("{head}newest");
    new.write_all(whole.as_bytes()).await.unwrap();
    read_until(&mut second, "newest").await;
}
