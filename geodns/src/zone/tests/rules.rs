//! What does not go together is refused, and said.

use super::*;

#[track_caller]
fn refused(records: &[&str], expected: &str) {
    let error = Zone::build(&with(records)).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_cname_stands_alone() {
    refused(
        &["x CNAME y", "x TXT hello"],
        "entry 1 of dns.records: x.cdn.example. has a CNAME record and TXT records",
    );
    refused(&["www CNAME y"], "a CNAME record and a service");
    refused(&["@ CNAME y"], "a CNAME record and");
    refused(
        &["x CNAME y", "x CNAME z"],
        "two CNAME records; leave one out",
    );
    // Twice the same is one.
    assert!(Zone::build(&with(&["x CNAME y", "x CNAME Y"])).is_ok());
}

#[test]
fn names_are_in_the_zone_and_have_one_meaning() {
    refused(
        &["x.example. TXT hello"],
        "x.example. is not inside the zone cdn.example.",
    );
    refused(
        &["www A 192.0.2.1"],
        "www.cdn.example. is the name of a service",
    );
    let mut config = with(&[]);
    config.services.push(service("ns1.cdn.example"));
    let error = Zone::build(&config).unwrap_err().to_string();
    assert!(
        error.contains("of a service and of a name server"),
        "{error}"
    );
    let mut config = with(&[]);
    config.services.push(service("WWW.cdn.example"));
    let error = Zone::build(&config).unwrap_err().to_string();
    assert!(error.contains("is there twice"), "{error}");
}

#[test]
fn one_ttl_for_one_set() {
    let mut config = with(&["x TXT a", "x TXT b"]);
    config.contents.records[1].ttl = 301;
    let error = Zone::build(&config).unwrap_err().to_string();
    assert!(error.contains("entry 2 of dns.records"), "{error}");
    assert!(error.contains("different TTLs, 300 and 301"), "{error}");
}

#[test]
fn nothing_is_written_where_others_answer() {
    refused(
        &["sub NS ns.example.", "x.sub TXT hello"],
        "the TXT record of x.sub.cdn.example. would never be answered",
    );
    refused(
        &["sub NS ns.example.", "x.sub A 192.0.2.1"],
        "the A record of x.sub",
    );
    refused(&["*.sub NS ns.example."], "a wildcard has no NS records");
    refused(&["sub DS 1 13 2 00"], "has DS records but no NS records");
    refused(
        &["cdn NS ns.example.", "cdn MX 10 a"],
        "the MX record of cdn.",
    );
    let mut config = with(&["down NS ns.example."]);
    config.services = vec![service("deep.down.cdn.example")];
    let error = Zone::build(&config).unwrap_err().to_string();
    assert!(
        error.contains("service deep.down.cdn.example. is at or below"),
        "{error}"
    );
}

#[test]
fn soa_stands_at_the_apex_once() {
    refused(&["x SOA a b 1 2 3 4 5"], "only the zone cdn.example. has");
    refused(
        &["@ SOA a b 1 2 3 4 5", "@ SOA a b 2 2 3 4 5"],
        "two SOA records",
    );
    let zone = Zone::build(&with(&["@ SOA a b 17 2 3 4 5"])).unwrap();
    assert_eq!(zone.serial(), 17);
    assert_eq!(zone.negative_soa().ttl, 5);
    let zone = Zone::build(&with(&["@ SOA a b 0 2 3 4 1h"])).unwrap();
    assert_eq!((zone.serial(), zone.negative_soa().ttl), (7, 300));
}

#[test]
fn name_servers_may_be_added() {
    let zone = Zone::build(&with(&["@ NS ns.secondary.example."])).unwrap();
    let ns = zone.apex().rrset(rtype::NS).unwrap();
    assert_eq!((ns.rdata().len(), ns.ttl), (3, 300));
}

#[test]
fn what_leads_nowhere_is_told() {
    let zone = Zone::build(&with(&[
        "@ MX 10 mail",
        "@ MX 20 ns1",
        "@ MX 30 www",
        "@ MX 40 mail.example.net.",
        "sip SRV 1 2 5060 text",
        "none SRV 0 0 0 .",
        "text TXT hello",
        "alias CNAME nothing",
        "made CNAME x.wild",
        "*.wild TXT made",
    ]))
    .unwrap();
    let nowhere = "of which the zone has no address";
    assert_eq!(
        zone.leads_nowhere(),
        [
            format!("alias.cdn.example. CNAME leads to nothing.cdn.example., {nowhere}"),
            format!("cdn.example. MX leads to mail.cdn.example., {nowhere}"),
            format!("sip.cdn.example. SRV leads to text.cdn.example., {nowhere}"),
        ]
    );
}

#[test]
fn hints_of_their_own_accord_need_a_service() {
    refused(
        &["x HTTPS 1 . ipv4hint=auto"],
        "x.cdn.example. has hints that are to be `auto`, but is not the name of a service",
    );
}
