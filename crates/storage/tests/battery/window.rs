//! Fills that are not kept: a window that moves with the slowest reader.

use std::{sync::Arc, task::Poll, time::Duration};

use perigee_storage::{
    Fill,
    FillError::NoReaders,
    ReadError::{Abandoned, Passed},
    Store,
};

use crate::support::*;

const WINDOW: usize = 100_000;
const PIECE: usize = 10_000;

fn nothing_kept(make: Make) -> Arc<dyn Store> {
    make(Limits {
        max_object: 1000,
        window: WINDOW as u64,
        ..ROOMY
    })
}

/// A fill of a megabyte that is not kept.
fn unkept(store: &dyn Store) -> Fill {
    let fill = store.begin(&key("/"), head("en", "a"), Some(1 << 20));
    assert!(!fill.is_kept());
    fill
}

/// Writes until a write waits; gives the offset reached. That write's piece has been taken.
fn write_until_held(fill: &mut Fill) -> usize {
    let body = bytes(1 << 20);
    let mut offset = 0;
    loop {
        let piece = body.slice(offset..offset + PIECE);
        offset += PIECE;
        match try_write(fill, piece) {
            Poll::Ready(written) => written.unwrap(),
            Poll::Pending => return offset,
        }
    }
}

pub(crate) async fn the_slowest_reader_holds_the_writer(make: Make) {
    let (store, body) = (nothing_kept(make), bytes(1 << 20));
    let mut fill = unkept(&*store);
    let (mut fast, slow) = (fill.body().read(), fill.body().read());
    let held_at = write_until_held(&mut fill);
    assert_eq!(
        held_at,
        WINDOW + PIECE,
        "the window, and the piece that it was full with"
    );
    read_exactly(&mut fast, held_at).await;
    assert!(is_waiting(&mut fast));

    let rest = body.slice(held_at..);
    let writer = tokio::spawn(async move {
        write(&mut fill, &rest, PIECE).await.unwrap();
        fill.commit().unwrap();
    });
    let fast = tokio::spawn(read(fast));
    assert!(read(slow).await.unwrap() == body);
    assert!(fast.await.unwrap().unwrap() == body.slice(held_at..));
    writer.await.unwrap();
    assert!(lookup(&*store, "/").await.is_empty());
    assert_eq!(store.stats().filling_bytes, 0);
}

fn impatient(make: Make) -> Arc<dyn Store> {
    make(Limits {
        max_object: 1000,
        window: WINDOW as u64,
        patience: Duration::ZERO,
        ..ROOMY
    })
}

/// Another one waits: who is more than a window behind is let go, and nobody else.
pub(crate) async fn who_lags_too_far_is_let_go(make: Make) {
    let (store, body) = (impatient(make), bytes(1 << 20));
    let mut fill = unkept(&*store);
    let [mut fast, mut near, mut slow] = [(); 3].map(|()| fill.body().read());
    let held_at = write_until_held(&mut fill);
    let half = read_exactly(&mut near, 6 * PIECE).await.len();
    read_exactly(&mut fast, held_at).await;
    let end = held_at + PIECE;
    let mut writer = Box::pin(fill.write(body.slice(held_at..end)));
    assert!(is_pending(&mut writer), "nobody waits for more yet");
    read_exactly(&mut fast, PIECE).await;
    assert!(is_pending(&mut writer));
    assert!(is_waiting(&mut fast));
    writer.await.unwrap();
    assert_eq!(next(&mut slow).await, Some(Err(Passed)));
    assert_eq!(next(&mut slow).await, None);
    assert!(read_exactly(&mut near, end - half).await == body.slice(half..end));
    assert_eq!(store.stats().filling_bytes, 0, "nothing is held for it");
}

/// Who was let go, and finds its bytes all the same, is a reader like any other again.
pub(crate) async fn who_catches_up_in_time_reads_on(make: Make) {
    let (store, body) = (impatient(make), bytes(1 << 20));
    let mut fill = unkept(&*store);
    let mut fast = fill.body().read();
    // Both in one piece, on either side of the window's end.
    let mut slow = fill.body().read_range(22_000..u64::MAX);
    let near = fill.body().read_range(26_000..u64::MAX);
    let end = WINDOW + 25_000;
    for at in (0..WINDOW + 20_000).step_by(PIECE) {
        fill.write(body.slice(at..at + PIECE)).await.unwrap();
        read_exactly(&mut fast, PIECE).await;
    }
    let mut writer = Box::pin(fill.write(body.slice(end - 5000..end)));
    assert!(is_pending(&mut writer));
    read_exactly(&mut fast, 5000).await;
    assert!(is_waiting(&mut fast));
    writer.await.unwrap();
    let read = read_exactly(&mut slow, end - 22_000).await;
    assert!(read == body.slice(22_000..end));
    let woken = Arc::new(Woken::default());
    assert!(is_waiting_for(&mut slow, &woken));
    drop((fast, near));
    fill.write(body.slice(end..end + PIECE)).await.unwrap();
    assert!(woken.get());
    let read = read_exactly(&mut slow, PIECE).await;
    assert!(read == body.slice(end..end + PIECE));
}

pub(crate) async fn a_reader_that_leaves_frees_the_writer(make: Make) {
    let (store, body) = (nothing_kept(make), bytes(1 << 20));
    let mut fill = unkept(&*store);
    let (mut fast, slow) = (fill.body().read(), fill.body().read());
    let held_at = write_until_held(&mut fill);
    read_exactly(&mut fast, held_at).await;
    let writer = tokio::spawn(async move {
        write(&mut fill, &body.slice(held_at..held_at + WINDOW), WINDOW)
            .await
            .unwrap();
        fill
    });
    tokio::task::yield_now().await;
    drop(slow);
    let _fill = writer.await.unwrap();
    assert_eq!(read_exactly(&mut fast, WINDOW).await.len(), WINDOW);
}

pub(crate) async fn a_reader_that_has_all_it_wants_holds_nobody(make: Make) {
    let store = nothing_kept(make);
    let mut fill = unkept(&*store);
    let mut all = fill.body().read();
    let mut part = fill.body().read_range(5..15);
    fill.write(bytes(20)).await.unwrap();
    assert_eq!(read_exactly(&mut part, 10).await, bytes(20).slice(5..15));
    for _ in 0..50 {
        fill.write(bytes(PIECE)).await.unwrap();
        next(&mut all).await.unwrap().unwrap();
    }
    assert_eq!(next(&mut part).await, None);
}

pub(crate) async fn without_readers_it_stops(make: Make) {
    let store = nothing_kept(make);
    let mut fill = unkept(&*store);
    let reader = fill.body().read();
    write_until_held(&mut fill);
    let mut writer = Box::pin(fill.write(bytes(1)));
    assert!(is_pending(&mut writer));
    drop(reader);
    assert_eq!(writer.await, Err(NoReaders), "who waits is told");
    assert_eq!(fill.write(bytes(1)).await, Err(NoReaders));
    assert_eq!(store.stats().filling_bytes, 0, "nothing is held for nobody");
}

fn is_pending(future: &mut (impl Future + Unpin)) -> bool {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(future).poll(&mut cx).is_pending()
}

pub(crate) async fn the_first_reader_may_come_late(make: Make) {
    let store = nothing_kept(make);
    let mut fill = unkept(&*store);
    write(&mut fill, &bytes(WINDOW), PIECE).await.unwrap();
    assert_eq!(
        read_exactly(&mut fill.body().read(), WINDOW).await,
        bytes(WINDOW)
    );

    let mut fill = unkept(&*store);
    write(&mut fill, &bytes(WINDOW), PIECE).await.unwrap();
    assert_eq!(
        fill.write(bytes(1)).await,
        Err(NoReaders),
        "but not for ever"
    );

    // A small body is over before its reader comes.
    let mut fill = store.begin(&key("/"), head("en", "a"), Some(2000));
    let body = fill.body();
    fill.write(bytes(2000)).await.unwrap();
    fill.commit().unwrap();
    assert_eq!(read(body.read()).await, Ok(bytes(2000)));
}

pub(crate) async fn what_has_passed_is_gone(make: Make) {
    let store = nothing_kept(make);
    let mut fill = unkept(&*store);
    let mut reader = fill.body().read();
    for _ in 0..20 {
        fill.write(bytes(PIECE)).await.unwrap();
        read_exactly(&mut reader, PIECE).await;
    }
    let mut late = fill.body().read();
    assert_eq!(next(&mut late).await, Some(Err(Passed)));
    assert_eq!(next(&mut late).await, None);
    let mut in_time = fill.body().read_range(20 * PIECE as u64..u64::MAX);
    assert!(is_waiting(&mut in_time));
    drop(fill);
    assert_eq!(next(&mut in_time).await, Some(Err(Abandoned)));
}

pub(crate) async fn a_range_far_ahead_holds_nothing(make: Make) {
    let store = nothing_kept(make);
    let mut fill = unkept(&*store);
    let from = 800_000;
    let mut ahead = fill.body().read_range(from as u64..from as u64 + 100);
    for at in (0..1_000_000).step_by(PIECE) {
        fill.write(bytes(1 << 20).slice(at..at + PIECE))
            .await
            .unwrap();
        if at == from {
            break;
        }
        assert_eq!(store.stats().filling_bytes, 0, "at {at}");
        let mut behind = fill.body().read();
        assert_eq!(next(&mut behind).await, Some(Err(Passed)), "at {at}");
    }
    assert_eq!(
        read_exactly(&mut ahead, 100).await,
        bytes(1 << 20).slice(from..from + 100)
    );
}
