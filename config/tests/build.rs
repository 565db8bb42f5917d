//! What each role gets from the file.

use std::{net::SocketAddr, path::Path, time::Duration};

use perigee_config::{AccessLog, Document, Level, parse};
use perigee_edge::{Cookies, DiskConfig, Glob, Policy, Role, Target};
use perigee_geodns::Place;

const TEXT: &str = r#"
[cdn]
secret_env = "SECRET"
[admin]
token_env = "TOKEN"
[dns]
zone = "CDN.example."
contact = "jane.doe@example.com"
ttl = "30s"
answers = 3
negative_ttl = "5m"
database = "geo/city.mmdb"
[[dns.networks]]
networks = ["10.1.0.0/16", "2001:db8::/32"]
pop = "fra"
[[dns.networks]]
networks = ["192.0.2.1"]
latitude = 1
longitude = 2.5
[dns.soa]
serial = 7
refresh = "2h"
[dns.limits]
max_udp_payload = 1400
[[pops]]
name = "fra"
latitude = 50.11
longitude = 8.68
[[pops]]
name = "nyc"
latitude = 40.71
longitude = -74.01
[[edges]]
name = "fra-1"
pop = "fra"
listen = ["0.0.0.0:80", "[2001:db8::1]:80"]
tls_listen = ["0.0.0.0:443"]
address = "203.0.113.10"
tier_address = "10.0.0.10:80"
admin = "10.0.0.10:9000"
weight = 200
[[edges]]
name = "fra-2"
pop = "fra"
listen = ["203.0.113.11:80"]
[[edges]]
name = "nyc-1"
pop = "nyc"
listen = ["203.0.113.20:80"]
[[shields]]
name = "shield-1"
listen = ["127.0.31.1:8080"]
[[geodns]]
name = "ns1"
listen = ["198.51.100.1:53"]
[[geodns]]
name = "ns2"
host = "ns.example.net"
listen = ["[2001:db8::53]:53"]
[[services]]
name = "www"
hosts = ["www.example.com", "WWW.cdn.example"]
origins = ["./public", "http://10.0.0.5:3000", { url = "https://app.example/base", host = "a.example:8443", sni = "b.example", ca = "ca.pem" }]
max_request_body = 10
[services.cache]
default_ttl = "5m"
[services.origin_limits]
max_concurrent = 7
[services.origin_pool]
fall = 9
panic_share = 0.5
[services.dns]
ttl = "10s"
[[services]]
name = "img"
origins = ["./img"]
[[certificates]]
cert = "tls/cert.pem"
key = "/etc/key.pem"
hosts = ["*.example.com"]
[storage]
memory = "1GiB"
variants_per_key = 7
[storage.disk]
path = "cache"
size = "20MiB"
[limits]
max_requests = 11
max_connections = 12
[tier]
connect_timeout = "250ms"
[ring]
load_factor = 2
[health]
fall = 4
suspect_timeout = "100ms"
slow_start = "0s"
[shutdown]
grace = "0s"
[log]
access = "logs/access.log"
level = "debug"
[reload]
check_interval = "1m"
"#;

fn document() -> Document {
    match parse(TEXT, Path::new("/etc/perigee/cdn.toml")) {
        Ok(document) => document,
        Err(problems) => panic!("{problems:#?}"),
    }
}

fn env(name: &str) -> Option<String> {
    Some(format!("{name} of sixteen bytes and more"))
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

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
fn services_and_their_origins() {
    let services = document()
        .shield("shield-1", &env)
        .expect("built")
        .tier
        .services;
    let www = &services[0];
    assert_eq!(www.hosts, ["www.cdn.example", "www.example.com"]);
    assert_eq!(www.max_request_body, 10);
    assert_eq!(www.policy.default_ttl, Duration::from_secs(300));
    assert_eq!((www.pool.thresholds.fall, www.pool.panic.0), (9, 0.5));
    assert!(
        www.origins
            .iter()
            .all(|origin| origin.limits.max_concurrent == 7)
    );
    assert_eq!(
        www.origins[0].target,
        Target::Folder("/etc/perigee/./public".into())
    );
    assert_eq!(www.origins[1].name, "http://10.0.0.5:3000");
    let Target::Url {
        base,
        host,
        sni,
        ca_file,
    } = &www.origins[2].target
    else {
        panic!("{:?}", www.origins[2]);
    };
    assert_eq!(base.to_string(), "https://app.example/base");
    assert_eq!(
        host.as_ref().map(|host| host.as_bytes()),
        Some(&b"a.example:8443"[..])
    );
    assert_eq!(sni.as_deref(), Some("b.example"));
    assert_eq!(ca_file.as_deref(), Some(Path::new("/etc/perigee/ca.pem")));
    assert_eq!(services[1].hosts, ["img.cdn.example"]);
}

#[test]
fn a_name_server() {
    let config = document().geodns("ns1", &env).expect("built");
    assert_eq!(config.zone, "cdn.example");
    assert_eq!(config.soa.rname, "jane\\.doe.example.com");
    assert_eq!(
        (config.soa.serial, config.soa.refresh, config.soa.retry),
        (7, 7_200, 900)
    );
    assert_eq!(config.soa.negative_ttl, 300);
    assert_eq!(config.limits.max_udp_payload, 1_400);
    assert_eq!(
        config.place.databases,
        [Path::new("/etc/perigee/geo/city.mmdb")]
    );
    let servers: Vec<_> = config
        .name_servers
        .iter()
        .map(|server| (server.name.as_str(), server.addresses[0].to_string()))
        .collect();
    assert_eq!(
        servers,
        [
            ("ns1.cdn.example", "198.51.100.1".to_owned()),
            ("ns.example.net", "2001:db8::53".to_owned())
        ]
    );
    let services: Vec<_> = config
        .services
        .iter()
        .map(|s| (s.name.as_str(), s.ttl, s.answers))
        .collect();
    assert_eq!(
        services,
        [("www.cdn.example", 10, 3), ("img.cdn.example", 30, 3)]
    );
    let places: Vec<_> = config
        .networks
        .iter()
        .map(|n| (n.network.to_string(), n.place.clone()))
        .collect();
    assert_eq!(
        places,
        [
            ("10.1.0.0/16".to_owned(), Place::Pop("fra".into())),
            ("2001:db8::/32".to_owned(), Place::Pop("fra".into())),
            ("192.0.2.1/32".to_owned(), Place::Point(1.0, 2.5)),
        ]
    );
}

#[test]
fn pops_and_what_clients_are_told() {
    let config = document().geodns("ns2", &env).expect("built");
    let pops: Vec<_> = config
        .pops
        .iter()
        .map(|p| (p.name.as_str(), p.edges.len()))
        .collect();
    assert_eq!(pops, [("fra", 2), ("nyc", 1)]);
    let first = &config.pops[0].edges[0];
    assert_eq!(first.ipv4, Some([203, 0, 113, 10].into()));
    assert_eq!(
        first.ipv6.map(|ip| ip.to_string()).as_deref(),
        Some("2001:db8::1")
    );
    assert_eq!(first.node.address, address("10.0.0.10:80"));
    let second = &config.pops[0].edges[1];
    assert_eq!(
        (second.ipv4, second.ipv6),
        (Some([203, 0, 113, 11].into()), None)
    );
}

#[test]
fn who_has_an_address_is_waited_for_as_long_as_it_may_be_kept() {
    let grace = |text: &str, node: &str| {
        let document = parse(text, Path::new("cdn.toml")).expect("right");
        let node = document.node(node, &env).expect("known");
        node.shutdown.grace.as_millis()
    };
    let unset = TEXT.replace("grace = \"0s\"", "");
    assert!(unset != TEXT);
    // The longest TTL of a service, an interval between probes, and a probe.
    let slow = unset.replace("fall = 4", "interval = \"2s\"\ntimeout = \"3s\"");
    assert_eq!(grace(&unset, "fra-1"), 30_000 + 1_500);
    assert_eq!(grace(&slow, "fra-1"), 30_000 + 5_000);
    assert_eq!(grace(&slow, "shield-1"), 5_000);
    assert_eq!(grace(&slow, "ns1"), 1_000);
    let only_edges = "[[pops]]\nname = \"p\"\nlatitude = 0\nlongitude = 0\n[dns]\nzone = \"a.test\"\n\
                      [[edges]]\nname = \"one\"\npop = \"p\"\nlisten = [\"127.0.0.1:1\"]\n\
                      [[services]]\nname = \"www\"\norigins = [\"http://127.0.0.1:2\"]\n";
    assert_eq!(grace(only_edges, "one"), 1_000);
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

#[test]
fn the_zones_serial_is_the_same_everywhere_and_changes_with_the_text() {
    let serial = |text: &str| {
        parse(text, Path::new("cdn.toml")).map(|d| d.geodns("ns1", &env).map(|c| c.soa.serial))
    };
    let text = TEXT.replace("serial = 7\n", "");
    assert_eq!(serial(&text), serial(&text));
    assert_ne!(serial(&text), serial(&format!("{text}#")));
}

#[test]
fn rules_take_what_they_do_not_say_from_the_service() {
    let text = r#"
[[pops]]
name = "p"
latitude = 1
longitude = 1
[[edges]]
name = "a"
pop = "p"
listen = ["127.0.0.1:1"]
[[services]]
name = "s"
hosts = ["*"]
origins = ["http://127.0.0.1:2"]
[services.cache]
targets = ["S-Cache-Control", "CDN-Cache-Control"]
max_ttl = "1d"
negative_ttl = "5s"
negative_statuses = [404, 503]
cookies = "strict"
[[services.cache.rules]]
paths = ["/static/*"]
extensions = ["css", "JS"]
ttl = "1h"
statuses = [200, 302]
cookies = "ignore"
[[services.cache.rules]]
with_headers = ["X-Preview"]
with_cookies = ["login_*"]
bypass = true
"#;
    let document = parse(text, Path::new("cdn.toml")).expect("good");
    let edge = document.edge("a", &env).expect("built");
    let service = &edge.tier.services[0];
    let policy = &service.policy;
    assert_eq!(policy.targets, ["s-cache-control", "cdn-cache-control"]);
    assert_eq!(policy.negative_ttl, Duration::from_secs(5));
    assert_eq!(policy.negative_statuses, [404, 503]);
    assert_eq!(policy.cookies, Cookies::Strict);
    assert_eq!((policy.ttl, policy.bypass), (None, false));

    let [assets, bypass] = service.rules.as_slice() else {
        panic!("{:?}", service.rules);
    };
    assert_eq!(assets.when.paths, [Glob::new("/static/*")]);
    assert_eq!(assets.when.extensions, ["css", "JS"]);
    let expected = Policy {
        ttl: Some(Duration::from_secs(3600)),
        ttl_statuses: vec![200, 302],
        cookies: Cookies::Ignore,
        ..policy.clone()
    };
    assert_eq!(assets.policy, expected);
    assert_eq!(bypass.when.headers, ["x-preview"]);
    assert_eq!(bypass.when.cookies, [Glob::new("login_*")]);
    let expected = Policy {
        bypass: true,
        ..policy.clone()
    };
    assert_eq!(bypass.policy, expected);
}

#[test]
fn the_serial_is_the_time_of_the_file_or_of_what_was_applied() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cdn.toml");
    std::fs::write(&file, TEXT.replace("serial = 7\n", "")).expect("written");
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_000_000);
    let times = std::fs::FileTimes::new().set_modified(time);
    let opened = std::fs::File::options().write(true).open(&file);
    opened.expect("opened").set_times(times).expect("set");
    let document = perigee_config::Document::load(&file).expect("good");
    let config = document.geodns("ns1", &env).expect("built");
    assert_eq!(config.soa.serial, 1_795_000_000);
    assert!(config.contents.serial_is_time);
    let applied = document.published_at(1_795_000_060);
    let config = applied.geodns("ns1", &env).expect("built");
    assert_eq!(config.soa.serial, 1_795_000_060);
}

#[test]
fn records_and_names_of_services() {
    let more = r#"
[[dns.records]]
name = "@"
type = "MX"
data = ["10 mail.example.net.", "20 mail2.example.net."]

[[services]]
name = "more"
origins = ["http://10.0.0.5:80"]
dns.names = ["@", "*.img.more"]
"#;
    let document = parse(&format!("{TEXT}{more}"), Path::new("/etc/perigee/cdn.toml"));
    let document = document.expect("good");
    let config = document.geodns("ns1", &env).expect("built");
    let names: Vec<&str> = config.services.iter().map(|s| s.name.as_str()).collect();
    assert!(
        names.ends_with(&["cdn.example", "*.img.more.cdn.example"]),
        "{names:?}"
    );
    let [mx] = &config.contents.records[..] else {
        panic!("{:?}", config.contents);
    };
    assert_eq!((mx.rtype.as_str(), mx.ttl, mx.data.len()), ("MX", 3_600, 2));
    let services = document.services();
    let hosts = &services.last().expect("a service").hosts;
    assert_eq!(*hosts, ["cdn.example", "*.img.more.cdn.example"]);
}
