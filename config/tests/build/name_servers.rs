//! Name servers, places and the zone.

use std::path::Path;

use perigee_config::parse;
use perigee_geodns::Place;

use super::{TEXT, address, document, env};

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
fn the_zones_serial_is_the_same_everywhere_and_changes_with_the_text() {
    let serial = |text: &str| {
        parse(text, Path::new("cdn.toml")).map(|d| d.geodns("ns1", &env).map(|c| c.soa.serial))
    };
    let text = TEXT.replace("serial = 7\n", "");
    assert_eq!(serial(&text), serial(&text));
    assert_ne!(serial(&text), serial(&format!("{text}#")));
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
