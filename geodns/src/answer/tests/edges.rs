//! Which edges of a PoP answer, by health and family.

use super::*;

#[test]
fn the_answer_has_ttl_owner_and_pop() {
    let answer = ask(
        &snapshot(),
        "wWw.CDN.example",
        RecordType::A,
        "10.49.1.0/24",
    );
    assert_eq!(answer.rcode, ResponseCode::NoError);
    assert!(answer.authoritative);
    assert_eq!(answer.pop, Some("fra".into()));
    for record in &answer.answers {
        assert_eq!(record.ttl, 20);
        assert_eq!(record.name.to_ascii(), "wWw.CDN.example.");
    }
}

#[test]
fn no_more_addresses_than_asked_for() {
    let mut config = config();
    config.services[0].answers = 1;
    let snapshot = snapshot_with(&config, &[], &[]);
    let answer = ask(&snapshot, "www.cdn.example", RecordType::A, "10.49.0.0/16");
    assert_eq!(answer.answers.len(), 1);
}

#[test]
fn edges_that_are_down_or_draining_are_left_out() {
    let config = config();
    let snapshot = snapshot_with(&config, &["fra-1"], &["nyc-2"]);
    assert_eq!(
        www(&snapshot, RecordType::A, "10.49.1.0/24").0,
        ["192.0.2.2"]
    );
    assert_eq!(
        www(&snapshot, RecordType::A, "10.1.1.0/24").0,
        ["192.0.2.11"]
    );
}

#[test]
fn when_a_pop_is_down_the_next_nearest_answers() {
    let config = config();
    let snapshot = snapshot_with(&config, &["fra-1", "fra-2"], &[]);
    assert_eq!(www(&snapshot, RecordType::A, "10.49.1.0/24").0, NYC);
    let snapshot = snapshot_with(&config, &["fra-1", "fra-2", "nyc-1", "nyc-2"], &[]);
    assert_eq!(www(&snapshot, RecordType::A, "10.49.1.0/24").0, SIN);
}

#[test]
fn a_draining_edge_is_better_than_none() {
    let config = config();
    let down = ["fra-1", "nyc-1", "nyc-2", "sin-1"];
    let snapshot = snapshot_with(&config, &down, &["fra-2", "sin-2"]);
    assert!(snapshot.believed);
    assert_eq!(
        www(&snapshot, RecordType::A, "10.49.1.0/24").0,
        ["192.0.2.2"]
    );
}

#[test]
fn when_nearly_everything_looks_down_health_is_disregarded() {
    let config = config();
    let all = ["fra-1", "fra-2", "nyc-1", "nyc-2", "sin-1", "sin-2"];
    let snapshot = snapshot_with(&config, &all[..5], &[]);
    assert!(!snapshot.believed);
    assert_eq!(www(&snapshot, RecordType::A, "10.49.1.0/24").0, FRA);
    assert_eq!(www(&snapshot, RecordType::A, "10.1.1.0/24").0, NYC);
    let snapshot = snapshot_with(&config, &all, &[]);
    assert_eq!(www(&snapshot, RecordType::A, "10.65.1.0/24").0, SIN);
}

#[test]
fn an_edge_that_said_it_drains_is_left_out_even_then() {
    let config = config();
    let down = ["fra-1", "fra-2", "nyc-1", "nyc-2", "sin-1", "sin-2"];
    let snapshot = snapshot_with(&config, &down, &["fra-1", "sin-1", "sin-2"]);
    assert!(!snapshot.believed);
    assert_eq!(
        www(&snapshot, RecordType::A, "10.49.1.0/24").0,
        ["192.0.2.2"]
    );
    assert_eq!(www(&snapshot, RecordType::A, "10.65.1.0/24").0, FRA[1..]);
    let snapshot = snapshot_with(&config, &down, &down);
    assert_eq!(www(&snapshot, RecordType::A, "10.65.1.0/24").0, SIN);
}

#[test]
fn an_edge_that_goes_moves_only_its_own_clients() {
    let mut config = config();
    let extra = config.pops[2].edges.clone();
    config.pops[0].edges.extend(extra);
    config.services[0].answers = 1;
    let before = snapshot_with(&config, &[], &[]);
    let after = snapshot_with(&config, &["fra-1"], &[]);
    let mut moved = 0;
    for third in 100..200u8 {
        let network = format!("10.{third}.0.0/16");
        let (was, _) = www(&before, RecordType::A, &network);
        let (is, _) = www(&after, RecordType::A, &network);
        if was == ["192.0.2.1"] {
            moved += 1;
            assert_ne!(is, was);
        } else {
            assert_eq!(is, was);
        }
    }
    assert!(moved > 5);
}

#[test]
fn ipv6_is_answered_for_edges_that_have_it() {
    let snapshot = snapshot();
    let fra = www(&snapshot, RecordType::AAAA, "10.49.1.0/24").0;
    assert_eq!(fra, ["2001:db8::1", "2001:db8::2"]);
    let nyc = www(&snapshot, RecordType::AAAA, "10.1.1.0/24").0;
    assert_eq!(nyc, ["2001:db8::11"]);
}

#[test]
fn a_near_pop_without_ipv6_is_nodata_and_not_a_far_pop() {
    let config = config();
    let singapore = ask(
        &snapshot(),
        "www.cdn.example",
        RecordType::AAAA,
        "10.65.1.0/24",
    );
    assert!(is_nodata(&singapore));
    // It holds for the place only: elsewhere there is IPv6.
    assert_eq!(singapore.scope, 16);
    // The same where the edge with IPv6 is down, and one without is up.
    let snapshot = snapshot_with(&config, &["nyc-1"], &[]);
    let new_york = ask(
        &snapshot,
        "www.cdn.example",
        RecordType::AAAA,
        "10.1.1.0/24",
    );
    assert!(is_nodata(&new_york));
}

#[test]
fn a_near_pop_without_ipv4_moves_a_on_to_the_next() {
    let mut config = config();
    for edge in &mut config.pops[0].edges {
        edge.ipv4 = None;
    }
    let snapshot = snapshot_with(&config, &[], &[]);
    assert_eq!(www(&snapshot, RecordType::A, "10.49.1.0/24").0, NYC);
    assert_eq!(www(&snapshot, RecordType::AAAA, "10.49.1.0/24").0.len(), 2);
}

#[test]
fn a_family_that_no_edge_has_is_nodata_for_everyone() {
    let mut config = config();
    for edge in config.pops.iter_mut().flat_map(|pop| &mut pop.edges) {
        edge.ipv6 = None;
    }
    let snapshot = snapshot_with(&config, &[], &[]);
    let answer = ask(
        &snapshot,
        "www.cdn.example",
        RecordType::AAAA,
        "10.65.1.0/24",
    );
    assert!(is_nodata(&answer));
    assert_eq!(answer.scope, 0);
}

#[test]
fn a_cdn_without_edges_is_nodata() {
    let mut config = config();
    config.pops.clear();
    let snapshot = snapshot_with(&config, &[], &[]);
    assert!(is_nodata(&ask(
        &snapshot,
        "www.cdn.example",
        RecordType::A,
        "10.49.0.0/16"
    )));
}
