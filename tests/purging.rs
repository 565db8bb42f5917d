//! What was purged does not come back.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::Method;
use tokio::sync::Semaphore;

use crate::harness::{
    cdn::{Cdn, Plan},
    client::{ask, get},
    origin::{Origin, fresh},
    wait,
};

/// An origin whose first answer, `old`, waits until the test lets it go; all others are `new`.
async fn slow_at_first() -> (Origin, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let (opened, count) = (Arc::clone(&gate), AtomicUsize::new(0));
    let origin = Origin::start(move |asked| {
        let first = asked.method == Method::GET && count.fetch_add(1, Ordering::SeqCst) == 0;
        let gate = Arc::clone(&opened);
        async move {
            if !first {
                return fresh("new");
            }
            gate.acquire().await.unwrap().forget();
            fresh("old")
        }
    })
    .await;
    (origin, gate)
}

async fn old_is_not_stored_after(change: impl AsyncFn(&Cdn)) {
    let (origin, gate) = slow_at_first().await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let at = cdn.at("fra-1");
    let waiting = tokio::spawn(get(at, Cdn::HOST, "/page").send());
    wait::until("the origin is asked", || async {
        (origin.count("/page") > 0).then_some(())
    })
    .await;

    change(&cdn).await;
    // Who asks from now on does not wait for what was asked for before.
    assert_eq!(cdn.get("fra-1", "/page").await.text(), "new");

    gate.add_permits(1);
    assert_eq!(waiting.await.unwrap().text(), "old");
    for name in ["fra-1", "fra-2"] {
        assert_eq!(cdn.get(name, "/page").await.text(), "new", "{name}");
    }
}

#[tokio::test]
async fn a_purge_wins_against_a_fetch_that_waits_for_its_answer() {
    old_is_not_stored_after(async |cdn| {
        let (code, out, err) = cdn.perigee(&["purge", "http://www.cdn.test/page"]);
        assert_eq!(code, 0, "{out}{err}");
    })
    .await;
}

#[tokio::test]
async fn an_unsafe_request_wins_against_a_fetch_that_waits_for_its_answer() {
    old_is_not_stored_after(async |cdn| {
        let posted = ask(Method::POST, cdn.at("fra-1"), Cdn::HOST, "/page").send();
        assert_eq!(posted.await.text(), "new");
    })
    .await;
}
