//! Which rules fit whom, and what comes behind them.

use super::*;
use crate::{fixture::snapshot_with, place::Code};

const EVERYBODY: &str = "203.0.113.7";

#[test]
fn without_rules_all_pops_come_by_distance() {
    let snapshot = snapshot_with(&with_rules(Vec::new()), &[], &[]);
    assert_eq!(order(&snapshot, "10.49.0.1"), ["fra", "nyc", "sin"]);
    assert_eq!(order(&snapshot, "10.65.0.1"), ["sin", "fra", "nyc"]);
    assert_eq!(order(&snapshot, EVERYBODY), ["fra", "nyc", "sin"]);
}

#[test]
fn behind_the_pops_of_a_rule_come_all_others() {
    let snapshot = snapshot_with(&with_rules(vec![named(&["sin"])]), &[], &[]);
    assert_eq!(order(&snapshot, "10.1.0.1"), ["sin", "nyc", "fra"]);
    let all = vec![named(&["sin"]), named(&["fra", "sin"])];
    let snapshot = snapshot_with(&with_rules(all), &[], &[]);
    assert_eq!(order(&snapshot, "10.1.0.1"), ["sin", "fra", "nyc"]);
}

#[test]
fn the_pops_of_a_rule_come_in_its_order() {
    let listed = RuleConfig {
        order: Order::Listed,
        ..named(&["sin", "nyc", "fra"])
    };
    let snapshot = snapshot_with(&with_rules(vec![listed]), &[], &[]);
    assert_eq!(order(&snapshot, "10.49.0.1"), ["sin", "nyc", "fra"]);
    let by_distance = named(&["sin", "nyc"]);
    let snapshot = snapshot_with(&with_rules(vec![by_distance]), &[], &[]);
    assert_eq!(order(&snapshot, "10.49.0.1"), ["nyc", "sin", "fra"]);
}

#[test]
fn failover_goes_along_the_chain() {
    let listed = RuleConfig {
        order: Order::Listed,
        ..named(&["sin", "nyc"])
    };
    let config = with_rules(vec![listed]);
    for (down, expected) in [
        (&[][..], "sin"),
        (&["sin-1"], "sin"),
        (&["sin-1", "sin-2"], "nyc"),
        (&["sin-1", "sin-2", "nyc-1", "nyc-2"], "fra"),
    ] {
        let snapshot = snapshot_with(&config, down, &[]);
        assert_eq!(pop(&snapshot, "10.49.0.1").0, expected, "{down:?}");
    }
    // A PoP whose edges drain is passed over, too.
    let snapshot = snapshot_with(&config, &[], &["sin-1", "sin-2"]);
    assert_eq!(pop(&snapshot, "10.49.0.1").0, "nyc");
}

#[test]
fn only_leaves_no_way_out() {
    let only = RuleConfig {
        only: true,
        when: in_networks(&["10.49.0.0/16"]),
        ..named(&["sin", "nyc"])
    };
    let config = with_rules(vec![only, named(&["fra"])]);
    let snapshot = snapshot_with(&config, &[], &[]);
    assert_eq!(order(&snapshot, "10.49.0.1"), ["nyc", "sin"]);
    assert_eq!(order(&snapshot, EVERYBODY)[0], "fra");
    // With all of them down they are told all the same, but not Frankfurt.
    let down = ["sin-1", "sin-2", "nyc-1", "nyc-2"];
    let snapshot = snapshot_with(&config, &down, &[]);
    assert!(snapshot.believed);
    assert_eq!(pop(&snapshot, "10.49.0.1").0, "nyc");
    assert_eq!(pop(&snapshot, EVERYBODY).0, "fra");
}

#[test]
fn networks_fit_whom_they_hold() {
    let rule = RuleConfig {
        when: in_networks(&["203.0.113.0/25", "203.0.113.128/26", "2001:db8:5::/48"]),
        ..named(&["sin"])
    };
    let mut config = with_rules(vec![rule]);
    config.networks.clear();
    for pop in &mut config.pops {
        pop.edges.truncate(1);
    }
    let snapshot = snapshot_with(&config, &[], &[]);
    for (client, expected) in [
        ("203.0.113.5", "sin"),
        ("203.0.113.191", "sin"),
        ("203.0.113.192", "fra"),
        ("2001:db8:5::1", "sin"),
        ("2001:db8:6::1", "fra"),
    ] {
        assert_eq!(pop(&snapshot, client).0, expected, "{client}");
    }
    // Scope is as long as what tells the networks from others, and no longer.
    assert_eq!(pop(&snapshot, "203.0.113.129").1, 26);
    assert_eq!(pop(&snapshot, "203.0.113.200").1, 26);
    assert_eq!(pop(&snapshot, "128.0.0.1").1, 2);
}

fn region_rules() -> Vec<RuleConfig> {
    let us = Code::new("US").unwrap();
    vec![
        RuleConfig {
            when: When {
                subdivisions: vec![(us, Code::new("CA").unwrap())],
                asns: vec![64_500],
                ..When::default()
            },
            ..named(&["sin"])
        },
        RuleConfig {
            when: When {
                countries: vec![us],
                ..When::default()
            },
            ..named(&["nyc"])
        },
        RuleConfig {
            when: When {
                continents: vec![Code::new("AS").unwrap(), Code::new("EU").unwrap()],
                ..When::default()
            },
            ..named(&["fra"])
        },
        named(&["sin"]),
    ]
}

#[test]
fn regions_and_systems_fit_all_that_is_there() {
    let mut config = with_rules(region_rules());
    let _file = regions(&mut config);
    let snapshot = snapshot_with(&config, &[], &[]);
    for (client, expected) in [
        ("20.1.1.1", "sin"),
        // Of the same state, of another system.
        ("20.1.200.1", "nyc"),
        ("20.2.0.1", "nyc"),
        // Of the same system, in another country.
        ("20.3.65.1", "fra"),
        ("20.3.1.1", "fra"),
        (EVERYBODY, "sin"),
    ] {
        assert_eq!(pop(&snapshot, client).0, expected, "{client}");
    }
    let withheld = chosen(&snapshot, Client::Withheld);
    assert_eq!(withheld.pop, Some(2));
    assert_eq!((withheld.scope, withheld.reason.rule), (0, 3));
}

#[test]
fn what_is_not_asked_for_does_not_narrow_the_scope() {
    let mut rules = region_rules();
    rules.remove(0);
    let mut config = with_rules(rules);
    config.networks.clear();
    for pop in &mut config.pops {
        pop.edges.truncate(1);
    }
    let _file = regions(&mut config);
    let snapshot = snapshot_with(&config, &[], &[]);
    // The rule names one PoP, but its distance is asked for all the same; systems are not.
    let (pop, scope) = pop(&snapshot, "20.2.0.1");
    assert_eq!((pop.as_str(), scope), ("nyc", 16));
}

#[test]
fn a_rule_may_have_its_own_ttl_and_number_of_answers() {
    let rule = RuleConfig {
        when: in_networks(&["10.49.0.0/16"]),
        ttl: Some(5),
        answers: Some(1),
        ..named(&["fra"])
    };
    let snapshot = snapshot_with(&with_rules(vec![rule]), &[], &[]);
    let own = chosen(&snapshot, client("10.49.0.1"));
    assert_eq!((own.ttl, own.addresses.iter().count()), (5, 1));
    let other = chosen(&snapshot, client("10.1.0.1"));
    assert_eq!((other.ttl, other.addresses.iter().count()), (20, 2));
}

#[test]
fn what_is_not_there_is_told() {
    let config = with_rules(vec![named(&["fra", "tyo"])]);
    let error = crate::Zone::build(&config).unwrap_err().to_string();
    assert!(error.contains("tyo") && error.contains("test"), "{error}");
    let mut config = fixture::config();
    config.services[0].policy = Some("missing".to_owned());
    let error = crate::Zone::build(&config).unwrap_err().to_string();
    assert!(error.contains("missing"), "{error}");
}

/// What was measured goes before what is guessed from the distance, and the answer holds for what
/// was looked up.
#[test]
fn latency_is_measured_or_guessed() {
    let mut config = with_rules(vec![RuleConfig {
        order: Order::Latency,
        ..named(&["fra", "nyc", "sin"])
    }]);
    let mut file = NamedTempFile::new().unwrap();
    // 10.49.0.0/16 is in Berlin: Frankfurt is guessed at 8 ms, New York at 128.
    let table = "10.49.64.0/18,sin,5\n10.49.128.0/17,fra,90\n10.49.128.0/17,nyc,80\n\
         10.49.128.0/17,sin,300\n";
    file.write_all(table.as_bytes()).unwrap();
    config.place.latency_file = Some(file.path().to_owned());
    let snapshot = fixture::snapshot_with(&config, &[], &[]);
    assert_eq!(order(&snapshot, "10.49.0.0/24"), ["fra", "nyc", "sin"]);
    assert_eq!(order(&snapshot, "10.49.64.0/24"), ["sin", "fra", "nyc"]);
    assert_eq!(order(&snapshot, "10.49.128.0/24"), ["nyc", "fra", "sin"]);
    assert_eq!(pop(&snapshot, "10.49.64.0/24"), ("sin".to_owned(), 18));
    assert_eq!(pop(&snapshot, "10.49.128.0/24"), ("nyc".to_owned(), 17));
    assert_eq!(pop(&snapshot, "10.49.0.0/24"), ("fra".to_owned(), 18));
    // Without a place, nothing but what was measured is known.
    assert_eq!(order(&snapshot, "192.0.2.0/24"), ["fra", "nyc", "sin"]);
}

/// What edges have measured goes before the guess, and what the file tells before that, PoP by PoP.
#[test]
fn edges_have_measured_what_is_not_in_the_file() {
    let mut config = with_rules(vec![RuleConfig {
        order: Order::Latency,
        ..named(&["fra", "nyc", "sin"])
    }]);
    let network = |text: &str| text.parse::<ipnet::IpNet>().unwrap();
    // 10.49.0.0/16 is in Berlin: Frankfurt is guessed at 8 ms, New York at 128.
    let measured = [
        (network("10.49.1.0/24"), 2, 3.0),
        (network("10.49.2.0/24"), 0, 60.0),
        (network("10.49.2.0/24"), 1, 50.0),
        (network("10.49.2.0/24"), 2, 40.0),
    ];
    let told = || std::sync::Arc::new(crate::Latencies::of(measured));
    let snapshot = fixture::snapshot_with(&config, &[], &[]).measured(told());
    assert_eq!(order(&snapshot, "10.49.9.0/24"), ["fra", "nyc", "sin"]);
    assert_eq!(order(&snapshot, "10.49.1.0/24"), ["sin", "fra", "nyc"]);
    assert_eq!(order(&snapshot, "10.49.2.0/24"), ["sin", "nyc", "fra"]);
    assert_eq!(pop(&snapshot, "10.49.1.0/24"), ("sin".to_owned(), 24));

    let mut file = NamedTempFile::new().unwrap();
    file.write_all(b"10.49.0.0/16,sin,500\n").unwrap();
    config.place.latency_file = Some(file.path().to_owned());
    let snapshot = fixture::snapshot_with(&config, &[], &[]).measured(told());
    assert_eq!(order(&snapshot, "10.49.1.0/24"), ["fra", "nyc", "sin"]);
    assert_eq!(order(&snapshot, "10.49.2.0/24"), ["nyc", "fra", "sin"]);
}
