use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hickory_proto::op::{Message, ResponseCode};
use perigee_dns_wire::{Request, rtype};
use tempfile::TempDir;

use crate::{
    answer::{Memo, Terms, respond, sign_ahead},
    asker::{Asker, Transport},
    dnssec::{Algorithm, DnssecConfig, KeyFolder, Signer, Timing},
    fixture::{config, snapshot},
    snapshot::Snapshot,
};

const DO: u16 = 0x8000;
const CO: u16 = 0x4000;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_770_000_000)
}

fn signed(per_second: u32) -> (TempDir, Snapshot) {
    let folder = TempDir::new().unwrap();
    let dnssec = DnssecConfig {
        keys: folder.path().to_owned(),
        max_signatures_per_second: per_second,
        ..DnssecConfig::default()
    };
    let zone = config().zone;
    let keys = KeyFolder::new(folder.path(), &zone).unwrap();
    keys.create(Algorithm::Ed25519, true, Timing::default())
        .unwrap();
    let signer = Signer::load(&dnssec, &zone, None, now()).unwrap();
    (folder, snapshot().signed(Some(Arc::new(signer))))
}

/// A query with these flags in OPT.
fn query(name: &str, rtype: u16, flags: u16) -> Vec<u8> {
    let mut message = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    message.extend(&*name.parse::<perigee_dns_wire::Name>().unwrap());
    message.extend(rtype.to_be_bytes());
    message.extend([0, 1]);
    message.extend([0, 0, 41, 0x04, 0xD0, 0, 0]);
    message.extend(flags.to_be_bytes());
    message.extend([0, 0]);
    message
}

fn ask(snapshot: &Snapshot, transport: Transport, query: &[u8]) -> Message {
    let asker = Asker {
        address: ([198, 18, 0, 1], 53_535).into(),
        transport,
    };
    let mut out = vec![0; 65_535];
    let request = Request::read(query).unwrap();
    let (terms, mut memo) = (Terms::new(asker, now()), Memo::none());
    let (length, _) = respond(snapshot, &mut memo, &request, &terms, &mut out).unwrap();
    Message::from_vec(&out[..length]).unwrap()
}

fn types(records: &[hickory_proto::rr::Record]) -> Vec<u16> {
    records
        .iter()
        .map(|record| record.record_type().into())
        .collect()
}

const WWW: &str = "www.cdn.example";

#[test]
fn a_missing_name_is_noerror_with_do_and_nxdomain_with_co_or_without_do() {
    let (_folder, snapshot) = signed(1_000);
    let signed = [rtype::SOA, rtype::RRSIG, rtype::NSEC, rtype::RRSIG];
    for (flags, rcode, authority, co) in [
        (0, ResponseCode::NXDomain, &signed[..1], false),
        (CO, ResponseCode::NXDomain, &signed[..1], false),
        (DO, ResponseCode::NoError, &signed[..], false),
        (DO | CO, ResponseCode::NXDomain, &signed[..], true),
    ] {
        let query = query("missing.cdn.example", rtype::A, flags);
        let said = ask(&snapshot, Transport::Udp, &query);
        assert_eq!(said.metadata.response_code, rcode, "{flags:x}");
        assert_eq!(types(&said.authorities), authority, "{flags:x}");
        let back = said.edns.unwrap().flags().z;
        assert_eq!(back & CO != 0, co, "{flags:x}");
    }
}

#[test]
fn keys_are_shown_at_the_apex_alone() {
    let (_folder, snapshot) = signed(1_000);
    for rtype in [rtype::DNSKEY, rtype::CDS, rtype::CDNSKEY] {
        let at = |name, flags| {
            let said = ask(&snapshot, Transport::Udp, &query(name, rtype, flags));
            types(&said.answers)
        };
        assert_eq!(at("cdn.example", 0), [rtype]);
        assert_eq!(at("cdn.example", DO), [rtype, rtype::RRSIG]);
        assert!(at(WWW, DO).is_empty());
        let unsigned = ask(
            &crate::fixture::snapshot(),
            Transport::Udp,
            &query("cdn.example", rtype, DO),
        );
        assert!(unsigned.answers.is_empty());
    }
}

#[test]
fn addresses_nsec_rrsig_and_any_are_signed() {
    let (_folder, snapshot) = signed(1_000);
    for (rtype, expected) in [
        (rtype::A, &[rtype::A, rtype::A, rtype::RRSIG][..]),
        (rtype::NSEC, &[rtype::NSEC, rtype::RRSIG]),
        (rtype::RRSIG, &[rtype::RRSIG]),
        (rtype::ANY, &[rtype::HINFO, rtype::RRSIG]),
    ] {
        let said = ask(&snapshot, Transport::Udp, &query(WWW, rtype, DO));
        assert_eq!(types(&said.answers), expected);
    }
}

#[test]
fn beyond_the_budget_udp_is_truncated_and_tcp_fails_but_what_is_remembered_is_answered() {
    let (_folder, snapshot) = signed(1);
    assert!(sign_ahead(&snapshot, now(), 1_000) > 0);
    // The first name has the one signature of this second.
    let missing = |n: u32, transport| {
        let name = format!("x{n}.cdn.example");
        ask(&snapshot, transport, &query(&name, rtype::A, DO))
    };
    assert_eq!(missing(0, Transport::Udp).authorities.len(), 4);
    for n in 1..10 {
        let udp = missing(n, Transport::Udp);
        assert!(udp.metadata.truncation && udp.authorities.is_empty());
        assert_eq!(udp.metadata.response_code, ResponseCode::NoError);
        let tcp = missing(n, Transport::Tcp);
        assert_eq!(tcp.metadata.response_code, ResponseCode::ServFail);
        let www = ask(&snapshot, Transport::Udp, &query(WWW, rtype::A, DO));
        assert_eq!(types(&www.answers).last(), Some(&rtype::RRSIG));
    }
    assert_eq!(missing(0, Transport::Udp).authorities.len(), 4);
}

/// Every address that the fixture's service can be answered with was signed ahead.
#[test]
fn what_can_be_chosen_is_signed_ahead() {
    let (_folder, snapshot) = signed(1);
    sign_ahead(&snapshot, now(), 1_000);
    // The budget is spent.
    let name = query("spent.cdn.example", rtype::A, DO);
    ask(&snapshot, Transport::Udp, &name);
    for third in 0..=255 {
        let asker = Asker {
            address: ([198, 51, third, 1], 53_535).into(),
            transport: Transport::Udp,
        };
        let message = query(WWW, rtype::A, DO);
        let request = Request::read(&message).unwrap();
        let (terms, mut memo) = (Terms::new(asker, now()), Memo::none());
        let mut out = [0; 1_232];
        let (_, facts) = respond(&snapshot, &mut memo, &request, &terms, &mut out).unwrap();
        assert!(!facts.truncated && facts.pop.is_some());
    }
    assert_eq!(sign_ahead(&snapshot, now(), 1_000), 0);
}

/// Octets of a query, and of what comes back over UDP to somebody who may be forged.
fn octets(snapshot: &Snapshot, name: &str, rtype: u16, flags: u16) -> (usize, usize) {
    let mut query = query(name, rtype, flags);
    // It takes whatever comes.
    let at = query.len() - 8;
    query[at..at + 2].copy_from_slice(&[0xFF; 2]);
    let asker = Asker {
        address: ([198, 18, 0, 1], 53_535).into(),
        transport: Transport::Udp,
    };
    let mut out = vec![0; 65_535];
    let length = crate::answer(snapshot, &mut Memo::none(), &query, asker, now(), &mut out);
    (query.len(), length.unwrap())
}

/// What docs/geodns.md says of the size of responses.
#[test]
fn nobody_is_sent_much_more_than_was_asked_in_its_name() {
    let (_folder, snapshot) = signed(u32::MAX);
    let names = [
        "cdn.example",
        WWW,
        "ns1.cdn.example",
        "deep.cdn.example",
        "x.cdn.example",
    ];
    let (mut plain, mut signed) = ((0.0, 0, 0, ""), (0.0, 0, 0, ""));
    for name in names {
        for rtype in (1..=300).chain([32_768, 65_280]) {
            for flags in [0, DO, DO | CO] {
                let most = if flags == 0 { &mut plain } else { &mut signed };
                let (asked, sent) = octets(&snapshot, name, rtype, flags);
                let factor = sent as f64 / asked as f64;
                if factor > most.0 {
                    *most = (factor, sent, rtype, name);
                }
            }
        }
        let (asked, sent) = octets(&snapshot, name, rtype::ANY, 0);
        assert!(
            sent <= asked + 60,
            "ANY of {name}: {asked} octets made {sent}"
        );
        let (_, sent) = octets(&snapshot, name, rtype::ANY, DO);
        assert!(sent <= 400, "ANY of {name}, signed: {sent}");
    }
    println!("without DO {plain:?}, with DO {signed:?}");
    assert!(plain.0 < 4.0, "{plain:?}");
    assert!(signed.0 < 12.0, "{signed:?}");
}
