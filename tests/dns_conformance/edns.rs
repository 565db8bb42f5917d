//! EDNS (RFC 6891), sizes, and options.

use super::Check;
use crate::harness::{
    cdn::Cdn,
    dns::{A, SOA, TXT, ask},
};

const DO: u16 = 0x8000;
const NSID: u16 = 3;
const COOKIE: u16 = 10;
const TCP_KEEPALIVE: u16 = 11;
const PADDING: u16 = 12;

pub(super) const CHECKS: &[Check] = &[
    Check {
        rfc: "RFC 6891 section 6.1.1",
        what: "who sends OPT gets OPT, also with errors; who does not, gets none",
        check: |target| {
            assert_eq!(target.ask(&ask(Cdn::HOST, A)).opt, None);
            for (name, flags) in [
                (Cdn::HOST, 0),
                ("not.cdn.test", 0),
                ("example.org", 0),
                ("x.y", 2 << 11),
            ] {
                let answer = target.ask(&ask(name, A).flags(flags).edns());
                let opt = answer.opt.expect("OPT");
                assert_eq!((opt.version, opt.flags & 0x7FFF), (0, 0));
                assert!(opt.payload >= 512);
                assert!(
                    opt.options.iter().all(|(code, _)| *code == 15),
                    "{:?}",
                    opt.options
                );
            }
        },
    },
    Check {
        rfc: "RFC 6891 section 6.1.3",
        what: "other versions are BADVERS, with the version that is spoken and nothing else",
        check: |target| {
            for version in [1, 2, 100, 255] {
                let query = ask("cdn.test", SOA).version(version);
                for query in [
                    query.clone(),
                    query.clone().option(100, b""),
                    query.edns_flags(0x0080),
                ] {
                    let answer = target.ask(&query);
                    assert_eq!(answer.rcode(), 16);
                    assert_eq!(answer.opt.as_ref().unwrap().version, 0);
                    assert!(answer.answers.is_empty() && answer.opt.unwrap().flags & 0x7FFF == 0);
                }
            }
        },
    },
    Check {
        rfc: "RFC 6891 section 6.1.2",
        what: "options that are not known are ignored and not sent back",
        check: |target| {
            let answer = target.ask(&ask(Cdn::HOST, A).option(100, b"x").option(65_001, &[0; 40]));
            assert_eq!((answer.rcode(), answer.answers.len()), (0, 2));
            assert!(answer.opt.unwrap().options.is_empty());
        },
    },
    Check {
        rfc: "RFC 6891 section 6.1.4",
        what: "flags that are not known are ignored, and cleared in the answer",
        check: |target| {
            let answer = target.ask(&ask(Cdn::HOST, A).edns_flags(0x0080));
            assert_eq!((answer.rcode(), answer.answers.len()), (0, 2));
            assert_eq!(answer.opt.unwrap().flags & 0x3FFF, 0);
        },
    },
    Check {
        rfc: "RFC 3225 section 3",
        what: "DO is sent back",
        check: |target| {
            let answer = target.ask(&ask(Cdn::HOST, A).edns_flags(DO));
            assert_eq!(answer.opt.unwrap().flags & DO, DO);
            let answer = target.ask(&ask(Cdn::HOST, A).edns());
            assert_eq!(answer.opt.unwrap().flags & DO, 0);
        },
    },
    Check {
        rfc: "RFC 6891 section 7",
        what: "two OPT records, and one with an owner name, are FORMERR",
        check: |target| {
            let mut two = ask(Cdn::HOST, A).edns();
            two.tail = vec![0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
            let mut named = ask(Cdn::HOST, A);
            named.tail = vec![1, b'x', 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
            for (query, additional) in [(two, 2), (named, 1)] {
                let answer = target.with_additional(&query, additional);
                assert_eq!(answer.flags & 0xF, 1, "{answer:?}");
            }
        },
    },
    Check {
        rfc: "RFC 2181 section 9",
        what: "over UDP what does not fit is cut whole records at a time, with TC and OPT; over TCP it comes whole",
        check: |target| {
            for query in [
                ask("long.cdn.test", TXT),
                ask("long.cdn.test", TXT).payload(512),
            ] {
                let answer = target.ask(&query);
                assert_eq!(answer.rcode(), 0);
                assert_eq!(answer.opt.is_some(), query.edns.is_some());
                if target.tcp {
                    assert!(!answer.tc() && answer.answers.len() == 12, "{answer:?}");
                } else {
                    assert!(answer.tc() && answer.length <= 512, "{answer:?}");
                }
            }
        },
    },
    Check {
        rfc: "RFC 6891 section 6.2.3",
        what: "a payload below 512 means 512",
        check: |target| {
            for payload in [0, 1, 511] {
                let answer = target.ask(&ask(Cdn::HOST, A).payload(payload));
                assert!(!answer.tc() && answer.answers.len() == 2);
            }
        },
    },
    Check {
        rfc: "RFC 9715 section 3.1",
        what: "over UDP no answer is larger than 1232 octets, whatever the client offers",
        check: |target| {
            let answer = target.ask(&ask("huge.cdn.test", TXT).payload(65_535));
            if target.tcp {
                assert!(!answer.tc() && answer.length > 1_232);
            } else {
                assert!(answer.tc() && answer.length <= 1_232);
                assert!(answer.opt.unwrap().payload <= 1_232);
            }
        },
    },
    Check {
        rfc: "RFC 7873 section 5.2",
        what: "a client's cookie comes back with a server's, and that one is known again",
        check: |target| {
            let first = target.ask(&ask(Cdn::HOST, A).option(COOKIE, b"clientco"));
            let cookie = first.option(COOKIE).expect("a cookie").to_vec();
            assert_eq!((cookie.len(), &cookie[..8]), (24, b"clientco".as_slice()));
            assert_eq!(first.answers.len(), 2);
            let second = target.ask(&ask(Cdn::HOST, A).option(COOKIE, &cookie));
            assert_eq!((second.rcode(), second.answers.len()), (0, 2));
            assert_eq!(second.option(COOKIE).unwrap()[..8], cookie[..8]);
        },
    },
    Check {
        rfc: "RFC 7873 section 5.2.2",
        what: "cookies of a wrong length are FORMERR",
        check: |target| {
            for length in [0, 1, 7, 9, 15, 41, 60] {
                let answer = target.ask(&ask(Cdn::HOST, A).option(COOKIE, &vec![7; length]));
                assert_eq!(answer.rcode(), 1, "{length} octets");
            }
        },
    },
    Check {
        rfc: "RFC 7828 section 3.3",
        what: "how long a connection may be idle is told over TCP to who asks, and never over UDP",
        check: |target| {
            let answer = target.ask(&ask(Cdn::HOST, A).option(TCP_KEEPALIVE, b""));
            let told = answer.option(TCP_KEEPALIVE).map(<[u8]>::len);
            assert_eq!(told, target.tcp.then_some(2));
            assert_eq!(answer.answers.len(), 2);
            let answer = target.ask(&ask(Cdn::HOST, A).edns());
            assert_eq!(answer.option(TCP_KEEPALIVE), None);
        },
    },
    Check {
        rfc: "RFC 7830 section 4",
        what: "padding of a query is ignored, and no response in cleartext is padded",
        check: |target| {
            let answer = target.ask(&ask(Cdn::HOST, A).option(PADDING, &[0; 64]));
            assert_eq!((answer.answers.len(), answer.option(PADDING)), (2, None));
        },
    },
    Check {
        rfc: "RFC 5001 section 2.1",
        what: "NSID is sent to nobody who does not ask for it",
        check: |target| {
            let answer = target.ask(&ask(Cdn::HOST, A).edns());
            assert_eq!(answer.option(NSID), None);
            assert_eq!(
                target
                    .ask(&ask(Cdn::HOST, A).option(NSID, b""))
                    .answers
                    .len(),
                2
            );
        },
    },
];
