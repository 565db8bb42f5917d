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
    let mut cdn = Cdn::start(Plan {
        geodns: true,
        ..Plan::small(origin.url())
    })
    .await;
    let old = version(&cdn, "fra-1").await;
    cdn.write(&(cdn.text() + "\n[storage]\nmemory = \"32MiB\"\n"));
    cdn.node("fra-1").signal(Signal::HUP);
    wait::until("the node says what is wrong", || {
        let said = cdn.node("fra-1").stderr();
        async move { said.contains("restart").then_some(()) }
    })
    .await;
    assert_eq!(version(&cdn, "fra-1").await, old);

    for (from, to, says) in [
        (
            "access = \"stdout\"",
            "access = \"stderr\"",
            "[log] cannot change",
        ),
        (":9901\"", ":9902\"", "the admin address cannot change"),
    ] {
        cdn.write(&cdn.text().replace(from, to));
        for name in ["fra-1", "shield-1", "ns1"] {
            cdn.node(name).signal(Signal::HUP);
            wait::until(&format!("{name} says what is wrong"), || {
                let said = cdn.node(name).stderr();
                async move { said.contains(says).then_some(()) }
            })
            .await;
            assert_eq!(version(&cdn, name).await, old);
        }
    }
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

#[tokio::test]
async fn a_new_secret_is_taken_by_every_role() {
    let origin = Origin::cacheable("content").await;
    let plan = Plan {
        geodns: true,
        tables: "[reload]\ncheck_interval = \"100ms\"\n[health]\ninterval = \"50ms\"\n".to_owned(),
        ..Plan::small(origin.url())
    };
    let mut cdn = Cdn::start(plan).await;
    let old = version(&cdn, "fra-1").await;
    let text = cdn.text();
    cdn.write(&text.replace("a secret of the scenarios", "another secret of scenarios"));
    for name in ["fra-1", "fra-2", "shield-1", "ns1"] {
        wait::until(&format!("{name} runs the new file"), || async {
            (version(&cdn, name).await != old).then_some(())
        })
        .await;
    }
    // Those who could not prove themselves any more would see all edges down, and believe none
    // of it: only who sees fra-1 up can see it go down.
    cdn.node("fra-1").kill();
    wait::until("the name server sees one edge up and one down", || async {
        let status = get(cdn.admin("ns1"), "localhost", "/status").send().await;
        let status: serde_json::Value = serde_json::from_slice(&status.body).unwrap();
        let up = |n: usize| status["edges"][n]["up"].as_bool().unwrap();
        let version = status["edges"][1]["config_version"].as_str();
        let told = version.is_some_and(|version| version != old);
        (!up(0) && up(1) && told).then_some(())
    })
    .await;
    assert_eq!(cdn.get("fra-2", "/new").await.text(), "content");
}

#[tokio::test]
async fn a_database_that_is_replaced_is_taken_up_and_a_broken_one_is_not() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("places.mmdb");
    let replace = |bytes: &[u8]| {
        std::fs::write(folder.path().join("new"), bytes).unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
    };
    let table = |at: &str| {
        let row = format!("203.0.113.0/24,{at},NA,US,x\n");
        perigee_geodns::build_database(&row).unwrap()
    };
    replace(&table("40.7,-74.0"));
    let origin = Origin::cacheable("content").await;
    let plan = Plan {
        pops: vec![("fra", 50.1, 8.7, 1), ("nyc", 40.7, -74.0, 1)],
        geodns: true,
        tables: "[reload]\ncheck_interval = \"100ms\"\n".to_owned(),
        ..Plan::small(origin.url())
    };
    let database = format!("[dns]\ndatabase = {path:?}\n");
    let mut cdn = Cdn::start_with(plan, |text| text.replace("[dns]\n", &database)).await;
    let answered = async |cdn: &Cdn| {
        let client = Some("203.0.113.0/24".parse().unwrap());
        let timeout = std::time::Duration::from_secs(5);
        let server = cdn.at("ns1");
        let answer = perigee_geodns::query(server, Cdn::HOST, "A", client, timeout, false);
        answer.await.unwrap().answers[0].data.clone()
    };
    let (fra, nyc) = (
        cdn.at("fra-1").ip().to_string(),
        cdn.at("nyc-1").ip().to_string(),
    );
    assert_eq!(answered(&cdn).await, nyc);

    replace(b"not a database at all");
    wait::until("the name server says what is wrong", || {
        let said = cdn.node("ns1").stderr();
        async move { said.contains("places.mmdb").then_some(()) }
    })
    .await;
    assert_eq!(answered(&cdn).await, nyc);

    replace(&table("50.1,8.7"));
    wait::until("the new database is in place", || async {
        (answered(&cdn).await == fra).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_access_log_can_be_moved_away() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("access.log");
    let origin = Origin::cacheable("content").await;
    let log = format!("access = {path:?}");
    let plan = Plan::small(origin.url());
    let mut cdn = Cdn::start_with(plan, |text| text.replace("access = \"stdout\"", &log)).await;
    let lines = async |file: &std::path::Path, what: &str| {
        wait::until(&format!("{what} is in {}", file.display()), || async {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            text.contains(what).then_some(())
        })
        .await;
    };
    cdn.get("fra-1", "/before").await;
    lines(&path, "/before").await;
    let moved = folder.path().join("access.log.1");
    std::fs::rename(&path, &moved).unwrap();
    for name in ["fra-1", "fra-2", "shield-1"] {
        cdn.node(name).signal(Signal::HUP);
    }
    wait::until("the file is there anew", || async {
        path.exists().then_some(())
    })
    .await;
    wait::until("what comes now is in the new file", || async {
        cdn.get("fra-1", "/after").await;
        let text = std::fs::read_to_string(&path).unwrap();
        text.contains("/after").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_name_server_does_not_tell_of_each_packet() {
    let origin = Origin::cacheable("content").await;
    let plan = Plan {
        geodns: true,
        ..Plan::small(origin.url())
    };
    let mut cdn = Cdn::start(plan).await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(cdn.at("ns1")).await.unwrap();
    let good = b"\xAB\xCD\x01\0\0\x01\0\0\0\0\0\0\x03www\x03cdn\x04test\0\0\x01\0\x01";
    let mut short = good[..20].to_vec();
    short[0] = 0;
    for bad in [&short, &short[..13], &[0xFF; 40]] {
        socket.send(bad).await.unwrap();
    }
    socket.send(good).await.unwrap();
    // Of the others, those of which the header can be read are answered, too.
    let mut answer = [0; 512];
    let answered = async {
        while answer[..2] != good[..2] {
            socket.recv(&mut answer).await.unwrap();
        }
    };
    let patience = std::time::Duration::from_secs(10);
    tokio::time::timeout(patience, answered).await.unwrap();
    let said = cdn.node("ns1").stderr();
    assert!(
        said.contains("ready") && !said.contains("request"),
        "{said}"
    );
}

#[tokio::test]
async fn a_name_server_that_drains_says_so_and_still_answers() {
    let origin = Origin::cacheable("content").await;
    let plan = Plan {
        geodns: true,
        ..Plan::small(origin.url())
    };
    let longer = |text: String| text.replace("grace = \"200ms\"", "grace = \"1m\"");
    let mut cdn = Cdn::start_with(plan, longer).await;
    let (admin, server) = (cdn.admin("ns1"), cdn.at("ns1"));
    cdn.node("ns1").signal(Signal::TERM);
    wait::until("readiness is false", || async move {
        let ready = get(admin, "localhost", "/ready").send().await;
        (ready.status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    for tcp in [false, true] {
        let patience = std::time::Duration::from_secs(5);
        let answer = perigee_geodns::query(server, Cdn::HOST, "A", None, patience, tcp).await;
        assert_eq!(answer.unwrap().answers.len(), 2);
    }
    // Who asks twice does not want to wait.
    cdn.node("ns1").signal(Signal::TERM);
    assert_eq!(cdn.node("ns1").wait().code(), Some(130));
}
