//! Parts of bodies.

use std::ops::Range;

use bytes::Bytes;

use crate::support::*;

/// Around the borders of pieces and blocks, and in between.
fn ranges(length: u64) -> impl Iterator<Item = Range<u64>> {
    let borders = [0, 10_000, 65_536, 131_072, length];
    let near = move |b: u64| [b.saturating_sub(1), b, (b + 1).min(length)];
    let points = borders.into_iter().flat_map(near);
    points
        .clone()
        .flat_map(move |from| points.clone().map(move |to| from..to))
}

fn part(body: &Bytes, range: &Range<u64>) -> Bytes {
    if range.is_empty() {
        return Bytes::new();
    }
    body.slice(range.start as usize..range.end as usize)
}

pub(crate) async fn a_range_is_those_bytes(make: Make) {
    let (store, body) = (make(ROOMY), bytes(200_000));
    store_body(&*store, "/", head("en", "a"), &body).await;
    let stored = lookup(&*store, "/").await[0].clone();
    for range in ranges(body.len() as u64) {
        let read = read(stored.body.read_range(range.clone())).await.unwrap();
        assert!(read == part(&body, &range), "{range:?}");
    }
}

pub(crate) async fn a_range_of_what_arrives_is_those_bytes(make: Make) {
    let (store, body) = (make(ROOMY), bytes(200_000));
    let mut fill = store.begin(&key("/"), head("en", "a"), None);
    let growing = fill.body();
    let readers: Vec<_> = ranges(body.len() as u64)
        .map(|range| (range.clone(), tokio::spawn(read(growing.read_range(range)))))
        .collect();
    for chunk in body.chunks(10_000) {
        fill.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        tokio::task::yield_now().await;
    }
    fill.commit().unwrap();
    for (range, reader) in readers {
        assert!(
            reader.await.unwrap().unwrap() == part(&body, &range),
            "{range:?}"
        );
    }
}

pub(crate) async fn a_range_past_the_end_ends_with_the_body(make: Make) {
    let (store, body) = (make(ROOMY), bytes(1000));
    let mut fill = store.begin(&key("/"), head("en", "a"), None);
    let growing = fill.body();
    let followers = [
        growing.read_range(900..5000),
        growing.read_range(1000..2000),
    ];
    write(&mut fill, &body, 100).await.unwrap();
    fill.commit().unwrap();
    let [over, past] = followers;
    assert!(read(over).await.unwrap() == body.slice(900..));
    assert!(read(past).await.unwrap().is_empty());

    let stored = lookup(&*store, "/").await[0].clone();
    for whole in [stored.body, growing] {
        assert!(read(whole.read_range(900..5000)).await.unwrap() == body.slice(900..));
        assert!(read(whole.read_range(1000..2000)).await.unwrap().is_empty());
        assert!(
            read(whole.read_range(u64::MAX - 1..u64::MAX))
                .await
                .unwrap()
                .is_empty()
        );
        assert!(read(whole.read_range(7..7)).await.unwrap().is_empty());
    }
}

pub(crate) async fn remaining_counts_down(make: Make) {
    let store = make(ROOMY);
    let mut stated = store.begin(&key("/"), head("en", "a"), Some(100));
    let mut reader = stated.body().read();
    let mut range = stated.body().read_range(50..70);
    assert_eq!(
        (reader.remaining(), range.remaining()),
        (Some(100), Some(20))
    );
    stated.write(bytes(60)).await.unwrap();
    read_exactly(&mut reader, 60).await;
    read_exactly(&mut range, 10).await;
    assert_eq!(
        (reader.remaining(), range.remaining()),
        (Some(40), Some(10))
    );

    let unknown = store.begin(&key("/"), head("en", "a"), None);
    let reader = unknown.body().read();
    assert_eq!((unknown.body().length(), reader.remaining()), (None, None));
    let body = unknown.body();
    unknown.commit().unwrap();
    assert_eq!((body.length(), reader.remaining()), (Some(0), Some(0)));
}
