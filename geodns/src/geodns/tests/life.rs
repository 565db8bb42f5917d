//! Start, reload, status, shutdown.

use std::{fs, time::SystemTime};

use super::*;
use crate::{RecordText, build_database};

const TABLE: &str = "203.0.113.0/24,1.3,103.8,AS,SG,Singapore\n";
const OTHER_TABLE: &str = "203.0.113.0/24,40.7,-74.0,NA,US,New York\n";
const CLIENT: &str = "203.0.113.0/24";
const NYC: [&str; 2] = ["192.0.2.11", "192.0.2.12"];
const SIN: [&str; 2] = ["192.0.2.21", "192.0.2.22"];

fn start_error(config: Config) -> String {
    let error = GeoDns::start(config, trust(), &mut Registry::default(), None);
    error.unwrap_err().to_string()
}

#[tokio::test]
async fn a_taken_port_is_named_with_what_to_do() {
    let geodns = start(fixture::config());
    let mut config = fixture::config();
    config.listen = geodns.addresses();
    let error = start_error(config);
    assert!(error.contains(&server(&geodns).to_string()), "{error}");
    assert!(error.contains("another program has it"), "{error}");
}

#[tokio::test]
async fn a_port_that_only_udp_has_taken_is_named_too() {
    // An address of its own: on 127.0.0.1 another test may have the same number over TCP.
    let taken = std::net::UdpSocket::bind("127.0.0.3:0").unwrap();
    let mut config = fixture::config();
    config.listen = vec![taken.local_addr().unwrap()];
    let error = start_error(config);
    assert!(error.contains("(UDP): another program has it"), "{error}");
}

#[tokio::test]
async fn an_address_of_another_machine_is_named() {
    let mut config = fixture::config();
    config.listen = vec!["192.0.2.1:0".parse().unwrap()];
    let error = start_error(config);
    assert!(
        error.contains("this machine has no such address"),
        "{error}"
    );
}

#[tokio::test]
async fn several_addresses_answer() {
    let mut config = fixture::config();
    config.listen.push("127.0.0.2:0".parse().unwrap());
    let geodns = start(config);
    for address in geodns.addresses() {
        for tcp in [false, true] {
            let response = query(address, "www.cdn.example", "A", None, PATIENCE, tcp).await;
            assert_eq!(response.unwrap().answers.len(), 2);
        }
    }
}

/// It may hold a database: a thread that nobody asks must not keep it.
#[tokio::test]
async fn what_has_been_replaced_is_let_go_while_nobody_asks() {
    let geodns = start(fixture::config());
    for tcp in [false, true] {
        let response = query(server(&geodns), "www.cdn.example", "A", None, PATIENCE, tcp).await;
        assert_eq!(response.unwrap().answers.len(), 2);
    }
    let old = Arc::downgrade(&geodns.shared.snapshot.load_full());
    reload(&geodns, fixture::config()).unwrap();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while old.strong_count() > 0 {
        assert!(tokio::time::Instant::now() < deadline, "it is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_missing_or_broken_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = fixture::config();
    config.place.databases = vec![folder.path().join("missing.mmdb")];
    let error = start_error(config.clone());
    assert!(
        error.contains("missing.mmdb") && error.contains("No such file"),
        "{error}"
    );

    let broken = folder.path().join("broken.mmdb");
    fs::write(&broken, "not a database").unwrap();
    config.place.databases = vec![broken.clone()];
    let error = start_error(config.clone());
    assert!(error.contains("broken.mmdb"), "{error}");
    assert!(error.contains("not a MaxMind database"), "{error}");

    let whole = build_database(TABLE).unwrap();
    fs::write(&broken, &whole[..whole.len() / 2]).unwrap();
    assert!(start_error(config).contains("broken.mmdb"));
}

#[tokio::test]
async fn a_zone_that_cannot_be_served_says_why() {
    let mut config = fixture::config();
    config.services[0].name = "www.elsewhere.example".to_owned();
    let error = start_error(config);
    assert!(error.contains("not inside the zone"), "{error}");

    let mut config = fixture::config();
    config.services[1].name = "WWW.cdn.example".to_owned();
    assert!(start_error(config).contains("twice"));

    let mut config = fixture::config();
    config.zone = "cdn..example".to_owned();
    assert!(start_error(config).contains("\"cdn..example\""));

    let mut config = fixture::config();
    config.name_servers.clear();
    assert!(start_error(config).contains("at least one name server"));
}

#[tokio::test]
async fn the_database_places_clients_and_is_reloaded_when_its_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("places.mmdb");
    fs::write(&path, build_database(TABLE).unwrap()).unwrap();
    let mut config = fixture::config();
    config.place.databases = vec![path.clone()];
    let mut registry = Registry::default();
    let geodns = GeoDns::start(config.clone(), trust(), &mut registry, None).unwrap();
    let broken_files = || {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let name = "perigee_dns_broken_place_files ";
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map(ToOwned::to_owned)
    };
    assert_eq!(broken_files().as_deref(), Some("0"));
    assert_eq!(addresses(&geodns, CLIENT).await, SIN);
    let status = geodns.status();
    assert!(status.databases[0].ends_with("places.mmdb"));
    let response = ask(&geodns, "www.cdn.example", "A", network(CLIENT)).await;
    assert_eq!(response.scope, Some(24));

    // A broken file is refused, and the old one goes on serving; the rest of the configuration is
    // not held up by it.
    fs::write(&path, "broken").unwrap();
    config.soa.serial += 1;
    reload(&geodns, config.clone()).unwrap();
    let problems = geodns.status().problems;
    assert!(problems[0].contains("places.mmdb"), "{problems:?}");
    assert_eq!(broken_files().as_deref(), Some("1"));
    assert_eq!(addresses(&geodns, CLIENT).await, SIN);
    assert_eq!(geodns.status().serial, 8);
    // Nor does it start to serve when it is looked at once more.
    reload(&geodns, config.clone()).unwrap();
    assert_eq!(geodns.status().problems.len(), 1);

    fs::write(&path, build_database(OTHER_TABLE).unwrap()).unwrap();
    reload(&geodns, config).unwrap();
    assert_eq!(addresses(&geodns, CLIENT).await, NYC);
    assert_eq!(geodns.status().problems, [""; 0]);
    assert_eq!(broken_files().as_deref(), Some("0"));
}

#[tokio::test]
async fn an_unchanged_database_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("places.mmdb");
    fs::write(&path, build_database(TABLE).unwrap()).unwrap();
    let mut config = fixture::config();
    config.place.databases = vec![path.clone()];
    let geodns = start(config.clone());
    let before = geodns.shared.state().places.databases()[0].clone();
    reload(&geodns, config.clone()).unwrap();
    let after = geodns.shared.state().places.databases()[0].clone();
    assert!(Arc::ptr_eq(&before, &after));
    // Same bytes, other time.
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    reload(&geodns, config).unwrap();
    let later = geodns.shared.state().places.databases()[0].clone();
    assert!(!Arc::ptr_eq(&before, &later));
}

#[tokio::test]
async fn reload_is_all_or_nothing() {
    let geodns = start(fixture::config());
    let mut bad = fixture::config();
    bad.services[0].name = "new.cdn.example".to_owned();
    bad.zone = String::new();
    assert!(reload(&geodns, bad).is_err());
    let mut moved = fixture::config();
    moved.services[0].name = "new.cdn.example".to_owned();
    moved.listen = vec!["127.0.0.1:5353".parse().unwrap()];
    let error = reload(&geodns, moved).unwrap_err().to_string();
    assert!(error.contains("restart"), "{error}");
    let new = ask(&geodns, "new.cdn.example", "A", None).await;
    assert_eq!(new.rcode, "NXDOMAIN");

    let mut good = fixture::config();
    good.services[0].name = "new.cdn.example".to_owned();
    good.version = "2".to_owned();
    reload(&geodns, good).unwrap();
    assert_eq!(geodns.status().config_version, "2");
    let new = ask(&geodns, "new.cdn.example", "A", None).await;
    assert_eq!((new.rcode.as_str(), new.answers.len()), ("NOERROR", 2));
    let old = ask(&geodns, "www.cdn.example", "A", None).await;
    assert_eq!(old.rcode, "NXDOMAIN");
    assert_eq!(old.authority[0].rtype, "SOA");
    assert_eq!(old.authority[0].ttl, 60);
}

#[tokio::test]
async fn shutdown_gives_the_addresses_back() {
    let geodns = start(fixture::config());
    let address = server(&geodns);
    assert_eq!(addresses(&geodns, "10.49.0.0/16").await.len(), 2);
    // Connections over TCP that ask nothing do not hold it up.
    let idle = tokio::net::TcpStream::connect(address).await.unwrap();
    tokio::time::timeout(PATIENCE, geodns.shutdown())
        .await
        .unwrap();
    let ended = idle.readable().await;
    assert!(ended.is_ok() && !matches!(idle.try_read(&mut [0; 1]), Ok(1..)));
    let gone = query(
        address,
        "www.cdn.example",
        "A",
        None,
        Duration::from_millis(100),
        false,
    );
    assert!(gone.await.is_err());
    let mut config = fixture::config();
    config.listen = vec![address];
    let again = start(config);
    assert_eq!(addresses(&again, "10.49.0.0/16").await.len(), 2);
}

#[tokio::test]
async fn what_is_counted() {
    let mut registry = Registry::default();
    let geodns = GeoDns::start(fixture::config(), trust(), &mut registry, None).unwrap();
    addresses(&geodns, "10.65.0.0/16").await;
    ask(&geodns, "nothing.cdn.example", "AAAA", None).await;
    ask(&geodns, "elsewhere.example", "CAA", None).await;
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        "perigee_dns_queries_total{type=\"A\",rcode=\"NOERROR\",transport=\"udp\"} 1",
        "perigee_dns_queries_total{type=\"AAAA\",rcode=\"NXDOMAIN\",transport=\"udp\"} 1",
        "perigee_dns_queries_total{type=\"other\",rcode=\"REFUSED\",transport=\"udp\"} 1",
        "perigee_dns_answers_total{service=\"www.cdn.example\",policy=\"nearest\",pop=\"sin\"} 1",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[tokio::test]
async fn explain_says_what_query_gets() {
    let mut config = fixture::config();
    let alias = |name: &str, target: &str| RecordText {
        name: name.to_owned(),
        rtype: "CNAME".to_owned(),
        ttl: 60,
        data: vec![target.to_owned()],
    };
    config.contents.records = vec![
        alias("alias", "www"),
        alias("away", "www.example.net."),
        alias("circle", "circle"),
    ];
    let geodns = start(config);
    let client = "10.77.7.0/24";
    let explanation = geodns.explain("www.CDN.example", client.parse().unwrap());
    let json = serde_json::to_value(&explanation).unwrap();
    assert_eq!(json["kind"], "service");
    assert_eq!(json["found_by"], "network");
    assert_eq!(json["network"], "10.77.7.0/24");
    assert_eq!(json["candidates"][0]["pop"], "nyc");
    assert_eq!(json["candidates"][0]["distance_km"], 0.0);
    assert_eq!(json["a"]["pop"], "nyc");
    assert_eq!(json["a"]["scope"], 24);
    let answered = ask(&geodns, "www.cdn.example", "A", network(client)).await;
    let answered: Vec<&str> = answered.answers.iter().map(|r| r.data.as_str()).collect();
    assert_eq!(json["a"]["addresses"], serde_json::json!(answered));

    let alias = geodns.explain("alias.cdn.example", client.parse().unwrap());
    assert_eq!(
        alias.kind,
        "an alias of www.cdn.example.; that is a service"
    );
    assert_eq!(alias.a, explanation.a);
    let kind = |name| geodns.explain(name, client.parse().unwrap()).kind;
    assert_eq!(
        kind("away.cdn.example"),
        "an alias of www.example.net.; that is outside the zone"
    );
    assert_eq!(kind("circle.cdn.example"), "an alias that leads nowhere");
    let other = geodns.explain("nothing.cdn.example", client.parse().unwrap());
    assert_eq!(other.kind, "not in the zone: NXDOMAIN");
    assert_eq!(other.a, None);
    let withheld = geodns.explain("www.cdn.example", "0.0.0.0/0".parse().unwrap());
    assert_eq!(withheld.found_by, "unknown");
    assert_eq!(withheld.candidates[0].distance_km, None);
}

/// Of several databases it is told which one knew.
#[tokio::test]
async fn explain_names_the_database_that_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = fixture::config();
    for (name, table) in [
        ("one.mmdb", TABLE),
        ("two.mmdb", "198.51.100.0/24,40.7,-74.0,NA,US,New York\n"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, build_database(table).unwrap()).unwrap();
        config.place.databases.push(path);
    }
    let geodns = start(config);
    for (client, place, region, by) in [
        (CLIENT, "1.30, 103.80", "AS SG", "one.mmdb"),
        ("198.51.100.0/24", "40.70, -74.00", "NA US", "two.mmdb"),
    ] {
        let explanation = geodns.explain("www.cdn.example", client.parse().unwrap());
        assert_eq!(explanation.found_by, "database");
        let path = folder.path().join(by);
        let by = format!(", by the database {}", path.display());
        let found: Vec<_> = explanation.looked_up.iter().map(|l| &l.found).collect();
        assert_eq!(*found[0], format!("{place}{by}"));
        assert_eq!(*found[1], format!("{region}{by}"));
        assert_eq!(found[2], "not known");
    }
    let nobody = geodns.explain("www.cdn.example", "192.0.2.0/24".parse().unwrap());
    let found: Vec<_> = nobody.looked_up.iter().map(|l| &*l.found).collect();
    assert_eq!(
        found,
        ["not known", "not known", "not known", "not measured"]
    );
}

#[tokio::test]
async fn query_errors_say_what_is_wrong() {
    let geodns = start(fixture::config());
    let ask = |name, rtype| query(server(&geodns), name, rtype, None, PATIENCE, false);
    let error = ask("www.cdn.example", "NONSENSE").await.unwrap_err();
    assert!(error.to_string().contains("NONSENSE"), "{error}");
    for name in ["a..b", ".a"] {
        let error = ask(name, "A").await.unwrap_err().to_string();
        let says = format!("{name:?} is not a domain name: a label of it is empty");
        assert_eq!(error, says);
    }
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let wait = Duration::from_millis(50);
    let error = query(address, "a.example", "A", None, wait, false)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("no answer within 50ms"),
        "{error}"
    );
}
