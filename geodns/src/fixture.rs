//! A CDN for tests: three PoPs with two edges each, and networks that are near them.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use perigee_cluster::{Node, NodeHealth, PopName, Readiness, Role, ViewConfig};
use perigee_health::PanicShare;

use crate::{
    Config, EdgeAddress, Limits, LoadConfig, NameServer, Network, Place, PlaceConfig, Places, Pop,
    Service, Snapshot, Soa, Zone,
};

/// Frankfurt has both families on both edges, New York on one, Singapore only IPv4.
pub(crate) fn config() -> Config {
    Config {
        node: "ns-1".into(),
        version: "1".to_owned(),
        listen: vec![(Ipv4Addr::LOCALHOST, 0).into()],
        zone: "cdn.example".to_owned(),
        soa: Soa {
            rname: "hostmaster.cdn.example".to_owned(),
            serial: 7,
            refresh: 3_600,
            retry: 600,
            expire: 86_400,
            negative_ttl: 60,
        },
        name_servers: vec![
            NameServer {
                name: "ns1.cdn.example".to_owned(),
                addresses: vec![
                    "192.0.2.53".parse().unwrap(),
                    "2001:db8::53".parse().unwrap(),
                ],
            },
            NameServer {
                name: "ns.elsewhere.example".to_owned(),
                addresses: vec!["192.0.2.54".parse().unwrap()],
            },
        ],
        services: vec![service("www.cdn.example"), service("deep.down.cdn.example")],
        pops: vec![
            pop("fra", 50.1, 8.7, [("fra-1", 1, true), ("fra-2", 2, true)]),
            pop(
                "nyc",
                40.7,
                -74.0,
                [("nyc-1", 11, true), ("nyc-2", 12, false)],
            ),
            pop(
                "sin",
                1.3,
                103.8,
                [("sin-1", 21, false), ("sin-2", 22, false)],
            ),
        ],
        policies: Vec::new(),
        networks: vec![
            at_point("10.49.0.0/16", 52.5, 13.4),
            at_point("10.1.0.0/16", 39.0, -77.5),
            at_point("10.65.0.0/16", 3.1, 101.7),
            at_point("2001:db8:49::/48", 52.5, 13.4),
            at_pop("10.77.0.0/16", "sin"),
            at_pop("10.77.7.0/24", "nyc"),
        ],
        place: PlaceConfig::default(),
        // One probe, which is not enough to change an opinion.
        view: ViewConfig {
            interval: Duration::from_secs(3_600),
            timeout: Duration::from_millis(500),
            panic: PanicShare(0.25),
            ..ViewConfig::default()
        },
        nsid: false,
        query_log: Default::default(),
        load: LoadConfig::default(),
        limits: Limits::default(),
        measure: crate::MeasureConfig::default(),
        contents: crate::Contents::default(),
        dnssec: None,
        encrypted: crate::Encrypted::default(),
        guard: crate::GuardConfig::default(),
    }
}

pub(crate) fn service(name: &str) -> Service {
    Service {
        name: name.to_owned(),
        ttl: 20,
        answers: 2,
        policy: None,
        rotate: false,
    }
}

pub(crate) fn pop<const N: usize>(
    name: &str,
    latitude: f64,
    longitude: f64,
    edges: [(&str, u8, bool); N],
) -> Pop {
    let edges = edges.map(|(edge, number, has_ipv6)| EdgeAddress {
        node: Node {
            name: edge.into(),
            role: Role::Edge,
            pop: Some(PopName::from(name)),
            address: (Ipv4Addr::new(127, 0, 0, number), 9).into(),
            weight: 100,
        },
        ipv4: Some(Ipv4Addr::new(192, 0, 2, number)),
        ipv6: has_ipv6.then(|| format!("2001:db8::{number}").parse().unwrap()),
    });
    Pop {
        name: name.into(),
        latitude,
        longitude,
        edges: edges.into(),
    }
}

fn at_point(network: &str, latitude: f64, longitude: f64) -> Network {
    Network {
        network: network.parse().unwrap(),
        place: Place::Point(latitude, longitude),
    }
}

fn at_pop(network: &str, pop: &str) -> Network {
    Network {
        network: network.parse().unwrap(),
        place: Place::Pop(pop.into()),
    }
}

/// The health of the edges of `config`, of which these are down and these drain, or did before they
/// went down.
pub(crate) fn health(config: &Config, down: &[&str], draining: &[&str]) -> Vec<NodeHealth> {
    let edges = config.pops.iter().flat_map(|pop| &pop.edges);
    edges
        .map(|edge| {
            let name = edge.node.name.as_str();
            let up = !down.contains(&name);
            NodeHealth {
                node: edge.node.clone(),
                up,
                readiness: (up || draining.contains(&name)).then(|| Readiness {
                    node: name.to_owned(),
                    draining: draining.contains(&name),
                    load: 0.5,
                    config_version: "1".to_owned(),
                    purge_revision: 0,
                    ..Readiness::default()
                }),
                error: (!up).then(|| "connection refused".to_owned()),
                latency: None,
            }
        })
        .collect()
}

pub(crate) fn snapshot_with(config: &Config, down: &[&str], draining: &[&str]) -> Snapshot {
    let zone = Arc::new(Zone::build(config).unwrap());
    let places = Arc::new(Places::load(config, None).unwrap());
    Snapshot::new(config, zone, places, &health(config, down, draining))
}

pub(crate) fn snapshot() -> Snapshot {
    snapshot_with(&config(), &[], &[])
}
