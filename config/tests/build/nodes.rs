//! Edges and what all nodes have.

use std::{path::Path, time::Duration};

use perigee_config::{AccessLog, Level, parse};
use perigee_edge::{DiskConfig, Role};

use super::{TEXT, address, document, env};

#[test]
fn an_edge() {
    let edge = document().edge("fra-1", &env).expect("built");
    assert_eq!(edge.tier.node.as_str(), "fra-1");
    assert_eq!(edge.tier.version, document().version());
    assert_eq!(edge.tier.cdn_id, "cdn.example");
    assert_eq!(
        edge.tier.listen,
        [address("0.0.0.0:80"), address("[2001:db8::1]:80")]
    );
    assert_eq!(edge.tls_listen, [address("0.0.0.0:443")]);
    assert_eq!(
        edge.tier
            .trust
            .as_ref()
            .and_then(|trust| trust.secret.as_deref()),
        Some(&b"SECRET of sixteen bytes and more"[..])
    );
    let certificate = &edge.certificates[0];
    assert_eq!(certificate.cert, Path::new("/etc/perigee/tls/cert.pem"));
    assert_eq!(certificate.key, Path::new("/etc/key.pem"));
    assert_eq!(certificate.hosts, ["*.example.com"]);
    let peers: Vec<_> = edge
        .peers
        .iter()
        .map(|n| (n.name.as_str(), n.address, n.weight))
        .collect();
    assert_eq!(
        peers,
        [
            ("fra-1", address("10.0.0.10:80"), 200),
            ("fra-2", address("203.0.113.11:80"), 100)
        ]
    );
    assert_eq!(edge.shields.len(), 1);
    assert_eq!(
        (edge.shields[0].role, edge.shields[0].pop.clone()),
        (Role::Shield, None)
    );
    assert_eq!(
        (edge.tier.memory.capacity, edge.tier.memory.fill_bytes),
        (1 << 30, 1 << 28)
    );
    assert_eq!(
        (edge.tier.max_requests, edge.tier.limits.max_connections),
        (11, 12)
    );
    assert_eq!(edge.tier_limits.connect_timeout, Duration::from_millis(250));
    assert_eq!(edge.view.thresholds.fall, 4);
    assert_eq!(edge.view.suspect_timeout, Duration::from_millis(100));
    assert_eq!(edge.view.slow_start, Duration::ZERO);
    assert_eq!((edge.load_bound.factor, edge.load_bound.floor), (2.0, 32));
}

#[test]
fn what_the_cdn_is_called() {
    let called = |text: &str| {
        let document = parse(text, Path::new("cdn.toml")).expect("good");
        document.edge("a", &env).expect("built").tier.cdn_id
    };
    let alone = "[[pops]]\nname = \"p\"\nlatitude = 1\nlongitude = 1\n[[edges]]\nname = \"a\"\npop = \"p\"\nlisten = [\"127.0.0.1:1\"]\n[[services]]\nname = \"s\"\nhosts = [\"*\"]\norigins = [\"./s\"]\n";
    assert_eq!(called(alone), "perigee-a");
    assert_eq!(
        called(&format!("{alone}[dns]\nzone = \"z.example\"\n")),
        "z.example"
    );
    assert_eq!(called(&format!("{alone}[cdn]\nid = \"mine\"\n")), "mine");
}

#[test]
fn an_edge_alone_in_its_pop_has_no_peers() {
    assert_eq!(document().edge("nyc-1", &env).expect("built").peers, []);
}

#[test]
fn what_all_nodes_have() {
    let document = document();
    let node = document.node("fra-1", &env).expect("known");
    assert_eq!(
        (node.role, node.admin),
        (Role::Edge, address("10.0.0.10:9000"))
    );
    assert_eq!(
        node.admin_token.as_deref(),
        Some("TOKEN of sixteen bytes and more")
    );
    assert_eq!(
        (node.shutdown.grace, node.shutdown.deadline),
        (Duration::ZERO, Duration::from_secs(30))
    );
    assert_eq!(node.reload_interval, Duration::from_secs(60));
    assert_eq!(
        node.log.access,
        AccessLog::File("/etc/perigee/logs/access.log".into())
    );
    assert_eq!(node.log.level, Level::Debug);
    // By default on this machine only, and on its own loopback address where it has one.
    assert_eq!(
        document.node("fra-2", &env).map(|n| n.admin),
        Ok(address("127.0.0.1:9901"))
    );
    assert_eq!(
        document.node("shield-1", &env).map(|n| n.admin),
        Ok(address("127.0.31.1:9901"))
    );
    let names: Vec<String> = document
        .nodes()
        .iter()
        .map(|n| n.name.to_string())
        .collect();
    assert_eq!(names, ["fra-1", "fra-2", "nyc-1", "shield-1", "ns1", "ns2"]);
}

#[test]
fn names_that_are_not_there() {
    let document = document();
    let error = document
        .edge("fra-3", &env)
        .expect_err("unknown")
        .to_string();
    assert_eq!(
        error,
        "no edge is named \"fra-3\": did you mean \"fra-1\"? the file has `fra-1`, `fra-2` and `nyc-1`"
    );
    let error = document
        .edge("ns1", &env)
        .expect_err("another role")
        .to_string();
    assert_eq!(
        error,
        "the node \"ns1\" is of role geodns: start it with `perigee geodns`"
    );
    assert!(document.node("zebra", &env).is_err());
}

#[test]
fn secrets_come_from_the_environment() {
    let document = document();
    let error = document
        .edge("fra-1", &|_| None)
        .expect_err("not set")
        .to_string();
    assert_eq!(
        error,
        "the environment variable SECRET is not set: the file says that it holds the secret (secret_env in [cdn])"
    );
    let error = document
        .shield("shield-1", &|_| Some("short".into()))
        .expect_err("short")
        .to_string();
    assert!(
        error.contains("has 5 bytes") && !error.contains("short\""),
        "{error}"
    );
    // To check a file they are not needed, but good to know of.
    let notes = document.notes(&|_| None);
    assert!(
        notes.iter().any(|note| note.contains("SECRET is not set")),
        "{notes:?}"
    );
    assert!(
        notes.iter().any(|note| note.contains("TOKEN is not set")),
        "{notes:?}"
    );
    assert!(
        notes
            .iter()
            .any(|note| note.contains("/etc/perigee/geo/city.mmdb is not on this machine")),
        "{notes:?}"
    );
}

#[test]
fn a_disk_is_each_nodes_own() {
    let disk = |name: &str| {
        let tier = document().edge(name, &env).map(|edge| edge.tier);
        tier.expect("built").disk.expect("a disk")
    };
    let fra = disk("fra-1");
    assert_eq!(fra.folder, Path::new("/etc/perigee/cache/fra-1"));
    let usual = DiskConfig::new(fra.folder.clone(), 20 << 20);
    assert_eq!(usual.segment, 4 << 20);
    let seven = DiskConfig {
        variants_per_key: 7,
        ..usual
    };
    assert_eq!(fra, seven);
    let shield = document().shield("shield-1", &env).expect("built");
    let folder = shield.tier.disk.expect("a disk").folder;
    assert_eq!(folder, Path::new("/etc/perigee/cache/shield-1"));
    let plain = parse(
        &TEXT.replace("[storage.disk]", "[storage.disk]\nsegment = \"5MiB\""),
        Path::new(""),
    );
    let plain = plain
        .expect("parsed")
        .shield("shield-1", &env)
        .expect("built");
    assert_eq!(plain.tier.disk.expect("a disk").segment, 5 << 20);
}

#[test]
fn a_disk_of_no_use_is_noted() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("cache"), "").expect("a file");
    let document = parse(TEXT, &folder.path().join("cdn.toml")).expect("parsed");
    let notes = document.notes(&env);
    let has = |what: &str| notes.iter().any(|note| note.contains(what));
    assert!(has("cache is not a folder"), "{notes:?}");
    assert!(has("less than `memory`"), "{notes:?}");
}

#[test]
fn the_version_is_the_texts() {
    let version = document().version();
    assert_eq!(
        (version.len(), version.as_str()),
        (12, document().version().as_str())
    );
    assert!(version.bytes().all(|b| b.is_ascii_hexdigit()));
    // The same in every release.
    let empty = parse("", Path::new("cdn.toml")).map(|document| document.version());
    assert_eq!(empty, Ok("2d06800538d3".to_owned()));
    let other = parse(&format!("{TEXT}# more\n"), Path::new("cdn.toml"));
    assert_ne!(other.map(|document| document.version()), Ok(version));
}
