//! `perigee explain http`: what it says comes true.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;

use crate::harness::{
    cdn::{Cdn, Plan},
    client::{ask, get},
    origin::{Asked, Origin, fresh},
    process::run,
    wait,
};

/// Pages of every kind.
async fn origin() -> Origin {
    Origin::start(|asked: Asked| async move {
        let (cache_control, vary) = match &*asked.path {
            "/soon-stale" => ("max-age=1", ""),
            "/stale-at-once" => ("max-age=0, stale-while-revalidate=600", ""),
            "/private" => ("no-store", ""),
            path if path.starts_with("/search") => return labelled(),
            "/ranges" if asked.field("range") == "bytes=0-3" => return part(),
            "/vary" => ("max-age=3600", "Accept-Language"),
            _ => return fresh("content"),
        };
        let response = Response::builder()
            .header("cache-control", cache_control)
            .header("etag", "\"one\"");
        let response = match vary {
            "" => response,
            vary => response.header("vary", vary),
        };
        response.body(Full::new(Bytes::from("content"))).unwrap()
    })
    .await
}

/// The first four bytes of the content.
fn part() -> Response<Full<Bytes>> {
    Response::builder()
        .status(206)
        .header("cache-control", "max-age=3600")
        .header("etag", "\"one\"")
        .header("content-range", "bytes 0-3/7")
        .body(Full::new(Bytes::from("cont")))
        .unwrap()
}

/// The same whatever the query is, and in a group.
fn labelled() -> Response<Full<Bytes>> {
    Response::builder()
        .header("cache-control", "max-age=3600")
        .header("no-vary-search", "params")
        .header("cache-groups", "\"news\"")
        .header("surrogate-key", "home page")
        .body(Full::new(Bytes::from("content")))
        .unwrap()
}

/// What `perigee explain http` says of a path of the service, as JSON.
fn told(cdn: &Cdn, path: &str, more: &[&str]) -> Value {
    let url = format!("http://{}{path}", Cdn::HOST);
    let args = [&["explain", "http", &url, "--json"], more].concat();
    let (code, out, err) = cdn.perigee(&args);
    assert_eq!(code, 0, "{out}{err}");
    serde_json::from_str(&out).unwrap()
}

/// What one node would do.
fn of<'v>(told: &'v Value, node: &str) -> &'v Value {
    let nodes = told["nodes"].as_array().unwrap();
    let found = nodes.iter().find(|told| told["node"] == node);
    &found.unwrap_or_else(|| panic!("{told:#}"))["explanation"]
}

fn because(told: &Value) -> &str {
    told["because"].as_str().unwrap()
}

/// Who owns a path, and who does not.
fn owners(told: &Value) -> (String, String) {
    let owners = &told["file"]["owners"]["fra"];
    let name = |n: usize| owners[n].as_str().unwrap().to_owned();
    (name(0), name(1))
}

#[tokio::test]
async fn a_page_is_a_miss_then_a_hit_at_its_owner_then_purged() {
    let origin = origin().await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;

    let before = told(&cdn, "/page", &[]);
    let file = &before["file"];
    assert_eq!(
        (&file["service"], &file["host"]),
        (&"www".into(), &Cdn::HOST.into())
    );
    assert_eq!(file["key"], "http://www.cdn.test/page");
    assert_eq!(file["shields"][0], "shield-1");
    assert_eq!(file["origins"][0], origin.url());
    assert_eq!(file["policy"]["max_ttl"], "365d");
    let (owner, other) = owners(&before);
    for node in ["fra-1", "fra-2", "shield-1"] {
        let told = of(&before, node);
        assert_eq!(told["outcome"], "miss", "{before:#}");
        assert!(because(told).starts_with("nothing is stored"), "{before:#}");
    }
    assert_eq!(of(&before, &other)["sideways"][0]["name"], *owner);
    assert_eq!(of(&before, &owner)["sideways"].as_array().unwrap().len(), 0);
    assert_eq!(of(&before, &owner)["up"][0]["name"], "shield-1");
    assert_eq!(origin.count("/page"), 0, "to explain is not to fetch");
    let metrics = get(cdn.admin(&owner), "localhost", "/metrics").send().await;
    let counted = |line: &str| line.starts_with("perigee_requests_total") && !line.ends_with(" 0");
    assert!(!metrics.text().lines().any(counted), "{}", metrics.text());

    // The other one asks the owner, which stores it: as was said.
    let answer = cdn.get(&other, "/page").await;
    assert!(answer.cache_status().contains(&format!("peer {owner}")));
    let after = told(&cdn, "/page", &[]);
    assert_eq!(of(&after, &other)["stored"].as_array().unwrap().len(), 0);
    for node in [&*owner, "shield-1"] {
        let told = of(&after, node);
        assert_eq!(
            (&told["outcome"], &told["status"]),
            (&"hit".into(), &200.into())
        );
        assert!(
            because(told).contains("max-age=3600 (Cache-Control)"),
            "{after:#}"
        );
        let stored = &told["stored"][0];
        assert_eq!(stored["length"], "content".len());
        let ttl = stored["ttl"].as_i64().unwrap();
        assert!(
            stored["etag"].is_string() && (3_000..=3_600).contains(&ttl),
            "{after:#}"
        );
    }
    assert!(cdn.get(&owner, "/page").await.is_hit());
    let conditional = told(&cdn, "/page", &["-H", "If-None-Match: *"]);
    assert_eq!(of(&conditional, &owner)["status"], 304);

    let (code, out, err) = cdn.perigee(&["purge", "http://www.cdn.test/page"]);
    assert_eq!(code, 0, "{out}{err}");
    let purged = told(&cdn, "/page", &["--node", &owner]);
    assert_eq!(purged["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(of(&purged, &owner)["outcome"], "miss");
}

#[tokio::test]
async fn what_has_expired_would_be_validated() {
    let origin = origin().await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let (owner, _) = owners(&told(&cdn, "/soon-stale", &[]));
    cdn.get(&owner, "/soon-stale").await;
    let stale = wait::until("it is stale", || async {
        let told = told(&cdn, "/soon-stale", &[]);
        (of(&told, &owner)["outcome"] == "revalidate").then_some(told)
    })
    .await;
    let told = of(&stale, &owner);
    for words in [
        "stale since ",
        " s: max-age=1 (Cache-Control), age ",
        "would be validated by If-None-Match",
        "RFC 9111 4.3.1",
    ] {
        assert!(because(told).contains(words), "{stale:#}");
    }
    assert_eq!(told["uses"], 0);
    let answer = cdn.get(&owner, "/soon-stale").await;
    assert!(answer.cache_status().contains("fwd=stale"));
}

#[tokio::test]
async fn what_may_be_served_stale_is_told_so() {
    let origin = origin().await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let path = "/stale-at-once";
    let (owner, other) = owners(&told(&cdn, path, &[]));
    cdn.get(&owner, path).await;
    let stale = told(&cdn, path, &[]);
    let told = of(&stale, &owner);
    assert_eq!(told["outcome"], "stale-while-revalidate", "{stale:#}");
    assert!(because(told).contains("RFC 5861 3"), "{stale:#}");
    assert_eq!(told["stored"][0]["stale_while_revalidate"], 600);
    assert_eq!(of(&stale, &other)["outcome"], "miss");
}

#[tokio::test]
async fn what_is_not_stored_is_a_miss_again_and_what_passes_by_says_so() {
    let origin = origin().await;
    let plan = Plan {
        service: "[services.cache]\nhit_for_miss = \"10m\"\n".to_owned(),
        ..Plan::small(origin.url())
    };
    let cdn = Cdn::start(plan).await;
    let (owner, _) = owners(&told(&cdn, "/private", &[]));
    assert!(of(&told(&cdn, "/private", &[]), &owner)["hit_for_miss"].is_null());
    cdn.get(&owner, "/private").await;
    let after = told(&cdn, "/private", &[]);
    assert_eq!(of(&after, &owner)["stored"].as_array().unwrap().len(), 0);
    let mark = &of(&after, &owner)["hit_for_miss"];
    assert_eq!(mark["requests"], "all", "{after:#}");
    assert!(
        (1..=600).contains(&mark["seconds"].as_u64().unwrap()),
        "{after:#}"
    );
    let upgrade = ["-H", "Connection: upgrade", "-H", "Upgrade: websocket"];
    let upgrade = told(&cdn, "/private", &upgrade);
    assert_eq!(of(&upgrade, &owner)["outcome"], "pass");
    assert_eq!(upgrade["file"]["outcome"], "pass");
    let traced = told(&cdn, "/private", &["-X", "TRACE"]);
    let told_traced = of(&traced, &owner);
    assert_eq!(
        (&told_traced["outcome"], &told_traced["status"]),
        (&"here".into(), &405.into())
    );
    let posted = told(&cdn, "/private", &["-X", "POST"]);
    assert_eq!(posted["file"]["outcome"], "pass");
    let told = of(&posted, &owner);
    assert_eq!(told["outcome"], "pass");
    assert!(because(told).contains("POST"), "{posted:#}");
}

#[tokio::test]
async fn the_rule_that_holds_is_named() {
    let origin = origin().await;
    let plan = Plan {
        service: "[[services.cache.rules]]\npaths = [\"/admin/*\"]\nbypass = true\n\
                  [[services.cache.rules]]\nextensions = [\"css\"]\nttl = \"7s\"\n"
            .to_owned(),
        ..Plan::small(origin.url())
    };
    let cdn = Cdn::start(plan).await;
    let bypassed = told(&cdn, "/admin/x.css", &[]);
    assert_eq!(bypassed["file"]["rule"], "1: paths = [\"/admin/*\"]");
    for told in [&bypassed["file"], of(&bypassed, "fra-1")] {
        assert_eq!(
            (&told["outcome"], &told["policy"]["bypass"]),
            (&"pass".into(), &"true".into())
        );
    }
    let styled = told(&cdn, "/x.css", &[]);
    let (owner, _) = owners(&styled);
    assert_eq!(styled["file"]["policy"]["ttl"], "7s");
    assert_eq!(of(&styled, &owner)["rule"], "2: extensions = [\"css\"]");
    cdn.get(&owner, "/x.css").await;
    let hit = told(&cdn, "/x.css", &[]);
    assert!(
        because(of(&hit, &owner)).contains("ttl 7 s (policy)"),
        "{hit:#}"
    );
    assert!(told(&cdn, "/x", &[])["file"]["rule"].is_null());
}

#[tokio::test]
async fn groups_tags_and_what_is_stored_for_a_query_alike_are_told() {
    let origin = origin().await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let (owner, _) = owners(&told(&cdn, "/search?q=1", &[]));
    cdn.get(&owner, "/search?q=1").await;
    let first = told(&cdn, "/search?q=1", &[]);
    let stored = &of(&first, &owner)["stored"][0];
    assert_eq!(stored["groups"], serde_json::json!(["news"]));
    assert_eq!(stored["tags"], serde_json::json!(["home", "page"]));
    assert!(of(&first, &owner)["alike"].is_null());
    let other = told(&cdn, "/search?q=2", &[]);
    let alike = of(&other, &owner);
    assert_eq!(
        (&alike["outcome"], &alike["uses"]),
        (&"hit".into(), &0.into()),
        "{other:#}"
    );
    assert_eq!(alike["alike"], "http://www.cdn.test/search?q=1");
    assert!(because(alike).contains("No-Vary-Search"), "{other:#}");
}

#[tokio::test]
async fn a_part_is_told_with_what_it_lacks() {
    let origin = origin().await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let asked = told(&cdn, "/ranges", &["-H", "Range: bytes=0-3"]);
    let (owner, _) = owners(&asked);
    assert!(because(of(&asked, &owner)).contains("asked for bytes=0-3 (RFC 9110 14.2)"));
    let first = get(cdn.at(&owner), Cdn::HOST, "/ranges").with("range", "bytes=0-3");
    assert_eq!(first.send().await.status, StatusCode::PARTIAL_CONTENT);

    let held = told(&cdn, "/ranges", &["-H", "Range: bytes=1-2"]);
    let (held, stored) = (of(&held, &owner), &of(&held, &owner)["stored"][0]);
    assert_eq!(
        (&held["outcome"], &held["status"]),
        (&"hit".into(), &206.into())
    );
    assert_eq!(stored["part"], "bytes 0-3/7");
    let lacking = told(&cdn, "/ranges", &[]);
    let lacking = of(&lacking, &owner);
    assert_eq!(
        (&lacking["outcome"], &lacking["uses"]),
        (&"miss".into(), &0.into())
    );
    let words = because(lacking);
    assert!(
        words.contains("a part is stored") && words.contains("bytes=4-"),
        "{words}"
    );
}

#[tokio::test]
async fn a_page_in_another_language_is_another_variant() {
    let origin = origin().await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let (owner, _) = owners(&told(&cdn, "/vary", &[]));
    let german = get(cdn.at(&owner), Cdn::HOST, "/vary").with("accept-language", "DE");
    german.send().await;

    let asked = told(&cdn, "/vary", &["-H", "Accept-Language: de"]);
    let told_german = of(&asked, &owner);
    assert_eq!(told_german["outcome"], "hit");
    let selected_by = &told_german["stored"][0]["selected_by"];
    assert_eq!(selected_by["accept-language"], "de");
    let asked = told(&cdn, "/vary", &["-H", "Accept-Language: en"]);
    let told_english = of(&asked, &owner);
    assert_eq!(told_english["outcome"], "miss");
    assert!(
        because(told_english).contains("accept-language"),
        "{asked:#}"
    );
}

#[tokio::test]
async fn people_read_a_text() {
    let origin = origin().await;
    let mut cdn = Cdn::start(Plan::small(origin.url())).await;
    let (owner, other) = owners(&told(&cdn, "/page", &[]));
    cdn.get(&owner, "/page").await;
    let explain = ["explain", "http", "http://www.cdn.test/page"];
    let (code, out, err) = cdn.perigee(&explain);
    assert_eq!(code, 0, "{out}{err}");
    let line = |out: &str, start: &str| {
        let found = out
            .lines()
            .find(|line| line.trim_start().starts_with(start));
        found.unwrap_or_else(|| panic!("{start}: {out}")).to_owned()
    };
    assert!(line(&out, "service ").contains("www, by its host www.cdn.test"));
    assert!(line(&out, "policy ").contains("as by default"));
    assert!(line(&out, "owner ").contains(&format!("fra: {owner}, then {other}")));
    assert!(line(&out, &format!("{owner} ")).contains("hit"));
    assert!(line(&out, &format!("{other} ")).contains(&format!("asks {owner}, which owns")));
    let stored = line(&out, &format!("{owner} <"));
    assert!(stored.contains("200") && stored.contains("ETag"), "{out}");

    // Without the owner, the other one stands in; who does not answer is named.
    cdn.node(&owner).kill();
    let (code, out) = wait::until("the other one has noticed", || async {
        let (code, out, _) = cdn.perigee(&explain);
        line(&out, &format!("{other} "))
            .contains("asks shield-1")
            .then_some((code, out))
    })
    .await;
    assert_eq!(code, 1);
    assert!(line(&out, "owner ").contains(&format!("{owner} (no answer), then {other}")));
    assert!(line(&out, &format!("{owner} ")).contains("no answer: connection refused"));
    let (code, ..) = cdn.perigee(&[&explain[..], &["--node", &other]].concat());
    assert_eq!(code, 0);
}

#[tokio::test]
async fn wrong_questions_are_explained_too() {
    let origin = origin().await;
    let cdn = Cdn::start(Plan {
        geodns: true,
        ..Plan::small(origin.url())
    })
    .await;
    let page = "http://www.cdn.test/";
    for (args, says) in [
        (&["http://other.test/"][..], "there are www.cdn.test"),
        (&["/relative"], "http://HOST/PATH"),
        (&[page, "-H", "no colon"], "Name: value"),
        (
            &[page, "-H", "bad name: x"],
            "\"bad name\" is no field name",
        ),
        (&[page, "-X", "BAD METHOD"], "METHOD"),
        (
            &[page, "--node", "fra-9"],
            "no node is named \"fra-9\": did you mean",
        ),
        (&[page, "--node", "ns1"], "name server"),
    ] {
        let (code, out, err) = cdn.perigee(&[&["explain", "http"], args].concat());
        assert_ne!(code, 0, "{args:?}: {out}{err}");
        assert!(err.contains(says), "{args:?}: {err}");
    }
    let (code, _, err) = run(&["explain", "http", page, "--config", "/no/such.toml"]);
    assert!(code == 1 && err.contains("/no/such.toml"), "{err}");
}

#[tokio::test]
async fn the_admin_api_explains_to_who_may_ask() {
    let origin = origin().await;
    let token = "a token of scenarios";
    let plan = Plan {
        token: Some(token),
        ..Plan::small(origin.url())
    };
    let cdn = Cdn::start(plan).await;
    let bearer = format!("Bearer {token}");
    let post = |body: &str| {
        let ask = ask(Method::POST, cdn.admin("fra-1"), "localhost", "/explain");
        ask.body(body.to_owned())
    };
    let page = r#"{"url": "http://www.cdn.test/"}"#;
    let refused = post(page).send().await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    for (body, status, says) in [
        (page, 200, "\"outcome\":\"miss\""),
        (
            r#"{"url": "http://other.test/"}"#,
            400,
            "there are www.cdn.test",
        ),
        (r#"{"url": "/p"}"#, 400, "absolute URL"),
        (r#"{"uri": "http://www.cdn.test/"}"#, 400, "expected {"),
        (
            r#"{"url": "http://www.cdn.test/", "headers": [["a b", "c"]]}"#,
            400,
            "field name",
        ),
        (
            r#"{"url": "http://www.cdn.test/", "method": ""}"#,
            400,
            "not a method",
        ),
    ] {
        let answer = post(body).with("authorization", &bearer).send().await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text());
        let text = answer.text().replace("\\\"", "\"");
        assert!(text.contains(says), "{body}: {text}");
    }
    let long = format!(
        "{{\"url\": \"http://www.cdn.test/{}\"}}",
        "x".repeat(70_000)
    );
    let answer = post(&long).with("authorization", &bearer).send().await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let told = told(&cdn, "/", &[]);
    assert_eq!(of(&told, "shield-1")["role"], "shield");
}
