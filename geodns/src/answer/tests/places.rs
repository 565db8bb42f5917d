//! Which PoP answers, by where the client is.

use super::*;

#[test]
fn the_nearest_pop_answers() {
    let snapshot = snapshot();
    assert_eq!(www(&snapshot, RecordType::A, "10.49.1.0/24").0, FRA);
    assert_eq!(www(&snapshot, RecordType::A, "10.1.1.0/24").0, NYC);
    assert_eq!(www(&snapshot, RecordType::A, "10.65.1.0/24").0, SIN);
    assert_eq!(www(&snapshot, RecordType::A, "2001:db8:49::/56").0, FRA);
}

#[test]
fn the_resolver_stands_for_the_client() {
    let snapshot = snapshot();
    let query = question("www.cdn.example", RecordType::A);
    for source in ["10.65.0.9", "::ffff:10.65.0.9"] {
        let source = Client::Source(source.parse().unwrap());
        assert_eq!(addresses(&answer(&snapshot, &query, source, at(0))), SIN);
    }
}

#[test]
fn a_network_may_be_at_a_pop_and_the_longest_prefix_wins() {
    let snapshot = snapshot();
    assert_eq!(www(&snapshot, RecordType::A, "10.77.0.0/24").0, SIN);
    assert_eq!(www(&snapshot, RecordType::A, "10.77.7.0/24").0, NYC);
    assert_eq!(www(&snapshot, RecordType::A, "10.77.7.0/24").1, 24);
    // Beside the hole, the answer does not hold for the whole network.
    assert_eq!(www(&snapshot, RecordType::A, "10.77.6.0/24").1, 24);
    assert_eq!(www(&snapshot, RecordType::A, "10.77.128.0/24").1, 17);
}

#[test]
fn unknown_places_get_the_pops_in_the_order_of_the_configuration() {
    let mut config = config();
    let snapshot = snapshot_with(&config, &[], &[]);
    assert_eq!(www(&snapshot, RecordType::A, "203.0.113.0/24").0, FRA);
    config.pops.reverse();
    let snapshot = snapshot_with(&config, &[], &[]);
    assert_eq!(www(&snapshot, RecordType::A, "203.0.113.0/24").0, SIN);
}

#[test]
fn of_a_client_that_withholds_itself_nothing_is_used() {
    let snapshot = snapshot();
    let query = question("www.cdn.example", RecordType::A);
    let first = answer(&snapshot, &query, Client::Withheld, at(0));
    assert_eq!(addresses(&first), FRA);
    assert_eq!(first.scope, 0);
    // The order rotates, one step each TTL, and is the same within one.
    let order = |seconds| answer(&snapshot, &query, Client::Withheld, at(seconds)).answers;
    assert_eq!(order(0), order(19));
    assert!((0..40).any(|step| order(step * 20) != order(0)));
}

#[test]
fn the_order_is_stable_per_prefix_and_differs_between_prefixes() {
    let snapshot = snapshot();
    let query = question("www.cdn.example", RecordType::A);
    let first = |third: u8, now| {
        let source = Client::Source([10, third, 0, 1].into());
        answer(&snapshot, &query, source, at(now)).answers[0].clone()
    };
    let firsts: Vec<Record> = (100..140).map(|third| first(third, 0)).collect();
    let later: Vec<Record> = (100..140).map(|third| first(third, 99_999)).collect();
    assert_eq!(firsts, later);
    let to_the_first = firsts.iter().filter(|r| **r == firsts[0]).count();
    assert!((8..=32).contains(&to_the_first), "{to_the_first} of 40");
}

#[test]
fn scope_is_as_long_as_the_place_and_at_least_as_what_orders() {
    let mut config = config();
    let snapshot = snapshot_with(&config, &[], &[]);
    assert_eq!(www(&snapshot, RecordType::A, "10.49.1.0/24").1, 16);
    assert_eq!(www(&snapshot, RecordType::A, "203.0.113.0/24").1, 16);
    assert_eq!(www(&snapshot, RecordType::A, "2001:db8:49::/56").1, 48);
    assert_eq!(www(&snapshot, RecordType::A, "2a00::/24").1, 32);
    // One edge has no order: the answer holds as far as the place does.
    for pop in &mut config.pops {
        pop.edges.truncate(1);
    }
    config.networks.clear();
    let snapshot = snapshot_with(&config, &[], &[]);
    assert_eq!(www(&snapshot, RecordType::A, "203.0.113.0/24").1, 0);
}
