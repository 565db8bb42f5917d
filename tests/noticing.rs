//! How soon it is noticed that a node is gone: the requests that meet it tell, before any probe is
//! due. Here none is due for an hour.

use http::{Method, StatusCode};
use rustix::process::Signal;

use crate::harness::{
    cdn::{Cdn, Plan},
    client::ask,
    origin::Origin,
    wait,
};

/// Two edges and no shield.
async fn without_probes(origin: &Origin) -> Cdn {
    let plan = Plan {
        shields: 0,
        tables: "[health]\ninterval = \"1d\"\n".to_owned(),
        ..Plan::small(origin.url())
    };
    Cdn::start(plan).await
}

async fn until_down(cdn: &Cdn) {
    wait::until("fra-1 knows that fra-2 is down", || async {
        (!cdn.uses("fra-1", "fra-2").await).then_some(())
    })
    .await;
}

#[tokio::test]
async fn requests_tell_that_a_node_was_killed() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = without_probes(&origin).await;
    let path = cdn.path_owned_by("fra-2", "killed").await;
    assert!(cdn.uses("fra-1", "fra-2").await);
    cdn.node("fra-2").kill();
    // Two failures in a row are enough, and each of these requests meets one, if it goes there.
    for n in 0..40 {
        let answer = cdn.get("fra-1", &format!("{path}?{n}")).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "content"));
    }
    until_down(&cdn).await;
}

/// It waits for its answer, and meanwhile it is noticed on its behalf.
#[tokio::test]
async fn one_that_may_not_be_repeated_tells_that_a_node_froze() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = without_probes(&origin).await;
    let path = cdn.path_owned_by("fra-2", "form").await;
    cdn.node("fra-2").signal(Signal::STOP);
    let posted = ask(Method::POST, cdn.at("fra-1"), Cdn::HOST, &path).body("once");
    let posted = tokio::spawn(posted.send());
    until_down(&cdn).await;
    cdn.node("fra-2").signal(Signal::CONT);
    assert_eq!(posted.await.unwrap().status, StatusCode::OK);
    let is_post = |asked: &&crate::harness::origin::Asked| asked.method == Method::POST;
    assert_eq!(origin.asked().iter().filter(is_post).count(), 1);
}
