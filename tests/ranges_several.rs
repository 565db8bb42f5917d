//! Several ranges at once: multipart/byteranges.

use bytes::Bytes;
use http::{Method, StatusCode};

use crate::{
    harness::{
        client::{Answer, ask, get},
        versions::{Book, Versions, content},
    },
    one_proxy::Proxy,
    ranges::{HOST, check_asked, check_part, check_whole, ranged, until_stored},
};

/// The parts of a multipart/byteranges body, as Content-Range and bytes.
pub(crate) fn parts(answer: &Answer) -> Vec<(String, Bytes)> {
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
