//! Reading a body while it arrives.

use std::sync::Arc;

use bytes::Bytes;
use perigee_storage::ReadError::Abandoned;

use crate::support::*;

pub(crate) async fn a_follower_reads_what_has_come(make: Make) {
    let (store, body) = (make(ROOMY), bytes(200_000));
    let mut fill = store.begin(&key("/"), head("en", "a"), None);
    let stored = fill.stored();
    assert_eq!(mark(&stored), "a");
    let mut reader = stored.body.read();
    let mut arrived = 0;
    // Pieces around the sizes that are joined, copied and put in blocks.
    for length in [1, 10, 5000, 3000, 9000, 65_536, 40_000, 60_000] {
        assert!(is_waiting(&mut reader));
        fill.write(body.slice(arrived..arrived + length))
            .await
            .unwrap();
        let read = read_exactly(&mut reader, length).await;
        assert!(
            read == body.slice(arrived..arrived + length),
            "at {arrived}"
        );
        arrived += length;
    }
    fill.commit().unwrap();
    assert_eq!(next(&mut reader).await, None);
    assert_eq!(next(&mut reader).await, None, "and again");
}

/// Who has read a body of stated length to its end asks for it again, and it is there.
pub(crate) async fn the_end_shows_when_it_is_stored(make: Make) {
    let (store, body) = (make(ROOMY), bytes(1000));
    for (n, first) in [0, 400].into_iter().enumerate() {
        let path = format!("/{n}");
        let mut fill = store.begin(&key(&path), head("en", "a"), Some(1000));
        assert_eq!(fill.body().length(), Some(1000), "as soon as it is stated");
        let mut reader = fill.body().read();
        fill.write(body.slice(..first)).await.unwrap();
        fill.write(body.slice(first..)).await.unwrap();
        read_exactly(&mut reader, first).await;
        assert!(is_waiting(&mut reader));
        fill.commit().unwrap();
        assert_eq!(
            read_exactly(&mut reader, 1000 - first).await,
            body.slice(first..)
        );
        assert_eq!(lookup(&*store, &path).await.len(), 1);
    }
}

pub(crate) async fn many_followers_read_the_same(make: Make) {
    let (store, body) = (make(ROOMY), bytes(3_000_000));
    let mut fill = store.begin(&key("/"), head("en", "a"), Some(body.len() as u64));
    let mut readers = Vec::new();
    for (n, chunk) in body.chunks(30_000).enumerate() {
        // Some from the start, some ahead of the writer, some behind.
        let from = [0, n * 30_000, n * 15_000, body.len() - n * 100][n % 4] as u64;
        let range = from..from + 1_000_000;
        let reader = fill.body().read_range(range);
        readers.push((from as usize, tokio::spawn(read(reader))));
        fill.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        tokio::task::yield_now().await;
    }
    fill.commit().unwrap();
    for (from, reader) in readers {
        let to = body.len().min(from + 1_000_000);
        assert!(
            reader.await.unwrap().unwrap() == body.slice(from.min(to)..to),
            "from {from}"
        );
    }
}

pub(crate) async fn a_late_follower_reads_it_all(make: Make) {
    let (store, body) = (make(ROOMY), bytes(100_000));
    let mut fill = store.begin(&key("/"), head("en", "a"), None);
    let growing = fill.body();
    write(&mut fill, &body, 7000).await.unwrap();
    let midway = growing.read();
    fill.commit().unwrap();
    assert_eq!(store.stats().filling_bytes, 0, "it arrives no longer");
    let after = growing.read();
    assert!(read(midway).await.unwrap() == body);
    assert!(read(after).await.unwrap() == body);
}

pub(crate) async fn an_abandoned_body_ends_in_an_error(make: Make) {
    let store = make(ROOMY);
    let mut fill = store.begin(&key("/"), head("en", "a"), Some(1000));
    let mut reader = fill.body().read();
    let satisfied = fill.body().read_range(100..200);
    fill.write(bytes(500)).await.unwrap();
    drop(fill);
    assert_eq!(
        read_exactly(&mut reader, 500).await,
        bytes(500),
        "what came is good"
    );
    assert_eq!(next(&mut reader).await, Some(Err(Abandoned)));
    assert_eq!(next(&mut reader).await, None, "an error is told once");
    assert_eq!(read(satisfied).await.unwrap(), bytes(500).slice(100..200));
}

pub(crate) async fn a_waiting_follower_is_woken(make: Make) {
    let store = make(ROOMY);
    let mut fill = store.begin(&key("/"), head("en", "a"), None);
    let (mut next, mut later) = (fill.body().read(), fill.body().read_range(1..10));
    let woken = [(); 2].map(|()| Arc::new(Woken::default()));
    assert!(is_waiting_for(&mut next, &woken[0]));
    assert!(is_waiting_for(&mut later, &woken[1]));
    fill.write(bytes(1)).await.unwrap();
    assert!(woken[0].get(), "by the first byte that it wants");
    assert!(!woken[1].get(), "and not before");
    fill.write(bytes(1)).await.unwrap();
    assert!(woken[1].get());

    read_exactly(&mut next, 2).await;
    let woken = Arc::new(Woken::default());
    assert!(is_waiting_for(&mut next, &woken));
    fill.commit().unwrap();
    assert!(woken.get(), "by the end");
}

pub(crate) async fn waiting_followers_learn_of_the_end(make: Make) {
    let store = make(ROOMY);
    for commits in [true, false] {
        let mut fill = store.begin(&key("/"), head("en", "a"), None);
        fill.write(bytes(10)).await.unwrap();
        let readers = [
            fill.body().read(),
            fill.body().read_range(1_000_000..2_000_000),
        ];
        let waiting = readers.map(|reader| tokio::spawn(read(reader)));
        // Lets them run into the wait; what is asserted holds without as well.
        tokio::task::yield_now().await;
        if commits {
            fill.commit().unwrap();
        } else {
            drop(fill);
        }
        let [whole, range] = waiting;
        let (whole, range) = (whole.await.unwrap(), range.await.unwrap());
        if commits {
            assert_eq!((whole, range), (Ok(bytes(10)), Ok(Bytes::new())));
        } else {
            assert_eq!((whole, range), (Err(Abandoned), Err(Abandoned)));
        }
    }
}

pub(crate) async fn a_body_of_single_bytes_arrives(make: Make) {
    let (store, body) = (make(ROOMY), bytes(100_000));
    let mut fill = store.begin(&key("/"), head("en", "a"), None);
    let reader = tokio::spawn(read(fill.body().read()));
    let mut behind = fill.body().read();
    write(&mut fill, &body.slice(..10_000), 1).await.unwrap();
    let chunk = next(&mut behind).await.unwrap().unwrap();
    assert!(chunk.len() > 1000, "who lags does not get them one by one");
    write(&mut fill, &body.slice(10_000..), 1).await.unwrap();
    fill.commit().unwrap();
    assert!(reader.await.unwrap().unwrap() == body);
    assert!(
        read(lookup(&*store, "/").await[0].body.read())
            .await
            .unwrap()
            == body
    );
}
