use std::{net::Ipv4Addr, time::SystemTime};

use prometheus_client::encoding::text::encode;

use super::*;
use crate::{asker::Asker, fixture};

fn text(metrics: &Metrics) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(metrics.clone()));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    text
}

fn known() -> Metrics {
    let metrics = Metrics::default();
    metrics.know(&fixture::config());
    metrics
}

/// A query for this name, as it goes over the wire.
fn query(name: &str) -> Vec<u8> {
    let mut message = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

fn ask(tally: &Tally, snapshot: &Snapshot, name: &str, transport: Transport) {
    let message = query(name);
    let request = perigee_dns_wire::Request::read(&message).unwrap();
    let asker = Asker {
        address: (Ipv4Addr::new(10, 49, 0, 1), 53).into(),
        transport,
    };
    let terms = crate::answer::Terms::new(asker, SystemTime::UNIX_EPOCH);
    let (mut memo, mut out) = (crate::answer::Memo::none(), [0; 512]);
    let answered = crate::answer::respond(snapshot, &mut memo, &request, &terms, &mut out);
    tally.count(snapshot, &answered.unwrap().1, transport);
}

#[test]
fn what_workers_count_is_added_up_and_outlives_them() {
    let (metrics, snapshot) = (known(), fixture::snapshot());
    let (one, other) = (metrics.tally(), metrics.tally());
    ask(&one, &snapshot, "www.cdn.example", Transport::Udp);
    ask(&one, &snapshot, "no.cdn.example", Transport::Udp);
    ask(&other, &snapshot, "WWW.cdn.example", Transport::Udp);
    ask(&other, &snapshot, "www.cdn.example", Transport::Tcp);
    for round in 0..3 {
        let text = text(&metrics);
        for line in [
            "perigee_dns_queries_total{type=\"A\",rcode=\"NOERROR\",transport=\"udp\"} 2",
            "perigee_dns_queries_total{type=\"A\",rcode=\"NOERROR\",transport=\"tcp\"} 1",
            "perigee_dns_queries_total{type=\"A\",rcode=\"NXDOMAIN\",transport=\"udp\"} 1",
            "perigee_dns_answers_total{service=\"www.cdn.example\",policy=\"nearest\",pop=\"fra\"} 3",
        ] {
            assert!(
                text.contains(line),
                "round {round}: {line} is not in\n{text}"
            );
        }
        if round == 0 {
            // Those that are gone stay counted.
            drop(metrics.tally());
        }
    }
    drop((one, other));
    assert!(text(&metrics).contains("pop=\"fra\"} 3"));
    assert_eq!(metrics.answers_by_pop()["fra"], 3);
    assert!(metrics.lock().counting.is_empty());
}

#[test]
fn what_finds_no_slot_is_counted_as_others() {
    let counts = Counts::new();
    let name =
        |n: u16| perigee_dns_wire::Name::from_wire(&[2, (n >> 8) as u8, n as u8, 0]).unwrap();
    for n in 0..5_000 {
        counts.answer(&name(n), 7);
    }
    let all: Vec<_> = counts.answers().collect();
    assert_eq!(all.iter().map(|(_, count)| count).sum::<u64>(), 5_000);
    assert!(
        all.len() <= 1_025
            && all
                .iter()
                .any(|(key, count)| *key == (0, 0) && *count > 3_000)
    );
}

#[test]
fn labels_go_there_and_back() {
    use perigee_dns_wire::{rcode, rtype};
    let there_and_back =
        |rtype, rcode, transport| labels::at(labels::place(rtype, rcode, transport));
    let doh = there_and_back(Some(rtype::HTTPS), rcode::BADCOOKIE, Transport::Https);
    assert_eq!(doh, ("HTTPS", "BADCOOKIE", "https"));
    assert_eq!(
        there_and_back(None, 4_000, Transport::Quic),
        ("none", "other", "quic")
    );
    assert_eq!(
        there_and_back(Some(4_000), 0, Transport::Tls),
        ("other", "NOERROR", "tls")
    );
}
