//! What was purged does not come back.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use tokio::sync::Semaphore;

use crate::harness::{
    cdn::{Cdn, Plan},
    client::{ask, get},
    origin::{Asked, Origin, fresh},
    wait,
};

/// Purges by which the page of these tests goes.
const KINDS: [&[&str]; 7] = [
    &["http://www.cdn.test/page"],
    &["--prefix", "https://www.cdn.test/pa"],
    &["--host", "www.cdn.test"],
    &["--tag", "other", "--tag", "page"],
    &["--tag", "page", "--host", "www.cdn.test"],
    &["--group", "pages", "--host", "www.cdn.test"],
    &["--all", "--yes"],
];

/// In a group, with tags.
fn labelled(text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = fresh(text);
    let headers = response.headers_mut();
    headers.insert("surrogate-key", "page home".parse().unwrap());
    headers.insert("cache-groups", "\"pages\"".parse().unwrap());
    response
}

fn purge(cdn: &Cdn, args: &[&str]) -> String {
    let (code, out, err) = cdn.perigee(&[&["purge"], args].concat());
    assert_eq!(code, 0, "{args:?} {out}{err}");
    out
}

/// An origin whose first answer, `old`, waits until the test lets it go; all others are `new`.
async fn slow_at_first() -> (Origin, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let (opened, count) = (Arc::clone(&gate), AtomicUsize::new(0));
    let origin = Origin::start(move |asked| {
        let first = asked.method == Method::GET && count.fetch_add(1, Ordering::SeqCst) == 0;
        let gate = Arc::clone(&opened);
        async move {
            if !first {
                return labelled("new");
            }
            gate.acquire().await.unwrap().forget();
            labelled("old")
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
    for kind in KINDS {
        old_is_not_stored_after(async |cdn| {
            purge(cdn, kind);
        })
        .await;
    }
}

/// What a race leaves of a soft purge is stale, whoever comes first.
#[tokio::test]
async fn a_soft_purge_wins_against_a_fetch_that_waits_for_its_answer() {
    old_is_not_stored_after(async |cdn| {
        purge(cdn, &["--tag", "page", "--soft"]);
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

/// An origin that says how often a path was asked for.
async fn counting() -> Origin {
    let counts = std::sync::Mutex::new(std::collections::HashMap::new());
    Origin::start(move |Asked { path, .. }| {
        let mut counts = counts.lock().unwrap();
        let count = counts.entry(path.clone()).or_insert(0);
        *count += 1;
        let count = *count;
        async move {
            match path == "/page" {
                true => labelled(format!("{count}")),
                false => fresh(format!("{count}")),
            }
        }
    })
    .await
}

#[tokio::test]
async fn each_kind_of_purge_reaches_every_node_and_takes_no_more_than_it_names() {
    let origin = counting().await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let both = async |path: &str| {
        let first = cdn.get("fra-1", path).await.text().to_owned();
        assert_eq!(cdn.get("fra-2", path).await.text(), first, "{path}");
        first
    };
    let mut other = both("/other").await;
    for kind in KINDS {
        let before = both("/page").await;
        assert_eq!(both("/page").await, before, "it is stored");
        let out = purge(&cdn, kind);
        for node in ["shield-1", "fra-1", "fra-2"] {
            let row = out.lines().find(|line| line.starts_with(node)).unwrap();
            assert!(row.contains("yes"), "{out}");
        }
        assert_ne!(both("/page").await, before, "{kind:?}");
        let is_of_all = kind[0] == "--host" || kind[0] == "--all";
        assert_eq!(both("/other").await != other, is_of_all, "{kind:?}");
        other = both("/other").await;
    }
    for kind in [
        &["--prefix", "http://www.cdn.test/pages"][..],
        &["--host", "cdn.test"],
        &["--tag", "pages"],
        &["--tag", "page", "--host", "other.test"],
        &["--group", "page", "--host", "www.cdn.test"],
        &["--group", "pages", "--host", "other.test"],
    ] {
        let before = both("/page").await;
        purge(&cdn, kind);
        assert_eq!(both("/page").await, before, "{kind:?}");
    }
}

/// What was stored is served while it is validated, and when that fails.
#[tokio::test]
async fn a_soft_purge_lets_the_old_be_served_and_a_hard_one_does_not() {
    let count = AtomicUsize::new(0);
    let origin = Origin::start(move |asked| {
        let is_first = asked.method != Method::GET || count.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            let mut response = labelled("old");
            if !is_first {
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                *response.body_mut() = Full::from("broken");
            }
            response
        }
    })
    .await;
    let plan = Plan {
        // Each request asks, though the one before it has failed.
        service: "[services.cache]\nfailure_ttl = \"0s\"\n".to_owned(),
        ..Plan::small(origin.url())
    };
    let cdn = Cdn::start(plan).await;
    assert_eq!(cdn.get("fra-1", "/page").await.text(), "old");
    purge(&cdn, &["--tag", "page", "--soft"]);
    for name in ["fra-1", "fra-2"] {
        let asked = origin.count("/page");
        let answer = cdn.get(name, "/page").await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "old"));
        assert!(origin.count("/page") > asked, "it was to be validated");
    }
    purge(&cdn, &["--tag", "page"]);
    for name in ["fra-1", "fra-2"] {
        let answer = cdn.get(name, "/page").await;
        assert_ne!(answer.text(), "old", "{name} {answer:?}");
        assert!(answer.status.is_server_error(), "{name} {answer:?}");
    }
}

#[tokio::test]
async fn after_a_soft_purge_nobody_waits_inside_the_window() {
    let gate = Arc::new(Semaphore::new(1));
    let (opened, count) = (Arc::clone(&gate), AtomicUsize::new(0));
    let origin = Origin::start(move |asked| {
        let nth = match asked.method {
            Method::GET => count.fetch_add(1, Ordering::SeqCst),
            _ => 0,
        };
        let gate = Arc::clone(&opened);
        async move {
            gate.acquire().await.unwrap().forget();
            let mut response = labelled(if nth == 0 { "old" } else { "new" });
            let window = "max-age=3600, stale-while-revalidate=600".parse().unwrap();
            response.headers_mut().insert("cache-control", window);
            response
        }
    })
    .await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    for name in ["fra-1", "fra-2"] {
        assert_eq!(cdn.get(name, "/page").await.text(), "old");
    }
    purge(&cdn, &["--prefix", "http://www.cdn.test/", "--soft"]);
    // The origin says nothing now.
    for _ in 0..3 {
        for name in ["fra-1", "fra-2"] {
            assert_eq!(cdn.get(name, "/page").await.text(), "old");
        }
    }
    gate.add_permits(100);
    for name in ["fra-1", "fra-2"] {
        wait::until("the new one is served", || async {
            (cdn.get(name, "/page").await.text() == "new").then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_purge_that_cannot_be_meant_is_explained() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    for (args, why) in [
        (&[][..], "required"),
        (&["--all"], "--yes"),
        (&["--group", "a"], "--host"),
        (&["--soft"], "required"),
        (&["--all", "--yes", "--tag", "a"], "cannot be used with"),
        (
            &["http://www.cdn.test/", "--host", "a"],
            "cannot be used with",
        ),
        (&["--host", "*.cdn.test"], "not a host"),
        (&["--prefix", "http://www.cdn.test/a*"], "needs no *"),
        (&["--tag", ""], "not empty"),
    ] {
        let (code, out, err) = cdn.perigee(&[&["purge"], args].concat());
        assert_ne!(code, 0, "{args:?}");
        assert!(err.contains(why) && out.is_empty(), "{args:?} {out}{err}");
    }
}
