//! What is in the zone, and what is not.

use super::Check;
use crate::harness::{
    cdn::Cdn,
    dns::{A, AAAA, CAA, CNAME, DS, HTTPS, MX, NS, SOA, SRV, TXT, ask},
};

/// Records of every kind.
pub(super) const RECORDS: &str = r#"
[[dns.records]]
name = "mail"
type = "A"
data = ["192.0.2.25"]

[[dns.records]]
name = "@"
type = "MX"
data = ["10 mail", "20 mail.example.org."]

[[dns.records]]
name = "@"
type = "TXT"
data = ['"v=spf1 -all"']

[[dns.records]]
name = "@"
type = "CAA"
data = ['0 issue "ca.example"']

[[dns.records]]
name = "_imaps._tcp"
type = "SRV"
data = ["0 1 993 mail"]

[[dns.records]]
name = "svc"
type = "HTTPS"
data = ["1 . alpn=h2,h3"]

[[dns.records]]
name = "alias"
type = "CNAME"
data = ["mail"]

[[dns.records]]
name = "to-the-service"
type = "CNAME"
data = ["www"]

[[dns.records]]
name = "away"
type = "CNAME"
data = ["www.example.org."]

[[dns.records]]
name = "loop"
type = "CNAME"
data = ["loop2"]

[[dns.records]]
name = "loop2"
type = "CNAME"
data = ["loop"]

[[dns.records]]
name = "*.wild"
type = "A"
data = ["192.0.2.77"]

[[dns.records]]
name = "a.named.wild"
type = "TXT"
data = ['"here"']

[[dns.records]]
name = "child"
type = "NS"
data = ["ns.child", "ns.example.org."]

[[dns.records]]
name = "ns.child"
type = "A"
data = ["192.0.2.99"]

[[dns.records]]
name = "long"
type = "TXT"
data = [
  '"01 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"', '"02 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
  '"03 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"', '"04 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
  '"05 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"', '"06 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
  '"07 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"', '"08 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
  '"09 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"', '"10 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
  '"11 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"', '"12 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
]

[[dns.records]]
name = "huge"
type = "TXT"
data = [
  '"1 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
  '"2 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
  '"3 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
  '"4 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
  '"5 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
  '"6 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
  '"7 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
]
"#;

pub(super) const CHECKS: &[Check] = &[
    Check {
        rfc: "RFC 1035 section 3.3.13",
        what: "the apex has SOA and NS, with the addresses of name servers in the zone beside them",
        check: |target| {
            let soa = target.ask(&ask("cdn.test", SOA));
            assert!(soa.aa() && soa.types() == [SOA]);
            assert_eq!(soa.answers[0].target(0).unwrap(), "ns1.cdn.test.");
            let ns = target.ask(&ask("cdn.test", NS));
            assert_eq!(
                (ns.types(), ns.answers[0].target(0).unwrap().as_str()),
                (vec![NS], "ns1.cdn.test.")
            );
            assert_eq!(
                (ns.additional[0].name.as_str(), ns.additional[0].rtype),
                ("ns1.cdn.test.", A)
            );
            assert_eq!(target.ask(&ask("ns1.cdn.test", A)).types(), [A]);
        },
    },
    Check {
        rfc: "RFC 2308 section 2",
        what: "NXDOMAIN and NODATA have AA and the SOA, whose TTL is no longer than its MINIMUM",
        check: |target| {
            for (name, rtype, rcode) in [
                ("not.cdn.test", A, 3),
                ("a.b.c.cdn.test", A, 3),
                (Cdn::HOST, MX, 0),
                ("cdn.test", A, 0),
            ] {
                let answer = target.ask(&ask(name, rtype));
                assert!(answer.aa() && answer.rcode() == rcode, "{answer:?}");
                assert!(answer.answers.is_empty());
                let [soa] = &answer.authority[..] else {
                    panic!("{answer:?}")
                };
                let minimum = u32::from_be_bytes(*soa.data.last_chunk().unwrap());
                assert!(soa.rtype == SOA && soa.name == "cdn.test." && soa.ttl <= minimum);
            }
        },
    },
    Check {
        rfc: "RFC 8020 section 2",
        what: "a name with nothing but names below it is NODATA",
        check: |target| {
            for name in ["_tcp.cdn.test", "named.wild.cdn.test", "wild.cdn.test"] {
                let answer = target.ask(&ask(name, A));
                assert_eq!((answer.rcode(), answer.answers.len()), (0, 0), "{name}");
                assert_eq!(answer.authority[0].rtype, SOA);
            }
        },
    },
    Check {
        rfc: "RFC 8906 section 3",
        what: "names of other zones are REFUSED, without AA",
        check: |target| {
            for name in ["example.org", "test", ".", "xcdn.test", "cdn.test.example"] {
                let answer = target.ask(&ask(name, A));
                assert!(answer.rcode() == 5 && !answer.aa(), "{name}");
                assert!(answer.answers.is_empty() && answer.authority.is_empty());
            }
        },
    },
    Check {
        rfc: "RFC 1035, 2782, 8659, 9460",
        what: "MX, TXT, CAA, SRV and HTTPS are answered as they are written",
        check: |target| {
            let mx = target.ask(&ask("cdn.test", MX));
            let mut hosts: Vec<_> = mx.answers.iter().map(|rr| rr.target(2).unwrap()).collect();
            hosts.sort();
            assert_eq!(hosts, ["mail.cdn.test.", "mail.example.org."]);
            let txt = target.ask(&ask("cdn.test", TXT));
            assert_eq!(txt.answers[0].data, b"\x0bv=spf1 -all");
            let caa = target.ask(&ask("cdn.test", CAA));
            assert_eq!(caa.answers[0].data, b"\0\x05issueca.example");
            let srv = target.ask(&ask("_imaps._tcp.cdn.test", SRV));
            assert_eq!(srv.answers[0].data[..6], [0, 0, 0, 1, 3, 225]);
            assert_eq!(srv.answers[0].target(6).unwrap(), "mail.cdn.test.");
            let https = target.ask(&ask("svc.cdn.test", HTTPS));
            assert_eq!(https.answers[0].data, b"\0\x01\0\0\x01\0\x06\x02h2\x02h3");
        },
    },
    Check {
        rfc: "RFC 1034 section 3.6.2",
        what: "CNAME is followed within the zone, to a service too; asked for itself, it is answered by itself",
        check: |target| {
            let alias = target.ask(&ask("alias.cdn.test", A));
            assert_eq!(alias.types(), [CNAME, A]);
            assert_eq!(
                (
                    alias.answers[0].target(0).unwrap().as_str(),
                    alias.answers[1].name.as_str()
                ),
                ("mail.cdn.test.", "mail.cdn.test.")
            );
            let service = target.ask(&ask("to-the-service.cdn.test", A));
            assert_eq!(service.types(), [CNAME, A, A]);
            assert_eq!(target.ask(&ask("alias.cdn.test", CNAME)).types(), [CNAME]);
            let away = target.ask(&ask("away.cdn.test", A));
            assert_eq!((away.types(), away.rcode()), (vec![CNAME], 0));
            let nothing = target.ask(&ask("alias.cdn.test", AAAA));
            assert_eq!(
                (nothing.types(), nothing.authority[0].rtype),
                (vec![CNAME], SOA)
            );
        },
    },
    Check {
        rfc: "RFC 1034 section 5.2.2",
        what: "a circle of CNAMEs ends",
        check: |target| {
            let answer = target.ask(&ask("loop.cdn.test", A));
            assert!((1..=20).contains(&answer.answers.len()));
            assert!(answer.types().iter().all(|rtype| *rtype == CNAME));
        },
    },
    Check {
        rfc: "RFC 4592 section 2.2",
        what: "a wildcard answers for names that do not exist, of any depth, and not for those that do",
        check: |target| {
            for name in ["x.wild.cdn.test", "x.y.z.wild.cdn.test", "*.wild.cdn.test"] {
                let answer = target.ask(&ask(name, A));
                assert_eq!(
                    (answer.types(), answer.answers[0].name.clone()),
                    (vec![A], format!("{name}."))
                );
                assert_eq!(target.ask(&ask(name, TXT)).rcode(), 0);
            }
            assert!(
                target
                    .ask(&ask("a.named.wild.cdn.test", A))
                    .answers
                    .is_empty()
            );
            // The closest encloser is `named.wild`, which has no wildcard.
            assert_eq!(target.ask(&ask("b.named.wild.cdn.test", A)).rcode(), 3);
        },
    },
    Check {
        rfc: "RFC 1034 section 4.3.2",
        what: "below a delegation there is a referral: no AA, NS in the authority section, the addresses beside them",
        check: |target| {
            for (name, rtype) in [
                ("child.cdn.test", A),
                ("child.cdn.test", NS),
                ("deep.down.child.cdn.test", TXT),
                ("ns.child.cdn.test", A),
            ] {
                let answer = target.ask(&ask(name, rtype));
                assert!(
                    !answer.aa() && answer.rcode() == 0 && answer.answers.is_empty(),
                    "{answer:?}"
                );
                assert!(
                    answer.authority.len() == 2
                        && answer
                            .authority
                            .iter()
                            .all(|rr| rr.rtype == NS && rr.name == "child.cdn.test.")
                );
                assert!(
                    answer
                        .additional
                        .iter()
                        .any(|rr| rr.name == "ns.child.cdn.test." && rr.data == [192, 0, 2, 99])
                );
            }
        },
    },
    Check {
        rfc: "RFC 4035 section 3.1.4.1",
        what: "DS of a delegation is answered by the parent, with AA",
        check: |target| {
            let answer = target.ask(&ask("child.cdn.test", DS));
            assert!(answer.aa() && answer.rcode() == 0 && answer.answers.is_empty());
            assert_eq!(answer.authority[0].rtype, SOA);
        },
    },
];
