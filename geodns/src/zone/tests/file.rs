//! Master files, and data in presentation form.

use hickory_proto::{
    rr::{RData, RecordType},
    serialize::binary::BinEncodable,
};

use super::*;

const FILE: &str = r#"; A zone
$ORIGIN cdn.example.
$TTL 1h
@   IN SOA ns1 hostmaster (
        2026112101 ; serial
        1d 2h 4w 5m )
    300 IN MX 10 mail
        IN 300 MX 20 mail.other.example.
mail A 192.0.2.25
     AAAA 2001:db8::25
_sip._tcp SRV 10 20 5060 mail
alias CNAME mail
text TXT "two words" one "a \"quoted\" \\ and \059 ; no comment" ( more
        "here" )
$ORIGIN deep
host TXT under-deep
@ CAA 0 issue "ca.example; policy=ev"
odd\.dot 60 TXT x
sub NS ns.sub
ns.sub A 192.0.2.77
unknown TYPE65280 \# 3 ( 0a 0b
    0c )
h HTTPS 1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1,192.0.2.2
tlsa TLSA 3 1 1 ( d2abde240d7cd3ee6b4b28c54df034b9
    7983a1d16e8a410e4561cb106618e971 )
"#;

fn zone(text: &str) -> Result<Zone, ZoneError> {
    let mut config = config();
    config.services.clear();
    config.contents.zone_file = Some("zone.db".into());
    Zone::with_file(&config, text)
}

fn rdata(zone: &Zone, name: &str, rtype: u16) -> Vec<Vec<u8>> {
    let name = wire(name);
    let Found::Node { node, .. } = zone.lookup(&name) else {
        panic!("{name} is not there");
    };
    let set = node.rrset(rtype).unwrap();
    set.rdata().map(<[u8]>::to_vec).collect()
}

fn strings(all: &[&str]) -> Vec<u8> {
    let string = |text: &&str| [&[text.len() as u8], text.as_bytes()].concat();
    all.iter().flat_map(string).collect()
}

#[test]
fn a_master_file_is_read() {
    let zone = zone(FILE).unwrap();
    assert_eq!(zone.serial(), 2_026_112_101);
    assert_eq!(zone.negative_soa().ttl, 300);
    let mx = zone.apex().rrset(rtype::MX).unwrap();
    assert_eq!((mx.ttl, mx.rdata().len()), (300, 2));
    assert_eq!(
        rdata(&zone, "text.cdn.example", rtype::TXT),
        [strings(&[
            "two words",
            "one",
            "a \"quoted\" \\ and ; ; no comment",
            "more",
            "here"
        ])]
    );
    assert_eq!(
        rdata(&zone, "host.deep.cdn.example", rtype::TXT),
        [strings(&["under-deep"])]
    );
    assert_eq!(
        rdata(&zone, "deep.cdn.example", rtype::CAA),
        [b"\x00\x05issueca.example; policy=ev"]
    );
    assert_eq!(
        rdata(&zone, "odd\\.dot.deep.cdn.example", rtype::TXT),
        [b"\x01x"]
    );
    assert_eq!(
        rdata(&zone, "unknown.deep.cdn.example", 65_280),
        [[10, 11, 12]]
    );
    assert!(matches!(
        zone.lookup(&wire("ns.sub.deep.cdn.example")),
        Found::Delegated(cut) if cut.glue.len() == 1
    ));
}

#[test]
fn what_is_wrong_is_said_with_line_and_column() {
    for (text, expected) in [
        (
            "@ IN A 192.0.2\n",
            "zone.db:1:8: \"192.0.2\" is not an IPv4 address",
        ),
        (
            "$TTL 1h\n\nx A\n",
            "zone.db:3:3: an IPv4 address is missing",
        ),
        ("x A 192.0.2.1\n", "zone.db:1:1: this record has no TTL"),
        (
            "$TTL 1h\n  A 192.0.2.1\n",
            "zone.db:2:3: the first record has no name",
        ),
        (
            "$TTL 1h\nx A 192.0.2.1 y\n",
            "zone.db:2:15: \"y\" is more than",
        ),
        (
            "$TTL 1h\nx MX ( 10\n\n",
            "zone.db:2:6: this parenthesis is not closed",
        ),
        (
            "$TTL 1h\nx MX 10 )\n",
            "zone.db:2:9: this parenthesis was not opened",
        ),
        (
            "$TTL 1h\nx TXT \"a\n",
            "zone.db:2:7: this quote is not closed",
        ),
        (
            "$INCLUDE other.db\n",
            "zone.db:1:1: \"$INCLUDE\" is not supported",
        ),
        (
            "x 1h CH TXT a\n",
            "zone.db:1:6: the zone is of the class IN",
        ),
        ("x 1h WHAT a\n", "zone.db:1:6: \"WHAT\" is not a type"),
        ("x 1h RRSIG a\n", "zone.db:1:6: RRSIG cannot be written"),
        (
            "x 1h TYPE50 \\# 0\n",
            "zone.db:1:6: NSEC3 cannot be written",
        ),
        ("x 1h A \\# 4 c0000201\n", "in their own form"),
        (
            "x 1h TYPE999 \\# 4 c00002\n",
            "3 octets, where 4 are announced",
        ),
        ("x. 1h TXT a\n", "zone.db:1:1: x. is not inside the zone"),
        (
            "x 1h TXT a\nx 1h CNAME y\n",
            "zone.db:2:1: x.cdn.example. has a CNAME",
        ),
        (
            "bücher 1h TXT a\n",
            "zone.db:1:1: \"bücher\" is not a name in ASCII",
        ),
        (
            "x 9999999999 TXT a\n",
            "zone.db:1:3: \"9999999999\" is not a TTL",
        ),
        (
            "x 1h SRV 1 2 65536 y\n",
            "zone.db:1:14: \"65536\" is not the port",
        ),
        (
            "x 1h HTTPS 1 . alpn\n",
            "zone.db:1:16: \"alpn\": it has no value",
        ),
        (
            "x 1h HTTPS 0 y port=1\n",
            "with the priority 0 there are no parameters",
        ),
        (
            "x 1h HTTPS 1 y mandatory=port\n",
            "a parameter that is mandatory is not there",
        ),
        ("x 1h HTTPS 1 y port=1 port=2\n", "is there twice"),
    ] {
        let error = zone(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn no_text_makes_the_reader_fall_over() {
    for cut in 0..FILE.len() {
        let _ = zone(&FILE[..cut]);
    }
    for text in [
        "(",
        ")",
        "\"",
        "\\",
        "$",
        "\\\u{e9}",
        "x 1h TXT \\\u{e9}\u{e9}",
        "\u{feff}",
        "x 1h TXT \\25",
        "\0",
    ] {
        let _ = zone(text);
    }
}

/// Data of all types, as hickory-proto reads and encodes them.
#[test]
fn data_are_those_of_another_reader() {
    for (rtype, text) in [
        (RecordType::A, "192.0.2.1"),
        (RecordType::AAAA, "2001:db8::1"),
        (RecordType::NS, "ns.example."),
        (RecordType::CNAME, "a.b.example."),
        (RecordType::PTR, "host.example."),
        (RecordType::MX, "10 mail.example."),
        (RecordType::SRV, "1 2 443 host.example."),
        (RecordType::SOA, "ns.example. host.test. 1 2 3 4 5"),
        (RecordType::TXT, "one two \"three four\""),
        (RecordType::CAA, "0 issue \"ca.example\""),
        (RecordType::CAA, "128 iodef \"mailto:a@b.example\""),
        (RecordType::HTTPS, "0 alias.example."),
        (RecordType::HTTPS, "1 . alpn=h2,h3 port=443"),
        (
            RecordType::SVCB,
            "16 svc.example. mandatory=alpn,ipv4hint alpn=h2 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1",
        ),
        (
            RecordType::TLSA,
            "3 1 1 0c72ac70b745ac19998811b131d662c9ac69dbdbe7cb23e5b514b56664c5d3d6",
        ),
        (
            RecordType::SSHFP,
            "4 2 123456789abcdef67890123456789abcdef67890",
        ),
    ] {
        let theirs = RData::try_from_str(rtype, text).unwrap();
        let zone = zone(&format!("x 1h TXT x\n_t 1h {rtype} {text}\n"));
        let zone = match rtype {
            RecordType::SOA => zone_at_apex(text),
            RecordType::NS => continue,
            _ => zone.unwrap(),
        };
        let name = match rtype {
            RecordType::SOA => "cdn.example",
            _ => "_t.cdn.example",
        };
        let ours = rdata(&zone, name, rtype.into());
        assert_eq!(ours, [theirs.to_bytes().unwrap()], "{rtype} {text}");
    }
}

fn zone_at_apex(soa: &str) -> Zone {
    zone(&format!("@ 1h SOA {soa}\n")).unwrap()
}

#[test]
fn plain_text_of_the_list_needs_no_quotes() {
    let long = "x".repeat(300);
    let zone = Zone::build(&with(&[
        "@ TXT v=spf1 -all; no comment",
        "quoted TXT \"two words\" more",
        &format!("long TXT {long}"),
    ]))
    .unwrap();
    assert_eq!(
        rdata(&zone, "cdn.example", rtype::TXT),
        [strings(&["v=spf1 -all; no comment"])]
    );
    assert_eq!(
        rdata(&zone, "quoted.cdn.example", rtype::TXT),
        [strings(&["two words", "more"])]
    );
    assert_eq!(rdata(&zone, "long.cdn.example", rtype::TXT)[0].len(), 302);
}
