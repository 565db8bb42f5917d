//! The admin API, and the commands that talk to it.

use http::{Method, StatusCode};

use crate::harness::{
    cdn::{Cdn, Plan},
    client::{ask, get},
    origin::{Origin, fresh},
    process::run,
};

#[tokio::test]
async fn a_purge_reaches_every_edge_and_shield() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let origin = Origin::start(move |_| {
        let version = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async move { fresh(format!("version {version}")) }
    })
    .await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    for name in ["fra-1", "fra-2"] {
        assert_eq!(cdn.get(name, "/p").await.text(), "version 0");
    }
    let url = format!("http://{}/p", Cdn::HOST);
    let (code, out, err) = cdn.perigee(&["purge", &url]);
    assert_eq!(code, 0, "{out}{err}");
    for node in ["fra-1", "fra-2", "shield-1"] {
        let row = out.lines().find(|line| line.starts_with(node));
        assert!(row.is_some_and(|row| row.contains("yes")), "{out}");
    }
    for name in ["fra-1", "fra-2"] {
        assert_eq!(cdn.get(name, "/p").await.text(), "version 1");
    }
    let (code, _, err) = cdn.perigee(&["purge", "http://www.cdn.test/never-there"]);
    assert!(code == 0 && err.contains("nothing was stored"), "{err}");
}

#[tokio::test]
async fn a_purge_says_who_has_not_acknowledged() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = Cdn::start(Plan::small(origin.url())).await;
    cdn.node("fra-2").kill();
    let (code, out, err) = cdn.perigee(&["purge", "http://www.cdn.test/p"]);
    assert_eq!(code, 1);
    let row = out.lines().find(|line| line.starts_with("fra-2")).unwrap();
    assert!(row.contains("no: "), "{out}");
    assert!(err.contains("1 of 3"), "{err}");
}

#[tokio::test]
async fn status_shows_every_node() {
    let origin = Origin::cacheable("content").await;
    let plan = Plan {
        geodns: true,
        ..Plan::small(origin.url())
    };
    let mut cdn = Cdn::start(plan).await;
    let (code, out, _) = cdn.perigee(&["status"]);
    assert_eq!(code, 0, "{out}");
    for node in ["fra-1", "fra-2", "shield-1", "ns1"] {
        let row = out.lines().find(|line| line.starts_with(node));
        assert!(row.is_some_and(|row| row.contains("up")), "{out}");
    }
    cdn.node("fra-2").kill();
    let (code, out, _) = cdn.perigee(&["status"]);
    assert_eq!(code, 1, "{out}");
    let row = out.lines().find(|line| line.starts_with("fra-2")).unwrap();
    assert!(row.contains("down"), "{out}");
}

#[tokio::test]
async fn health_readiness_and_metrics_are_told() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let path = cdn.path_owned_by("fra-1", "m").await;
    assert!(cdn.get("fra-1", &path).await.is_hit());

    let admin = cdn.admin("fra-1");
    assert_eq!(
        get(admin, "localhost", "/health").send().await.status,
        StatusCode::OK
    );
    let ready = get(admin, "localhost", "/ready").send().await;
    let ready: serde_json::Value = serde_json::from_slice(&ready.body).unwrap();
    assert_eq!(ready["node"], "fra-1");
    assert_eq!(ready["draining"], false);
    assert_eq!(ready["purge_revision"], 0);
    assert!(
        ready["config_version"].as_str().unwrap().len() >= 8,
        "{ready}"
    );

    let metrics = get(admin, "localhost", "/metrics").send().await;
    let hits = "perigee_requests_total{service=\"www\",outcome=\"hit\"} 1";
    assert!(metrics.text().contains(hits), "{}", metrics.text());
    assert!(metrics.text().contains("perigee_forwarded_requests_total"));
    let value = |name: &str| -> u64 {
        let text = metrics.text();
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        value.unwrap_or_else(|| panic!("{name} in {text}"))
    };
    assert!(value("perigee_connections_accepted_total ") >= 2);
    assert!(value("perigee_connections_received_bytes_total ") > 100);
    assert_eq!(value("perigee_connections_refused_total "), 0);
    assert_eq!(value("perigee_bad_requests_total "), 0);
    assert_eq!(value("perigee_tls_handshake_failures_total "), 0);
    assert!(value("perigee_connections_io_uring ") <= value("perigee_connections "));
    assert!(value("perigee_connections ") <= value("perigee_connections_accepted_total "));

    let refused = get(admin, "evil.example", "/status").send().await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let wrong = ask(Method::POST, admin, "localhost", "/purge")
        .body("{")
        .send()
        .await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn commands_show_the_token_that_the_environment_has() {
    let origin = Origin::cacheable("content").await;
    let plan = Plan {
        geodns: true,
        token: Some("a token of the scenarios"),
        ..Plan::small(origin.url())
    };
    let cdn = Cdn::start(plan).await;
    let (code, out, err) = cdn.perigee(&["status"]);
    assert_eq!(code, 0, "{out}{err}");
    let (code, out, err) = cdn.perigee(&["purge", "http://www.cdn.test/p"]);
    assert_eq!(code, 0, "{out}{err}");

    // Without it, the command says what is missing, and the nodes say nothing.
    let file = cdn.file();
    let (code, out, err) = run(&["status", "--config", file.to_str().unwrap()]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.contains("SCENARIO_TOKEN is not set"), "{err}");
    let (code, said, _) = run(&["check", file.to_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("note: ") && said.contains("SCENARIO_TOKEN"),
        "{said}"
    );
    for (name, path) in [
        ("fra-1", "/status"),
        ("shield-1", "/metrics"),
        ("ns1", "/ready"),
    ] {
        let refused = get(cdn.admin(name), "localhost", path).send().await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        assert!(refused.field("www-authenticate").starts_with("Bearer"));
        let wrong = get(cdn.admin(name), "localhost", path).with("authorization", "Bearer guess");
        assert_eq!(wrong.send().await.status, StatusCode::UNAUTHORIZED);
        let health = get(cdn.admin(name), "localhost", "/health").send().await;
        assert_eq!(health.status, StatusCode::OK);
    }
}

#[test]
fn an_admin_address_that_others_reach_needs_a_token() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "[[pops]]\nname = \"p\"\nlatitude = 1\nlongitude = 1\n[[edges]]\nname = \"one\"\n\
                pop = \"p\"\nlisten = [\"127.0.0.1:0\"]\nadmin = \"0.0.0.0:9901\"\n\
                [[services]]\nname = \"w\"\nhosts = [\"w.test\"]\norigins = [\"http://127.0.0.1:1\"]\n";
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().to_str().unwrap();
    for args in [
        &["check", path][..],
        &["edge", "--config", path, "--node", "one"],
    ] {
        let (code, out, err) = run(args);
        assert_ne!(code, 0, "{out}{err}");
        assert!(
            err.contains("token") && err.contains("0.0.0.0:9901"),
            "{err}"
        );
    }
}
