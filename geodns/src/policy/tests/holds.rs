//! Whatever the CDN and its policy: the nearest is the nearest, who serves is healthy, the answer holds for
//! its scope, and memory changes nothing.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use ipnet::IpNet;
use perigee_cluster::NodeLatencies;
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{
    Network, Place, Places, Point, Zone,
    fixture::snapshot_with,
    place::{Code, Latencies},
    policy::{
        edges::{Serves, serves},
        memo::Key,
    },
};

const POPS: [&str; 3] = ["fra", "nyc", "sin"];

/// Few distinct addresses, so that networks nest, and clients are in them.
fn address(bits: u32) -> Ipv4Addr {
    let bits = bits & 0x0003_C3C3;
    Ipv4Addr::from_bits((20 << 24) | bits)
}

fn network() -> impl Strategy<Value = IpNet> {
    (any::<u32>(), 0u8..=32)
        .prop_map(|(bits, length)| IpNet::new(address(bits).into(), length).unwrap().trunc())
}

fn some<T: Clone + std::fmt::Debug + 'static>(of: Vec<T>) -> impl Strategy<Value = Vec<T>> {
    prop_oneof![3 => Just(Vec::new()), 1 => vec(select(of), 1..3)]
}

fn when() -> impl Strategy<Value = When> {
    let code = |text: &str| Code::new(text).unwrap();
    let (us, ca) = (code("US"), Code::new("CA").unwrap());
    (
        some(vec![code("EU"), code("NA")]),
        some(vec![us, code("DE")]),
        some(vec![(us, ca), (us, Code::new("TX").unwrap())]),
        some(vec![64_500, 64_501]),
        prop_oneof![2 => Just(Vec::new()), 1 => vec(network(), 1..4)],
    )
        .prop_map(
            |(continents, countries, subdivisions, asns, networks)| When {
                continents,
                countries,
                subdivisions,
                asns,
                networks,
            },
        )
}

fn rule() -> impl Strategy<Value = RuleConfig> {
    let order = select(vec![
        Order::Distance,
        Order::Latency,
        Order::Weight,
        Order::Listed,
    ]);
    let pops = proptest::sample::subsequence(POPS.to_vec(), 0..=3).prop_shuffle();
    (
        when(),
        pops,
        vec(1u32..5, 3),
        order,
        prop::bool::weighted(0.2),
    )
        .prop_map(|(when, pops, weights, order, only)| RuleConfig {
            when,
            pops: pops.into_iter().map(Into::into).zip(weights).collect(),
            order,
            only,
            ttl: None,
            answers: None,
        })
}

#[derive(Clone, Debug)]
struct Cdn {
    config: Config,
    down: Vec<String>,
    draining: Vec<String>,
    /// What the PoPs give away of their clients.
    shares: [f64; 3],
    /// The text of a latency file.
    latencies: String,
    /// What edges have measured.
    measured: Vec<(IpNet, u16, f32)>,
}

/// What PoPs that have too much to do give away.
fn shares() -> impl Strategy<Value = [f64; 3]> {
    prop::array::uniform3(prop_oneof![1 => Just(0.0), 1 => 0.0..1.0f64])
}

fn latencies() -> impl Strategy<Value = String> {
    let line = (network(), select(POPS.to_vec()), 0u32..300);
    vec(line, 0..12).prop_map(|lines| {
        // Of a network and a PoP, one line.
        let lines: std::collections::BTreeMap<_, _> = lines
            .into_iter()
            .map(|(network, pop, ms)| ((network, pop), ms))
            .collect();
        let text = |((network, pop), ms)| format!("{network},{pop},{ms}\n");
        lines.into_iter().map(text).collect()
    })
}

fn cdn() -> impl Strategy<Value = Cdn> {
    let place = (network(), -90.0..90.0f64, -180.0..180.0f64, 0usize..4);
    let edge = (any::<bool>(), any::<bool>(), 0u8..4);
    let measured = (any::<u32>(), 0u16..3, 0.0_f32..300.0);
    (
        vec(rule(), 0..5),
        vec(place, 0..8),
        vec(edge, 6),
        any::<bool>(),
        latencies(),
        vec(measured, 0..12),
    )
        .prop_map(|(rules, places, edges, rotate, latencies, measured)| {
            let mut config = with_rules(rules);
            config.services[0].rotate = rotate;
            config.networks.clear();
            for (network, latitude, longitude, pop) in places {
                let place = match POPS.get(pop) {
                    Some(pop) => Place::Pop((*pop).into()),
                    None => Place::Point(latitude, longitude),
                };
                config.networks.push(Network { network, place });
            }
            let (mut down, mut draining) = (Vec::new(), Vec::new());
            let all = config.pops.iter_mut().flat_map(|pop| &mut pop.edges);
            for (edge, (v4, v6, state)) in all.zip(edges) {
                edge.ipv4 = edge.ipv4.filter(|_| v4);
                edge.ipv6 = v6.then(|| "2001:db8::1".parse().unwrap());
                let name = edge.node.name.to_string();
                match state {
                    0 => down.push(name),
                    1 => draining.push(name),
                    _ => {}
                }
            }
            let network = |bits| NodeLatencies::network(address(bits).into());
            let mut measured: Vec<_> = measured
                .into_iter()
                .map(|(bits, pop, ms)| (network(bits), pop, ms))
                .collect();
            measured.sort_by_key(|(network, pop, _)| (*network, *pop));
            measured.dedup_by_key(|(network, pop, _)| (*network, *pop));
            Cdn {
                config,
                down,
                draining,
                shares: [0.0; 3],
                latencies,
                measured,
            }
        })
}

impl Cdn {
    /// The snapshot, with the database of regions and the latency file.
    fn snapshot(&mut self) -> Snapshot {
        let _file = regions(&mut self.config);
        let mut latencies = NamedTempFile::new().unwrap();
        latencies.write_all(self.latencies.as_bytes()).unwrap();
        self.config.place.latency_file = Some(latencies.path().to_owned());
        let down: Vec<&str> = self.down.iter().map(String::as_str).collect();
        let draining: Vec<&str> = self.draining.iter().map(String::as_str).collect();
        let mut health = fixture::health(&self.config, &down, &draining);
        for edge in &mut health {
            let pop = POPS
                .iter()
                .position(|pop| edge.node.name.as_str().starts_with(pop));
            if let Some(readiness) = &mut edge.readiness {
                readiness.spill = self.shares[pop.unwrap()];
            }
        }
        let zone = Arc::new(Zone::build(&self.config).unwrap());
        let places = Arc::new(Places::load(&self.config, None).unwrap());
        let measured = Latencies::of(self.measured.iter().copied());
        Snapshot::new(&self.config, zone, places, &health).measured(measured.into())
    }
}

fn family() -> impl Strategy<Value = Family> {
    select(vec![Family::V4, Family::V6])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_answer_holds_for_its_whole_scope(
        mut cdn in cdn(), shares in shares(), bits: u32, others in vec(any::<u32>(), 8), family in family(),
        now in 0u64..1_000_000,
    ) {
        cdn.shares = shares;
        let snapshot = cdn.snapshot();
        let ask = |address: IpAddr| {
            let client = Client::Source(address);
            choose(&snapshot, www(&snapshot), family, client, at(now), &mut Memo::none())
        };
        let client = IpAddr::from(address(bits));
        let answer = ask(client);
        prop_assert!(answer.scope <= 32);
        for other in others {
            let neighbour = mixed(client, answer.scope, Ipv4Addr::from_bits(other).into());
            prop_assert_eq!(ask(neighbour), answer, "{}", neighbour);
        }
    }

    #[test]
    fn the_answer_holds_for_its_whole_scope_in_ipv6(
        mut cdn in cdn(), shares in shares(), bits: u128, others in vec(any::<u128>(), 8),
    ) {
        cdn.shares = shares;
        let snapshot = cdn.snapshot();
        let ask = |address: IpAddr| chosen(&snapshot, Client::Subnet(address.into()));
        let client = IpAddr::from(Ipv6Addr::from_bits(bits));
        let answer = ask(client);
        prop_assert!(answer.scope <= 128);
        for other in others {
            let neighbour = mixed(client, answer.scope, Ipv6Addr::from_bits(other).into());
            prop_assert_eq!(ask(neighbour), answer);
        }
    }

    /// The first candidate that can serve does, by the best standard that any candidate meets.
    #[test]
    fn who_serves_is_as_healthy_as_any_candidate(mut cdn in cdn(), bits: u32) {
        let snapshot = cdn.snapshot();
        let client = Client::Source(address(bits).into());
        let chosen = chosen(&snapshot, client);
        let service = www(&snapshot);
        let mut facts = Facts::new(&snapshot, client);
        let all = candidates(&snapshot, &service.policy, service.seed, &mut facts);
        let serving = snapshot.standards().iter().find_map(|&standard| {
            let serves = |pop: usize| serves(&snapshot.pops[pop], Family::V4, standard) == Serves::Yes;
            let first = all.iter().find(|candidate| serves(candidate.pop))?;
            Some((first.pop, standard))
        });
        prop_assert_eq!(chosen.pop, serving.map(|(pop, _)| pop));
        if let Some((pop, standard)) = serving {
            prop_assert_eq!(chosen.reason.standard, standard);
            let good: Vec<_> = snapshot.pops[pop].edges(standard).collect();
            for address in chosen.addresses.iter() {
                let told = good.iter().any(|edge| edge.address(Family::V4) == Some(address));
                prop_assert!(told, "{} is not of a good edge", address);
            }
        }
        // No candidate is there twice, and none is missing without `only`.
        let distinct: std::collections::BTreeSet<_> = all.iter().map(|one| one.pop).collect();
        prop_assert_eq!(distinct.len(), all.len());
        let only = cdn.config.policies[0].rules.iter().any(|rule| rule.only);
        prop_assert!(only || all.len() == POPS.len());
    }

    #[test]
    fn memory_changes_nothing(
        mut cdn in cdn(), shares in shares(), asked in vec((any::<u32>(), family(), 0u64..100, 0u8..4), 1..60),
    ) {
        cdn.shares = shares;
        let snapshot = cdn.snapshot();
        let mut memo = Memo::with_slots(8);
        for (bits, family, now, kind) in asked {
            let client = match kind {
                0 => Client::Withheld,
                1 => Client::Subnet(IpNet::from(IpAddr::from(address(bits)))),
                _ => Client::Source(address(bits).into()),
            };
            let with = choose(&snapshot, www(&snapshot), family, client, at(now), &mut memo);
            let fresh = &mut Memo::none();
            let without = choose(&snapshot, www(&snapshot), family, client, at(now), fresh);
            prop_assert_eq!(with, without);
        }
    }

    #[test]
    fn what_was_of_another_snapshot_is_forgotten(mut first in cdn(), mut second in cdn(), bits: u32) {
        let (first, second) = (first.snapshot(), second.snapshot());
        let client = Client::Source(address(bits).into());
        let mut memo = Memo::with_slots(8);
        choose(&first, www(&first), Family::V4, client, at(0), &mut memo);
        memo.forget();
        let found = choose(&second, www(&second), Family::V4, client, at(0), &mut memo);
        prop_assert_eq!(found, chosen(&second, client));
    }

    #[test]
    fn the_nearest_is_nearest(
        pops in vec((-90.0..90.0f64, -180.0..180.0f64), 1..30),
        latitude in -90.0..90.0f64, longitude in -180.0..180.0f64,
    ) {
        let mut config = fixture::config();
        config.networks = vec![Network {
            network: "10.0.0.0/8".parse().unwrap(),
            place: Place::Point(latitude, longitude),
        }];
        let edge = config.pops[0].clone();
        config.pops = pops
            .iter()
            .enumerate()
            .map(|(n, &(latitude, longitude))| crate::Pop {
                name: format!("pop-{n}").as_str().into(),
                latitude,
                longitude,
                ..edge.clone()
            })
            .collect();
        let snapshot = snapshot_with(&config, &[], &[]);
        let from = Point::new(latitude, longitude).unwrap();
        let far = |pop: usize| from.distance_km(snapshot.pops[pop].point.unwrap());
        let nearest = (0..pops.len()).map(far).fold(f64::INFINITY, f64::min);
        let found = chosen(&snapshot, client("10.1.2.3")).pop.unwrap();
        prop_assert!(far(found) <= nearest + 1e-6, "{} km and {} km", far(found), nearest);
        // And so is the whole order.
        let mut facts = Facts::new(&snapshot, client("10.1.2.3"));
        let service = www(&snapshot);
        let all = candidates(&snapshot, &service.policy, service.seed, &mut facts);
        prop_assert!(all.windows(2).all(|pair| far(pair[0].pop) <= far(pair[1].pop) + 1e-6));
    }
}

/// The second time that 20,000 networks ask, nearly none is decided anew.
#[test]
fn memory_has_room_for_many_networks() {
    let snapshot = fixture::snapshot();
    let key = |number: u32| {
        let network = IpAddr::from((0x0a00_0000 + (number << 8)).to_be_bytes());
        Key::new(www(&snapshot), Family::V4, Some(network), 0)
    };
    let mut memo = Memo::new();
    for number in 0..20_000 {
        let key = key(number);
        let network = IpAddr::from((0x0a00_0000 + (number << 8)).to_be_bytes());
        let client = Client::Source(network);
        choose(
            &snapshot,
            www(&snapshot),
            Family::V4,
            client,
            at(0),
            &mut memo,
        );
        assert!(memo.get(&key).is_some());
    }
    let found = (0..20_000).filter(|&number| memo.get(&key(number)).is_some());
    let found = found.count();
    assert!(found > 19_500, "{found}");
}
