use std::{cell::Cell, collections::BTreeMap};

use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::*;

/// What each node of a test can take; `None`: it is not there.
type Nodes = BTreeMap<String, (u32, Option<Standing>)>;

const QUIET: Standing = Standing {
    share: 1.0,
    load: 0,
};

fn key(i: u64) -> u64 {
    xxh3_64(&i.to_le_bytes())
}

fn ring(nodes: &Nodes) -> Ring {
    let nodes: Vec<_> = nodes
        .iter()
        .map(|(name, (weight, _))| (NodeName::from(name.as_str()), *weight))
        .collect();
    Ring::new(nodes.iter().map(|(name, weight)| (name, *weight)))
}

fn order<'r>(ring: &'r Ring, nodes: &Nodes, bound: LoadBound, key: u64) -> Vec<&'r str> {
    let standing = |name: &NodeName| nodes[name.as_str()].1;
    ring.owners_within(key, bound, standing)
        .map(NodeName::as_str)
        .collect()
}

fn owners(ring: &Ring, key: u64) -> Vec<&str> {
    ring.owners(key).map(NodeName::as_str).collect()
}

fn six(standing: impl Fn(usize) -> Option<Standing>) -> Nodes {
    (0..6)
        .map(|i| (format!("fra-{i}"), (100, standing(i))))
        .collect()
}

fn busy(load: u64) -> Option<Standing> {
    Some(Standing { share: 1.0, load })
}

/// How many requests a node may have under way, the next one included: the definition.
fn most(nodes: &Nodes, name: &str, bound: LoadBound) -> f64 {
    let there = || nodes.values().filter_map(|(w, s)| Some((*w, (*s)?)));
    let weigh = |(weight, standing): (u32, Standing)| f64::from(weight) * standing.share;
    let load: f64 = there().map(|(_, standing)| standing.load as f64).sum();
    let weight: f64 = there().map(weigh).sum();
    let (own, standing) = nodes[name];
    let part = weigh((own, standing.unwrap())) / weight;
    (bound.factor * (load + 1.0) * part)
        .ceil()
        .max(bound.floor as f64)
}

#[test]
fn in_quiet_times_the_ring_decides() {
    let nodes = six(|_| Some(QUIET));
    let ring = ring(&nodes);
    for i in 0..100 {
        let order = order(&ring, &nodes, LoadBound::default(), key(i));
        assert_eq!(order, owners(&ring, key(i)));
    }
}

#[test]
fn a_few_requests_more_are_no_overload() {
    let nodes = six(|i| busy(if i == 0 { 31 } else { 0 }));
    let ring = ring(&nodes);
    for i in 0..100 {
        let order = order(&ring, &nodes, LoadBound::default(), key(i));
        assert_eq!(order, owners(&ring, key(i)));
    }
}

#[test]
fn what_is_too_much_goes_to_the_next_on_the_ring() {
    let nodes = six(|i| busy(if i == 0 { 200 } else { 100 }));
    let ring = ring(&nodes);
    for i in 0..100 {
        let mut expected = owners(&ring, key(i));
        expected.retain(|name| *name != "fra-0");
        expected.push("fra-0");
        assert_eq!(order(&ring, &nodes, LoadBound::default(), key(i)), expected);
    }
}

#[test]
fn who_is_not_there_is_left_out() {
    let nodes = six(|i| (i % 2 == 0).then_some(QUIET));
    let of = |nodes: &Nodes| order(&ring(nodes), nodes, LoadBound::default(), key(1)).len();
    assert_eq!(of(&nodes), 3);
    assert_eq!(of(&six(|_| None)), 0);
}

/// With a whole tenth of its keys at first: those that it does not take yet are where they were
/// before it came, and it is asked for them before those who are overloaded.
#[test]
fn a_newcomer_takes_its_keys_little_by_little() {
    const KEYS: u64 = 6_000;
    let at = |share| {
        six(|i| {
            (i != 0)
                .then_some(QUIET)
                .or(Some(Standing { share, load: 0 }))
        })
    };
    let (before, ring) = (six(|i| (i != 0).then_some(QUIET)), ring(&at(1.0)));
    let mut taken = Vec::new();
    for share in [0.0, 0.1, 0.5, 1.0] {
        let nodes = at(share);
        let mut takes = 0;
        for i in 0..KEYS {
            let now = order(&ring, &nodes, LoadBound::default(), key(i));
            let was = order(&ring, &before, LoadBound::default(), key(i));
            takes += u64::from(now[0] == "fra-0");
            assert!(now[0] == "fra-0" || now[0] == was[0]);
            assert!(now.contains(&"fra-0"));
        }
        taken.push(takes as f64 / KEYS as f64 * 6.0);
    }
    for (taken, share) in taken.iter().zip([0.0, 0.1, 0.5, 1.0]) {
        assert!((taken - share).abs() < 0.12, "{taken} of {share}");
    }
}

/// Computed once with this code: nodes of two releases must agree on what a newcomer takes first.
#[test]
fn golden_vectors_of_a_newcomer() {
    let nodes = six(|_| {
        Some(Standing {
            share: 0.5,
            load: 0,
        })
    });
    let ring = ring(&nodes);
    let first: Vec<_> = (0..12)
        .map(|i| order(&ring, &nodes, LoadBound::default(), key(i))[0])
        .collect();
    assert_eq!(
        first.join(" "),
        "fra-3 fra-4 fra-3 fra-1 fra-4 fra-4 fra-5 fra-1 fra-2 fra-1 fra-0 fra-5"
    );
}

/// A PoP whose requests never end, one key of which has 30 %.
#[test]
fn no_node_ever_has_more_than_its_bound() {
    let bound = LoadBound {
        factor: 1.25,
        floor: 0,
    };
    let mut nodes = six(|_| Some(QUIET));
    nodes.get_mut("fra-5").unwrap().0 = 200;
    let ring = ring(&nodes);
    let draws = Cell::new(0);
    for i in 0..3_000 {
        draws.set(key(draws.get()));
        let asked = match draws.get() % 10 {
            0..3 => key(7),
            _ => key(draws.get() % 1000),
        };
        let owner = order(&ring, &nodes, bound, asked)[0].to_owned();
        let limit = most(&nodes, &owner, bound);
        let (_, standing) = nodes.get_mut(&owner).unwrap();
        let load = &mut standing.as_mut().unwrap().load;
        *load += 1;
        assert!(*load as f64 <= limit, "{owner} has {load} of {i}");
    }
}

fn some_nodes() -> impl Strategy<Value = Nodes> {
    let load = prop_oneof![0_u64..50, 0_u64..5_000];
    let share = prop_oneof![Just(1.0), 0.0..1.0];
    let standing = (share, load).prop_map(|(share, load)| Standing { share, load });
    let node = (1_u32..30, proptest::option::weighted(0.8, standing));
    proptest::collection::btree_map("[a-z]{2}-[0-9]", node, 1..10)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whoever is there comes, and once; who is first is below its bound; nobody before them on the
    /// ring who takes the key was.
    #[test]
    fn whatever_the_loads(
        nodes in some_nodes(),
        key: u64,
        factor in 1.05_f64..3.0,
        floor in 0_u64..100,
    ) {
        let bound = LoadBound { factor, floor };
        let ring = ring(&nodes);
        let order = order(&ring, &nodes, bound, key);
        let mut names = order.clone();
        names.sort_unstable();
        let there = nodes.iter().filter(|(_, (_, s))| s.is_some());
        prop_assert!(names.iter().copied().eq(there.map(|(name, _)| name.as_str())));

        let is_below = |name: &str| {
            let load = nodes[name].1.unwrap().load;
            (load as f64) < most(&nodes, name, bound)
        };
        let has_weight = nodes.values().any(|(_, s)| s.is_some_and(|s| s.share > 0.0));
        if let (Some(first), true) = (order.first(), has_weight) {
            prop_assert!(is_below(first));
            let owners = owners(&ring, key);
            let sooner = owners.iter().take_while(|name| *name != first);
            for name in sooner.filter(|name| nodes[**name].1.is_some_and(|s| s.share >= 1.0)) {
                prop_assert!(!is_below(name), "{} was passed over", name);
            }
        }
        let below: Vec<bool> = order.iter().map(|name| is_below(name)).collect();
        prop_assert!(below.is_sorted_by(|a, b| a >= b), "overloaded ones come last: {:?}", below);
    }

    /// A share that grows only gains keys.
    #[test]
    fn keys_come_and_do_not_go(mut nodes in some_nodes(), key: u64, less in 0.0..1.0, more in 0.0..1.0) {
        let name = nodes.keys().next().unwrap().clone();
        for (_, standing) in nodes.values_mut() {
            *standing = Some(QUIET);
        }
        let ring = ring(&nodes);
        let mut takes = |share| {
            nodes.get_mut(&name).unwrap().1 = Some(Standing { share, load: 0 });
            order(&ring, &nodes, LoadBound::default(), key)[0] == name
        };
        let (less, more) = if less < more { (less, more) } else { (more, less) };
        prop_assert!(!takes(less) || takes(more));
    }
}
