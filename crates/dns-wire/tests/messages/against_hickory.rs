//! hickory-proto reads what is written here, and what it writes is read here, to the same meaning.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{
        DNSClass, Name, RData, Record, RecordType,
        rdata::opt::{ClientSubnet, EdnsCode, EdnsOption},
        rdata::{A, AAAA, CNAME, MX, NS, SOA, SRV, TXT},
    },
    serialize::binary::{BinEncodable, BinEncoder, NameEncoding},
};
use perigee_dns_wire::{Owner, ReplyOpt, Request, RrSet, Section, Writer};
use proptest::prelude::*;

fn any_name() -> impl Strategy<Value = Name> {
    "([a-zA-Z0-9][a-zA-Z0-9_]{0,11}[.]){0,3}([cC][dD][nN][.]example[.])?".prop_map(|text| {
        let text = if text.is_empty() { "." } else { &text };
        Name::from_ascii(text).unwrap()
    })
}

fn any_subnet() -> impl Strategy<Value = Option<(IpAddr, u8)>> {
    let v4 = (any::<u32>(), 0u8..=32).prop_map(|(bits, source)| {
        let mask = u32::MAX.checked_shl(32 - u32::from(source)).unwrap_or(0);
        Some((Ipv4Addr::from_bits(bits & mask).into(), source))
    });
    let v6 = (any::<u128>(), 0u8..=128).prop_map(|(bits, source)| {
        let mask = u128::MAX.checked_shl(128 - u32::from(source)).unwrap_or(0);
        Some((Ipv6Addr::from_bits(bits & mask).into(), source))
    });
    prop_oneof![Just(None), v4, v6]
}

fn any_data() -> impl Strategy<Value = RData> {
    let text = "[ -~]{0,40}";
    prop_oneof![
        any::<u32>().prop_map(|bits| RData::A(A(Ipv4Addr::from_bits(bits)))),
        any::<u128>().prop_map(|bits| RData::AAAA(AAAA(Ipv6Addr::from_bits(bits)))),
        any_name().prop_map(|name| RData::NS(NS(name))),
        any_name().prop_map(|name| RData::CNAME(CNAME(name))),
        (any::<u16>(), any_name()).prop_map(|(n, name)| RData::MX(MX::new(n, name))),
        (any::<u16>(), any_name()).prop_map(|(n, name)| RData::SRV(SRV::new(n, 1, 2, name))),
        text.prop_map(|text| RData::TXT(TXT::new(vec![text]))),
        (any_name(), any_name(), any::<u32>())
            .prop_map(|(m, r, serial)| { RData::SOA(SOA::new(m, r, serial, 1, 2, 3, 4)) }),
    ]
}

fn any_section() -> impl Strategy<Value = Vec<(Option<Name>, u32, RData)>> {
    let owner = proptest::option::of(any_name());
    proptest::collection::vec((owner, 0..1_000_000u32, any_data()), 0..5)
}

/// Octets of a name or of data, uncompressed.
fn wire(of: &impl BinEncodable) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut encoder = BinEncoder::new(&mut octets);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    of.emit(&mut encoder).unwrap();
    octets
}

fn lower(record: &Record) -> (Name, u32, RecordType, Vec<u8>) {
    let mut octets = Vec::new();
    let mut encoder = BinEncoder::new(&mut octets);
    encoder.set_name_encoding(NameEncoding::UncompressedLowercase);
    record.data.emit(&mut encoder).unwrap();
    (
        record.name.to_lowercase(),
        record.ttl,
        record.record_type(),
        octets,
    )
}

proptest! {
    #[test]
    fn a_query_of_theirs_is_read(
        id: u16, name in any_name(), rtype: u16, class: u16, rd: bool, cd: bool,
        edns in proptest::option::of((any::<u16>(), any::<bool>(), any_subnet())),
    ) {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = rd;
        message.metadata.checking_disabled = cd;
        let mut query = Query::query(name.clone(), RecordType::from(rtype));
        query.set_query_class(DNSClass::from(class));
        message.add_query(query);
        if let Some((payload, dnssec_ok, subnet)) = &edns {
            let mut edns = Edns::new();
            edns.set_max_payload(*payload);
            edns.set_dnssec_ok(*dnssec_ok);
            if let Some((address, source)) = subnet {
                let subnet = ClientSubnet::new(*address, *source, 0);
                edns.options_mut().insert(EdnsOption::Subnet(subnet));
            }
            message.edns = Some(edns);
        }
        let octets = message.to_vec().unwrap();
        let request = Request::read(&octets).unwrap();
        prop_assert_eq!(request.error, None);
        prop_assert_eq!(request.header.id, id);
        prop_assert_eq!(request.header.recursion_desired, rd);
        prop_assert_eq!(request.header.checking_disabled, cd);
        let question = request.question.unwrap();
        prop_assert_eq!(&*question.name(), &wire(&name.to_lowercase())[..]);
        prop_assert_eq!((question.rtype, question.class), (rtype, class));
        prop_assert_eq!(request.edns.is_some(), edns.is_some());
        if let Some((payload, dnssec_ok, subnet)) = edns {
            let read = request.edns.unwrap();
            // hickory-proto does not say less than 512.
            prop_assert_eq!(read.udp_payload, payload.max(512));
            prop_assert_eq!(read.dnssec_ok, dnssec_ok);
            prop_assert_eq!(read.subnet.map(|read| (read.address, read.source)), subnet);
        }
    }

    #[test]
    fn a_response_of_ours_is_read_by_them(
        id: u16, asked in any_name(), rtype: u16, rcode in 0u16..4_096, aa: bool, tc: bool,
        sections in [any_section(), any_section(), any_section()],
        subnet in any_subnet(), scope: u8, padding in proptest::option::of(1u16..500),
    ) {
        let mut query = Message::new(id, MessageType::Query, OpCode::Query);
        query.add_query(Query::query(asked.clone(), RecordType::from(rtype)));
        let mut edns = Edns::new();
        if let Some((address, source)) = subnet {
            let subnet = ClientSubnet::new(address, source, 0);
            edns.options_mut().insert(EdnsOption::Subnet(subnet));
        }
        query.edns = Some(edns);
        let octets = query.to_vec().unwrap();
        let request = Request::read(&octets).unwrap();
        let opt = ReplyOpt {
            udp_payload: 1_232,
            subnet: request.edns.unwrap().subnet.map(|subnet| (subnet, scope)),
            padding,
            ..ReplyOpt::default()
        };
        let mut out = vec![0; 65_535];
        let wire_question = request.question.as_ref().unwrap().wire;
        let mut writer = Writer::new(&mut out, request.header, wire_question, opt.len()).unwrap();
        let mut expected = Vec::new();
        for (section, records) in [Section::Answer, Section::Authority, Section::Additional]
            .into_iter()
            .zip(&sections)
        {
            let mut there = Vec::new();
            for (owner, ttl, data) in records {
                let name = owner.clone().unwrap_or_else(|| asked.clone());
                let owner = owner.as_ref().map(|owner| wire(&owner.to_lowercase()));
                let owner = owner.as_ref().map_or(Owner::Question, |owner| Owner::Name(owner));
                let data_type = data.record_type().into();
                writer.record(section, owner, data_type, *ttl, &wire(data)).unwrap();
                there.push(lower(&Record::from_rdata(name, *ttl, data.clone())));
            }
            expected.push(there);
        }
        if aa {
            writer.set_authoritative();
        }
        if tc {
            writer.set_truncated();
        }
        let length = writer.finish(rcode, Some(&opt));
        let read = Message::from_vec(&out[..length]).unwrap();
        prop_assert_eq!(read.metadata.id, id);
        prop_assert_eq!(read.metadata.message_type, MessageType::Response);
        prop_assert_eq!(u16::from(read.metadata.response_code), rcode);
        prop_assert_eq!((read.metadata.authoritative, read.metadata.truncation), (aa, tc));
        prop_assert_eq!(&read.queries[0].name().to_ascii(), &asked.to_ascii());
        for (read, expected) in [&read.answers, &read.authorities, &read.additionals]
            .into_iter()
            .zip(expected)
        {
            let read: Vec<_> = read.iter().map(lower).collect();
            prop_assert_eq!(read, expected);
        }
        let edns = read.edns.unwrap();
        let read = match edns.option(EdnsCode::Subnet) {
            Some(EdnsOption::Subnet(read)) => {
                Some((read.addr(), read.source_prefix(), read.scope_prefix()))
            }
            _ => None,
        };
        prop_assert_eq!(read, subnet.map(|(address, source)| (address, source, scope)));
        if let Some(block) = padding {
            prop_assert_eq!(length % usize::from(block), 0);
        }
    }

    /// No rollback leaves anything behind: what does not fit is as if it had not been tried.
    #[test]
    fn what_does_not_fit_is_not_there(sizes in proptest::collection::vec(0usize..200, 1..20)) {
        let octets = [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 0, 0, 16, 0, 1];
        let request = Request::read(&octets).unwrap();
        let question = request.question.unwrap();
        let mut out = [0; 512];
        let mut writer = Writer::new(&mut out, request.header, question.wire, 0).unwrap();
        let (mut fitted, mut used) = (0, 19);
        for size in sizes {
            let text = [&[size as u8][..], &vec![b'x'; size]].concat();
            let set = RrSet::new(16, 1, [text.clone(), [&text[..], b"\x00"].concat()]);
            let length = 2 * 12 + 2 * text.len() + 1;
            let fits = writer.rrset(Section::Answer, Owner::Question, &set).is_ok();
            prop_assert_eq!(fits, used + length <= 512);
            if fits {
                fitted += 2;
                used += length;
            }
        }
        let length = writer.finish(0, None);
        prop_assert_eq!(length, used);
        let read = Message::from_vec(&out[..length]).unwrap();
        prop_assert_eq!(read.answers.len(), fitted);
        prop_assert_eq!(read.metadata.response_code, ResponseCode::NoError);
    }
}
