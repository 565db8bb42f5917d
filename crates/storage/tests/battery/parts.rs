//! Parts of representations.

use std::{sync::Arc, time::SystemTime};

use http::{HeaderMap, Method, StatusCode};
use perigee_http_cache::{Policy, Receipt, RequestHead, ResponseHead, StoredHead, Times, receive};
use perigee_storage::{Purge, ReadError::Abandoned};

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
    let request = range.map(|range| ("range", range));
    let request = map(request.as_slice());
    let fixed = [("cache-control", "max-age=60"), ("etag", "\"a\"")];
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
            headers: &map(&[response, &fixed].concat()),
        },
        &Policy::default(),
        Times {
            requested: now,
            received: now,
        },
    );
    match receipt {
        Receipt::Store(head) => head.into(),
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
