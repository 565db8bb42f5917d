//! Weights, and the order of edges.

use std::collections::BTreeMap;

use super::*;
use crate::fixture::snapshot_with;

/// The 24-bit networks that the shares are counted over.
fn networks() -> impl Iterator<Item = Client> {
    let network = |n: u32| std::net::Ipv4Addr::from_bits((11 << 24) + (n << 8));
    (0..40_000).map(move |n| Client::Source(network(n).into()))
}

/// How many of the networks get each PoP, as a share.
fn shares(snapshot: &Snapshot) -> BTreeMap<usize, f64> {
    let mut counted = BTreeMap::new();
    let mut all = 0.0;
    for network in networks() {
        *counted
            .entry(chosen(snapshot, network).pop.unwrap())
            .or_insert(0.0) += 1.0;
        all += 1.0;
    }
    counted.values_mut().for_each(|count| *count /= all);
    counted
}

fn by_weight(pops: &[(&str, u32)]) -> Config {
    with_rules(vec![RuleConfig {
        order: Order::Weight,
        ..weighted(pops)
    }])
}

#[track_caller]
fn near(share: f64, expected: f64) {
    assert!((share - expected).abs() < 0.02, "{share} is not {expected}");
}

#[test]
fn weights_are_kept_and_what_fails_is_shared_out_by_them() {
    let config = by_weight(&[("fra", 5), ("nyc", 3), ("sin", 2)]);
    let whole = snapshot_with(&config, &[], &[]);
    let found = shares(&whole);
    near(found[&0], 0.5);
    near(found[&1], 0.3);
    near(found[&2], 0.2);
    let without = snapshot_with(&config, &["fra-1", "fra-2"], &[]);
    let found = shares(&without);
    near(found[&1], 0.6);
    near(found[&2], 0.4);
    // Only those move whose PoP failed.
    for network in networks().take(4_000) {
        let (before, after) = (chosen(&whole, network), chosen(&without, network));
        assert!(before.pop == Some(0) || before.pop == after.pop);
    }
}

#[test]
fn a_weight_far_smaller_than_another_still_gets_its_share() {
    let snapshot = snapshot_with(&by_weight(&[("fra", 97), ("nyc", 3)]), &[], &[]);
    let found = shares(&snapshot);
    near(found[&1], 0.03);
    assert!(found[&1] > 0.02, "{found:?}");
}

#[test]
fn all_of_a_network_get_the_same_pop_at_all_times() {
    let snapshot = snapshot_with(&by_weight(&[("fra", 1), ("nyc", 1)]), &[], &[]);
    for network in networks().take(100) {
        let address = network.address().unwrap();
        let first = chosen(&snapshot, network);
        assert_eq!(first.scope, 24);
        let service = www(&snapshot);
        let last = mixed(address, 24, "255.255.255.255".parse().unwrap());
        let last = Client::Source(last);
        let later = choose(
            &snapshot,
            service,
            Family::V4,
            last,
            at(1 << 30),
            &mut Memo::none(),
        );
        assert_eq!(first.pop, later.pop);
    }
}

#[test]
fn services_draw_by_themselves() {
    let mut config = by_weight(&[("fra", 1), ("nyc", 1)]);
    config.services[1].policy = Some("test".to_owned());
    let snapshot = snapshot_with(&config, &[], &[]);
    let name: perigee_dns_wire::Name = "deep.down.cdn.example".parse().unwrap();
    let Found::Node { node, .. } = snapshot.zone.lookup(&name) else {
        panic!("it is there");
    };
    let other = node.service.as_ref().unwrap();
    let same = networks().take(1_000).filter(|&network| {
        let memo = &mut Memo::none();
        let other = choose(&snapshot, other, Family::V4, network, at(0), memo);
        chosen(&snapshot, network).pop == other.pop
    });
    assert!((400..600).contains(&same.count()));
}

#[test]
fn those_who_withhold_themselves_take_turns() {
    let snapshot = snapshot_with(&by_weight(&[("fra", 1), ("nyc", 1)]), &[], &[]);
    let service = www(&snapshot);
    let ask = |now| {
        let memo = &mut Memo::none();
        choose(
            &snapshot,
            service,
            Family::V4,
            Client::Withheld,
            at(now),
            memo,
        )
    };
    assert_eq!(ask(0), ask(19));
    let to_the_first = (0..200)
        .filter(|turn| ask(turn * 20).pop == Some(0))
        .count();
    assert!((60..140).contains(&to_the_first), "{to_the_first}");
}

#[test]
fn addresses_rotate_where_that_is_wanted() {
    let mut config = fixture::config();
    config.services[0].rotate = true;
    let snapshot = snapshot_with(&config, &[], &[]);
    let service = www(&snapshot);
    let mut memo = Memo::new();
    let mut ask = |now| {
        let client = client("10.49.0.1");
        choose(&snapshot, service, Family::V4, client, at(now), &mut memo)
    };
    assert_eq!(ask(0), ask(19));
    let firsts: Vec<IpAddr> = (0..200)
        .filter_map(|turn| ask(turn * 20).addresses.iter().next())
        .collect();
    let same = firsts.iter().filter(|first| **first == firsts[0]).count();
    assert!((60..140).contains(&same), "{same}");
}

fn told(snapshot: &Snapshot) -> Vec<IpAddr> {
    chosen(snapshot, client("10.49.0.1"))
        .addresses
        .iter()
        .collect()
}

#[test]
fn most_addresses_are_told_in_one_answer_and_no_more() {
    let mut config = fixture::config();
    let edge = config.pops[0].edges[0].clone();
    config.pops[0].edges = (0..40)
        .map(|n| {
            let mut edge = edge.clone();
            edge.node.name = format!("fra-{n}").as_str().into();
            edge.ipv4 = Some([192, 0, 2, n].into());
            edge
        })
        .collect();
    for (answers, expected) in [(1, 1), (16, 16), (100, 16)] {
        config.services[0].answers = answers;
        let snapshot = snapshot_with(&config, &[], &[]);
        let addresses = told(&snapshot);
        let distinct: std::collections::BTreeSet<_> = addresses.iter().collect();
        assert_eq!((addresses.len(), distinct.len()), (expected, expected));
    }
    // Fewer are the first ones of more.
    config.services[0].answers = 16;
    let many = told(&snapshot_with(&config, &[], &[]));
    config.services[0].answers = 3;
    let few = told(&snapshot_with(&config, &[], &[]));
    assert_eq!(many[..3], few[..]);
}
