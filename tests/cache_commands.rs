//! `perigee cache`: what is stored on a node, and the admin API behind it.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::Stdio,
};

use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;

use crate::{
    harness::{
        cdn::{Cdn, OneEdge, Plan},
        client::get,
        net::Net,
        origin::{Asked, Origin, fresh},
        process::{command, run},
        wait,
    },
    one_proxy::Proxy,
};

/// Answers each path with itself: with the tag `round` where it ends in a zero, stale at once below
/// `/old/`, and by language below `/vary/`.
async fn origin() -> Origin {
    Origin::start(|asked: Asked| async move {
        let mut answer = fresh(asked.path.clone());
        let fields = answer.headers_mut();
        if asked.path.ends_with('0') {
            fields.insert("surrogate-key", "round".parse().unwrap());
        }
        if asked.path.starts_with("/old/") {
            fields.insert("cache-control", "max-age=0".parse().unwrap());
        }
        if asked.path.starts_with("/vary/") {
            fields.insert("vary", "accept-language".parse().unwrap());
        }
        answer
    })
    .await
}

/// A proxy with an admin API.
async fn proxy(origin: &Origin, more: &[&str]) -> (Proxy, SocketAddr) {
    let admin = Net::new().at(2, 9901);
    let address = admin.to_string();
    let args = [&["--admin", &address][..], more].concat();
    let proxy = Proxy::start(&origin.url(), &args).await;
    wait::until("the admin API answers", || async move {
        tokio::net::TcpStream::connect(admin).await.ok()
    })
    .await;
    (proxy, admin)
}

async fn ask(proxy: &Proxy, host: &str, path: &str) {
    let answer = get(proxy.address, host, path).send().await;
    assert_eq!(answer.status, StatusCode::OK);
}

/// Asks for so many paths that end in their number, some at a time.
async fn fill(proxy: &Proxy, prefix: &str, count: usize) {
    let numbers: Vec<usize> = (0..count).collect();
    for some in numbers.chunks(count.div_ceil(8)) {
        let (address, prefix, some) = (proxy.address, prefix.to_owned(), some.to_vec());
        let asked = tokio::spawn(async move {
            for number in some {
                let path = format!("{prefix}{number}");
                get(address, "www.a.test", &path).send().await;
            }
        });
        asked.await.unwrap();
    }
}

/// `perigee cache ARGS --node ADMIN`.
fn cache(admin: SocketAddr, args: &[&str]) -> (i32, String, String) {
    let admin = admin.to_string();
    run(&[&["cache"][..], args, &["--node", &admin]].concat())
}

fn keys(lines: &str) -> Vec<String> {
    let key = |line: &str| {
        let entry: Value = serde_json::from_str(line).unwrap();
        entry["key"].as_str().unwrap().to_owned()
    };
    lines.lines().map(key).collect()
}

#[tokio::test]
async fn thousands_of_keys_are_listed_once_each() {
    let origin = origin().await;
    let (proxy, admin) = proxy(&origin, &[]).await;
    fill(&proxy, "/n/", 3000).await;

    let (code, out, err) = cache(admin, &["ls", "--json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let listed = keys(&out);
    let expected: BTreeSet<_> = (0..3000)
        .map(|n| format!("http://www.a.test/n/{n}"))
        .collect();
    assert_eq!(listed.len(), 3000);
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);

    // The same by hand, in small pages.
    let (mut seen, mut pages, mut cursor) = (BTreeSet::new(), 0, String::new());
    loop {
        let page = get(admin, "localhost", &format!("/cache?most=250{cursor}"))
            .send()
            .await;
        let page: Value = serde_json::from_slice(&page.body).unwrap();
        let entries = page["entries"].as_array().unwrap();
        assert!(entries.len() <= 250);
        for entry in entries {
            assert!(
                seen.insert(entry["key"].as_str().unwrap().to_owned()),
                "listed twice"
            );
        }
        pages += 1;
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(seen == expected && pages >= 12, "{pages} pages");

    let (_, out, _) = cache(admin, &["ls", "--json", "--limit", "150"]);
    assert_eq!(keys(&out).len(), 150);
    let (_, out, _) = cache(admin, &["ls", "--limit", "150"]);
    assert_eq!(out.lines().count(), 151, "a head, and a line for each");
    assert_eq!(out.matches("status").count(), 1);
    let (_, out, _) = cache(admin, &["ls", "--json", "--tag", "round"]);
    assert_eq!(keys(&out).len(), 300);
}

#[tokio::test]
async fn a_listing_may_be_narrowed() {
    let origin = origin().await;
    let (proxy, admin) = proxy(&origin, &[]).await;
    for host in ["a.test", "A.test:8080", "b.test"] {
        for path in ["/img/1", "/img/10", "/old/2", "/page"] {
            ask(&proxy, host, path).await;
        }
    }
    let listed = |args: &[&str]| {
        let (code, out, err) = cache(admin, &[&["ls", "--json"][..], args].concat());
        assert_eq!(code, 0, "{err}");
        keys(&out).into_iter().collect::<BTreeSet<_>>()
    };
    let of = |keys: &[&str]| {
        keys.iter()
            .map(|key| format!("http://{key}"))
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(listed(&[]).len(), 12);
    assert_eq!(listed(&["--host", "a.test"]).len(), 8);
    assert_eq!(listed(&["--host", "a.test:8080"]).len(), 4);
    assert_eq!(listed(&["--host", "test"]).len(), 0);
    let images = of(&["b.test/img/1", "b.test/img/10"]);
    assert_eq!(listed(&["--prefix", "b.test/img/"]), images);
    assert_eq!(listed(&["--prefix", "http://b.test/img/"]), images);
    let round = of(&["b.test/img/10"]);
    assert_eq!(listed(&["--tag", "round", "--host", "b.test"]), round);
    let old = of(&["a.test/old/2", "a.test:8080/old/2", "b.test/old/2"]);
    assert_eq!(listed(&["--stale"]), old);
    assert_eq!(listed(&["--tier", "memory"]).len(), 12);
    assert_eq!(listed(&["--tier", "disk"]).len(), 0);
}

#[tokio::test]
async fn what_is_stored_under_a_url_is_shown() {
    let origin = origin().await;
    let (proxy, admin) = proxy(&origin, &[]).await;
    for language in ["de", "en", "en"] {
        let asked = get(proxy.address, "a.test", "/vary/0").with("accept-language", language);
        asked.send().await;
    }
    let (code, out, err) = cache(admin, &["show", "https://a.test/vary/0", "--json"]);
    assert_eq!((code, err.as_str()), (0, ""), "either scheme shows both");
    let shown: Value = serde_json::from_str(&out).unwrap();
    let entry = &shown["entries"][0];
    assert_eq!(entry["key"], "http://a.test/vary/0");
    assert_eq!(entry["tiers"], serde_json::json!(["memory"]));
    for (number, language) in ["en", "de"].iter().enumerate() {
        let stored = &entry["variants"][number];
        assert_eq!(stored["status"], 200);
        assert_eq!(stored["content_type"], "text/plain");
        assert_eq!(stored["length"], "/vary/0".len());
        assert_eq!(stored["complete"], "/vary/0".len());
        assert_eq!(stored["selected_by"]["accept-language"], *language);
        assert_eq!(stored["tags"], serde_json::json!(["round"]));
        assert!(stored["ttl"].as_i64().unwrap() > 3000);
        assert_eq!(entry["uses"][number]["outcome"], "hit");
    }
    // To show is no lookup, a hit is one.
    let before = entry["hits"].as_u64().unwrap();
    assert!(before > 0, "the second and the third request found the key");
    let again = get(proxy.address, "a.test", "/vary/0").with("accept-language", "de");
    assert!(again.send().await.is_hit());
    let (_, out, _) = cache(admin, &["show", "http://a.test/vary/0"]);
    let hits = format!("looked up {} times", before + 1);
    for expected in [hits.as_str(), "accept-language: de", "a GET now  hit"] {
        assert!(out.contains(expected), "{out}");
    }

    ask(&proxy, "a.test", "/old/1").await;
    let (_, out, _) = cache(admin, &["show", "http://a.test/old/1", "--json"]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        shown["entries"][0]["uses"][0]["outcome"], "revalidate",
        "{out}"
    );

    let (code, out, err) = cache(admin, &["show", "http://a.test/never"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("nothing is stored"), "{err}");
}

#[tokio::test]
async fn of_a_part_the_bytes_that_are_held_are_shown() {
    let part = |_: Asked| async {
        Response::builder()
            .status(StatusCode::PARTIAL_CONTENT)
            .header("cache-control", "max-age=60")
            .header("etag", "\"v\"")
            .header("content-range", "bytes 10-19/1000")
            .body(Full::new(vec![b'x'; 10].into()))
            .unwrap()
    };
    let origin = Origin::start(part).await;
    let (proxy, admin) = proxy(&origin, &[]).await;
    let asked = get(proxy.address, "a.test", "/part").with("range", "bytes=10-19");
    assert_eq!(asked.send().await.status, StatusCode::PARTIAL_CONTENT);
    let (_, out, _) = cache(admin, &["show", "http://a.test/part", "--json"]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    let stored = &shown["entries"][0]["variants"][0];
    assert_eq!(stored["held"], serde_json::json!([[10, 19]]), "{out}");
    assert_eq!(
        (&stored["length"], &stored["complete"]),
        (&10.into(), &1000.into())
    );
    let (_, out, _) = cache(admin, &["ls"]);
    assert!(
        out.contains("10 B/1000 B") && out.contains(" 206 "),
        "{out}"
    );
}

#[tokio::test]
async fn stats_count_what_was_found() {
    let origin = origin().await;
    let (proxy, admin) = proxy(&origin, &["--memory", "64MiB"]).await;
    for _ in 0..3 {
        ask(&proxy, "a.test", "/x").await;
    }
    let (code, out, err) = cache(admin, &["stats", "--json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let stats: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(stats["role"], "edge");
    assert_eq!(stats["memory"]["keys"], 1);
    assert_eq!(stats["memory"]["hits"], 2);
    assert_eq!(stats["memory"]["capacity"], 64 << 20);

    // A purge of this node alone, by any of the options of `perigee purge`.
    let (code, out, err) = cache(admin, &["purge", "--host", "a.test"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("yes"), "{out}");
    let (_, out, _) = cache(admin, &["ls", "--json"]);
    assert_eq!(out, "", "what was purged is not listed");
    let (code, _, _) = cache(admin, &["show", "http://a.test/x"]);
    assert_eq!(code, 1);
    let (_, out, _) = cache(admin, &["stats", "--json"]);
    let stats: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(stats["purges"]["known"], 1, "{out}");
    let (code, _, err) = cache(admin, &["purge"]);
    assert!(code != 0 && err.contains("--host"), "{err}");

    let (_, out, _) = cache(admin, &["stats"]);
    assert!(out.contains("memory") && out.contains("64.0 MiB"), "{out}");
}

#[tokio::test]
async fn a_reader_that_has_enough_is_no_failure() {
    let origin = origin().await;
    let (proxy, admin) = proxy(&origin, &[]).await;
    fill(&proxy, "/n/", 1500).await;
    let admin = admin.to_string();
    let mut listing = command(&["cache", "ls", "--node", &admin])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(listing.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.contains("ttl"), "{line}");
    drop(out);
    let ended = listing.wait_with_output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.stderr.is_empty(), "{ended:?}");
}

#[tokio::test]
async fn what_goes_wrong_is_explained() {
    let origin = Origin::cacheable("content").await;
    let plan = Plan {
        geodns: true,
        token: Some("a token of the scenarios"),
        ..Plan::small(origin.url())
    };
    let mut cdn = Cdn::start(plan).await;
    cdn.get("fra-1", "/p").await;
    let (code, out, err) = cdn.perigee(&["cache", "ls", "--node", "fra-1"]);
    assert_eq!(code, 0, "{out}{err}");
    for (args, says) in [
        (
            &["cache", "ls"][..],
            "say which node: --node fra-1, fra-2, shield-1",
        ),
        (
            &["cache", "ls", "--node", "ns1"],
            "a name server, which stores nothing",
        ),
        (&["cache", "ls", "--node", "fra-9"], "fra-9"),
        (
            &["cache", "ls", "--node", "fra-1", "--token-env", "X"],
            "token_env",
        ),
        (&["cache", "ls", "--node", "fra-1", "--limit", "0"], "0"),
        (
            &["cache", "ls", "--node", "fra-1", "--prefix", "ftp://x/"],
            "www.example.com/img/",
        ),
        (&["cache", "show", "/p", "--node", "fra-1"], "/p"),
    ] {
        let (code, out, err) = cdn.perigee(args);
        assert_ne!(code, 0, "{args:?}: {out}{err}");
        assert!(err.contains(says), "{args:?}: {err}");
    }

    // By its address: the token comes from the environment.
    let admin = cdn.admin("fra-1").to_string();
    let (code, _, err) = run(&["cache", "stats", "--node", &admin]);
    assert!(
        code == 1 && err.contains("401") && err.contains("--token-env"),
        "{err}"
    );
    let with = |value: &str| {
        let mut command = command(&[
            "cache",
            "stats",
            "--node",
            &admin,
            "--token-env",
            "SOME_TOKEN",
        ]);
        command.env("SOME_TOKEN", value);
        crate::harness::process::finish(&mut command)
    };
    assert_eq!(with("a token of the scenarios").0, 0);
    let (code, _, err) = with("another");
    assert!(code == 1 && err.contains("401"), "{err}");
    let (code, _, err) = with("");
    assert!(code == 1 && err.contains("SOME_TOKEN is not set"), "{err}");
    let refused = get(cdn.admin("fra-1"), "localhost", "/cache").send().await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);

    let name_server = cdn.admin("ns1").to_string();
    let mut stores_nothing = command(&["cache", "ls", "--node", &name_server, "--token-env", "T"]);
    stores_nothing.env("T", "a token of the scenarios");
    let (code, _, err) = crate::harness::process::finish(&mut stores_nothing);
    assert!(code == 1 && err.contains("stores nothing"), "{err}");

    cdn.node("fra-1").kill();
    let (code, _, err) = cdn.perigee(&["cache", "ls", "--node", "fra-1"]);
    assert_eq!(code, 1);
    assert!(
        err.contains("fra-1") && err.contains("is the node running"),
        "{err}"
    );
}

#[tokio::test]
async fn the_admin_api_names_what_is_wrong_with_a_question() {
    let origin = Origin::cacheable("content").await;
    let edge = OneEdge::before(&origin.url(), "").await;
    for (target, says) in [
        ("/cache?most=1001", "1 to 1000"),
        ("/cache?cursor=x", "cursor"),
        ("/cache?tier=tape", "memory or disk"),
        ("/cache?pages=3", "pages"),
        ("/cache/entry", "url="),
        ("/cache/entry?url=a.test", "absolute URL"),
    ] {
        let answer = get(edge.admin, "localhost", target).send().await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{target}");
        assert!(answer.text().contains(says), "{target}: {}", answer.text());
    }
    // The file has one edge alone: it need not be named.
    let answer = get(edge.admin, "localhost", "/cache").send().await;
    assert_eq!(answer.text().trim(), r#"{"entries":[],"next":null}"#);
}

/// Waits until so many keys are on disk, and nothing is on its way there.
async fn until_on_disk(admin: SocketAddr, keys: u64) {
    wait::until(&format!("{keys} keys are on disk"), || async move {
        let stats = get(admin, "localhost", "/cache/stats").send().await;
        let stats: Value = serde_json::from_slice(&stats.body).unwrap();
        let disk = &stats["disk"];
        let is_so = disk["keys"] == keys && disk["queued"] == 0 && disk["loaded"] == 1.0;
        is_so.then_some(())
    })
    .await;
}

#[tokio::test]
async fn both_tiers_are_listed_as_one() {
    let origin = origin().await;
    let folder = tempfile::TempDir::new().unwrap();
    let disk = folder.path().join("cache");
    let more = ["--disk", disk.to_str().unwrap(), "--disk-size", "64MiB"];
    let entries = |admin: SocketAddr, args: &[&str]| -> Vec<Value> {
        let (code, out, err) = cache(admin, &[&["ls", "--json"][..], args].concat());
        assert_eq!(code, 0, "{err}");
        let lines = out.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap()
    };
    let (memory, on_disk, both) = (&["memory"][..], &["disk"][..], &["memory", "disk"][..]);
    let are_in = |entries: &[Value], tiers: &[&str]| {
        let tiers = serde_json::json!(tiers);
        entries
            .iter()
            .filter(|entry| entry["tiers"] == tiers)
            .count()
    };

    let (first, admin) = proxy(&origin, &more).await;
    fill(&first, "/n/", 300).await;
    until_on_disk(admin, 300).await;
    let listed = entries(admin, &[]);
    assert_eq!((listed.len(), are_in(&listed, both)), (300, 300));
    drop(first);

    // What memory had is forgotten, what is on disk is not.
    let (second, admin) = proxy(&origin, &more).await;
    until_on_disk(admin, 300).await;
    let listed = entries(admin, &[]);
    let keys: BTreeSet<_> = listed.iter().map(|entry| entry["key"].as_str()).collect();
    assert_eq!((listed.len(), keys.len()), (300, 300));
    assert_eq!(are_in(&listed, on_disk), 300);
    assert!(listed.iter().all(|entry| entry["hits"].is_null()));

    let again = get(second.address, "www.a.test", "/n/7").send().await;
    assert!(again.is_hit(), "{again:?}");
    let listed = entries(admin, &[]);
    assert_eq!((are_in(&listed, both), are_in(&listed, memory)), (1, 0));
    assert_eq!((listed.len(), are_in(&listed, on_disk)), (300, 299));
    assert_eq!(entries(admin, &["--tier", "memory"]).len(), 1);
    assert_eq!(entries(admin, &["--tier", "disk"]).len(), 300);
    assert_eq!(
        entries(admin, &["--tier", "disk", "--tag", "round"]).len(),
        30
    );

    let (_, out, _) = cache(admin, &["show", "http://www.a.test/n/10", "--json"]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    let entry = &shown["entries"][0];
    assert_eq!(
        (&entry["tiers"][0], &entry["hits"]),
        (&"disk".into(), &Value::Null)
    );
    assert_eq!(entry["variants"][0]["length"], "/n/10".len());
    assert_eq!(entry["uses"][0]["outcome"], "hit");
    let (_, out, _) = cache(admin, &["stats"]);
    assert!(out.contains("disk") && out.contains("damaged"), "{out}");

    // Purges are of both.
    assert_eq!(cache(admin, &["purge", "--tag", "round"]).0, 0);
    assert_eq!(entries(admin, &[]).len(), 270);
}
