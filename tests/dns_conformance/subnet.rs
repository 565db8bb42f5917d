//! EDNS Client Subnet (RFC 7871).

use super::{Check, Target};
use crate::harness::{
    cdn::Cdn,
    dns::{A, AAAA, Message, SOA, ask},
};

const FRA: [u8; 3] = [198, 51, 100];
const NYC: [u8; 3] = [203, 0, 113];

fn told(target: &Target, address: &[u8]) -> Vec<Vec<u8>> {
    let answer = target.ask(&ask(Cdn::HOST, A).subnet(1, 8 * address.len() as u8, 0, address));
    let mut told: Vec<_> = answer.answers.into_iter().map(|rr| rr.data).collect();
    told.sort();
    told
}

fn option(answer: &Message) -> &[u8] {
    answer.option(8).expect("the option")
}

pub(super) const CHECKS: &[Check] = &[
    Check {
        rfc: "RFC 7871 section 7.2.1",
        what: "clients of different networks are told different edges, and family, source and address come back",
        check: |target| {
            assert_ne!(told(target, &FRA), told(target, &NYC));
            let answer = target.ask(&ask(Cdn::HOST, A).subnet(1, 24, 0, &FRA));
            let [0, 1, 24, scope, 198, 51, 100] = option(&answer) else {
                panic!("{answer:?}")
            };
            assert!((16..=32).contains(scope));
        },
    },
    Check {
        rfc: "RFC 7871 section 7.2.1",
        what: "addresses of IPv6 do too",
        check: |target| {
            let address = [0x20, 0x01, 0x0d, 0xb8, 0, 0x49, 0];
            let answer = target.ask(&ask(Cdn::HOST, A).subnet(2, 56, 0, &address));
            assert_eq!(option(&answer)[..3], [0, 2, 56]);
            assert_eq!(option(&answer)[4..], address);
            let fra = told(target, &FRA);
            assert!(answer.answers.iter().all(|rr| fra.contains(&rr.data)));
        },
    },
    Check {
        rfc: "RFC 7871 section 7.1.2",
        what: "with a source prefix of 0 nothing is used of the client, and the scope is 0",
        check: |target| {
            for family in [1, 2] {
                let answer = target.ask(&ask(Cdn::HOST, A).subnet(family, 0, 0, &[]));
                assert_eq!((answer.rcode(), answer.answers.len()), (0, 2));
                assert_eq!(option(&answer), [0, family as u8, 0, 0]);
            }
        },
    },
    Check {
        rfc: "RFC 7871 section 7.2.1",
        what: "what is the same for everyone has the scope 0: the zone's own records, and what does not exist",
        check: |target| {
            for (name, rtype) in [("cdn.test", SOA), ("not.cdn.test", A), ("mail.cdn.test", A)] {
                let answer = target.ask(&ask(name, rtype).subnet(1, 24, 0, &FRA));
                assert_eq!(answer.scope(), Some(0), "{name}");
            }
            let answer = target.ask(&ask(Cdn::HOST, AAAA).subnet(1, 24, 0, &FRA));
            assert_eq!(answer.answers.len(), 0);
        },
    },
    Check {
        rfc: "RFC 7871 section 7.2.1",
        what: "who does not send the option gets none",
        check: |target| {
            assert_eq!(target.ask(&ask(Cdn::HOST, A).edns()).option(8), None);
            assert_eq!(target.ask(&ask(Cdn::HOST, A)).opt, None);
        },
    },
    Check {
        rfc: "RFC 7871 section 7.1.2",
        what: "FORMERR: a scope in a query, set bits behind the prefix, octets too many or too few, prefixes too long, other families, the option twice",
        check: |target| {
            let query = || ask(Cdn::HOST, A);
            let wrong = [
                query().subnet(1, 24, 24, &FRA),
                query().subnet(1, 20, 0, &[198, 51, 127]),
                query().subnet(1, 24, 0, &[198, 51, 100, 0]),
                query().subnet(1, 24, 0, &[198, 51]),
                query().subnet(1, 33, 0, &[198, 51, 100, 1, 0]),
                query().subnet(2, 129, 0, &[0x20; 17]),
                query().subnet(0, 24, 0, &FRA),
                query().subnet(3, 24, 0, &FRA),
                query().subnet(1, 24, 0, &FRA).subnet(1, 24, 0, &FRA),
                query().option(8, &[0, 1, 24]),
                query().option(8, &[]),
            ];
            for query in wrong {
                let answer = target.ask(&query);
                assert_eq!((answer.rcode(), answer.answers.len()), (1, 0), "{query:?}");
            }
        },
    },
    Check {
        rfc: "RFC 7871 section 7.2.1",
        what: "whoever asks again from within the scope gets the same answer",
        check: |target| {
            let answer = target.ask(&ask(Cdn::HOST, A).subnet(1, 24, 0, &FRA));
            let scope = answer.scope().unwrap();
            let kept = u32::MAX << (32 - u32::from(scope));
            for _ in 0..50 {
                let other =
                    u32::from_be_bytes([198, 51, 100, 0]) & kept | fastrand::u32(..) & !kept;
                let again = target.ask(&ask(Cdn::HOST, A).subnet(1, 32, 0, &other.to_be_bytes()));
                let data = |answer: &Message| -> Vec<_> {
                    answer.answers.iter().map(|rr| rr.data.clone()).collect()
                };
                assert_eq!(data(&again), data(&answer));
            }
        },
    },
];
