mod edges;
mod places;
mod properties;
mod zone;

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{
        DNSClass, Name, Record, RecordType,
        rdata::opt::{ClientSubnet, EdnsCode, EdnsOption},
    },
};
use perigee_cluster::PopName;

use super::*;
use crate::{
    Client, Config, Place,
    asker::{Asker, Transport},
    fixture::{config, snapshot, snapshot_with},
};

/// What another codec makes of a response.
#[derive(Clone, Debug, PartialEq)]
struct Answer {
    rcode: ResponseCode,
    authoritative: bool,
    answers: Vec<Record>,
    authorities: Vec<Record>,
    additionals: Vec<Record>,
    scope: u8,
    pop: Option<PopName>,
}

impl Answer {
    fn refused() -> Self {
        Answer {
            rcode: ResponseCode::Refused,
            authoritative: false,
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
            scope: 0,
            pop: None,
        }
    }
}

fn question(name: &str, rtype: RecordType) -> Query {
    let mut name = Name::from_ascii(name).unwrap();
    name.set_fqdn(true);
    Query::query(name, rtype)
}

/// A query as another codec encodes it.
fn message(query: &Query, client: Client) -> (Vec<u8>, SocketAddr) {
    let mut message = Message::new(0xABCD, MessageType::Query, OpCode::Query);
    message.add_query(query.clone());
    let mut edns = Edns::new();
    edns.set_max_payload(1_232);
    let subnet = match client {
        Client::Source(_) => None,
        Client::Subnet(network) => Some(ClientSubnet::from(network.trunc())),
        Client::Withheld => Some(ClientSubnet::new([0, 0, 0, 0].into(), 0, 0)),
    };
    if let Some(subnet) = subnet {
        edns.options_mut().insert(EdnsOption::Subnet(subnet));
    }
    message.edns = Some(edns);
    let source = match client {
        Client::Source(address) => address,
        _ => IpAddr::from([198, 18, 0, 1]),
    };
    (message.to_vec().unwrap(), (source, 53_535).into())
}

fn answer(snapshot: &Snapshot, query: &Query, client: Client, now: SystemTime) -> Answer {
    let (message, address) = message(query, client);
    let asker = Asker {
        address,
        transport: Transport::Tcp,
    };
    let mut out = vec![0; 65_535];
    let request = Request::read(&message).unwrap();
    let terms = Terms::new(asker, now);
    let mut memo = Memo::none();
    let (length, facts) = respond(snapshot, &mut memo, &request, &terms, &mut out).unwrap();
    let decoded = Message::from_vec(&out[..length]).unwrap();
    assert_eq!(decoded.metadata.id, 0xABCD);
    assert_eq!(decoded.queries, std::slice::from_ref(query));
    assert_eq!(u16::from(decoded.metadata.response_code), facts.rcode);
    assert_eq!(decoded.metadata.authoritative, facts.authoritative);
    if let Some(EdnsOption::Subnet(subnet)) = decoded.edns.unwrap().option(EdnsCode::Subnet) {
        assert_eq!(subnet.scope_prefix(), facts.scope);
    }
    Answer {
        rcode: decoded.metadata.response_code,
        authoritative: facts.authoritative,
        answers: decoded.answers,
        authorities: decoded.authorities,
        additionals: decoded.additionals,
        scope: facts.scope,
        pop: facts.pop.map(|pop| snapshot.pops[pop].name.clone()),
    }
}

fn client(network: &str) -> Client {
    Client::Subnet(network.parse().unwrap())
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn ask(snapshot: &Snapshot, name: &str, rtype: RecordType, network: &str) -> Answer {
    answer(snapshot, &question(name, rtype), client(network), at(0))
}

fn addresses(answer: &Answer) -> Vec<String> {
    let mut addresses: Vec<String> = answer.answers.iter().map(|r| r.data.to_string()).collect();
    addresses.sort();
    addresses
}

fn www(snapshot: &Snapshot, rtype: RecordType, network: &str) -> (Vec<String>, u8) {
    let answer = ask(snapshot, "www.cdn.example", rtype, network);
    (addresses(&answer), answer.scope)
}

fn is_nodata(answer: &Answer) -> bool {
    answer.rcode == ResponseCode::NoError
        && answer.authoritative
        && answer.answers.is_empty()
        && has_soa(answer)
}

fn has_soa(answer: &Answer) -> bool {
    matches!(&answer.authorities[..], [soa] if soa.record_type() == RecordType::SOA)
}

const FRA: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
const NYC: [&str; 2] = ["192.0.2.11", "192.0.2.12"];
const SIN: [&str; 2] = ["192.0.2.21", "192.0.2.22"];
