//! Partial content: ranges are fetched as ranges, kept, completed, and never mixed.

use std::{net::SocketAddr, ops::Range};

use http::{Method, StatusCode};

use crate::{
    harness::{
        cdn::one_edge,
        client::{Answer, Ask, ask, get},
        raw_origin::{RawOrigin, Then},
        versions::{Book, Versions, content},
        wait,
    },
    one_proxy::Proxy,
};

pub(crate) const HOST: &str = "www.example.com";

pub(crate) async fn ranged(address: SocketAddr, range: &str) -> Answer {
    get(address, HOST, "/book")
        .with("range", range)
        .send()
        .await
}

pub(crate) async fn whole(address: SocketAddr) -> Answer {
    get(address, HOST, "/book").send().await
}

/// Whether an answer is these bytes of a version, out of `length`.
pub(crate) fn check_part(answer: &Answer, version: u8, bytes: Range<usize>, length: usize) {
    assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{answer:?}");
    let said = format!("bytes {}-{}/{length}", bytes.start, bytes.end - 1);
    assert_eq!(answer.field("content-range"), said);
    assert_eq!(answer.field("content-length"), bytes.len().to_string());
    assert!(answer.body == content(version, bytes), "other bytes");
}

pub(crate) fn check_whole(answer: &Answer, version: u8, length: usize) {
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.headers);
    assert_eq!(answer.field("content-length"), length.to_string());
    assert!(!answer.headers.contains_key("content-range"));
    assert!(answer.body == content(version, 0..length), "other bytes");
}

/// The Range, If-Range and If-None-Match of the requests that the origin got.
pub(crate) fn check_asked(origin: &Versions, expected: &[(&str, &str, &str)]) {
    let asked = origin.asked();
    let asked: Vec<_> = asked
        .iter()
        .map(|(range, if_range, tag)| (range.as_str(), if_range.as_str(), tag.as_str()))
        .collect();
    assert_eq!(asked, expected);
}

/// Waits until what was fetched is in the store: a client may have all of it a moment before.
pub(crate) async fn until_stored(address: SocketAddr, range: &str) {
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
    // Nothing is there to compare with: the origin decides.
    check_whole(&if_range("\"v0\"").send().await, 1, 1000);
    until_stored(proxy.address, "bytes=0-").await;
    check_part(&if_range("\"v1\"").send().await, 1, 0..10, 1000);
    for other in ["\"v0\"", "W/\"v1\"", "Sun, 06 Nov 1994 08:49:37 GMT", "v1"] {
        check_whole(&if_range(other).send().await, 1, 1000);
    }
    let alone = get(proxy.address, HOST, "/book").with("if-range", "\"v0\"");
    check_whole(&alone.send().await, 1, 1000);
    check_asked(&origin, &[("bytes=0-9", "\"v0\"", "")]);
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
