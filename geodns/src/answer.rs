//! One question in, one answer out. Pure: no IO, no clock, no lock.

use std::{net::IpAddr, time::SystemTime};

use hickory_proto::{
    op::{LowerQuery, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType, rdata::HINFO},
};
use perigee_cluster::PopName;

use crate::{
    policy::{Client, Memo, choose},
    snapshot::{Family, Snapshot},
    zone::{Entry, INFRASTRUCTURE_TTL, ZoneService, address_record},
};

/// A question, with its name as it was written and in lower case.
pub type Query = LowerQuery;

/// The answer to one question.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The response code.
    pub rcode: ResponseCode,
    /// Whether the AA bit is set.
    pub authoritative: bool,
    /// The answer section.
    pub answers: Vec<Record>,
    /// The authority section.
    pub authorities: Vec<Record>,
    /// The additional section, without OPT.
    pub additionals: Vec<Record>,
    /// The prefix length of the client's network for which this answer holds: the
    /// SCOPE PREFIX-LENGTH of RFC 7871. 0 if it is the same for everyone.
    pub scope: u8,
    /// The PoP whose edges are answered.
    pub pop: Option<PopName>,
}

/// Answers a question of opcode QUERY.
pub fn answer(snapshot: &Snapshot, query: &Query, client: Client, now: SystemTime) -> Answer {
    let transfer = matches!(query.query_type(), RecordType::AXFR | RecordType::IXFR);
    if query.query_class() != DNSClass::IN
        || transfer
        || !snapshot.zone.legacy.contains(query.name())
    {
        return Answer::refused();
    }
    let Some(entry) = snapshot.zone.legacy.find(query.name()) else {
        return negative(snapshot, ResponseCode::NXDomain, 0);
    };
    // Owner names are written as in the question, so that mixed case (0x20) comes back.
    let name = query.original().name();
    let family = match query.query_type() {
        RecordType::A => Family::V4,
        RecordType::AAAA => Family::V6,
        rtype => return other(snapshot, entry, name, rtype),
    };
    match &entry.service {
        Some(service) => edges(snapshot, service, name, family, client, now),
        None => or_nodata(snapshot, name_server(entry, name, family)),
    }
}

/// A service's addresses.
fn edges(
    snapshot: &Snapshot,
    service: &ZoneService,
    name: &Name,
    family: Family,
    client: Client,
    now: SystemTime,
) -> Answer {
    let chosen = choose(snapshot, service, family, client, now, &mut Memo::none());
    if chosen.addresses.is_empty() {
        return negative(snapshot, ResponseCode::NoError, chosen.scope);
    }
    let records = chosen.addresses.iter();
    Answer {
        scope: chosen.scope,
        pop: chosen.pop.map(|pop| snapshot.pops[pop].name.clone()),
        ..Answer::positive(
            records
                .map(|&address| address_record(name.clone(), chosen.ttl, address))
                .collect(),
        )
    }
}

/// A name server's addresses.
fn name_server(entry: &Entry, name: &Name, family: Family) -> Vec<Record> {
    let of_family = |address: &&IpAddr| address.is_ipv4() == (family == Family::V4);
    let addresses = entry.addresses.iter().filter(of_family);
    addresses
        .map(|&address| address_record(name.clone(), INFRASTRUCTURE_TTL, address))
        .collect()
}

/// Types other than A and AAAA.
fn other(snapshot: &Snapshot, entry: &Entry, name: &Name, rtype: RecordType) -> Answer {
    let zone = &snapshot.zone;
    let named = |record: &Record| {
        let mut record = record.clone();
        record.name = name.clone();
        record
    };
    match rtype {
        RecordType::SOA if entry.is_apex => Answer::positive(vec![named(&zone.legacy.soa)]),
        RecordType::NS if entry.is_apex => Answer {
            additionals: zone.legacy.glue.clone(),
            ..Answer::positive(zone.legacy.name_servers.iter().map(named).collect())
        },
        // RFC 8482 section 4.2: one small record instead of everything.
        RecordType::ANY if !entry.is_empty_non_terminal() => {
            let hinfo = RData::HINFO(HINFO::new("RFC8482".to_owned(), String::new()));
            let record = Record::from_rdata(name.clone(), INFRASTRUCTURE_TTL, hinfo);
            Answer::positive(vec![record])
        }
        _ => negative(snapshot, ResponseCode::NoError, 0),
    }
}

fn or_nodata(snapshot: &Snapshot, records: Vec<Record>) -> Answer {
    if records.is_empty() {
        return negative(snapshot, ResponseCode::NoError, 0);
    }
    Answer::positive(records)
}

/// NXDOMAIN or NODATA, with the SOA that says for how long (RFC 2308).
fn negative(snapshot: &Snapshot, rcode: ResponseCode, scope: u8) -> Answer {
    Answer {
        rcode,
        authorities: vec![snapshot.zone.legacy.negative_soa.clone()],
        scope,
        ..Answer::positive(Vec::new())
    }
}

impl Answer {
    fn positive(answers: Vec<Record>) -> Self {
        Answer {
            rcode: ResponseCode::NoError,
            authoritative: true,
            answers,
            authorities: Vec::new(),
            additionals: Vec::new(),
            scope: 0,
            pop: None,
        }
    }

    fn refused() -> Self {
        Answer {
            rcode: ResponseCode::Refused,
            authoritative: false,
            ..Answer::positive(Vec::new())
        }
    }
}

#[cfg(test)]
mod tests;
