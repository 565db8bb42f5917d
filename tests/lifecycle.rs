//! Reload and shutdown: nothing is lost.

use http::StatusCode;
use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{
    cdn::{Cdn, Plan},
    client::get,
    origin::{Origin, fresh},
    wait,
};

async fn version(cdn: &Cdn, name: &str) -> String {
    let ready = get(cdn.admin(name), "localhost", "/ready").send().await;
    let ready: serde_json::Value = serde_json::from_slice(&ready.body).unwrap();
    ready["config_version"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_changed_file_is_taken_up_by_every_role() {
    let origin = Origin::cacheable("content").await;
    let plan = Plan {
        geodns: true,
        tables: "[reload]\ncheck_interval = \"100ms\"\n".to_owned(),
        ..Plan::small(origin.url())
    };
    let cdn = Cdn::start(plan).await;
    let stored = cdn.path_owned_by("fra-1", "stays").await;
    let old = version(&cdn, "fra-1").await;
    let misdirected = get(cdn.at("fra-1"), "new.example", "/").send().await;
    assert_eq!(misdirected.status, StatusCode::MISDIRECTED_REQUEST);

    let text = cdn.text();
    cdn.write(&text.replace(
        "name = \"www\"",
        "name = \"www\"\nhosts = [\"new.example\"]",
    ));
    for name in ["fra-1", "fra-2", "shield-1", "ns1"] {
        wait::until(&format!("{name} runs the new file"), || async {
            (version(&cdn, name).await != old).then_some(())
        })
        .await;
    }
    let found = get(cdn.at("fra-1"), "new.example", "/").send().await;
    assert_eq!(found.text(), "content");
    assert!(
        cdn.get("fra-1", &stored).await.is_hit(),
        "the store was emptied"
    );
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_says_why() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = Cdn::start(Plan::small(origin.url())).await;
    let old = version(&cdn, "fra-1").await;
    cdn.write(&cdn.text().replace("name = \"www\"", "nam = \"www\""));
    cdn.node("fra-1").signal(Signal::HUP);
    wait::until("the node says what is wrong", || {
        let said = cdn.node("fra-1").stderr();
        async move { said.contains("`nam`").then_some(()) }
    })
    .await;
    assert_eq!(version(&cdn, "fra-1").await, old);
    assert_eq!(cdn.get("fra-1", "/").await.text(), "content");
}

#[tokio::test]
async fn what_only_a_restart_can_change_is_refused_as_a_whole() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = Cdn::start(Plan::small(origin.url())).await;
    let old = version(&cdn, "fra-1").await;
    cdn.write(&(cdn.text() + "\n[storage]\nmemory = \"32MiB\"\n"));
    cdn.node("fra-1").signal(Signal::HUP);
    wait::until("the node says what is wrong", || {
        let said = cdn.node("fra-1").stderr();
        async move { said.contains("restart").then_some(()) }
    })
    .await;
    assert_eq!(version(&cdn, "fra-1").await, old);
}

#[tokio::test]
async fn sigterm_lets_what_is_under_way_finish() {
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let opened = std::sync::Arc::clone(&gate);
    let origin = Origin::start(move |_| {
        let gate = std::sync::Arc::clone(&opened);
        async move {
            gate.acquire().await.unwrap().forget();
            fresh("finished")
        }
    })
    .await;
    let mut cdn = Cdn::start(Plan::small(origin.url())).await;
    let address = cdn.at("fra-1");
    let under_way: Vec<_> = (0..10)
        .map(|n| tokio::spawn(get(address, Cdn::HOST, &format!("/slow-{n}")).try_send()))
        .collect();
    wait::until("all have reached the origin", || async {
        (origin.asked().len() == 10).then_some(())
    })
    .await;

    cdn.node("fra-1").signal(Signal::TERM);
    let admin = cdn.admin("fra-1");
    wait::until("readiness is false", || async move {
        let ready = get(admin, "localhost", "/ready").send().await;
        (ready.status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    wait::until("nobody new is let in", || async move {
        TcpStream::connect(address).await.is_err().then_some(())
    })
    .await;
    gate.add_permits(10);
    for request in under_way {
        assert_eq!(request.await.unwrap().unwrap().text(), "finished");
    }
    assert!(cdn.node("fra-1").wait().success());
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_at_the_deadline() {
    let origin = crate::harness::raw_origin::RawOrigin::start(
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        crate::harness::raw_origin::Then::Hang,
    )
    .await;
    let mut cdn = Cdn::start_with(Plan::small(origin.url()), |text| {
        text.replace("deadline = \"10s\"", "deadline = \"300ms\"")
    })
    .await;
    let mut stream = TcpStream::connect(cdn.at("fra-1")).await.unwrap();
    let ask = format!("GET /cut HTTP/1.1\r\nhost: {}\r\n\r\n", Cdn::HOST);
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut piece = [0; 4096];
    assert!(stream.read(&mut piece).await.unwrap() > 0);
    cdn.node("fra-1").signal(Signal::TERM);
    cdn.node("fra-1").wait();
}
