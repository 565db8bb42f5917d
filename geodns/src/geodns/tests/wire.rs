//! What is on the wire, bit by bit.

mod tcp;

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{
        Name, RecordType,
        rdata::opt::{EdnsCode, EdnsOption},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use super::*;

/// A query for the A records of www.cdn.example, with this number of questions and this OPT
/// record, if any.
pub(super) fn packet(questions: u8, opt: Option<&[u8]>) -> Vec<u8> {
    let additionals = u8::from(opt.is_some());
    let mut packet = vec![0xAB, 0xCD, 1, 0, 0, questions, 0, 0, 0, 0, 0, additionals];
    for _ in 0..questions {
        packet.extend(b"\x03wWw\x03cdn\x07Example\x00\x00\x01\x00\x01");
    }
    packet.extend(opt.unwrap_or_default());
    packet
}

/// An OPT record of this version and payload size with these options.
pub(super) fn opt(version: u8, payload: u16, options: &[u8]) -> Vec<u8> {
    let mut opt = vec![0, 0, 41];
    opt.extend(payload.to_be_bytes());
    opt.extend([0, version, 0, 0]);
    opt.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
    opt.extend(options);
    opt
}

pub(super) fn subnet_option(data: &[u8]) -> Vec<u8> {
    let mut option = vec![0, 8, 0, u8::try_from(data.len()).unwrap()];
    option.extend(data);
    option
}

pub(super) async fn socket(geodns: &GeoDns) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server(geodns)).await.unwrap();
    socket
}

pub(super) async fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65_535];
    let length = timeout(PATIENCE, socket.recv(&mut buffer))
        .await
        .expect("no response")
        .unwrap();
    buffer.truncate(length);
    buffer
}

async fn exchange(geodns: &GeoDns, packet: &[u8]) -> Message {
    let socket = socket(geodns).await;
    socket.send(packet).await.unwrap();
    Message::from_vec(&receive(&socket).await).unwrap()
}

async fn rcode(geodns: &GeoDns, packet: &[u8]) -> ResponseCode {
    exchange(geodns, packet).await.metadata.response_code
}

#[tokio::test]
async fn a_plain_query() {
    let geodns = start(fixture::config());
    let response = exchange(&geodns, &packet(1, None)).await;
    let header = response.metadata;
    assert_eq!(header.id, 0xABCD);
    assert_eq!(header.message_type, MessageType::Response);
    assert_eq!(header.response_code, ResponseCode::NoError);
    assert!(header.authoritative && header.recursion_desired);
    assert!(!header.recursion_available && !header.truncation);
    assert_eq!(response.answers.len(), 2);
    // The case of the question comes back, in the question and in the answers.
    assert_eq!(response.queries[0].name().to_ascii(), "wWw.cdn.Example.");
    assert_eq!(response.answers[1].name.to_ascii(), "wWw.cdn.Example.");
    // Who sends no OPT gets none.
    assert!(response.edns.is_none());
}

#[tokio::test]
async fn what_is_no_query_is_not_answered() {
    let geodns = start(fixture::config());
    let socket = socket(&geodns).await;
    let mut response = packet(1, None);
    response[2] |= 0x80;
    for silent in [
        &[][..],
        &[0xAB],
        &[0xAB, 0xCD, 1, 0, 0, 1, 0, 0, 0, 0, 0],
        &response,
    ] {
        socket.send(silent).await.unwrap();
    }
    // Had any of them been answered, that answer would come first.
    let mut good = packet(1, None);
    good[0] = 0x77;
    socket.send(&good).await.unwrap();
    assert_eq!(receive(&socket).await[0], 0x77);
}

#[tokio::test]
async fn malformed_queries_are_formerr() {
    let geodns = start(fixture::config());
    let cut_off = &packet(1, None)[..20];
    let mut pointer = packet(0, None);
    pointer[5] = 1;
    pointer.extend([0xC0, 0x0C, 0, 1, 0, 1]);
    // A question that is a pointer into the header: it could not be repeated.
    let mut into_header = packet(0, None);
    into_header[5] = 1;
    into_header.extend([0xC0, 0x06, 0, 1, 0, 1]);
    let two_opts = [opt(0, 1232, &[]), opt(0, 1232, &[])].concat();
    let mut twice = packet(1, Some(&two_opts));
    twice[11] = 2;
    for malformed in [
        cut_off,
        &pointer,
        &into_header,
        &twice,
        &packet(0, None),
        &packet(2, None),
        &packet(40, Some(&opt(0, 4096, &[]))),
    ] {
        assert_eq!(
            rcode(&geodns, malformed).await,
            ResponseCode::FormErr,
            "{malformed:?}"
        );
    }
}

#[tokio::test]
async fn malformed_client_subnets_are_formerr() {
    let geodns = start(fixture::config());
    for data in [
        &[0, 3, 24, 0, 10, 49, 0][..],
        &[0, 1, 33, 0, 10, 49, 0, 0, 0],
        &[0, 1, 24, 0, 10, 49],
        &[0, 1, 24, 0, 10, 49, 0, 0],
        &[0, 1, 20, 0, 10, 49, 255],
        &[0, 1, 24, 24, 10, 49, 0],
        &[0, 2, 129, 0],
        &[0],
    ] {
        let packet = packet(1, Some(&opt(0, 1232, &subnet_option(data))));
        let response = exchange(&geodns, &packet).await;
        assert_eq!(
            response.metadata.response_code,
            ResponseCode::FormErr,
            "{data:?}"
        );
        assert!(response.answers.is_empty());
    }
}

#[tokio::test]
async fn client_subnet_comes_back_with_its_scope() {
    let geodns = start(fixture::config());
    for (data, scope) in [
        (&[0, 1, 24, 0, 10, 49, 7][..], 16),
        (&[0, 1, 20, 0, 10, 77, 0], 22),
        (&[0, 1, 0, 0], 0),
        (&[0, 2, 56, 0, 0x20, 1, 0x0d, 0xb8, 0, 0x49, 0], 48),
    ] {
        let packet = packet(1, Some(&opt(0, 1232, &subnet_option(data))));
        let response = exchange(&geodns, &packet).await;
        assert_eq!(response.answers.len(), 2, "{data:?}");
        let edns = response.edns.unwrap();
        let Some(EdnsOption::Subnet(subnet)) = edns.option(EdnsCode::Subnet) else {
            panic!("no client subnet for {data:?}");
        };
        assert_eq!(subnet.source_prefix(), data[2]);
        assert_eq!(subnet.scope_prefix(), scope, "{data:?}");
        let mut echoed: Vec<u8> = subnet.try_into().unwrap();
        echoed[3] = 0;
        assert_eq!(echoed, data);
    }
    let without = exchange(&geodns, &packet(1, Some(&opt(0, 1232, &[])))).await;
    assert!(without.edns.unwrap().option(EdnsCode::Subnet).is_none());
}

#[tokio::test]
async fn client_subnet_of_others_is_ignored_and_not_sent_back() {
    let mut config = fixture::config();
    config.place.client_subnet = Some(vec!["192.0.2.0/24".parse().unwrap()]);
    let geodns = start(config.clone());
    let query = packet(
        1,
        Some(&opt(0, 1232, &subnet_option(&[0, 1, 24, 0, 10, 77, 0]))),
    );
    let response = exchange(&geodns, &query).await;
    assert!(response.edns.unwrap().option(EdnsCode::Subnet).is_none());
    let ignored = response.answers;
    let without = exchange(&geodns, &packet(1, Some(&opt(0, 1232, &[])))).await;
    assert_eq!(ignored, without.answers);
    // To be malformed is wrong whoever sends it.
    let malformed = packet(
        1,
        Some(&opt(0, 1232, &subnet_option(&[0, 1, 24, 24, 10, 77, 0]))),
    );
    assert_eq!(rcode(&geodns, &malformed).await, ResponseCode::FormErr);

    config.place.client_subnet = Some(vec!["127.0.0.0/8".parse().unwrap()]);
    reload(&geodns, config).unwrap();
    let response = exchange(&geodns, &query).await;
    assert!(response.edns.unwrap().option(EdnsCode::Subnet).is_some());
    assert_ne!(response.answers, ignored);
}

#[tokio::test]
async fn edns_versions_options_and_flags() {
    let geodns = start(fixture::config());
    let badvers = exchange(&geodns, &packet(1, Some(&opt(1, 1232, &[])))).await;
    assert_eq!(u16::from(badvers.metadata.response_code), 16);
    assert_eq!(badvers.edns.as_ref().unwrap().version(), 0);
    assert!(badvers.answers.is_empty());

    let unknown = [0xFD, 0xE9, 0, 3, 1, 2, 3];
    let mut record = opt(0, 1232, &unknown);
    record[7..9].copy_from_slice(&[0xFF, 0xFF]);
    let response = exchange(&geodns, &packet(1, Some(&record))).await;
    assert_eq!(response.metadata.response_code, ResponseCode::NoError);
    let edns = response.edns.unwrap();
    assert!(edns.options().as_ref().is_empty());
    // DO comes back (RFC 3225), flags that are not assigned do not (RFC 6891).
    assert!(edns.flags().dnssec_ok);
    assert_eq!(edns.flags().z, 0);
}

#[tokio::test]
async fn who_asks_for_it_is_told_the_servers_name_if_it_may() {
    const NSID: [u8; 4] = [0, 3, 0, 0];
    let mut config = fixture::config();
    for (may, options, told) in [
        (false, &NSID[..], false),
        (true, &NSID, true),
        (true, &[], false),
    ] {
        config.nsid = may;
        let geodns = start(config.clone());
        let socket = socket(&geodns).await;
        let query = packet(1, Some(&opt(0, 1_232, options)));
        socket.send(&query).await.unwrap();
        let answer = receive(&socket).await;
        assert_eq!(answer.ends_with(b"\0\x03\0\x04ns-1"), told, "{answer:?}");
    }
}

#[tokio::test]
async fn other_opcodes_are_not_implemented() {
    let geodns = start(fixture::config());
    for opcode in [1, 2, 3, 4, 5, 6, 15] {
        let mut packet = packet(1, None);
        packet[2] = opcode << 3;
        assert_eq!(
            rcode(&geodns, &packet).await,
            ResponseCode::NotImp,
            "{opcode}"
        );
    }
    let mut header_only = packet(0, None);
    header_only[2] = 15 << 3;
    assert_eq!(rcode(&geodns, &header_only).await, ResponseCode::NotImp);
}

#[tokio::test]
async fn what_does_not_fit_is_truncated_and_comes_over_tcp() {
    let geodns = start(many_addresses(200));
    for (opt, limit) in [
        (None, 512),
        (Some(opt(0, 100, &[])), 512),
        (Some(opt(0, 700, &[])), 700),
        (Some(opt(0, 65_535, &[])), 1_232),
    ] {
        let socket = socket(&geodns).await;
        socket.send(&packet(1, opt.as_deref())).await.unwrap();
        let wire = receive(&socket).await;
        assert!(wire.len() <= limit, "{} of {limit}", wire.len());
        let response = Message::from_vec(&wire).unwrap();
        assert!(response.metadata.truncation);
        assert_eq!(response.edns.is_some(), opt.is_some());
    }
    let response = ask(&geodns, "www.cdn.example", "A", None).await;
    assert!(response.tcp);
    assert_eq!(response.answers.len(), 200);
}

#[tokio::test]
async fn what_just_fits_is_not_truncated() {
    // Header, question and OPT, and 16 octets for each address.
    for count in [30, 74] {
        let geodns = start(many_addresses(count));
        let whole = 12 + 21 + 11 + u16::from(count) * 16;
        for (payload, fits) in [(whole, true), (whole - 1, false)] {
            let record = opt(0, payload, &[]);
            let response = exchange(&geodns, &packet(1, Some(&record))).await;
            assert_eq!(response.metadata.truncation, !fits);
            let answers = if fits { usize::from(count) } else { 0 };
            assert_eq!(response.answers.len(), answers);
            assert!(response.edns.is_some());
        }
    }
}

#[tokio::test]
async fn glue_that_does_not_fit_is_left_out_without_truncation() {
    let mut config = fixture::config();
    config.name_servers[0].addresses = (0..60).map(|n| [192, 0, 2, n].into()).collect();
    let geodns = start(config);
    let mut message = Message::new(1, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(
        Name::from_ascii("cdn.example.").unwrap(),
        RecordType::NS,
    ));
    message.edns = Some(Edns::new());
    let response = exchange(&geodns, &message.to_vec().unwrap()).await;
    assert!(!response.metadata.truncation);
    assert_eq!(response.answers.len(), 2);
    assert!(response.additionals.is_empty() && response.edns.is_some());
}

pub(super) async fn connect(geodns: &GeoDns) -> TcpStream {
    TcpStream::connect(server(geodns)).await.unwrap()
}

/// Thousands of packets, half of them random, half of them good ones with a few bytes changed.
#[tokio::test]
async fn random_packets_do_no_harm() {
    let geodns = start(fixture::config());
    let socket = socket(&geodns).await;
    let mut random = fastrand::Rng::with_seed(53);
    let good = packet(
        1,
        Some(&opt(0, 1232, &subnet_option(&[0, 1, 24, 0, 10, 49, 7]))),
    );
    let mut answered = 0;
    for round in 0..6_000 {
        let packet = if round % 2 == 0 {
            let length = random.usize(0..300);
            std::iter::repeat_with(|| random.u8(..))
                .take(length)
                .collect()
        } else {
            let mut packet = good.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..packet.len());
                packet[at] = random.u8(..);
            }
            packet
        };
        socket.send(&packet).await.unwrap();
        let mut buffer = [0; 65_535];
        while socket.try_recv(&mut buffer).is_ok() {
            answered += 1;
        }
        if round % 50 == 0 {
            // Lets the server keep up, so that packets are read and not dropped.
            assert_eq!(addresses(&geodns, "10.49.0.0/16").await.len(), 2);
        }
    }
    assert!(answered > 1_000, "{answered}");
    for _ in 0..50 {
        let mut stream = TcpStream::connect(server(&geodns)).await.unwrap();
        let bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(400).collect();
        stream.write_all(&bytes).await.unwrap();
    }
    assert_eq!(addresses(&geodns, "10.49.0.0/16").await.len(), 2);
    let over_tcp = query(
        server(&geodns),
        "www.cdn.example",
        "A",
        None,
        PATIENCE,
        true,
    );
    assert_eq!(over_tcp.await.unwrap().answers.len(), 2);
}
