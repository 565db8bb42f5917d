//! Ranges that many want: by one node's clients, by the edges of a PoP and their shields.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;

use crate::{
    harness::{
        cdn::{Cdn, Plan},
        client::get,
        gated::Gated,
        versions::{Book, Versions},
        wait,
    },
    one_proxy::Proxy,
    ranges::{check_part, check_whole, ranged, whole},
};

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
