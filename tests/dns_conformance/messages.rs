//! Headers, questions and what is no query.

use std::io::Read;

use super::{Check, Target};
use crate::harness::{
    cdn::Cdn,
    dns::{
        A, AAAA, ANY, AXFR, HINFO, Message, SILENCE, SOA, TXT, ask, bytes_over_udp, connect,
        receive, send, wire,
    },
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        rfc: "RFC 1035 section 4.1.1",
        what: "an answer has AA, and RD as it was sent; RA, Z and TC are not set",
        check: |target| {
            for flags in [0, 0x0100] {
                let answer = target.ask(&ask(Cdn::HOST, A).flags(flags));
                assert!(answer.aa() && !answer.tc() && answer.rcode() == 0);
                assert_eq!(answer.types(), [A, A]);
            }
        },
    },
    Check {
        rfc: "RFC 4035 section 3.1.6",
        what: "CD is sent back, and AD is not set for who asks for it",
        check: |target| {
            let answer = target.ask(&ask(Cdn::HOST, A).flags(0x0130));
            assert_eq!(answer.flags & 0x0030, 0x0010);
        },
    },
    Check {
        rfc: "RFC 8906 section 8.1.4",
        what: "the reserved bit of the header is ignored",
        check: |target| {
            let answer = target.ask(&ask(Cdn::HOST, A).flags(0x0040));
            assert_eq!((answer.rcode(), answer.answers.len()), (0, 2));
        },
    },
    Check {
        rfc: "RFC 1035 section 4.1.2",
        what: "the question comes back as it was asked, mixed case too (0x20), and so do owner names",
        check: |target| {
            let answer = target.ask(&ask("wWw.CdN.tEsT", A));
            assert_eq!(answer.questions, [("wWw.CdN.tEsT.".to_owned(), A, 1)]);
            assert!(answer.answers.iter().all(|rr| rr.name == "wWw.CdN.tEsT."));
            let missing = target.ask(&ask("nOt.CdN.tEsT", A));
            assert_eq!(missing.questions[0].0, "nOt.CdN.tEsT.");
        },
    },
    Check {
        rfc: "RFC 9619",
        what: "no question, or two, is FORMERR",
        check: |target| {
            let mut two = ask(Cdn::HOST, A);
            two.questions.push((wire(Cdn::HOST), AAAA, 1));
            let mut none = ask(Cdn::HOST, A);
            none.questions.clear();
            for query in [two, none] {
                let answer = target.ask(&query);
                assert_eq!((answer.rcode(), answer.answers.len()), (1, 0));
            }
        },
    },
    Check {
        rfc: "RFC 8906 section 8.1.5",
        what: "opcodes that are not served are NOTIMP: 1, 2, 3, 5 and 6 to 15",
        check: |target| {
            for opcode in [1, 2, 3, 5].into_iter().chain(6..16) {
                let answer = target.ask(&ask("cdn.test", SOA).flags(opcode << 11));
                assert_eq!(answer.rcode(), 4, "opcode {opcode}");
                assert!(answer.answers.is_empty());
            }
        },
    },
    Check {
        rfc: "RFC 8906 section 3.1.3",
        what: "types that are not known are NODATA where the name exists, NXDOMAIN where it does not",
        check: |target| {
            for rtype in [1000, 65_280, 65_534] {
                let answer = target.ask(&ask(Cdn::HOST, rtype));
                assert_eq!((answer.rcode(), answer.answers.len()), (0, 0));
                assert_eq!(answer.authority[0].rtype, SOA);
                assert_eq!(target.ask(&ask("not.cdn.test", rtype)).rcode(), 3);
            }
        },
    },
    Check {
        rfc: "RFC 1035 section 3.2.4",
        what: "other classes are REFUSED",
        check: |target| {
            for class in [3, 4, 254, 255, 77] {
                let answer = target.ask(&ask("version.bind", TXT).class(class));
                assert_eq!(answer.rcode(), 5, "class {class}");
                assert!(!answer.aa() && answer.answers.is_empty());
            }
        },
    },
    Check {
        rfc: "RFC 8482 section 4.2",
        what: "ANY is answered with one small HINFO record",
        check: |target| {
            let answer = target.ask(&ask(Cdn::HOST, ANY));
            assert_eq!(answer.types(), [HINFO]);
            assert_eq!(answer.answers[0].data, b"\x07RFC8482\0");
            assert_eq!(target.ask(&ask("not.cdn.test", ANY)).rcode(), 3);
        },
    },
    Check {
        rfc: "RFC 5936 section 4.2",
        what: "a transfer of the zone is refused to who may not have it",
        check: |target| {
            let answer = target.ask(&ask("cdn.test", AXFR));
            assert!(matches!(answer.rcode(), 5 | 9), "{answer:?}");
            assert!(answer.answers.is_empty());
        },
    },
    Check {
        rfc: "RFC 1035 section 4.1.4",
        what: "a question whose name is compressed is FORMERR",
        check: |target| {
            let mut query = ask("www", A);
            // Of `www`, a pointer to itself, and one behind the message.
            for pointer in [[0xC0, 0x0C], [0xC0, 0xFF]] {
                query.questions[0].0 = [b"\x03www".as_slice(), &pointer].concat();
                let answer = target.ask(&query);
                assert_eq!((answer.rcode(), answer.answers.len()), (1, 0));
            }
        },
    },
    Check {
        rfc: "RFC 1035 section 3.1",
        what: "names of 255 octets are names, longer ones and labels beyond 63 octets are FORMERR",
        check: |target| {
            let label = format!("{}.", "x".repeat(49));
            let mut query = ask(
                &format!("{}{}.cdn.test", label.repeat(4), "y".repeat(43)),
                A,
            );
            assert_eq!(query.questions[0].0.len(), 254);
            assert_eq!(target.ask(&query).rcode(), 3);
            query.questions[0].0 = wire(&label.repeat(6));
            assert_eq!(target.ask(&query).rcode(), 1);
        },
    },
    Check {
        rfc: "RFC 1034 section 3.7.1",
        what: "what is cut in the middle is answered with FORMERR, or not at all; the next query is well",
        check: |target| {
            let whole = ask(Cdn::HOST, A).edns().bytes();
            for cut in [12, 13, 20, whole.len() - 1] {
                if let Some(octets) = once(target, &whole[..cut]) {
                    let answer = Message::read(&octets).expect("an answer that reads");
                    assert_eq!(answer.flags & 0xF, 1, "cut at {cut}: {answer:?}");
                }
            }
            assert_eq!(target.ask(&ask(Cdn::HOST, A)).answers.len(), 2);
        },
    },
    Check {
        rfc: "RFC 1035 section 4.1.1",
        what: "responses, and what is shorter than a header, are not answered",
        check: |target| {
            let mut response = ask(Cdn::HOST, A).bytes();
            response[2] |= 0x80;
            assert_eq!(once(target, &response), None);
            for length in [0, 1, 11] {
                assert_eq!(once(target, &vec![0; length]), None);
            }
            assert_eq!(target.ask(&ask(Cdn::HOST, A)).answers.len(), 2);
        },
    },
    Check {
        rfc: "RFC 1035 section 4.1",
        what: "a thousand messages of noise change nothing for the query after them",
        check: |target| {
            for _ in 0..1_000 {
                let mut noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
                    .take(fastrand::usize(12..200))
                    .collect();
                // As queries, so that they are looked at.
                noise[2] &= 0x07;
                noise[4..6].copy_from_slice(&[0, 1]);
                throw(target, &noise);
            }
            assert_eq!(target.ask(&ask(Cdn::HOST, A)).answers.len(), 2);
        },
    },
];

/// What comes of octets that may be answered or not.
fn once(target: &Target, octets: &[u8]) -> Option<Vec<u8>> {
    if !target.tcp {
        return bytes_over_udp(target.server, octets, SILENCE);
    }
    let mut connection = connect(target.server);
    send(&mut connection, octets);
    let _ = connection.shutdown(std::net::Shutdown::Write);
    receive(&mut connection)
}

/// Sends, and does not look at what comes back. Over TCP the end is waited for: how many connections
/// a client may have is limited.
fn throw(target: &Target, octets: &[u8]) {
    if target.tcp {
        let mut connection = connect(target.server);
        send(&mut connection, octets);
        let _ = connection.shutdown(std::net::Shutdown::Write);
        let _ = connection.read_to_end(&mut Vec::new());
    } else {
        let socket = std::net::UdpSocket::bind((target.server.ip(), 0)).unwrap();
        socket.send_to(octets, target.server).unwrap();
    }
}
