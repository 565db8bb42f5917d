//! The zone, sent whole.

use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, Record, RecordType},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use super::*;
use crate::RecordText;

const COUNT: usize = 3_000;

/// A zone of several messages.
fn large() -> Config {
    let mut config = fixture::config();
    config.contents.transfer_to = vec!["127.0.0.0/8".parse().unwrap()];
    let record = |number| RecordText {
        name: format!("host-{number}"),
        rtype: "TXT".to_owned(),
        ttl: 60,
        data: vec![format!(
            "text of host {number}, as long as it takes to fill some messages"
        )],
    };
    config.contents.records = (0..COUNT).map(record).collect();
    config
}

fn question(id: u16, name: &str, rtype: RecordType) -> Vec<u8> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    let name = Name::from_ascii(name).unwrap();
    message.add_query(Query::query(name, rtype));
    let message = message.to_vec().unwrap();
    [&(message.len() as u16).to_be_bytes()[..], &message].concat()
}

async fn read(stream: &mut TcpStream) -> (usize, Message) {
    let length = timeout(PATIENCE, stream.read_u16()).await.unwrap().unwrap();
    let mut message = vec![0; length.into()];
    let whole = stream.read_exact(&mut message);
    timeout(PATIENCE, whole).await.unwrap().unwrap();
    (message.len(), Message::from_vec(&message).unwrap())
}

fn is_soa(record: &Record) -> bool {
    record.record_type() == RecordType::SOA
}

#[tokio::test]
async fn the_zone_goes_in_messages_and_the_connection_goes_on() {
    let geodns = start(large());
    for rtype in [RecordType::AXFR, RecordType::IXFR] {
        let mut stream = TcpStream::connect(server(&geodns)).await.unwrap();
        // Both at once: the second is answered behind the first.
        let mut both = question(1, "cdn.EXAMPLE.", rtype);
        both.extend(question(2, "www.cdn.example.", RecordType::A));
        stream.write_all(&both).await.unwrap();
        let mut records: Vec<Record> = Vec::new();
        let mut messages = 0;
        while records.len() < 2 || !is_soa(records.last().unwrap()) {
            let (length, message) = read(&mut stream).await;
            assert!(length <= 16_384, "{length}");
            assert_eq!(message.metadata.id, 1);
            assert!(message.metadata.authoritative);
            assert_eq!(message.metadata.response_code, ResponseCode::NoError);
            records.extend(message.answers);
            messages += 1;
        }
        assert!(messages > 10, "{messages}");
        assert!(is_soa(&records[0]));
        assert_eq!(records[0], *records.last().unwrap());
        let of = |rtype| records.iter().filter(|r| r.record_type() == rtype).count();
        assert_eq!(of(RecordType::TXT), COUNT);
        assert_eq!(of(RecordType::NS), 2);
        // Of the name server, and two of each service.
        assert_eq!((of(RecordType::A), of(RecordType::AAAA)), (5, 5));
        assert_eq!(records.len(), COUNT + 2 + 2 + 10);
        let (_, message) = read(&mut stream).await;
        assert_eq!((message.metadata.id, message.answers.len()), (2, 2));
    }
}

#[tokio::test]
async fn a_secondary_that_does_not_read_holds_nobody_up() {
    let mut config = large();
    config.limits.tcp_threads = 1;
    config.limits.tcp_idle_timeout = Duration::from_secs(60);
    let geodns = start(config);
    let mut deaf = TcpStream::connect(server(&geodns)).await.unwrap();
    // More than the kernel keeps for it.
    for id in 0..100 {
        let wanted = question(id, "cdn.example.", RecordType::AXFR);
        deaf.write_all(&wanted).await.unwrap();
    }
    let response = query(
        server(&geodns),
        "www.cdn.example",
        "A",
        None,
        PATIENCE,
        true,
    )
    .await;
    assert_eq!(response.unwrap().answers.len(), 2);
    drop(deaf);
}

#[tokio::test]
async fn others_are_refused() {
    let mut config = large();
    config.contents.transfer_to = vec!["192.0.2.0/24".parse().unwrap()];
    let geodns = start(config);
    let refused = |message: &Message| {
        assert_eq!(message.metadata.response_code, ResponseCode::Refused);
        assert!(message.answers.is_empty());
    };
    for rtype in [RecordType::AXFR, RecordType::IXFR] {
        let mut stream = TcpStream::connect(server(&geodns)).await.unwrap();
        let wanted = question(1, "cdn.example.", rtype);
        stream.write_all(&wanted).await.unwrap();
        refused(&read(&mut stream).await.1);
    }
    // Nor to those who may, over UDP, where an address may be forged, or of another name.
    reload(&geodns, large()).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let wanted = question(1, "cdn.example.", RecordType::AXFR);
    socket.send_to(&wanted[2..], server(&geodns)).await.unwrap();
    let mut buffer = [0; 512];
    let received = timeout(PATIENCE, socket.recv(&mut buffer)).await;
    refused(&Message::from_vec(&buffer[..received.unwrap().unwrap()]).unwrap());
    let mut stream = TcpStream::connect(server(&geodns)).await.unwrap();
    let wanted = question(1, "www.cdn.example.", RecordType::AXFR);
    stream.write_all(&wanted).await.unwrap();
    refused(&read(&mut stream).await.1);
}

#[tokio::test]
async fn a_secondary_is_told_until_it_answers() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut config = fixture::config();
    config.contents.notify = vec![socket.local_addr().unwrap()];
    let geodns = start(config.clone());
    let mut buffer = [0; 512];
    // What is not answered comes again.
    let mut last = None;
    for _ in 0..2 {
        let received = timeout(3 * PATIENCE, socket.recv_from(&mut buffer)).await;
        let (length, from) = received.unwrap().unwrap();
        assert_eq!(from.ip(), server(&geodns).ip());
        let message = Message::from_vec(&buffer[..length]).unwrap();
        assert_eq!(message.metadata.op_code, OpCode::Notify);
        assert!(message.metadata.authoritative && is_soa(&message.answers[0]));
        assert!(last.is_none_or(|id| id == message.metadata.id));
        last = Some(message.metadata.id);
    }
    // A new zone is told at once, though the old one was not taken.
    config.soa.serial += 1;
    reload(&geodns, config).unwrap();
    loop {
        let received = timeout(3 * PATIENCE, socket.recv_from(&mut buffer)).await;
        let (length, from) = received.unwrap().unwrap();
        let message = Message::from_vec(&buffer[..length]).unwrap();
        if message.answers[0].data.to_string().contains(" 8 ") {
            buffer[2] |= 0x80;
            socket.send_to(&buffer[..length], from).await.unwrap();
            return;
        }
    }
}
