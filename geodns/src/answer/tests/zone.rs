//! What else there is in the zone, and what is not.

use super::*;

#[test]
fn the_zone_has_soa_and_ns() {
    let snapshot = snapshot();
    let soa = ask(&snapshot, "cdn.example", RecordType::SOA, "10.49.0.0/16");
    assert_eq!(soa.scope, 0);
    assert_eq!(
        soa.answers[0].data.to_string(),
        "ns1.cdn.example. hostmaster.cdn.example. 7 3600 600 86400 60"
    );
    assert_eq!(soa.answers[0].ttl, 3_600);
    let ns = ask(&snapshot, "CDN.example", RecordType::NS, "10.49.0.0/16");
    assert_eq!(
        addresses(&ns),
        ["ns.elsewhere.example.", "ns1.CDN.example."]
    );
    assert_eq!(ns.answers[0].name.to_ascii(), "CDN.example.");
    // Glue only for what is inside the zone.
    assert_eq!(ns.additionals.len(), 2);
    let a = ask(&snapshot, "ns1.cdn.example", RecordType::A, "10.49.0.0/16");
    assert_eq!(addresses(&a), ["192.0.2.53"]);
    let aaaa = ask(
        &snapshot,
        "ns1.cdn.example",
        RecordType::AAAA,
        "10.49.0.0/16",
    );
    assert_eq!(addresses(&aaaa), ["2001:db8::53"]);
}

#[test]
fn what_is_not_there() {
    let snapshot = snapshot();
    let ask = |name, rtype| ask(&snapshot, name, rtype, "10.49.0.0/16");
    let missing = ask("nothing.cdn.example", RecordType::A);
    assert_eq!(missing.rcode, ResponseCode::NXDomain);
    assert!(missing.authoritative && has_soa(&missing));
    assert_eq!(missing.authorities[0].ttl, 60);
    assert_eq!(missing.authorities[0].name.to_ascii(), "cdn.example.");
    assert_eq!(
        ask("below.www.cdn.example", RecordType::A).rcode,
        ResponseCode::NXDomain
    );
    assert!(is_nodata(&ask("www.cdn.example", RecordType::TXT)));
    assert!(is_nodata(&ask("www.cdn.example", RecordType::SOA)));
    assert!(is_nodata(&ask("cdn.example", RecordType::A)));
    // An empty non-terminal exists, but has nothing.
    assert!(is_nodata(&ask("down.cdn.example", RecordType::A)));
    assert!(is_nodata(&ask("down.cdn.example", RecordType::ANY)));
    assert_eq!(ask("deep.down.cdn.example", RecordType::A).answers.len(), 2);
}

#[test]
fn a_long_negative_ttl_is_cut_to_that_of_the_soa() {
    let mut config = config();
    config.soa.negative_ttl = 100_000;
    let snapshot = snapshot_with(&config, &[], &[]);
    let missing = ask(
        &snapshot,
        "nothing.cdn.example",
        RecordType::A,
        "10.49.0.0/16",
    );
    assert_eq!(missing.authorities[0].ttl, 3_600);
}

#[test]
fn what_is_refused() {
    let snapshot = snapshot();
    for (name, rtype) in [
        ("cdn.example", RecordType::AXFR),
        ("cdn.example", RecordType::IXFR),
        ("example", RecordType::SOA),
        ("www.other.example", RecordType::A),
        ("notcdn.example", RecordType::A),
        (".", RecordType::NS),
    ] {
        let answer = ask(&snapshot, name, rtype, "10.49.0.0/16");
        assert_eq!(answer, Answer::refused(), "{name} {rtype}");
        assert!(!answer.authoritative && answer.authorities.is_empty());
    }
    let mut chaos = Query::query(Name::from_ascii("cdn.example.").unwrap(), RecordType::SOA);
    chaos.set_query_class(DNSClass::CH);
    let chaos = answer(&snapshot, &chaos, Client::Withheld, at(0));
    assert_eq!(chaos.rcode, ResponseCode::Refused);
}

#[test]
fn any_is_one_small_record() {
    let snapshot = snapshot();
    for name in ["cdn.example", "www.cdn.example", "ns1.cdn.example"] {
        let answer = ask(&snapshot, name, RecordType::ANY, "10.49.0.0/16");
        assert_eq!(answer.answers.len(), 1);
        assert_eq!(answer.answers[0].record_type(), RecordType::HINFO);
    }
    let missing = ask(
        &snapshot,
        "nothing.cdn.example",
        RecordType::ANY,
        "10.49.0.0/16",
    );
    assert_eq!(missing.rcode, ResponseCode::NXDomain);
}

#[test]
fn a_service_may_be_the_apex() {
    let mut config = config();
    config.services[0].name = "cdn.example".to_owned();
    let snapshot = snapshot_with(&config, &[], &[]);
    assert_eq!(
        addresses(&ask(
            &snapshot,
            "cdn.example",
            RecordType::A,
            "10.49.0.0/16"
        )),
        FRA
    );
    assert_eq!(
        ask(&snapshot, "cdn.example", RecordType::NS, "10.49.0.0/16")
            .answers
            .len(),
        2
    );
}

#[test]
fn hints_are_the_addresses_that_the_client_is_answered_with() {
    let mut config = config();
    config.contents.records.push(crate::RecordText {
        name: "www".to_owned(),
        rtype: "HTTPS".to_owned(),
        ttl: 300,
        data: vec!["1 . alpn=h2 port=8443 ipv4hint=auto ipv6hint=auto".to_owned()],
    });
    let snapshot = snapshot_with(&config, &[], &[]);
    let hints = |network: &str, version: char| {
        let (https, scope) = www(&snapshot, RecordType::HTTPS, network);
        let [https] = &https[..] else {
            panic!("{https:?}");
        };
        assert!(
            https.contains("alpn=") && https.contains("port=8443"),
            "{https}"
        );
        let hint = https.split(&format!("ipv{version}hint=")).nth(1);
        let hint = hint.map(|rest| rest.split(' ').next().unwrap_or_default());
        let mut hint: Vec<String> = hint
            .unwrap_or_default()
            .split(',')
            .filter(|address| !address.is_empty())
            .map(ToOwned::to_owned)
            .collect();
        hint.sort();
        (hint, scope)
    };
    for network in ["10.49.1.0/24", "10.1.1.0/24", "10.65.1.0/24"] {
        let (a, scope_of_a) = www(&snapshot, RecordType::A, network);
        let (aaaa, scope_of_aaaa) = www(&snapshot, RecordType::AAAA, network);
        let scope = scope_of_a.max(scope_of_aaaa);
        assert_eq!(hints(network, '4'), (a, scope), "{network}");
        assert_eq!(hints(network, '6'), (aaaa, scope), "{network}");
    }
}

/// A chain that is longer than what is followed is answered as far as it is followed; who asks on where it
/// ends comes to the end.
#[test]
fn a_long_chain_of_aliases_is_followed_in_steps() {
    let mut config = config();
    let alias = |name: String, target: String| crate::RecordText {
        name,
        rtype: "CNAME".to_owned(),
        ttl: 300,
        data: vec![target],
    };
    let chain = (0..20).map(|n| alias(format!("a{n}"), format!("a{}", n + 1)));
    config.contents.records = chain.collect();
    config
        .contents
        .records
        .push(alias("a20".to_owned(), "www".to_owned()));
    let snapshot = snapshot_with(&config, &[], &[]);
    let client = Client::Source([10, 49, 0, 1].into());
    let (mut name, mut aliases) = ("a0.cdn.example".to_owned(), 0);
    for _ in 0..21 {
        let answer = answer(&snapshot, &question(&name, RecordType::A), client, at(0));
        assert_eq!(answer.rcode, ResponseCode::NoError);
        assert!(answer.authoritative && answer.authorities.is_empty());
        let (led_on, addresses): (Vec<_>, Vec<_>) = answer
            .answers
            .iter()
            .partition(|record| record.record_type() == RecordType::CNAME);
        assert!(!led_on.is_empty() && led_on.len() <= 9, "{led_on:?}");
        aliases += led_on.len();
        if !addresses.is_empty() {
            assert_eq!((aliases, addresses.len()), (21, 2));
            return;
        }
        name = led_on[led_on.len() - 1].data.to_string();
    }
    panic!("it does not end");
}
