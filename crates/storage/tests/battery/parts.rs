//! Parts of representations.

use std::{ops::Range, sync::Arc, time::SystemTime};

use http::{HeaderMap, Method, StatusCode};
use perigee_http_cache::{Policy, Receipt, RequestHead, ResponseHead, StoredHead, Times, receive};
use perigee_storage::{
    Purge,
    ReadError::{Abandoned, NotHeld},
    Store,
};

use crate::support::*;

type Fields<'a> = &'a [(&'static str, &'static str)];

fn map(fields: Fields<'_>) -> HeaderMap {
    let field = |(name, value): &(&'static str, &'static str)| {
        (name.parse().unwrap(), value.parse().unwrap())
    };
    fields.iter().map(field).collect()
}

/// The head of this answer to a request with this Range, as it is stored.
fn received(range: Option<&'static str>, status: u16, response: Fields<'_>) -> Arc<StoredHead> {
    let headers = map(&[response, &[("etag", "\"a\"")]].concat());
    receive_with(range, status, headers)
}

fn receive_with(
    range: Option<&'static str>,
    status: u16,
    mut headers: HeaderMap,
) -> Arc<StoredHead> {
    let request = range.map(|range| ("range", range));
    let request = map(request.as_slice());
    headers.insert("cache-control", "max-age=60".parse().unwrap());
    let now = SystemTime::now();
    let receipt = receive(
        &RequestHead {
            method: &Method::GET,
            headers: &request,
        },
        None,
        &request,
        ResponseHead {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &headers,
        },
        &Policy::default(),
        Times {
            requested: now,
            received: now,
        },
    );
    match receipt {
        Receipt::Store(head) => head,
        other => panic!("{other:?}"),
    }
}

fn whole() -> Arc<StoredHead> {
    received(None, 200, &[("content-length", "200000")])
}

pub(crate) async fn what_broke_off_is_kept_as_a_part(make: Make) {
    let (store, body) = (make(ROOMY), bytes(200_000));
    let mut fill = store.begin(&key("/"), whole(), Some(200_000));
    let mut follower = fill.body().read();
    write(&mut fill, &body.slice(..150_000), 10_000)
        .await
        .unwrap();
    let head = whole().cut_short(fill.received()).unwrap();
    fill.keep_part(Arc::new(head));
    assert!(read_exactly(&mut follower, 150_000).await == body.slice(..150_000));
    assert_eq!(next(&mut follower).await, Some(Err(Abandoned)));

    let stored = lookup(&*store, "/").await[0].clone();
    assert_eq!(stored.head.body_length(), Some(150_000));
    assert!(read(stored.body.read()).await.unwrap() == body.slice(..150_000));
    assert_eq!(store.stats().filling_bytes, 0);
}

pub(crate) async fn a_part_that_was_purged_is_not_kept(make: Make) {
    let store = make(ROOMY);
    let mut fill = store.begin(&key("/"), whole(), Some(200_000));
    fill.write(bytes(1000)).await.unwrap();
    purge(&*store, Purge::key(key("/"))).await;
    let head = whole().cut_short(fill.received()).unwrap();
    fill.keep_part(Arc::new(head));
    assert!(lookup(&*store, "/").await.is_empty());
}

pub(crate) async fn a_part_takes_no_place_of_more(make: Make) {
    let (store, body) = (make(ROOMY), bytes(200_000));
    let part = received(
        Some("bytes=0-99"),
        206,
        &[
            ("content-range", "bytes 0-99/200000"),
            ("content-length", "100"),
        ],
    );
    // Both are under way at once, and the part is done last.
    let mut less = store.begin(&key("/"), part, Some(100));
    let mut more = store.begin(&key("/"), whole(), Some(200_000));
    let reader = less.body().read();
    write(&mut more, &body, 10_000).await.unwrap();
    more.commit().unwrap();
    less.write(body.slice(..100)).await.unwrap();
    less.commit().unwrap();
    assert!(read(reader).await.unwrap() == body.slice(..100));
    let stored = lookup(&*store, "/").await;
    assert_eq!(stored.len(), 1);
    assert!(read(stored[0].body.read()).await.unwrap() == body);
}

/// Stores these bytes of a version of `/`, which has 200,000.
async fn store_part(store: &dyn Store, range: Range<usize>, tag: &'static str, body: &[u8]) {
    let said = format!("bytes {}-{}/200000", range.start, range.end - 1);
    let mut headers = map(&[("etag", tag)]);
    headers.insert("content-range", said.parse().unwrap());
    headers.insert("content-length", range.len().to_string().parse().unwrap());
    let head = receive_with(Some("bytes=0-"), 206, headers);
    let mut fill = store.fill(
        &key("/"),
        head,
        Some(range.len() as u64),
        store.purges().now(),
    );
    let bytes = bytes::Bytes::copy_from_slice(&body[range]);
    write(&mut fill, &bytes, 10_000).await.unwrap();
    fill.commit().unwrap();
}

pub(crate) async fn parts_of_one_version_become_one(make: Make) {
    let (store, body) = (make(ROOMY), bytes(200_000));
    for range in [150_000..200_000, 0..60_000, 80_000..100_000] {
        store_part(&*store, range, "\"a\"", &body).await;
    }
    let stored = lookup(&*store, "/").await;
    assert_eq!(stored.len(), 1);
    let held = stored[0].head.held().unwrap();
    assert_eq!(held.runs(), [0..60_000, 80_000..100_000, 150_000..200_000]);
    for run in [0..60_000, 80_000..100_000, 150_000..200_000, 90_000..99_000] {
        let reader = stored[0].body.read_range(run.start as u64..run.end as u64);
        assert!(read(reader).await.unwrap() == body.slice(run));
    }
    // What is not there is not skipped.
    let mut over_a_hole = stored[0].body.read_range(50_000..90_000);
    assert!(read_exactly(&mut over_a_hole, 10_000).await == body.slice(50_000..60_000));
    assert_eq!(next(&mut over_a_hole).await, Some(Err(NotHeld)));

    // The last ones overlap what is there, and make it whole.
    store_part(&*store, 50_000..90_000, "\"a\"", &body).await;
    store_part(&*store, 95_000..150_000, "\"a\"", &body).await;
    let stored = lookup(&*store, "/").await;
    assert_eq!(stored.len(), 1);
    assert_eq!(
        (stored[0].head.status, stored[0].head.held()),
        (StatusCode::OK, None)
    );
    assert!(read(stored[0].body.read()).await.unwrap() == body);
    assert_eq!(stored[0].body.length(), Some(200_000));
}

pub(crate) async fn parts_of_two_versions_do_not(make: Make) {
    let (store, body) = (make(ROOMY), bytes(200_000));
    let newer: Vec<u8> = body.iter().map(|byte| !byte).collect();
    store_part(&*store, 0..50_000, "\"a\"", &body).await;
    store_part(&*store, 50_000..60_000, "\"b\"", &newer).await;
    let stored = lookup(&*store, "/").await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].head.held().unwrap().runs(), [50_000..60_000]);
    assert!(read(stored[0].body.read()).await.unwrap() == newer[50_000..60_000]);
}

pub(crate) async fn what_is_too_much_together_is_not_joined(make: Make) {
    let limits = Limits {
        max_object: 120_000,
        ..ROOMY
    };
    let (store, body) = (make(limits), bytes(200_000));
    store_part(&*store, 0..90_000, "\"a\"", &body).await;
    store_part(&*store, 90_000..95_000, "\"a\"", &body).await;
    store_part(&*store, 100_000..190_000, "\"a\"", &body).await;
    let stored = lookup(&*store, "/").await;
    // What is more stays.
    assert_eq!(stored[0].head.held().unwrap().runs(), [0..95_000]);
    assert!(read(stored[0].body.read()).await.unwrap() == body.slice(..95_000));
}
