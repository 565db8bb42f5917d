//! A CDN and queries for it, for tests and benchmarks of the public `answer`.

#![allow(dead_code, reason = "each of them uses a part")]

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use perigee_geodns::{
    Asker, Config, EdgeAddress, Memo, Network, Node, Place, Places, Pop, PopName, RecordText, Role,
    Service, Snapshot, Transport, Zone, answer,
    dnssec::{Algorithm, DnssecConfig, KeyFolder, Timing},
};

/// As many networks as a large table has, each of 10.0.0.0/8 and of 24 bits or more.
pub(crate) const NETWORKS: u32 = 20_000;

/// A CDN with eight PoPs, each with four edges, that knows many networks.
pub(crate) fn snapshot() -> Snapshot {
    snapshot_of(&config(NETWORKS))
}

/// The same with few networks.
pub(crate) fn small() -> Snapshot {
    snapshot_of(&config(10))
}

/// The same, signed with a key of this algorithm.
pub(crate) fn signed(algorithm: Algorithm) -> Snapshot {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(NETWORKS);
    let keys = KeyFolder::new(folder.path(), &config.zone).unwrap();
    keys.create(algorithm, true, Timing::default()).unwrap();
    config.dnssec = Some(DnssecConfig {
        keys: folder.path().to_owned(),
        max_signatures_per_second: 1_000_000_000,
        ..DnssecConfig::default()
    });
    snapshot_of(&config).signed_as(&config, now()).unwrap()
}

fn snapshot_of(config: &Config) -> Snapshot {
    let zone = Arc::new(Zone::build(config).unwrap());
    let places = Arc::new(Places::load(config, None).unwrap());
    Snapshot::new(config, zone, places, &[])
}

pub(crate) fn config(networks: u32) -> Config {
    let mut config = Config::new("ns-1".into(), "cdn.example");
    config.services = vec![Service {
        name: "www.cdn.example".to_owned(),
        ttl: 20,
        answers: 2,
        policy: None,
        rotate: false,
    }];
    config.contents.records = vec![
        text("info", "TXT", "\"some text\""),
        text("alias", "CNAME", "www"),
        text("*.wild", "TXT", "\"any\""),
        text("child", "NS", "ns.child"),
        text("ns.child", "A", "192.0.2.99"),
        text("@", "MX", "10 info"),
    ];
    config.pops = (0..8).map(pop).collect();
    config.networks = (0..networks).map(network).collect();
    config
}

fn text(name: &str, rtype: &str, data: &str) -> RecordText {
    RecordText {
        name: name.to_owned(),
        rtype: rtype.to_owned(),
        ttl: 300,
        data: vec![data.to_owned()],
    }
}

fn pop(number: u8) -> Pop {
    let edges = (0..4).map(|edge| EdgeAddress {
        node: Node {
            name: format!("edge-{number}-{edge}").as_str().into(),
            role: Role::Edge,
            pop: Some(PopName::from(format!("pop-{number}").as_str())),
            address: (Ipv4Addr::LOCALHOST, 9).into(),
            weight: 100,
        },
        ipv4: Some(Ipv4Addr::new(192, 0, number, edge)),
        ipv6: None,
    });
    Pop {
        name: format!("pop-{number}").as_str().into(),
        latitude: f64::from(number) * 15.0 - 60.0,
        longitude: f64::from(number) * 40.0 - 160.0,
        edges: edges.collect(),
    }
}

fn network(number: u32) -> Network {
    let address = IpAddr::V4(subnet(number));
    Network {
        network: format!("{address}/24").parse().unwrap(),
        place: match number % 3 {
            0 => Place::Pop(format!("pop-{}", number % 8).as_str().into()),
            _ => Place::Point(
                f64::from(number % 170) - 85.0,
                f64::from(number % 350) - 175.0,
            ),
        },
    }
}

/// One of the networks.
pub(crate) fn subnet(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0A00_0000 | (number * 3) << 8)
}

/// A query for these labels below the zone, of this type, with OPT, and Client Subnet if there is one.
pub(crate) fn query(label: &str, rtype: u16, subnet: Option<Ipv4Addr>) -> Vec<u8> {
    let mut query = vec![0xAB, 0xCD, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in label.split('.').filter(|label| !label.is_empty()) {
        query.push(label.len() as u8);
        query.extend(label.bytes());
    }
    query.extend(b"\x03cdn\x07example\x00");
    query.extend(rtype.to_be_bytes());
    query.extend([0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0]);
    match subnet {
        None => query.extend([0, 0]),
        Some(address) => {
            query.extend([0, 11, 0, 8, 0, 7, 0, 1, 24, 0]);
            query.extend(&address.octets()[..3]);
        }
    }
    query
}

/// A query without Client Subnet, with DO.
pub(crate) fn query_do(label: &str, rtype: u16) -> Vec<u8> {
    let mut query = query(label, rtype, None);
    let flags = query.len() - 4;
    query[flags] |= 0x80;
    query
}

/// Answers over UDP, and tells the length.
pub(crate) fn ask(snapshot: &Snapshot, memo: &mut Memo, query: &[u8], out: &mut [u8]) -> usize {
    let asker = Asker {
        address: SocketAddr::from(([198, 18, 0, 1], 5_353)),
        transport: Transport::Udp,
    };
    answer(snapshot, memo, query, asker, now(), out).unwrap()
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}
