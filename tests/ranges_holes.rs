//! Parts with holes: what is stored answers, what lacks is fetched while the answer is sent, and a
//! version that changes meanwhile ends it.

use std::{
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::{
    harness::{
        cdn::{Cdn, OneEdge, Plan, one_edge},
        client::get,
        gated::Gated,
        net::Net,
        origin::{Asked, Origin},
        process::run,
        raw_origin::{RawOrigin, Then},
        versions::{Book, Versions, content},
        wait,
    },
    one_proxy::Proxy,
    ranges::{HOST, check_asked, check_part, check_whole, ranged, until_stored, whole},
    ranges_several::parts,
};

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

/// Asks for these ranges of `/book`, one after the other, until each is stored.
async fn store(address: SocketAddr, ranges: &[&str]) {
    for range in ranges {
        let answer = ranged(address, range).await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{answer:?}");
        until_stored(address, range).await;
    }
}

#[tokio::test]
async fn several_holes_are_completed_by_just_what_lacks() {
    const LENGTH: usize = 1_000_000;
    let origin = Versions::start(Book::of(LENGTH)).await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let there = [
        "bytes=100000-199999",
        "bytes=400000-499999",
        "bytes=-200000",
    ];
    store(proxy.address, &there).await;
    // Each range that is covered is a hit, in whatever order, and several at once.
    for (range, bytes) in [
        ("bytes=450000-460000", 450_000..460_001),
        ("bytes=100000-199999", 100_000..200_000),
        ("bytes=999999-", 999_999..LENGTH),
    ] {
        let hit = ranged(proxy.address, range).await;
        assert!(hit.is_hit(), "{range}: {:?}", hit.headers);
        check_part(&hit, 1, bytes, LENGTH);
    }
    let several = ranged(proxy.address, "bytes=400000-400009,100000-100009").await;
    assert!(several.is_hit(), "{:?}", several.headers);
    let expected = [400_000..400_010, 100_000..100_010].map(|bytes| part_of(bytes, LENGTH));
    assert!(parts(&several) == expected, "other parts");
    // From the middle of the one to the middle of the other, and then all of it.
    let over = ranged(proxy.address, "bytes=150000-449999").await;
    assert!(
        over.cache_status().contains("fwd=partial"),
        "{:?}",
        over.headers
    );
    check_part(&over, 1, 150_000..450_000, LENGTH);
    until_stored(proxy.address, "bytes=100000-499999").await;
    check_whole(&whole(proxy.address).await, 1, LENGTH);
    until_stored(proxy.address, "bytes=0-").await;
    let hit = whole(proxy.address).await;
    assert!(hit.is_hit());
    check_whole(&hit, 1, LENGTH);
    let same = "\"v1\"";
    check_asked(
        &origin,
        &[
            ("bytes=100000-199999", "", ""),
            ("bytes=400000-499999", same, ""),
            ("bytes=800000-", same, ""),
            ("bytes=200000-399999", same, ""),
            ("bytes=0-99999", same, ""),
            ("bytes=500000-799999", same, ""),
        ],
    );
}

#[tokio::test]
async fn several_ranges_are_completed_piece_by_piece() {
    const LENGTH: usize = 1_000_000;
    let origin = Versions::start(Book::of(LENGTH)).await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    store(proxy.address, &["bytes=100000-199999"]).await;
    let line = "bytes=900000-900009,150000-249999,0-9";
    let ranges = [900_000..900_010, 150_000..250_000, 0..10];
    for is_hit in [false, true] {
        let answer = ranged(proxy.address, line).await;
        assert_eq!(answer.is_hit(), is_hit, "{:?}", answer.headers);
        let expected = ranges.clone().map(|bytes| part_of(bytes, LENGTH));
        assert!(parts(&answer) == expected, "other parts");
        until_stored(proxy.address, line).await;
    }
    let asked = ranges_asked(&origin);
    let expected = ["100000-199999", "900000-900009", "200000-249999", "0-9"];
    assert_eq!(asked, expected.map(|range| format!("bytes={range}")));
}

/// The Range of each request that the origin got.
fn ranges_asked(origin: &Versions) -> Vec<String> {
    let asked = origin.asked().into_iter();
    asked.map(|(range, ..)| range).collect()
}

/// What comes of `/book` before it ends or breaks off, over either version of HTTP.
async fn what_comes(address: SocketAddr, http2: bool) -> (StatusCode, Bytes, bool) {
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let uri = format!("http://{HOST}/book");
    let request = Request::builder().uri(if http2 { &uri } else { "/book" });
    let request = match http2 {
        true => request,
        false => request.header("host", HOST),
    };
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let (response, connection) = if http2 {
        let executor = TokioExecutor::new();
        let (mut sender, connection) = http2::handshake(executor, stream).await.unwrap();
        let connection = tokio::spawn(async move { drop(connection.await) });
        (sender.send_request(request).await.unwrap(), connection)
    } else {
        let (mut sender, connection) = http1::handshake(stream).await.unwrap();
        let connection = tokio::spawn(async move { drop(connection.await) });
        (sender.send_request(request).await.unwrap(), connection)
    };
    let (status, mut body) = (response.status(), response.into_body());
    let mut came = BytesMut::new();
    let is_whole = loop {
        match body.frame().await {
            None => break true,
            Some(Err(_)) => break false,
            Some(Ok(frame)) => came.extend_from_slice(&frame.into_data().unwrap()),
        }
    };
    connection.abort();
    (status, came.freeze(), is_whole)
}

const LENGTH: usize = 900_000;

/// An origin that answers what lacks of version 1 once, and from then on by `then`.
async fn changing(
    then: impl Fn(&Asked) -> Response<Full<Bytes>> + Send + Sync + 'static,
) -> Origin {
    let (completions, then) = (AtomicUsize::new(0), Arc::new(then));
    Origin::start(move |asked| {
        // Two parts are stored first, of which the second is asked for on a condition, too.
        let is_completion = asked.headers.contains_key("if-range");
        let before = completions.fetch_add(usize::from(is_completion), Ordering::SeqCst);
        let answer = match before < 2 {
            true => Book::of(LENGTH).answer(&asked),
            false => then(&asked),
        };
        async move { answer }
    })
    .await
}

fn version_2(careless: bool) -> Book {
    Book {
        version: 2,
        careless,
        ..Book::of(LENGTH)
    }
}

#[tokio::test]
async fn a_change_in_the_middle_cuts_the_answer_and_nothing_is_mixed() {
    type Then = fn(&Asked) -> Response<Full<Bytes>>;
    let changes: [(&str, Then); 6] = [
        ("200", |asked| version_2(false).answer(asked)),
        ("another tag", |asked| version_2(true).answer(asked)),
        ("another length", |asked| Book::of(LENGTH + 1).answer(asked)),
        ("no tag", |asked| {
            let mut answer = Book::of(LENGTH).answer(asked);
            answer.headers_mut().remove("etag");
            answer
        }),
        ("412", |_| {
            Response::builder()
                .status(412)
                .body(Full::default())
                .unwrap()
        }),
        ("416", |_| {
            Response::builder()
                .status(416)
                .body(Full::default())
                .unwrap()
        }),
    ];
    for (n, (change, then)) in changes.into_iter().enumerate() {
        let origin = changing(then).await;
        let proxy = Proxy::start(&origin.url(), &[]).await;
        let there = ["bytes=300000-399999", "bytes=600000-699999"];
        store(proxy.address, &there).await;
        let (status, came, is_whole) = what_comes(proxy.address, n % 2 == 1).await;
        assert_eq!((status, is_whole), (StatusCode::OK, false), "{change}");
        // What lacks from 400,000 on is of another version.
        assert!(came.len() <= 400_000, "{change}: {}", came.len());
        assert!(came == content(1, 0..came.len()), "{change}: other bytes");
        // Nothing of the old one is left.
        wait::until("what is stored is dropped", || async {
            let ask = get(proxy.address, HOST, "/book").with("range", "bytes=300000-300009");
            let kept = ask.with("cache-control", "only-if-cached").send().await;
            let is_old = kept.body == content(1, 300_000..300_010);
            (kept.status == StatusCode::GATEWAY_TIMEOUT || !is_old).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn an_origin_that_fails_in_the_middle_is_asked_once_more() {
    let failing = Arc::new(AtomicUsize::new(usize::MAX));
    let fails = Arc::clone(&failing);
    let origin = changing(move |asked| {
        let left = fails.load(Ordering::SeqCst);
        fails.store(left.saturating_sub(1), Ordering::SeqCst);
        match left {
            0 => Book::of(LENGTH).answer(asked),
            _ => Response::builder()
                .status(503)
                .body(Full::default())
                .unwrap(),
        }
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    store(
        proxy.address,
        &["bytes=300000-399999", "bytes=600000-699999"],
    )
    .await;
    let (_, came, is_whole) = what_comes(proxy.address, false).await;
    assert!(!is_whole && came == content(1, 0..came.len()));
    let count = |range: &str| {
        let asked = origin.asked();
        asked
            .iter()
            .filter(|asked| asked.field("range") == range)
            .count()
    };
    assert_eq!(count("bytes=400000-599999"), 2);
    // What is stored is still of use; and an error that passes is not seen.
    failing.store(1, Ordering::SeqCst);
    until_stored(proxy.address, "bytes=0-399999").await;
    // The first of what lacks must come before the head goes out.
    assert_eq!(
        whole(proxy.address).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    check_whole(&whole(proxy.address).await, 1, LENGTH);
}

#[tokio::test]
async fn what_breaks_off_in_the_middle_goes_on_from_there() {
    let broken = Arc::new(AtomicUsize::new(0));
    let breaks = Arc::clone(&broken);
    let origin = RawOrigin::answering(move |asked| {
        let line = asked.field("range").join("");
        let (first, last) = line
            .strip_prefix("bytes=")
            .unwrap()
            .split_once('-')
            .unwrap();
        let first: usize = first.parse().unwrap();
        let end = last.parse().map_or(LENGTH, |last: usize| last + 1);
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\ncache-control: max-age=3600\r\netag: \"v1\"\r\n\
             content-length: {}\r\ncontent-range: bytes {first}-{}/{LENGTH}\r\n\r\n",
            end - first,
            end - 1,
        );
        let is_broken = first == 400_000 && breaks.fetch_add(1, Ordering::SeqCst) == 0;
        let sent = if is_broken { first + 10_000 } else { end };
        let bytes = [head.as_bytes(), &content(1, first..sent)].concat();
        (bytes, Then::Close)
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    store(
        proxy.address,
        &["bytes=300000-399999", "bytes=600000-699999"],
    )
    .await;
    check_whole(&whole(proxy.address).await, 1, LENGTH);
    let asked: Vec<_> = origin
        .seen()
        .iter()
        .map(|s| s.field("range").join(""))
        .collect();
    let expected = [
        "300000-399999",
        "600000-699999",
        "0-299999",
        "400000-599999",
        "410000-599999",
        "700000-",
    ];
    assert_eq!(asked, expected.map(|range| format!("bytes={range}")));
}

#[tokio::test]
async fn clients_that_want_the_same_holes_share_their_fetches() {
    let book = Book::of(LENGTH);
    let origin = Gated::start_for(
        |asked| {
            asked.field("if-range") == "\"v1\"" && asked.field("range") != "bytes=600000-699999"
        },
        move |asked, _| book.answer(asked),
    )
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let address = proxy.address;
    store(address, &["bytes=300000-399999", "bytes=600000-699999"]).await;
    let first = tokio::spawn(async move { ranged(address, "bytes=350000-499999").await });
    origin.until_asked("/book", 3).await;
    // What the first lacks has the first bytes that these lack.
    let overlapping: Vec<_> = (0..10)
        .map(|_| tokio::spawn(async move { ranged(address, "bytes=450000-650000").await }))
        .collect();
    let all: Vec<_> = (0..10)
        .map(|_| tokio::spawn(async move { whole(address).await }))
        .collect();
    origin.let_out(1000);
    check_part(&first.await.unwrap(), 1, 350_000..500_000, LENGTH);
    for answer in overlapping {
        check_part(&answer.await.unwrap(), 1, 450_000..650_001, LENGTH);
    }
    for answer in all {
        check_whole(&answer.await.unwrap(), 1, LENGTH);
    }
    let mut asked: Vec<_> = origin
        .origin
        .asked()
        .iter()
        .map(|a| a.field("range").to_owned())
        .collect();
    asked.sort_unstable();
    let mut bytes = 0;
    for range in &asked {
        let (first, last) = range
            .strip_prefix("bytes=")
            .unwrap()
            .split_once('-')
            .unwrap();
        let end = last.parse().map_or(LENGTH, |last: usize| last + 1);
        bytes += end - first.parse::<usize>().unwrap();
    }
    // Nothing was fetched twice.
    assert_eq!(bytes, LENGTH, "{asked:?}");
}

#[tokio::test]
async fn holes_are_completed_through_owner_and_shield() {
    const LENGTH: usize = 400_000;
    let origin = Versions::start(Book::of(LENGTH)).await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let path = cdn.path_owned_by("fra-2", "/book").await;
    let before = origin.asked().len();
    let path = format!("{path}-sparse");
    let ask = |range: &str| get(cdn.at("fra-1"), Cdn::HOST, &path).with("range", range);
    for (range, bytes) in [
        ("bytes=0-999", 0..1000),
        ("bytes=200000-299999", 200_000..300_000),
    ] {
        wait::until("it is stored by the owner", || async {
            let answer = ask(range).send().await;
            check_part(&answer, 1, bytes.clone(), LENGTH);
            answer.cache_status().contains("; hit").then_some(())
        })
        .await;
    }
    for _ in 0..2 {
        let answer = get(cdn.at("fra-1"), Cdn::HOST, &path).send().await;
        check_whole(&answer, 1, LENGTH);
    }
    let asked = origin.asked().split_off(before);
    let asked: Vec<_> = asked.iter().map(|(range, ..)| range.as_str()).collect();
    let expected = [
        "bytes=0-999",
        "bytes=200000-299999",
        "bytes=1000-199999",
        "bytes=300000-",
    ];
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn of_a_huge_object_only_what_is_asked_for_is_fetched_and_kept() {
    const HUGE: usize = 10 << 30;
    let origin = Versions::start(Book::of(HUGE)).await;
    let admin = Net::new().at(2, 9901).to_string();
    let proxy = Proxy::start(&origin.url(), &["--admin", &admin]).await;
    let half = HUGE / 2;
    let far = format!("bytes={half}-{}", half + 999);
    let ranges = [
        ("bytes=0-999", 0..1000),
        (far.as_str(), half..half + 1000),
        ("bytes=-1000", HUGE - 1000..HUGE),
    ];
    for (range, bytes) in &ranges {
        check_part(&ranged(proxy.address, range).await, 1, bytes.clone(), HUGE);
        until_stored(proxy.address, range).await;
    }
    for (range, bytes) in &ranges {
        let hit = ranged(proxy.address, range).await;
        assert!(hit.is_hit(), "{range}: {:?}", hit.headers);
        check_part(&hit, 1, bytes.clone(), HUGE);
    }
    let last = format!("bytes={}-", HUGE - 1000);
    let same = "\"v1\"";
    check_asked(
        &origin,
        &[("bytes=0-999", "", ""), (&far, same, ""), (&last, same, "")],
    );
    let url = format!("http://{HOST}/book");
    let (code, out, err) = run(&["cache", "show", &url, "--node", &admin]);
    let held = format!(
        "bytes 0-999, {half}-{}, {}-{}",
        half + 999,
        HUGE - 1000,
        HUGE - 1
    );
    let is_told = out.contains(&held) && out.contains("2.9 KiB of 10.0 GiB");
    assert!(code == 0 && is_told, "{out}{err}");
}

#[tokio::test]
async fn slices_are_fetched_where_the_service_says_so() {
    let origin = Versions::start(Book::of(1_000_000)).await;
    let edge = OneEdge::before(&origin.url(), "[services.cache]\nslice = \"64KiB\"\n").await;
    let ask = |range: &str| edge.ask("/book").with("range", range);
    check_part(&ask("bytes=100-199").send().await, 1, 100..200, 1_000_000);
    wait::until("the slice is stored", || async {
        // A look alone: it would be fetched once more if it is not there yet.
        let look = ask("bytes=200-65535").with("cache-control", "only-if-cached");
        let next = look.send().await;
        (next.status != 504).then(|| check_part(&next, 1, 200..65_536, 1_000_000))
    })
    .await;
    let next = ask("bytes=65000-65999").send().await;
    check_part(&next, 1, 65_000..66_000, 1_000_000);
    // What is not stored is not widened, either.
    origin.change(|book| {
        book.version = 2;
        book.cache_control = "private";
    });
    let own = edge.ask("/own").with("range", "bytes=5-9").send().await;
    check_part(&own, 2, 5..10, 1_000_000);
    let asked = ranges_asked(&origin);
    let expected = ["0-65535", "65536-131071", "0-65535", "5-9"];
    assert_eq!(asked, expected.map(|range| format!("bytes={range}")));
}
