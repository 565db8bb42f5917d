//! Names that are there, made by wildcards, given to others, or missing.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// What a lookup finds, for people.
fn found(zone: &Zone, name: &str) -> String {
    said(zone.lookup(&wire(name)))
}

fn said(found: Found<'_>) -> String {
    match found {
        Found::Outside => "outside".to_owned(),
        Found::Missing => "missing".to_owned(),
        Found::Delegated(cut) => format!("cut {}", cut.name),
        Found::Node {
            node,
            wildcard: Some(wildcard),
        } => {
            assert_eq!(node.name, *wildcard);
            format!("made by {wildcard}")
        }
        Found::Node { node, .. } if node.is_empty_non_terminal() => "empty".to_owned(),
        Found::Node { node, .. } => node.name.to_string(),
    }
}

/// The zone of RFC 4592 section 2.2.1, in a zone of another name.
fn rfc4592() -> Zone {
    let mut config = with(&[
        "*.example TXT this-is-a-wildcard",
        "sub.*.example TXT this-is-not-a-wildcard",
        "host1.example A 192.0.2.1",
        "_ssh._tcp.host1.example SRV 0 0 22 host1",
        "_ssh._tcp.host2.example SRV 0 0 22 host2",
        "subdel.example NS ns.example.com.",
        "subdel.example NS ns.example.net.",
    ]);
    config.services.clear();
    Zone::build(&config).unwrap()
}

#[test]
fn the_examples_of_rfc_4592() {
    let zone = rfc4592();
    let wildcard = "made by *.example.cdn.example.";
    for (name, expected) in [
        ("host3.example", wildcard),
        ("foo.bar.example", wildcard),
        ("host1.example", "host1.example.cdn.example."),
        ("sub.*.example", "sub.*.example.cdn.example."),
        // The wildcard itself is a name like others.
        ("*.example", "*.example.cdn.example."),
        // The closest encloser is there, and is no parent of a wildcard.
        ("_telnet._tcp.host1.example", "missing"),
        ("host.subdel.example", "cut subdel.example.cdn.example."),
        ("subdel.example", "cut subdel.example.cdn.example."),
        ("ghost.*.example", "missing"),
        // Empty non-terminals are there.
        ("host2.example", "empty"),
        ("_tcp.host1.example", "empty"),
        ("a.host2.example", "missing"),
        ("example", "empty"),
        ("", "cdn.example."),
    ] {
        let whole = match name {
            "" => "cdn.example".to_owned(),
            name => format!("{name}.cdn.example"),
        };
        assert_eq!(found(&zone, &whole), expected, "{name}");
    }
}

#[test]
fn what_is_not_below_the_apex_is_outside() {
    let zone = rfc4592();
    for name in [
        "example",
        ".",
        "cdn.example.com",
        "xcdn.example",
        // Ends in the octets of the apex, but not in its labels.
        "x\\003cdn.example",
        "x\\003cdn\\007example",
    ] {
        assert_eq!(found(&zone, name), "outside", "{name}");
    }
    let deepest = "a.".repeat(120) + "cdn.example";
    assert_eq!(found(&zone, &deepest), "missing");
    assert_eq!(found(&zone, &"a.".repeat(127)), "outside");
}

#[test]
fn a_delegation_has_the_addresses_that_nobody_else_could_tell() {
    let zone = Zone::build(&with(&[
        "sub NS ns.sub",
        "sub NS ns.other",
        "sub NS outside.example.",
        "sub DS 60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
        "ns.sub A 192.0.2.7",
        "ns.sub AAAA 2001:db8::7",
        "other NS ns.other",
        "ns.other A 192.0.2.8",
    ]))
    .unwrap();
    let Found::Delegated(cut) = zone.lookup(&wire("deep.ns.sub.cdn.example")) else {
        panic!("no cut");
    };
    assert_eq!(cut.ns.rdata().len(), 3);
    assert!(cut.ds.is_some());
    let glue: Vec<(String, u16)> = cut
        .glue
        .iter()
        .map(|(name, set)| (name.to_string(), set.rtype))
        .collect();
    assert_eq!(
        glue,
        [
            ("ns.sub.cdn.example.".to_owned(), rtype::A),
            ("ns.sub.cdn.example.".to_owned(), rtype::AAAA),
            ("ns.other.cdn.example.".to_owned(), rtype::A),
        ]
    );
    assert_eq!(found(&zone, "ns.sub.cdn.example"), "cut sub.cdn.example.");
}

#[test]
fn a_service_may_be_a_wildcard_or_the_apex() {
    let mut config = with(&["@ MX 10 mail.example.net.", "*.img TXT hello"]);
    config.services = vec![service("cdn.example"), service("*.img.cdn.example")];
    let zone = Zone::build(&config).unwrap();
    assert!(zone.apex().service.is_some());
    assert!(zone.apex().rrset(rtype::MX).is_some());
    let Found::Node { node, wildcard } = zone.lookup(&wire("a.b.img.cdn.example")) else {
        panic!("not made");
    };
    assert!(node.service.is_some() && node.rrset(rtype::TXT).is_some());
    assert_eq!(wildcard, Some(&wire("*.img.cdn.example")));
}

/// The same decisions, by looking at every name that was written.
fn model(owners: &BTreeSet<(String, bool)>, name: &str) -> String {
    let apex = "cdn.example.";
    let is_below = |name: &str, above: &str| name.ends_with(&format!(".{above}"));
    let is_at_or_below = |name: &str, above: &str| name == above || is_below(name, above);
    if !is_at_or_below(name, apex) {
        return "outside".to_owned();
    }
    let cuts = owners.iter().filter(|(_, is_cut)| *is_cut);
    let cut = cuts
        .map(|(cut, _)| cut)
        .filter(|cut| is_at_or_below(name, cut))
        .min_by_key(|cut| cut.len());
    if let Some(cut) = cut {
        return format!("cut {cut}");
    }
    let there = |name: &str| {
        let is = |owner: &str| is_at_or_below(owner, name);
        name == apex || owners.iter().any(|(owner, _)| is(owner))
    };
    if there(name) {
        let is_owner = name == apex || owners.contains(&(name.to_owned(), false));
        return if is_owner {
            name.to_owned()
        } else {
            "empty".to_owned()
        };
    }
    let mut encloser = name;
    while !there(encloser) {
        encloser = encloser.split_once('.').unwrap().1;
    }
    let wildcard = format!("*.{encloser}");
    match owners.contains(&(wildcard.clone(), false)) {
        true => format!("made by {wildcard}"),
        // A wildcard that is an empty non-terminal makes empty names.
        false if there(&wildcard) => "made by ".to_owned() + &wildcard,
        false => "missing".to_owned(),
    }
}

fn labels() -> impl Strategy<Value = String> {
    let label = prop_oneof![Just("a"), Just("b"), Just("*"), Just("c")];
    prop::collection::vec(label, 0..5).prop_map(|labels| {
        let mut labels: Vec<&str> = labels;
        labels.push("cdn.example.");
        labels.join(".")
    })
}

proptest! {
    #[test]
    fn as_the_model_says(
        owners in prop::collection::btree_set((labels(), prop::bool::weighted(0.2)), 0..8),
        names in prop::collection::vec(labels(), 1..20),
    ) {
        let apex = "cdn.example.";
        let cuts: Vec<String> = owners
            .iter()
            .filter(|(owner, is_cut)| *is_cut && owner != apex && !owner.starts_with('*'))
            .map(|(owner, _)| owner.clone())
            .collect();
        // What is below a cut may not be written.
        let occluded = |owner: &String| {
            cuts.iter().any(|cut| owner == cut || owner.ends_with(&format!(".{cut}")))
        };
        let hidden = |owner: &String| {
            cuts.iter().any(|cut| owner.ends_with(&format!(".{cut}")))
        };
        let mut written: BTreeSet<(String, bool)> = owners
            .iter()
            .filter(|(owner, _)| owner != apex && !occluded(owner))
            .map(|(owner, _)| (owner.clone(), false))
            .collect();
        written.extend(cuts.iter().filter(|cut| !hidden(cut)).map(|cut| (cut.clone(), true)));

        let mut config = config();
        config.services.clear();
        config.name_servers.remove(0);
        let text = |(owner, is_cut): &(String, bool)| match is_cut {
            true => record(&format!("{owner} NS ns.example.net.")),
            false => record(&format!("{owner} TXT here")),
        };
        config.contents.records = written.iter().map(text).collect();
        let zone = Zone::build(&config).unwrap();
        let asked = names.iter().chain(owners.iter().map(|(owner, _)| owner));
        for name in asked {
            prop_assert_eq!(found(&zone, name), model(&written, name), "{} in {:?}", name, &written);
        }
    }
}
