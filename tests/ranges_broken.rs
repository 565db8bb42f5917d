//! Bodies that break off: what has come of them is kept, and completed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::{
    harness::{
        client::get,
        raw_origin::{RawOrigin, Then},
        versions::content,
    },
    one_proxy::Proxy,
    ranges::{HOST, check_part, check_whole, ranged, until_stored, whole},
};

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
    // What breaks off is asked for once more for all who read along, and once more for the client
    // that waits for it.
    let lacking = "bytes=199999-";
    let all = ["bytes=0-99999", "bytes=100000-", lacking, lacking, lacking];
    assert_eq!(asked, all);
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
    assert_eq!(asked, ["", "bytes=199999-", "bytes=199999-"]);
}
