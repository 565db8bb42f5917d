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
use proptest::prelude::*;

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

#[test]
fn the_nearest_pop_answers() {
    let snapshot = snapshot();
    assert_eq!(www(&snapshot, RecordType::A, "10.49.1.0/24").0, FRA);
    assert_eq!(www(&snapshot, RecordType::A, "10.1.1.0/24").0, NYC);
    assert_eq!(www(&snapshot, RecordType::A, "10.65.1.0/24").0, SIN);
    assert_eq!(www(&snapshot, RecordType::A, "2001:db8:49::/56").0, FRA);
}

#[test]
fn the_resolver_stands_for_the_client() {
    let snapshot = snapshot();
    let query = question("www.cdn.example", RecordType::A);
    for source in ["10.65.0.9", "::ffff:10.65.0.9"] {
        let source = Client::Source(source.parse().unwrap());
        assert_eq!(addresses(&answer(&snapshot, &query, source, at(0))), SIN);
    }
}

#[test]
fn a_network_may_be_at_a_pop_and_the_longest_prefix_wins() {
    let snapshot = snapshot();
    assert_eq!(www(&snapshot, RecordType::A, "10.77.0.0/24").0, SIN);
    assert_eq!(www(&snapshot, RecordType::A, "10.77.7.0/24").0, NYC);
    assert_eq!(www(&snapshot, RecordType::A, "10.77.7.0/24").1, 24);
    // Beside the hole, the answer does not hold for the whole network.
    assert_eq!(www(&snapshot, RecordType::A, "10.77.6.0/24").1, 24);
    assert_eq!(www(&snapshot, RecordType::A, "10.77.128.0/24").1, 17);
}

#[test]
fn unknown_places_get_the_pops_in_the_order_of_the_configuration() {
    let mut config = config();
    let snapshot = snapshot_with(&config, &[], &[]);
    assert_eq!(www(&snapshot, RecordType::A, "203.0.113.0/24").0, FRA);
    config.pops.reverse();
    let snapshot = snapshot_with(&config, &[], &[]);
    assert_eq!(www(&snapshot, RecordType::A, "203.0.113.0/24").0, SIN);
}

#[test]
fn the_answer_has_ttl_owner_and_pop() {
    let answer = ask(
        &snapshot(),
        "wWw.CDN.example",
        RecordType::A,
        "10.49.1.0/24",
    );
    assert_eq!(answer.rcode, ResponseCode::NoError);
    assert!(answer.authoritative);
    assert_eq!(answer.pop, Some("fra".into()));
    for record in &answer.answers {
        assert_eq!(record.ttl, 20);
        assert_eq!(record.name.to_ascii(), "wWw.CDN.example.");
    }
}

#[test]
fn no_more_addresses_than_asked_for() {
    let mut config = config();
    config.services[0].answers = 1;
    let snapshot = snapshot_with(&config, &[], &[]);
    let answer = ask(&snapshot, "www.cdn.example", RecordType::A, "10.49.0.0/16");
    assert_eq!(answer.answers.len(), 1);
}

#[test]
fn edges_that_are_down_or_draining_are_left_out() {
    let config = config();
    let snapshot = snapshot_with(&config, &["fra-1"], &["nyc-2"]);
    assert_eq!(
        www(&snapshot, RecordType::A, "10.49.1.0/24").0,
        ["192.0.2.2"]
    );
    assert_eq!(
        www(&snapshot, RecordType::A, "10.1.1.0/24").0,
        ["192.0.2.11"]
    );
}

#[test]
fn when_a_pop_is_down_the_next_nearest_answers() {
    let config = config();
    let snapshot = snapshot_with(&config, &["fra-1", "fra-2"], &[]);
    assert_eq!(www(&snapshot, RecordType::A, "10.49.1.0/24").0, NYC);
    let snapshot = snapshot_with(&config, &["fra-1", "fra-2", "nyc-1", "nyc-2"], &[]);
    assert_eq!(www(&snapshot, RecordType::A, "10.49.1.0/24").0, SIN);
}

#[test]
fn a_draining_edge_is_better_than_none() {
    let config = config();
    let down = ["fra-1", "nyc-1", "nyc-2", "sin-1"];
    let snapshot = snapshot_with(&config, &down, &["fra-2", "sin-2"]);
    assert!(snapshot.believed);
    assert_eq!(
        www(&snapshot, RecordType::A, "10.49.1.0/24").0,
        ["192.0.2.2"]
    );
}

#[test]
fn when_nearly_everything_looks_down_health_is_disregarded() {
    let config = config();
    let all = ["fra-1", "fra-2", "nyc-1", "nyc-2", "sin-1", "sin-2"];
    let snapshot = snapshot_with(&config, &all[..5], &[]);
    assert!(!snapshot.believed);
    assert_eq!(www(&snapshot, RecordType::A, "10.49.1.0/24").0, FRA);
    assert_eq!(www(&snapshot, RecordType::A, "10.1.1.0/24").0, NYC);
    let snapshot = snapshot_with(&config, &all, &[]);
    assert_eq!(www(&snapshot, RecordType::A, "10.65.1.0/24").0, SIN);
}

#[test]
fn an_edge_that_said_it_drains_is_left_out_even_then() {
    let config = config();
    let down = ["fra-1", "fra-2", "nyc-1", "nyc-2", "sin-1", "sin-2"];
    let snapshot = snapshot_with(&config, &down, &["fra-1", "sin-1", "sin-2"]);
    assert!(!snapshot.believed);
    assert_eq!(
        www(&snapshot, RecordType::A, "10.49.1.0/24").0,
        ["192.0.2.2"]
    );
    assert_eq!(www(&snapshot, RecordType::A, "10.65.1.0/24").0, FRA[1..]);
    let snapshot = snapshot_with(&config, &down, &down);
    assert_eq!(www(&snapshot, RecordType::A, "10.65.1.0/24").0, SIN);
}

#[test]
fn ipv6_is_answered_for_edges_that_have_it() {
    let snapshot = snapshot();
    let fra = www(&snapshot, RecordType::AAAA, "10.49.1.0/24").0;
    assert_eq!(fra, ["2001:db8::1", "2001:db8::2"]);
    let nyc = www(&snapshot, RecordType::AAAA, "10.1.1.0/24").0;
    assert_eq!(nyc, ["2001:db8::11"]);
}

#[test]
fn a_near_pop_without_ipv6_is_nodata_and_not_a_far_pop() {
    let config = config();
    let singapore = ask(
        &snapshot(),
        "www.cdn.example",
        RecordType::AAAA,
        "10.65.1.0/24",
    );
    assert!(is_nodata(&singapore));
    // It holds for the place only: elsewhere there is IPv6.
    assert_eq!(singapore.scope, 16);
    // The same where the edge with IPv6 is down, and one without is up.
    let snapshot = snapshot_with(&config, &["nyc-1"], &[]);
    let new_york = ask(
        &snapshot,
        "www.cdn.example",
        RecordType::AAAA,
        "10.1.1.0/24",
    );
    assert!(is_nodata(&new_york));
}

#[test]
fn a_near_pop_without_ipv4_moves_a_on_to_the_next() {
    let mut config = config();
    for edge in &mut config.pops[0].edges {
        edge.ipv4 = None;
    }
    let snapshot = snapshot_with(&config, &[], &[]);
    assert_eq!(www(&snapshot, RecordType::A, "10.49.1.0/24").0, NYC);
    assert_eq!(www(&snapshot, RecordType::AAAA, "10.49.1.0/24").0.len(), 2);
}

#[test]
fn a_family_that_no_edge_has_is_nodata_for_everyone() {
    let mut config = config();
    for edge in config.pops.iter_mut().flat_map(|pop| &mut pop.edges) {
        edge.ipv6 = None;
    }
    let snapshot = snapshot_with(&config, &[], &[]);
    let answer = ask(
        &snapshot,
        "www.cdn.example",
        RecordType::AAAA,
        "10.65.1.0/24",
    );
    assert!(is_nodata(&answer));
    assert_eq!(answer.scope, 0);
}

#[test]
fn a_cdn_without_edges_is_nodata() {
    let mut config = config();
    config.pops.clear();
    let snapshot = snapshot_with(&config, &[], &[]);
    assert!(is_nodata(&ask(
        &snapshot,
        "www.cdn.example",
        RecordType::A,
        "10.49.0.0/16"
    )));
}

#[test]
fn of_a_client_that_withholds_itself_nothing_is_used() {
    let snapshot = snapshot();
    let query = question("www.cdn.example", RecordType::A);
    let first = answer(&snapshot, &query, Client::Withheld, at(0));
    assert_eq!(addresses(&first), FRA);
    assert_eq!(first.scope, 0);
    // The order rotates, one step each TTL, and is the same within one.
    let order = |seconds| answer(&snapshot, &query, Client::Withheld, at(seconds)).answers;
    assert_eq!(order(0), order(19));
    assert!((0..40).any(|step| order(step * 20) != order(0)));
}

#[test]
fn the_order_is_stable_per_prefix_and_differs_between_prefixes() {
    let snapshot = snapshot();
    let query = question("www.cdn.example", RecordType::A);
    let first = |third: u8, now| {
        let source = Client::Source([10, third, 0, 1].into());
        answer(&snapshot, &query, source, at(now)).answers[0].clone()
    };
    let firsts: Vec<Record> = (100..140).map(|third| first(third, 0)).collect();
    let later: Vec<Record> = (100..140).map(|third| first(third, 99_999)).collect();
    assert_eq!(firsts, later);
    let to_the_first = firsts.iter().filter(|r| **r == firsts[0]).count();
    assert!((8..=32).contains(&to_the_first), "{to_the_first} of 40");
}

#[test]
fn an_edge_that_goes_moves_only_its_own_clients() {
    let mut config = config();
    let extra = config.pops[2].edges.clone();
    config.pops[0].edges.extend(extra);
    config.services[0].answers = 1;
    let before = snapshot_with(&config, &[], &[]);
    let after = snapshot_with(&config, &["fra-1"], &[]);
    let mut moved = 0;
    for third in 100..200u8 {
        let network = format!("10.{third}.0.0/16");
        let (was, _) = www(&before, RecordType::A, &network);
        let (is, _) = www(&after, RecordType::A, &network);
        if was == ["192.0.2.1"] {
            moved += 1;
            assert_ne!(is, was);
        } else {
            assert_eq!(is, was);
        }
    }
    assert!(moved > 5);
}

#[test]
fn scope_is_as_long_as_the_place_and_at_least_as_what_orders() {
    let mut config = config();
    let snapshot = snapshot_with(&config, &[], &[]);
    assert_eq!(www(&snapshot, RecordType::A, "10.49.1.0/24").1, 16);
    assert_eq!(www(&snapshot, RecordType::A, "203.0.113.0/24").1, 16);
    assert_eq!(www(&snapshot, RecordType::A, "2001:db8:49::/56").1, 48);
    assert_eq!(www(&snapshot, RecordType::A, "2a00::/24").1, 32);
    // One edge has no order: the answer holds as far as the place does.
    for pop in &mut config.pops {
        pop.edges.truncate(1);
    }
    config.networks.clear();
    let snapshot = snapshot_with(&config, &[], &[]);
    assert_eq!(www(&snapshot, RecordType::A, "203.0.113.0/24").1, 0);
}

#[test]
fn the_zone_has_soa_and_ns() {
    let snapshot = snapshot();
    let soa = ask(&snapshot, "cdn.example", RecordType::SOA, "10.49.0.0/16");
    assert_eq!(soa.scope, 0);
    assert_eq!(
        soa.answers[0].data.to_string(),
        "ns1.cdn.example. hostmaster.cdn.example. 7 3600 600 86400 60"
    );
    assert_eq!(soa.answers[0].ttl, 3_600);
    let ns = ask(&snapshot, "CDN.example", RecordType::NS, "10.49.0.0/16");
    assert_eq!(
        addresses(&ns),
        ["ns.elsewhere.example.", "ns1.CDN.example."]
    );
    assert_eq!(ns.answers[0].name.to_ascii(), "CDN.example.");
    // Glue only for what is inside the zone.
    assert_eq!(ns.additionals.len(), 2);
    let a = ask(&snapshot, "ns1.cdn.example", RecordType::A, "10.49.0.0/16");
    assert_eq!(addresses(&a), ["192.0.2.53"]);
    let aaaa = ask(
        &snapshot,
        "ns1.cdn.example",
        RecordType::AAAA,
        "10.49.0.0/16",
    );
    assert_eq!(addresses(&aaaa), ["2001:db8::53"]);
}

#[test]
fn what_is_not_there() {
    let snapshot = snapshot();
    let ask = |name, rtype| ask(&snapshot, name, rtype, "10.49.0.0/16");
    let missing = ask("nothing.cdn.example", RecordType::A);
    assert_eq!(missing.rcode, ResponseCode::NXDomain);
    assert!(missing.authoritative && has_soa(&missing));
    assert_eq!(missing.authorities[0].ttl, 60);
    assert_eq!(missing.authorities[0].name.to_ascii(), "cdn.example.");
    assert_eq!(
        ask("below.www.cdn.example", RecordType::A).rcode,
        ResponseCode::NXDomain
    );
    assert!(is_nodata(&ask("www.cdn.example", RecordType::TXT)));
    assert!(is_nodata(&ask("www.cdn.example", RecordType::SOA)));
    assert!(is_nodata(&ask("cdn.example", RecordType::A)));
    // An empty non-terminal exists, but has nothing.
    assert!(is_nodata(&ask("down.cdn.example", RecordType::A)));
    assert!(is_nodata(&ask("down.cdn.example", RecordType::ANY)));
    assert_eq!(ask("deep.down.cdn.example", RecordType::A).answers.len(), 2);
}

#[test]
fn a_long_negative_ttl_is_cut_to_that_of_the_soa() {
    let mut config = config();
    config.soa.negative_ttl = 100_000;
    let snapshot = snapshot_with(&config, &[], &[]);
    let missing = ask(
        &snapshot,
        "nothing.cdn.example",
        RecordType::A,
        "10.49.0.0/16",
    );
    assert_eq!(missing.authorities[0].ttl, 3_600);
}

#[test]
fn what_is_refused() {
    let snapshot = snapshot();
    for (name, rtype) in [
        ("cdn.example", RecordType::AXFR),
        ("cdn.example", RecordType::IXFR),
        ("example", RecordType::SOA),
        ("www.other.example", RecordType::A),
        ("notcdn.example", RecordType::A),
        (".", RecordType::NS),
    ] {
        let answer = ask(&snapshot, name, rtype, "10.49.0.0/16");
        assert_eq!(answer, Answer::refused(), "{name} {rtype}");
        assert!(!answer.authoritative && answer.authorities.is_empty());
    }
    let mut chaos = Query::query(Name::from_ascii("cdn.example.").unwrap(), RecordType::SOA);
    chaos.set_query_class(DNSClass::CH);
    let chaos = answer(&snapshot, &chaos, Client::Withheld, at(0));
    assert_eq!(chaos.rcode, ResponseCode::Refused);
}

#[test]
fn any_is_one_small_record() {
    let snapshot = snapshot();
    for name in ["cdn.example", "www.cdn.example", "ns1.cdn.example"] {
        let answer = ask(&snapshot, name, RecordType::ANY, "10.49.0.0/16");
        assert_eq!(answer.answers.len(), 1);
        assert_eq!(answer.answers[0].record_type(), RecordType::HINFO);
    }
    let missing = ask(
        &snapshot,
        "nothing.cdn.example",
        RecordType::ANY,
        "10.49.0.0/16",
    );
    assert_eq!(missing.rcode, ResponseCode::NXDomain);
}

#[test]
fn a_service_may_be_the_apex() {
    let mut config = config();
    config.services[0].name = "cdn.example".to_owned();
    let snapshot = snapshot_with(&config, &[], &[]);
    assert_eq!(
        addresses(&ask(
            &snapshot,
            "cdn.example",
            RecordType::A,
            "10.49.0.0/16"
        )),
        FRA
    );
    assert_eq!(
        ask(&snapshot, "cdn.example", RecordType::NS, "10.49.0.0/16")
            .answers
            .len(),
        2
    );
}

/// A CDN of any shape: networks nested at random, edges with and without families, down or not.
fn any_cdn() -> impl Strategy<Value = (Config, Vec<String>)> {
    let network = (
        any::<u32>(),
        0u8..=32,
        -90.0..90.0f64,
        -180.0..180.0f64,
        0usize..4,
    );
    let networks = proptest::collection::vec(network, 0..10);
    let edge = (any::<bool>(), any::<bool>(), any::<bool>());
    (networks, proptest::collection::vec(edge, 6)).prop_map(|(networks, edges)| {
        let mut config = config();
        config.networks.clear();
        for (bits, length, latitude, longitude, pop) in networks {
            // Few distinct addresses, so that networks nest.
            let address = std::net::Ipv4Addr::from_bits(bits & 0xC0C0_C0C0);
            let network = ipnet::IpNet::new(address.into(), length).unwrap().trunc();
            let place = match config.pops.get(pop) {
                Some(pop) => Place::Pop(pop.name.clone()),
                None => Place::Point(latitude, longitude),
            };
            config.networks.push(crate::Network { network, place });
        }
        let mut down = Vec::new();
        let all = config.pops.iter_mut().flat_map(|pop| &mut pop.edges);
        for (edge, (v4, v6, up)) in all.zip(edges) {
            edge.ipv4 = edge.ipv4.filter(|_| v4);
            edge.ipv6 = v6.then(|| "2001:db8::1".parse().unwrap());
            if !up {
                down.push(edge.node.name.to_string());
            }
        }
        (config, down)
    })
}

proptest! {
    #[test]
    fn the_answer_holds_for_its_whole_scope(
        (config, down) in any_cdn(), address: u32, other: u32, now in 0u64..1_000_000, v6: bool,
    ) {
        let down: Vec<&str> = down.iter().map(String::as_str).collect();
        let snapshot = snapshot_with(&config, &down, &[]);
        let rtype = if v6 { RecordType::AAAA } else { RecordType::A };
        let query = question("www.cdn.example", rtype);
        let ask = |bits: u32| {
            let address = std::net::Ipv4Addr::from_bits(bits);
            answer(&snapshot, &query, Client::Source(address.into()), at(now))
        };
        let answer = ask(address & 0xC0C0_C0FF);
        prop_assert!(answer.scope <= 32);
        let mask = u32::MAX.checked_shl(32 - u32::from(answer.scope)).unwrap_or(0);
        let neighbour = (address & 0xC0C0_C0FF & mask) | (other & !mask);
        prop_assert_eq!(ask(neighbour), answer);
    }

    #[test]
    fn the_answer_holds_for_its_whole_scope_in_ipv6(address: u128, other: u128) {
        let snapshot = snapshot();
        let query = question("www.cdn.example", RecordType::A);
        let ask = |bits: u128| {
            let address = std::net::Ipv6Addr::from_bits(bits);
            answer(&snapshot, &query, Client::Subnet(IpAddr::V6(address).into()), at(0))
        };
        let answer = ask(address);
        prop_assert!(answer.scope <= 128);
        let mask = u128::MAX.checked_shl(128 - u32::from(answer.scope)).unwrap_or(0);
        prop_assert_eq!(ask((address & mask) | (other & !mask)), answer);
    }

    #[test]
    fn never_panics(labels in "([a-z0-9*-]{1,9}[.]){0,4}(cdn[.]example)?", rtype: u16, class: u16) {
        let Ok(mut name) = Name::from_ascii(&labels) else { return Ok(()) };
        name.set_fqdn(true);
        let mut query = Query::query(name, RecordType::from(rtype));
        query.set_query_class(DNSClass::from(class));
        let answer = answer(&snapshot(), &query, Client::Withheld, at(0));
        let answered = [ResponseCode::NoError, ResponseCode::NXDomain].contains(&answer.rcode);
        prop_assert_eq!(answer.authoritative, answered);
    }
}

#[test]
fn hints_are_the_addresses_that_the_client_is_answered_with() {
    let mut config = config();
    config.contents.records.push(crate::RecordText {
        name: "www".to_owned(),
        rtype: "HTTPS".to_owned(),
        ttl: 300,
        data: vec!["1 . alpn=h2 port=8443 ipv4hint=auto ipv6hint=auto".to_owned()],
    });
    let snapshot = snapshot_with(&config, &[], &[]);
    let hints = |network: &str, version: char| {
        let (https, scope) = www(&snapshot, RecordType::HTTPS, network);
        let [https] = &https[..] else {
            panic!("{https:?}");
        };
        assert!(
            https.contains("alpn=") && https.contains("port=8443"),
            "{https}"
        );
        let hint = https.split(&format!("ipv{version}hint=")).nth(1);
        let hint = hint.map(|rest| rest.split(' ').next().unwrap_or_default());
        let mut hint: Vec<String> = hint
            .unwrap_or_default()
            .split(',')
            .filter(|address| !address.is_empty())
            .map(ToOwned::to_owned)
            .collect();
        hint.sort();
        (hint, scope)
    };
    for network in ["10.49.1.0/24", "10.1.1.0/24", "10.65.1.0/24"] {
        let (a, scope_of_a) = www(&snapshot, RecordType::A, network);
        let (aaaa, scope_of_aaaa) = www(&snapshot, RecordType::AAAA, network);
        let scope = scope_of_a.max(scope_of_aaaa);
        assert_eq!(hints(network, '4'), (a, scope), "{network}");
        assert_eq!(hints(network, '6'), (aaaa, scope), "{network}");
    }
}

/// A chain that is longer than what is followed is answered as far as it is followed; who asks on where it
/// ends comes to the end.
#[test]
fn a_long_chain_of_aliases_is_followed_in_steps() {
    let mut config = config();
    let alias = |name: String, target: String| crate::RecordText {
        name,
        rtype: "CNAME".to_owned(),
        ttl: 300,
        data: vec![target],
    };
    let chain = (0..20).map(|n| alias(format!("a{n}"), format!("a{}", n + 1)));
    config.contents.records = chain.collect();
    config
        .contents
        .records
        .push(alias("a20".to_owned(), "www".to_owned()));
    let snapshot = snapshot_with(&config, &[], &[]);
    let client = Client::Source([10, 49, 0, 1].into());
    let (mut name, mut aliases) = ("a0.cdn.example".to_owned(), 0);
    for _ in 0..21 {
        let answer = answer(&snapshot, &question(&name, RecordType::A), client, at(0));
        assert_eq!(answer.rcode, ResponseCode::NoError);
        assert!(answer.authoritative && answer.authorities.is_empty());
        let (led_on, addresses): (Vec<_>, Vec<_>) = answer
            .answers
            .iter()
            .partition(|record| record.record_type() == RecordType::CNAME);
        assert!(!led_on.is_empty() && led_on.len() <= 9, "{led_on:?}");
        aliases += led_on.len();
        if !addresses.is_empty() {
            assert_eq!((aliases, addresses.len()), (21, 2));
            return;
        }
        name = led_on[led_on.len() - 1].data.to_string();
    }
    panic!("it does not end");
}
