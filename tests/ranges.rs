//! Partial content: ranges are fetched as ranges, kept, completed, and never mixed.

use std::{
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::Full;

use crate::{
    harness::{
        cdn::{Cdn, Plan, one_edge},
        client::{Answer, Ask, ask, get},
        gated::Gated,
        raw_origin::{RawOrigin, Then},
        versions::{Book, Versions, content},
        wait,
    },
    one_proxy::Proxy,
};

const HOST: &str = "www.example.com";

async fn ranged(address: SocketAddr, range: &str) -> Answer {
    get(address, HOST, "/book")
        .with("range", range)
        .send()
        .await
}

async fn whole(address: SocketAddr) -> Answer {
    get(address, HOST, "/book").send().await
}

/// Whether an answer is these bytes of a version, out of `length`.
fn check_part(answer: &Answer, version: u8, bytes: Range<usize>, length: usize) {
    assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{answer:?}");
    let said = format!("bytes {}-{}/{length}", bytes.start, bytes.end - 1);
    assert_eq!(answer.field("content-range"), said);
    assert_eq!(answer.field("content-length"), bytes.len().to_string());
    assert!(answer.body == content(version, bytes), "other bytes");
}

fn check_whole(answer: &Answer, version: u8, length: usize) {
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.headers);
    assert_eq!(answer.field("content-length"), length.to_string());
    assert!(!answer.headers.contains_key("content-range"));
    assert!(answer.body == content(version, 0..length), "other bytes");
}

/// The Range, If-Range and If-None-Match of the requests that the origin got.
fn check_asked(origin: &Versions, expected: &[(&str, &str, &str)]) {
    let asked = origin.asked();
    let asked: Vec<_> = asked
        .iter()
        .map(|(range, if_range, tag)| (range.as_str(), if_range.as_str(), tag.as_str()))
        .collect();
    assert_eq!(asked, expected);
}

/// How many requests the origin got, and the last one.
fn check_asked_last(asked: &[(String, String, String)], count: usize, last: (&str, &str, &str)) {
    let (range, if_range, tag) = asked.last().unwrap();
    let found = (range.as_str(), if_range.as_str(), tag.as_str());
    assert_eq!((asked.len(), found), (count, last), "{asked:?}");
}

/// The Content-Range and the bytes of a part of version 1.
fn part_of(bytes: Range<usize>, length: usize) -> (String, Bytes) {
    let said = format!("bytes {}-{}/{length}", bytes.start, bytes.end - 1);
    (said, content(1, bytes))
}

/// Waits until what was fetched is in the store: a client may have all of it a moment before.
async fn until_stored(address: SocketAddr, range: &str) {
    wait::until("it is stored", || async {
        let answer = get(address, HOST, "/book")
            .with("range", range)
            .with("cache-control", "only-if-cached");
        answer.send().await.is_hit().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_range_is_fetched_as_it_is_asked_for_and_smaller_ones_are_hits() {
    let origin = Versions::start(Book::of(1000)).await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let first = ranged(proxy.address, "bytes=900-").await;
    check_part(&first, 1, 900..1000, 1000);
    assert!(first.cache_status().contains("fwd=uri-miss"), "{first:?}");
    assert!(first.cache_status().contains("stored"), "{first:?}");
    until_stored(proxy.address, "bytes=900-").await;
    for (range, bytes) in [
        ("bytes=900-", 900..1000),
        ("bytes=910-919", 910..920),
        ("bytes=-10", 990..1000),
        ("bytes=950-5000", 950..1000),
    ] {
        let hit = ranged(proxy.address, range).await;
        assert!(hit.is_hit(), "{range}: {hit:?}");
        check_part(&hit, 1, bytes, 1000);
    }
    let none = ranged(proxy.address, "bytes=1000-").await;
    assert!(none.is_hit(), "{none:?}");
    assert_eq!(none.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(none.field("content-range"), "bytes */1000");
    let head = ask(Method::HEAD, proxy.address, HOST, "/book").send().await;
    assert!(head.is_hit(), "{head:?}");
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(head.field("content-length"), "1000");
    check_asked(&origin, &[("bytes=900-", "", "")]);
}

#[tokio::test]
async fn a_part_is_completed_by_what_it_lacks() {
    // More than a few blocks of the store.
    const LENGTH: usize = 500_000;
    let origin = Versions::start(Book::of(LENGTH)).await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let first = ranged(proxy.address, "bytes=100000-199999").await;
    check_part(&first, 1, 100_000..200_000, LENGTH);
    until_stored(proxy.address, "bytes=100000-199999").await;
    // At its end, at its beginning, and then the rest for who wants all of it.
    let longer = ranged(proxy.address, "bytes=150000-249999").await;
    check_part(&longer, 1, 150_000..250_000, LENGTH);
    assert!(
        longer.cache_status().contains("fwd=partial"),
        "{:?}",
        longer.headers
    );
    until_stored(proxy.address, "bytes=100000-249999").await;
    let earlier = ranged(proxy.address, "bytes=0-120000").await;
    check_part(&earlier, 1, 0..120_001, LENGTH);
    until_stored(proxy.address, "bytes=0-249999").await;
    check_whole(&whole(proxy.address).await, 1, LENGTH);
    until_stored(proxy.address, "bytes=0-").await;
    let hit = whole(proxy.address).await;
    assert!(hit.is_hit());
    check_whole(&hit, 1, LENGTH);
    check_asked(
        &origin,
        &[
            ("bytes=100000-199999", "", ""),
            ("bytes=200000-249999", "\"v1\"", ""),
            ("bytes=0-99999", "\"v1\"", ""),
            ("bytes=250000-", "\"v1\"", ""),
        ],
    );
}

#[tokio::test]
async fn a_changed_representation_takes_the_place_of_a_part() {
    let origin = Versions::start(Book::of(1000)).await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    ranged(proxy.address, "bytes=0-99").await;
    until_stored(proxy.address, "bytes=0-99").await;
    origin.change(|book| book.version = 2);
    let changed = ranged(proxy.address, "bytes=50-149").await;
    check_part(&changed, 2, 50..150, 1000);
    until_stored(proxy.address, "bytes=0-").await;
    let hit = whole(proxy.address).await;
    assert!(hit.is_hit(), "{hit:?}");
    check_whole(&hit, 2, 1000);
    check_asked(
        &origin,
        &[("bytes=0-99", "", ""), ("bytes=100-149", "\"v1\"", "")],
    );
}

#[tokio::test]
async fn two_versions_are_not_mixed_even_if_the_origin_does() {
    let origin = Versions::start(Book::of(1000)).await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    ranged(proxy.address, "bytes=0-99").await;
    until_stored(proxy.address, "bytes=0-99").await;
    origin.change(|book| {
        book.version = 2;
        book.careless = true;
    });
    check_whole(&whole(proxy.address).await, 2, 1000);
    let all = ("", "", "");
    let lacking = ("bytes=100-", "\"v1\"", "");
    check_asked(&origin, &[("bytes=0-99", "", ""), lacking, all]);
}

#[tokio::test]
async fn without_a_strong_validator_nothing_is_combined() {
    let origin = Versions::start(Book {
        weak: true,
        ..Book::of(1000)
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    ranged(proxy.address, "bytes=0-99").await;
    until_stored(proxy.address, "bytes=0-99").await;
    let longer = ranged(proxy.address, "bytes=50-149").await;
    check_part(&longer, 1, 50..150, 1000);
    check_whole(&whole(proxy.address).await, 1, 1000);
    check_asked(
        &origin,
        &[
            ("bytes=0-99", "", ""),
            ("bytes=50-149", "", ""),
            ("", "", ""),
        ],
    );
}

#[tokio::test]
async fn a_stale_part_is_validated_and_a_changed_one_fetched_by_the_same_request() {
    let origin = Versions::start(Book {
        cache_control: "max-age=3600, no-cache",
        ..Book::of(1000)
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    // Where each use is validated, none is a hit: ask until the part is there to be validated.
    wait::until("the part is stored", || async {
        check_part(&ranged(proxy.address, "bytes=0-99").await, 1, 0..100, 1000);
        let asked = origin.asked();
        asked
            .iter()
            .any(|(_, _, tag)| tag == "\"v1\"")
            .then_some(())
    })
    .await;
    let validated = ranged(proxy.address, "bytes=20-29").await;
    check_part(&validated, 1, 20..30, 1000);
    assert!(
        validated.cache_status().contains("fwd-status=304"),
        "{validated:?}"
    );
    origin.change(|book| book.version = 2);
    let changed = ranged(proxy.address, "bytes=20-29").await;
    check_part(&changed, 2, 20..30, 1000);
    assert!(
        changed.cache_status().contains("fwd-status=206"),
        "{changed:?}"
    );
    let asked = origin.asked();
    let (range, if_range, tag) = asked.last().unwrap();
    assert_eq!(
        (range.as_str(), if_range.as_str(), tag.as_str()),
        ("bytes=20-29", "", "\"v1\"")
    );
}

#[tokio::test]
async fn if_range_decides_whether_a_range_counts() {
    let origin = Versions::start(Book::of(1000)).await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let if_range = |tag: &str| -> Ask {
        let ask = get(proxy.address, HOST, "/book").with("range", "bytes=0-9");
        ask.with("if-range", tag)
    };
    // Nothing is there to compare with: the whole is fetched, and then it decides.
    check_whole(&if_range("\"v0\"").send().await, 1, 1000);
    until_stored(proxy.address, "bytes=0-").await;
    check_part(&if_range("\"v1\"").send().await, 1, 0..10, 1000);
    for other in ["\"v0\"", "W/\"v1\"", "Sun, 06 Nov 1994 08:49:37 GMT", "v1"] {
        check_whole(&if_range(other).send().await, 1, 1000);
    }
    let alone = get(proxy.address, HOST, "/book").with("if-range", "\"v0\"");
    check_whole(&alone.send().await, 1, 1000);
    check_asked(&origin, &[("", "", "")]);
}

/// The parts of a multipart/byteranges body, as Content-Range and bytes.
fn parts(answer: &Answer) -> Vec<(String, Bytes)> {
    assert_eq!(
        answer.field("content-length"),
        answer.body.len().to_string()
    );
    let content_type = answer.field("content-type");
    let boundary = content_type
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    let find = |from: usize, what: &str| {
        let found = answer.body[from..]
            .windows(what.len())
            .position(|window| window == what.as_bytes());
        from + found.unwrap()
    };
    let mut parts = Vec::new();
    let mut at = 0;
    loop {
        let delimiter = format!("--{boundary}");
        assert!(answer.body[at..].starts_with(delimiter.as_bytes()));
        at += delimiter.len();
        if &answer.body[at..] == b"--\r\n" {
            return parts;
        }
        let end_of_head = find(at, "\r\n\r\n");
        let head = std::str::from_utf8(&answer.body[at..end_of_head]).unwrap();
        let field = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().trim().to_owned()
        };
        assert_eq!(field("Content-Type:"), "text/x-book");
        let next = find(end_of_head + 4, &format!("\r\n--{boundary}"));
        let bytes = answer.body.slice(end_of_head + 4..next);
        parts.push((field("Content-Range:"), bytes));
        at = next + 2;
    }
}

#[tokio::test]
async fn several_ranges_are_one_answer_in_the_order_asked_for() {
    const LENGTH: usize = 300_000;
    let origin = Versions::start(Book::of(LENGTH)).await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let line = "bytes=200000-299999,0-9,-1,100000-100000";
    // On a miss the whole is fetched; the second answer is a hit.
    let lines = ["bytes=200000-299998,0-9,-1,100000-100000", line];
    let ranges = [200_000..299_999, 0..10, 299_999..300_000, 100_000..100_001];
    let miss = ranged(proxy.address, lines[0]).await;
    until_stored(proxy.address, "bytes=0-").await;
    let hit = ranged(proxy.address, lines[0]).await;
    assert!(!miss.is_hit() && hit.is_hit());
    for answer in [&miss, &hit] {
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
        assert!(!answer.headers.contains_key("content-range"));
        let expected: Vec<_> = ranges
            .iter()
            .map(|bytes| {
                let said = format!("bytes {}-{}/{LENGTH}", bytes.start, bytes.end - 1);
                (said, content(1, bytes.clone()))
            })
            .collect();
        assert!(parts(answer) == expected, "other parts");
    }
    assert_eq!(miss.body, hit.body);
    // Overlapping, too many, and but one that there is.
    check_whole(&ranged(proxy.address, line).await, 1, LENGTH);
    let many: Vec<_> = (0..17).map(|n| format!("{}-{}", 10 * n, 10 * n)).collect();
    let many = format!("bytes={}", many.join(","));
    check_whole(&ranged(proxy.address, &many).await, 1, LENGTH);
    let one = ranged(proxy.address, "bytes=5-6,300000-").await;
    check_part(&one, 1, 5..7, LENGTH);
    let head = ask(Method::HEAD, proxy.address, HOST, "/book").with("range", lines[0]);
    let head = head.send().await;
    assert_eq!(
        (head.status, head.field("content-type")),
        (StatusCode::OK, "text/x-book".to_owned())
    );
    let not_modified = get(proxy.address, HOST, "/book").with("range", lines[0]);
    let not_modified = not_modified.with("if-none-match", "\"v1\"").send().await;
    assert_eq!(not_modified.status, StatusCode::NOT_MODIFIED);
    check_asked(&origin, &[("", "", "")]);
}

#[tokio::test]
async fn a_fetch_of_a_range_is_shared_by_the_same_range_alone() {
    let origin = Gated::start(|asked, _| {
        let text = Bytes::from_static(b"0123456789");
        let answer = Response::builder().header("cache-control", "max-age=3600");
        let answer = match asked.field("range") {
            "" => answer.body(Full::new(text)),
            "bytes=0-4" => answer
                .status(StatusCode::PARTIAL_CONTENT)
                .header("content-range", "bytes 0-4/10")
                .body(Full::new(text.slice(0..5))),
            other => panic!("{other}"),
        };
        answer.unwrap()
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let address = proxy.address;
    let ranges = |count: usize| -> Vec<_> {
        (0..count)
            .map(|_| tokio::spawn(async move { ranged(address, "bytes=0-4").await }))
            .collect()
    };
    let first = ranges(1);
    origin.until_asked("/book", 1).await;
    let all = tokio::spawn(async move { whole(address).await });
    // It does not wait for a fetch that does not bring it.
    origin.until_asked("/book", 2).await;
    let more = ranges(20);
    origin.let_out(100);
    let all = all.await.unwrap();
    assert_eq!((all.status, all.text()), (StatusCode::OK, "0123456789"));
    for answer in first.into_iter().chain(more) {
        let answer = answer.await.unwrap();
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::PARTIAL_CONTENT, "01234")
        );
        assert_eq!(answer.field("content-range"), "bytes 0-4/10");
    }
    assert_eq!(origin.count("/book"), 2);
    // Whichever came last, the part has not taken the place of the whole.
    wait::until("the whole is a hit", || async {
        whole(address).await.is_hit().then_some(())
    })
    .await;
    assert_eq!(origin.count("/book"), 2);
}

/// An origin of `length` bytes that breaks off each answer one byte before its end while `breaks`
/// is set.
async fn brittle(length: usize, breaks: &Arc<AtomicBool>) -> RawOrigin {
    let now = Arc::clone(breaks);
    RawOrigin::answering(move |asked| {
        let line = asked.field("range").join("");
        let (bytes, status) = match line.strip_prefix("bytes=") {
            None => (0..length, "200 OK"),
            Some(range) => {
                let (first, last) = range.split_once('-').unwrap();
                let end = last.parse().map_or(length, |last: usize| last + 1);
                (first.parse().unwrap()..end, "206 Partial Content")
            }
        };
        let mut head = format!(
            "HTTP/1.1 {status}\r\ncache-control: max-age=3600\r\netag: \"v1\"\r\n\
             content-length: {}\r\n",
            bytes.len()
        );
        if !line.is_empty() {
            let (first, last) = (bytes.start, bytes.end - 1);
            head += &format!("content-range: bytes {first}-{last}/{length}\r\n");
        }
        let less = usize::from(now.load(Ordering::SeqCst));
        let sent = content(1, bytes.start..bytes.end - less);
        ([head.as_bytes(), b"\r\n", &sent].concat(), Then::Close)
    })
    .await
}

#[tokio::test]
async fn what_breaks_off_is_kept_as_far_as_it_came_and_completed() {
    const LENGTH: usize = 200_000;
    let breaks = Arc::new(AtomicBool::new(false));
    let origin = brittle(LENGTH, &breaks).await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    ranged(proxy.address, "bytes=0-99999").await;
    until_stored(proxy.address, "bytes=0-99999").await;
    breaks.store(true, Ordering::SeqCst);
    let broken = get(proxy.address, HOST, "/book").try_send().await;
    assert!(broken.is_err(), "it looked whole");
    breaks.store(false, Ordering::SeqCst);
    until_stored(proxy.address, "bytes=50000-199998").await;
    check_whole(&whole(proxy.address).await, 1, LENGTH);
    let asked: Vec<_> = origin
        .seen()
        .iter()
        .map(|s| s.field("range").join(""))
        .collect();
    // What breaks off while it is sent is asked for once more, for the client that waits for it.
    let lacking = "bytes=199999-";
    assert_eq!(asked, ["bytes=0-99999", "bytes=100000-", lacking, lacking]);
}

#[tokio::test]
async fn a_whole_that_breaks_off_is_a_part() {
    const LENGTH: usize = 200_000;
    let breaks = Arc::new(AtomicBool::new(true));
    let origin = brittle(LENGTH, &breaks).await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let broken = get(proxy.address, HOST, "/book").try_send().await;
    assert!(broken.is_err(), "it looked whole");
    breaks.store(false, Ordering::SeqCst);
    until_stored(proxy.address, "bytes=0-199998").await;
    let end = ranged(proxy.address, "bytes=-10").await;
    check_part(&end, 1, LENGTH - 10..LENGTH, LENGTH);
    let asked: Vec<_> = origin
        .seen()
        .iter()
        .map(|s| s.field("range").join(""))
        .collect();
    assert_eq!(asked, ["", "bytes=199999-"]);
}

#[tokio::test]
async fn an_object_too_large_for_the_store_is_kept_in_part() {
    const LENGTH: usize = 1_000_000;
    let origin = Versions::start(Book::of(LENGTH)).await;
    let file = format!(
        "[[pops]]\nname = \"p\"\nlatitude = 0\nlongitude = 0\n\n[[services]]\nname = \"www\"\n\
         hosts = [\"{HOST}\"]\norigins = [\"{}\"]\n\n[storage]\nmemory = \"4MiB\"\n\
         max_object_share = 0.1\n",
        origin.url()
    );
    let edge = one_edge(&file).await;
    check_part(
        &ranged(edge.address, "bytes=0-299999").await,
        1,
        0..300_000,
        LENGTH,
    );
    until_stored(edge.address, "bytes=0-299999").await;
    // Together with what lacks it is too large: all of it is answered, and the part stays.
    for _ in 0..2 {
        check_whole(&whole(edge.address).await, 1, LENGTH);
        let answer = ranged(edge.address, "bytes=200000-899999").await;
        check_part(&answer, 1, 200_000..900_000, LENGTH);
        assert!(ranged(edge.address, "bytes=0-299999").await.is_hit());
    }
    // So is what lacks of this one, for itself: it streams through.
    let large = ranged(edge.address, "bytes=300001-999999").await;
    check_part(&large, 1, 300_001..1_000_000, LENGTH);
    let asked = origin.asked();
    let completing = asked.iter().filter(|(_, if_range, _)| if_range == "\"v1\"");
    assert_eq!((completing.count(), asked.len()), (5, 6), "{asked:?}");
    // Of several ranges only what lacks is fetched, too.
    let several = ranged(edge.address, "bytes=0-1,500000-500001").await;
    let expected = [0..2, 500_000..500_002].map(|bytes| part_of(bytes, LENGTH));
    assert!(parts(&several) == expected, "other parts");
    let asked = origin.asked();
    let last = ("bytes=500000-500001", "\"v1\"", "");
    check_asked_last(&asked, 7, last);
}

#[tokio::test]
async fn the_whole_is_fetched_for_a_range_where_the_service_says_so() {
    let origin = Versions::start(Book::of(1000)).await;
    let file = format!(
        "[[pops]]\nname = \"p\"\nlatitude = 0\nlongitude = 0\n\n[[services]]\nname = \"www\"\n\
         hosts = [\"{HOST}\"]\norigins = [\"{}\"]\n\n[services.cache]\nrange_miss = \"whole\"\n\
         max_ranges = 1\n",
        origin.url()
    );
    let edge = one_edge(&file).await;
    check_part(&ranged(edge.address, "bytes=5-9").await, 1, 5..10, 1000);
    until_stored(edge.address, "bytes=900-").await;
    check_whole(&ranged(edge.address, "bytes=5-9,11-12").await, 1, 1000);
    check_asked(&origin, &[("", "", "")]);
}

#[tokio::test]
async fn a_part_that_contradicts_itself_is_not_stored() {
    for (answer, text) in [
        // More bytes than it says.
        (
            &b"HTTP/1.1 206 Partial Content\r\ncache-control: max-age=3600\r\n\
               content-range: bytes 0-3/10\r\ncontent-length: 5\r\n\r\n01234"[..],
            "01234",
        ),
        // Bytes that there cannot be.
        (
            b"HTTP/1.1 206 Partial Content\r\ncache-control: max-age=3600\r\n\
              content-range: bytes 8-12/10\r\ncontent-length: 5\r\n\r\n01234",
            "01234",
        ),
    ] {
        let origin = RawOrigin::start(answer, Then::Close).await;
        let proxy = Proxy::start(&origin.url(), &[]).await;
        for asked in 1..=2 {
            let answer = ranged(proxy.address, "bytes=0-4").await;
            assert_eq!(
                (answer.status, answer.text()),
                (StatusCode::PARTIAL_CONTENT, text)
            );
            assert_eq!(origin.requests(), asked);
        }
    }
}

#[tokio::test]
async fn parts_are_kept_by_owner_and_shield() {
    const LENGTH: usize = 100_000;
    let origin = Versions::start(Book::of(LENGTH)).await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    // A range, so that looking for the owner stores no whole.
    let ask = |node: &str, path: &str, range: &str| {
        get(cdn.at(node), Cdn::HOST, path).with("range", range)
    };
    let mut path = String::new();
    for n in 0..200 {
        path = format!("/book-{n}");
        let answer = ask("fra-1", &path, "bytes=0-999").send().await;
        check_part(&answer, 1, 0..1000, LENGTH);
        if answer.cache_status().contains("peer fra-2") {
            break;
        }
    }
    let before = origin.origin.count(&path);
    assert_eq!(before, 1);
    for node in ["fra-1", "fra-2"] {
        wait::until("the owner has it", || async {
            let answer = ask(node, &path, "bytes=10-19").send().await;
            check_part(&answer, 1, 10..20, LENGTH);
            answer.cache_status().contains("fra-2; hit").then_some(())
        })
        .await;
    }
    assert_eq!(origin.origin.count(&path), 1);
    // What lacks is asked for of the shield, and by it of the origin.
    let answer = ask("fra-1", &path, "bytes=500-1999").send().await;
    check_part(&answer, 1, 500..2000, LENGTH);
    let answer = get(cdn.at("fra-1"), Cdn::HOST, &path).send().await;
    check_whole(&answer, 1, LENGTH);
    let asked = origin.origin.asked();
    let asked = asked.iter().filter(|asked| asked.path == path);
    let asked: Vec<_> = asked
        .map(|asked| {
            (
                asked.field("range").to_owned(),
                asked.field("if-range").to_owned(),
            )
        })
        .collect();
    let of = |range: &str, if_range: &str| (range.to_owned(), if_range.to_owned());
    let expected = [
        of("bytes=0-999", ""),
        of("bytes=1000-1999", "\"v1\""),
        of("bytes=2000-", "\"v1\""),
    ];
    assert_eq!(asked, expected);
}
