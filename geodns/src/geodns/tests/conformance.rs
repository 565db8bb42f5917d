//! What RFC 8906 wants to see of every server, and more of that kind: the same over UDP and TCP, on
//! real sockets, bit by bit.

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{
        RecordType,
        rdata::opt::{EdnsCode, EdnsOption},
    },
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    wire::{connect, opt, receive, socket, subnet_option},
    *,
};
use crate::RecordText;

const AA: u8 = 0x04;
const TC: u8 = 0x02;
const RD: u8 = 0x01;
const RA: u8 = 0x80;
const Z: u8 = 0x40;
const AD: u8 = 0x20;
const CD: u8 = 0x10;
const DO: u16 = 0x8000;

const A: u16 = 1;
const NS: u16 = 2;
const SOA: u16 = 6;
const TXT: u16 = 16;
const DS: u16 = 43;
const ANY: u16 = 255;

/// A query for `name`, as it is written, with these octets of flags and this OPT.
fn ask_for(name: &str, rtype: u16, flags: [u8; 2], opt: Option<&[u8]>) -> Vec<u8> {
    let mut query = vec![0xAB, 0xCD, flags[0], flags[1], 0, 1, 0, 0, 0, 0, 0];
    query.push(u8::from(opt.is_some()));
    for label in name.split('.').filter(|label| !label.is_empty()) {
        query.push(u8::try_from(label.len()).unwrap());
        query.extend(label.bytes());
    }
    query.push(0);
    query.extend(rtype.to_be_bytes());
    query.extend([0, 1]);
    query.extend(opt.unwrap_or_default());
    query
}

fn plain(name: &str, rtype: u16) -> Vec<u8> {
    ask_for(name, rtype, [0, 0], None)
}

/// An OPT record with these flags.
fn flags(version: u8, flags: u16, options: &[u8]) -> Vec<u8> {
    let mut record = opt(version, 1_232, options);
    record[7..9].copy_from_slice(&flags.to_be_bytes());
    record
}

/// The octets of the response over UDP, and of that over TCP.
async fn octets(geodns: &GeoDns, query: &[u8]) -> [Vec<u8>; 2] {
    let socket = socket(geodns).await;
    socket.send(query).await.unwrap();
    let over_udp = receive(&socket).await;
    let mut stream = connect(geodns).await;
    let length = u16::try_from(query.len()).unwrap();
    stream.write_u16(length).await.unwrap();
    stream.write_all(query).await.unwrap();
    let length = stream.read_u16().await.unwrap();
    let mut over_tcp = vec![0; length.into()];
    stream.read_exact(&mut over_tcp).await.unwrap();
    [over_udp, over_tcp]
}

/// The response, which is the same over UDP and TCP.
async fn response(geodns: &GeoDns, query: &[u8]) -> Message {
    let [over_udp, over_tcp] = octets(geodns, query).await;
    assert_eq!(over_udp, over_tcp);
    assert_eq!(over_udp[2..4][0] & 0x80, 0x80, "it is no response");
    assert_eq!(over_udp[3] & (RA | Z | AD), 0, "flags that we never set");
    Message::from_vec(&over_udp).unwrap()
}

/// The code, whether with authority, and how many records there are in each section.
fn summary(message: &Message) -> (ResponseCode, bool, [usize; 3]) {
    let records = [
        message.answers.len(),
        message.authorities.len(),
        message.additionals.len(),
    ];
    let metadata = message.metadata;
    (metadata.response_code, metadata.authoritative, records)
}

fn geodns() -> GeoDns {
    let mut config = fixture::config();
    let record = |name: &str, rtype: &str, data: &str| RecordText {
        name: name.to_owned(),
        rtype: rtype.to_owned(),
        ttl: 300,
        data: vec![data.to_owned()],
    };
    config.contents.records.extend([
        record("alias", "CNAME", "other"),
        record("other", "CNAME", "www"),
        record("gone", "CNAME", "nothing"),
        record("away", "CNAME", "www.elsewhere.example."),
        record("round", "CNAME", "about"),
        record("about", "CNAME", "round"),
        record("*.wild", "TXT", "\"any\""),
        record("*.made", "CNAME", "www"),
        record("child", "NS", "ns.child"),
        record("ns.child", "A", "192.0.2.99"),
        record(
            "child",
            "DS",
            "1 13 2 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF",
        ),
        record("plain-child", "NS", "ns.elsewhere.example."),
        record("into", "CNAME", "deep.child"),
        record("mail", "MX", "10 ns1"),
        record("_x._tcp", "SRV", "1 2 3 ns1"),
        record("text", "TXT", "\"some text\""),
    ]);
    start(config)
}

#[tokio::test]
async fn plain_dns() {
    let geodns = geodns();
    let soa = response(&geodns, &plain("cdn.example", SOA)).await;
    assert_eq!(summary(&soa), (ResponseCode::NoError, true, [1, 0, 0]));
    assert!(soa.edns.is_none());
}

#[tokio::test]
async fn unknown_types_are_nodata() {
    let geodns = geodns();
    for rtype in [0, 99, 129, 248, 1_000, 65_280, 65_535] {
        let response = response(&geodns, &plain("www.cdn.example", rtype)).await;
        let nodata = (ResponseCode::NoError, true, [0, 1, 0]);
        assert_eq!(summary(&response), nodata, "{rtype}");
        assert_eq!(response.authorities[0].record_type(), RecordType::SOA);
    }
}

#[tokio::test]
async fn types_that_are_nothing_to_ask_for() {
    let geodns = geodns();
    for (rtype, rcode) in [
        (41, ResponseCode::FormErr),
        (128, ResponseCode::FormErr),
        (249, ResponseCode::FormErr),
        (250, ResponseCode::FormErr),
        (251, ResponseCode::Refused),
        (252, ResponseCode::Refused),
        (253, ResponseCode::NotImp),
        (254, ResponseCode::NotImp),
    ] {
        let response = response(&geodns, &plain("cdn.example", rtype)).await;
        assert_eq!(summary(&response), (rcode, false, [0, 0, 0]), "{rtype}");
    }
}

#[tokio::test]
async fn flags_of_the_header() {
    let geodns = geodns();
    for (sent, first, second) in [
        ([0, 0], AA, 0),
        ([RD, 0], AA | RD, 0),
        ([0, CD], AA, CD),
        // What only responses have, and what is not assigned, is not sent back.
        ([AA | TC, RA | Z | AD], AA, 0),
        // So is a response code.
        ([0, 0x0F], AA, 0),
    ] {
        let query = ask_for("cdn.example", SOA, sent, None);
        for octets in octets(&geodns, &query).await {
            assert_eq!(octets[2], 0x80 | first, "{sent:?}");
            assert_eq!(octets[3], second, "{sent:?}");
        }
    }
}

#[tokio::test]
async fn opcodes_that_are_not_implemented() {
    let geodns = geodns();
    for opcode in 1..16u8 {
        let with_question = ask_for(
            "cdn.example",
            SOA,
            [opcode << 3, 0],
            Some(&flags(0, 0, &[])),
        );
        let response = response(&geodns, &with_question).await;
        let nothing = (ResponseCode::NotImp, false, [0, 0, 0]);
        assert_eq!(summary(&response), nothing, "{opcode}");
        assert_eq!(u8::from(response.metadata.op_code), opcode);
        assert!(response.edns.is_some());
        let header = [0xAB, 0xCD, opcode << 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for octets in octets(&geodns, &header).await {
            assert_eq!(
                octets,
                [0xAB, 0xCD, 0x80 | opcode << 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]
            );
        }
    }
}

#[tokio::test]
async fn edns_versions() {
    let geodns = geodns();
    let unknown = [0xFD, 0xE9, 0, 3, 1, 2, 3];
    for opt in [
        flags(1, 0, &[]),
        flags(1, 0x0080, &[]),
        flags(1, DO, &[]),
        flags(255, 0, &unknown),
        // What is malformed in version 0 may not be so in another one.
        flags(1, 0, &subnet_option(&[1])),
    ] {
        let query = ask_for("cdn.example", SOA, [0, 0], Some(&opt));
        let [over_udp, over_tcp] = octets(&geodns, &query).await;
        assert_eq!(over_udp, over_tcp);
        // BADVERS is 16: 0 in the header, 1 in OPT. Version 0 is what we know.
        let record = &over_udp[over_udp.len() - 11..];
        assert_eq!(over_udp[3] & 0xF, 0);
        assert_eq!(record[..3], [0, 0, 41]);
        assert_eq!(record[5..7], [1, 0]);
        assert_eq!(record[9..], [0, 0]);
        assert_eq!(over_udp[6..12], [0, 0, 0, 0, 0, 1]);
    }
}

#[tokio::test]
async fn edns_flags_and_options() {
    let geodns = geodns();
    let unknown = [0xFD, 0xE9, 0, 3, 1, 2, 3];
    for (opt, expected) in [
        (flags(0, 0, &[]), 0),
        (flags(0, 0, &unknown), 0),
        (flags(0, 0x0080, &[]), 0),
        (flags(0, 0x3FFF, &unknown), 0),
        (flags(0, DO, &[]), DO),
        (flags(0, 0xFFFF, &[]), DO),
    ] {
        let query = ask_for("cdn.example", SOA, [0, 0], Some(&opt));
        for octets in octets(&geodns, &query).await {
            let record = &octets[octets.len() - 11..];
            assert_eq!(record[..3], [0, 0, 41]);
            // Our size, the code, the version; and flags, of which we know DO alone.
            assert_eq!(record[3..7], [4, 0xD0, 0, 0]);
            let flags = u16::from_be_bytes([record[7], record[8]]);
            assert_eq!(flags & DO, expected);
            assert_eq!(flags & !(DO | 0x4000), 0);
            assert_eq!(record[9..], [0, 0]);
        }
    }
}

#[tokio::test]
async fn several_options_at_once() {
    let geodns = geodns();
    let options = [
        &[0, 3, 0, 0][..], // NSID
        &[0, 9, 0, 0],     // EXPIRE
        &subnet_option(&[0, 1, 24, 0, 10, 49, 7]),
        &[0, 12, 0, 4, 0, 0, 0, 0], // padding
        &[0xFD, 0xE9, 0, 1, 1],     // not assigned
    ]
    .concat();
    let query = ask_for("www.cdn.example", A, [0, 0], Some(&opt(0, 1_232, &options)));
    let [over_udp, over_tcp] = octets(&geodns, &query).await;
    for octets in [over_udp, over_tcp] {
        let response = Message::from_vec(&octets).unwrap();
        assert_eq!(response.answers.len(), 2);
        let edns = response.edns.unwrap();
        let Some(EdnsOption::Subnet(subnet)) = edns.option(EdnsCode::Subnet) else {
            panic!("no client subnet: {edns:?}");
        };
        assert_eq!(subnet.scope_prefix(), 16);
        // In clear text padding hides nothing.
        assert!(edns.option(EdnsCode::Padding).is_none());
    }
}

#[tokio::test]
async fn the_case_of_the_question_comes_back() {
    let geodns = geodns();
    for (name, rtype) in [
        ("wWw.CdN.eXaMpLe", A),
        ("ALIAS.cdn.EXAMPLE", A),
        ("nOtHiNg.cdn.example", A),
        ("X.wIlD.cdn.example", TXT),
        ("a.CHILD.cdn.example", A),
        ("wWw.OTHER.example", A),
    ] {
        let query = plain(name, rtype);
        for octets in octets(&geodns, &query).await {
            assert_eq!(octets[12..query.len()], query[12..], "{name}");
            let response = Message::from_vec(&octets).unwrap();
            if let Some(first) = response.answers.first() {
                assert_eq!(first.name.to_ascii(), format!("{name}."));
            }
        }
    }
}

#[tokio::test]
async fn any_is_small() {
    let geodns = geodns();
    for name in [
        "cdn.example",
        "www.cdn.example",
        "mail.cdn.example",
        "x.wild.cdn.example",
    ] {
        let response = response(&geodns, &plain(name, ANY)).await;
        assert_eq!(summary(&response), (ResponseCode::NoError, true, [1, 0, 0]));
        assert_eq!(response.answers[0].record_type(), RecordType::HINFO);
    }
    // RFC 8482 section 4.3: an alias is told.
    let alias = response(&geodns, &plain("alias.cdn.example", ANY)).await;
    assert_eq!(summary(&alias), (ResponseCode::NoError, true, [1, 0, 0]));
    assert_eq!(alias.answers[0].record_type(), RecordType::CNAME);
}

#[tokio::test]
async fn aliases_are_followed_inside_the_zone() {
    let geodns = geodns();
    for (name, rcode, records) in [
        ("alias.cdn.example", ResponseCode::NoError, [4, 0, 0]),
        // RFC 6604: the code is that of the last name.
        ("gone.cdn.example", ResponseCode::NXDomain, [1, 1, 0]),
        ("away.cdn.example", ResponseCode::NoError, [1, 0, 0]),
        ("x.made.cdn.example", ResponseCode::NoError, [3, 0, 0]),
        ("into.cdn.example", ResponseCode::NoError, [1, 1, 1]),
    ] {
        let response = response(&geodns, &plain(name, A)).await;
        assert_eq!(summary(&response), (rcode, true, records), "{name}");
        assert_eq!(response.answers[0].name.to_ascii(), format!("{name}."));
    }
    let itself = response(&geodns, &plain("alias.cdn.example", 5)).await;
    assert_eq!(summary(&itself), (ResponseCode::NoError, true, [1, 0, 0]));
    // One that leads to itself ends.
    let round = response(&geodns, &plain("round.cdn.example", A)).await;
    assert!(round.answers.len() < 20);
}

#[tokio::test]
async fn wildcards() {
    let geodns = geodns();
    let made = response(&geodns, &plain("a.b.wild.cdn.example", TXT)).await;
    assert_eq!(summary(&made), (ResponseCode::NoError, true, [1, 0, 0]));
    assert_eq!(made.answers[0].name.to_ascii(), "a.b.wild.cdn.example.");
    let nodata = response(&geodns, &plain("a.wild.cdn.example", A)).await;
    assert_eq!(summary(&nodata), (ResponseCode::NoError, true, [0, 1, 0]));
    let itself = response(&geodns, &plain("wild.cdn.example", TXT)).await;
    assert_eq!(summary(&itself), (ResponseCode::NoError, true, [0, 1, 0]));
}

#[tokio::test]
async fn delegations() {
    let geodns = geodns();
    for name in [
        "child.cdn.example",
        "a.b.child.cdn.example",
        "ns.child.cdn.example",
    ] {
        for rtype in [A, NS, SOA, TXT] {
            let referral = response(&geodns, &plain(name, rtype)).await;
            assert_eq!(
                summary(&referral),
                (ResponseCode::NoError, false, [0, 1, 1])
            );
            assert_eq!(
                referral.authorities[0].name.to_ascii(),
                "child.cdn.example."
            );
            assert_eq!(
                referral.additionals[0].name.to_ascii(),
                "ns.child.cdn.example."
            );
        }
    }
    let elsewhere = response(&geodns, &plain("plain-child.cdn.example", A)).await;
    assert_eq!(
        summary(&elsewhere),
        (ResponseCode::NoError, false, [0, 1, 0])
    );
    // What the parent says of the child (RFC 4035 section 3.1.4.1).
    let ds = response(&geodns, &plain("child.cdn.example", DS)).await;
    assert_eq!(summary(&ds), (ResponseCode::NoError, true, [1, 0, 0]));
    let none = response(&geodns, &plain("plain-child.cdn.example", DS)).await;
    assert_eq!(summary(&none), (ResponseCode::NoError, true, [0, 1, 0]));
    let below = response(&geodns, &plain("a.child.cdn.example", DS)).await;
    assert_eq!(summary(&below), (ResponseCode::NoError, false, [0, 1, 1]));
}

#[tokio::test]
async fn addresses_of_names_in_the_answer() {
    let geodns = geodns();
    for (name, rtype) in [("mail.cdn.example", 15), ("_x._tcp.cdn.example", 33)] {
        let response = response(&geodns, &plain(name, rtype)).await;
        assert_eq!(summary(&response), (ResponseCode::NoError, true, [1, 0, 2]));
        assert_eq!(response.additionals[0].name.to_ascii(), "ns1.cdn.example.");
    }
}

#[tokio::test]
async fn other_zones_and_classes_are_refused() {
    let geodns = geodns();
    let refused = (ResponseCode::Refused, false, [0, 0, 0]);
    for name in [
        "",
        "example",
        "www.other.example",
        "notcdn.example",
        "\x03cdn.example",
    ] {
        let query = ask_for(name, SOA, [0, 0], Some(&flags(0, 0, &[])));
        let response = response(&geodns, &query).await;
        assert_eq!(summary(&response), refused, "{name:?}");
        assert_eq!(extended_error(&response), Some(20));
    }
    let mut chaos = plain("version.bind", TXT);
    let end = chaos.len() - 1;
    chaos[end] = 3;
    assert_eq!(summary(&response(&geodns, &chaos).await), refused);
    let transfer = ask_for("cdn.example", 252, [0, 0], Some(&flags(0, 0, &[])));
    let transfer = response(&geodns, &transfer).await;
    assert_eq!(
        (summary(&transfer), extended_error(&transfer)),
        (refused, Some(18))
    );
}

/// INFO-CODE of an extended error (RFC 8914).
fn extended_error(message: &Message) -> Option<u16> {
    match message.edns.as_ref()?.option(EdnsCode::Unknown(15))? {
        EdnsOption::Unknown(_, data) => Some(u16::from_be_bytes([*data.first()?, *data.get(1)?])),
        _ => None,
    }
}

#[tokio::test]
async fn octets_behind_the_message_are_formerr() {
    let geodns = geodns();
    let mut query = plain("cdn.example", SOA);
    query.push(0);
    let response = response(&geodns, &query).await;
    assert_eq!(
        summary(&response),
        (ResponseCode::FormErr, false, [0, 0, 0])
    );
}

#[tokio::test]
async fn a_tcp_client_is_told_how_long_it_may_be_idle() {
    let mut config = fixture::config();
    config.limits.tcp_idle_timeout = Duration::from_millis(12_300);
    let geodns = start(config);
    let keepalive = opt(0, 1_232, &[0, 11, 0, 0]);
    let query = ask_for("cdn.example", SOA, [0, 0], Some(&keepalive));
    let [over_udp, over_tcp] = octets(&geodns, &query).await;
    assert!(over_tcp.ends_with(&[0, 11, 0, 2, 0, 123]));
    // RFC 7828 section 3.2.1: over UDP it means nothing.
    assert!(over_udp.ends_with(&[0, 0]));
    // Who does not ask is not told.
    let query = ask_for("cdn.example", SOA, [0, 0], Some(&opt(0, 1_232, &[])));
    let [over_udp, over_tcp] = octets(&geodns, &query).await;
    assert_eq!(over_udp, over_tcp);
}

#[tokio::test]
async fn what_fits_into_no_message_is_servfail() {
    let mut config = fixture::config();
    config.contents.records.push(RecordText {
        name: "large".to_owned(),
        rtype: "TXT".to_owned(),
        ttl: 300,
        data: (0..300).map(|n| format!("\"{n:0>250}\"")).collect(),
    });
    let geodns = start(config);
    let [over_udp, over_tcp] = octets(&geodns, &plain("large.cdn.example", TXT)).await;
    let over_udp = Message::from_vec(&over_udp).unwrap();
    assert!(over_udp.metadata.truncation);
    assert_eq!(summary(&over_udp), (ResponseCode::NoError, true, [0, 0, 0]));
    let over_tcp = Message::from_vec(&over_tcp).unwrap();
    assert!(!over_tcp.metadata.truncation);
    assert_eq!(
        summary(&over_tcp),
        (ResponseCode::ServFail, false, [0, 0, 0])
    );
}
