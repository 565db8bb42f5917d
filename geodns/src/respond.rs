//! One message in, one message out: header, EDNS and sizes around [`answer`]. Pure.

use std::time::SystemTime;

use hickory_proto::{
    op::{Edns, LowerQuery, Message, Metadata, OpCode, ResponseCode},
    rr::{
        Name, RData, Record,
        rdata::opt::{ClientSubnet, EdnsOption},
    },
};
use hickory_server::{net::xfer::Protocol, server::Request};
use ipnet::IpNet;
use perigee_cluster::PopName;

use crate::{
    answer::{Answer, Query, answer},
    policy::Client,
    snapshot::Snapshot,
    subnet::client_subnet,
};

/// The largest UDP message for those who do not say what they can take (RFC 1035 section 4.2.1).
const PLAIN_UDP_PAYLOAD: u16 = 512;

/// A message to be sent.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) metadata: Metadata,
    /// Whether the question section is repeated.
    pub(crate) has_question: bool,
    pub(crate) answers: Vec<Record>,
    pub(crate) authorities: Vec<Record>,
    pub(crate) additionals: Vec<Record>,
    /// Its payload size is also the limit by which hickory-server encodes.
    pub(crate) edns: Option<Edns>,
    /// The PoP whose edges are answered.
    pub(crate) pop: Option<PopName>,
}

/// Responds to a message. Messages that are no queries, or do not decode, do not come here.
pub(crate) fn respond(snapshot: &Snapshot, request: &Request, now: SystemTime) -> Response {
    let edns = request.edns.as_ref().map(|edns| reply_edns(snapshot, edns));
    let mut response = Response {
        metadata: Metadata::response_from_request(&request.metadata),
        has_question: true,
        answers: Vec::new(),
        authorities: Vec::new(),
        additionals: Vec::new(),
        edns,
        pop: None,
    };
    match check(request) {
        Err(rcode) => {
            response.metadata.response_code = rcode;
            response.has_question = the_question(request).is_some();
        }
        Ok((query, subnet)) => {
            let client = client(request, subnet);
            response.fill(answer(snapshot, query, client, now), subnet);
            if request.protocol() == Protocol::Udp {
                response.fit(query);
            }
        }
    }
    response
}

/// The question and the client's network, if the message is one that can be answered.
fn check(request: &Request) -> Result<(&Query, Option<IpNet>), ResponseCode> {
    if request.metadata.op_code != OpCode::Query {
        return Err(ResponseCode::NotImp);
    }
    if request.version() != 0 {
        return Err(ResponseCode::BADVERS);
    }
    let query = the_question(request).ok_or(ResponseCode::FormErr)?;
    let subnet = client_subnet(request.as_slice()).map_err(|_| ResponseCode::FormErr)?;
    Ok((query, subnet))
}

/// The question, if there is exactly one (RFC 9619), written out. One that is a compression
/// pointer to elsewhere cannot be repeated: in the response it would point to something else.
fn the_question(request: &Request) -> Option<&Query> {
    let [query] = request.queries.queries() else {
        return None;
    };
    (request.queries.as_bytes().len() == question_len(query)).then_some(query)
}

fn client(request: &Request, subnet: Option<IpNet>) -> Client {
    match subnet {
        // RFC 7871 section 7.1.2: the client's address must not be used.
        Some(network) if network.prefix_len() == 0 => Client::Withheld,
        Some(network) => Client::Subnet(network),
        None => Client::Source(request.src().ip()),
    }
}

/// RFC 6891 section 6.1.1: who sends OPT gets OPT.
fn reply_edns(snapshot: &Snapshot, request: &Edns) -> Edns {
    let mut edns = Edns::new();
    let payload = request.max_payload().max(PLAIN_UDP_PAYLOAD);
    edns.set_max_payload(payload.min(snapshot.max_udp_payload));
    edns.set_version(0);
    edns.set_dnssec_ok(request.flags().dnssec_ok);
    edns
}

impl Response {
    fn fill(&mut self, answer: Answer, subnet: Option<IpNet>) {
        self.metadata.response_code = answer.rcode;
        self.metadata.authoritative = answer.authoritative;
        self.answers = answer.answers;
        self.authorities = answer.authorities;
        self.additionals = answer.additionals;
        self.pop = answer.pop;
        if let (Some(edns), Some(subnet)) = (&mut self.edns, subnet) {
            // RFC 7871 section 7.2.1: nothing was used of a client that withholds itself.
            let scope = if subnet.prefix_len() == 0 {
                0
            } else {
                answer.scope
            };
            let echo = ClientSubnet::new(subnet.addr(), subnet.prefix_len(), scope);
            edns.options_mut().insert(EdnsOption::Subnet(echo));
        }
    }

    /// Makes the message fit into a UDP payload. What is merely helpful goes first; then the
    /// answer goes whole, with TC, so that OPT stays and the client asks again over TCP.
    fn fit(&mut self, query: &LowerQuery) {
        let limit = usize::from(
            self.edns
                .as_ref()
                .map_or(PLAIN_UDP_PAYLOAD, Edns::max_payload),
        );
        if self.upper_bound(query) <= limit || self.encoded_len(query) <= limit {
            return;
        }
        self.additionals.clear();
        if self.encoded_len(query) <= limit {
            return;
        }
        self.answers.clear();
        self.authorities.clear();
        self.metadata.truncation = true;
    }

    /// No message of these records is longer. Cheap: nearly all answers pass here.
    fn upper_bound(&self, query: &LowerQuery) -> usize {
        const HEADER: usize = 12;
        const OPT_WITH_SUBNET: usize = 11 + 4 + 20;
        let records = self.answers.iter().chain(&self.authorities);
        let records = records.chain(&self.additionals);
        let records = records.map(record_bound).sum::<usize>();
        HEADER + question_len(query) + OPT_WITH_SUBNET + records
    }

    /// The length on the wire; hickory-server writes the first owner name out, so it counts twice.
    fn encoded_len(&self, query: &LowerQuery) -> usize {
        let mut message = Message::new(
            self.metadata.id,
            self.metadata.message_type,
            self.metadata.op_code,
        );
        message.add_query(query.original().clone());
        message.answers.clone_from(&self.answers);
        message.authorities.clone_from(&self.authorities);
        message.additionals.clone_from(&self.additionals);
        message.edns.clone_from(&self.edns);
        let written = message.to_vec().map_or(usize::MAX, |bytes| bytes.len());
        written.saturating_add(name_len(query.original().name()))
    }
}

fn record_bound(record: &Record) -> usize {
    const TYPE_CLASS_TTL_LENGTH: usize = 10;
    let data = match &record.data {
        RData::A(_) => 4,
        RData::AAAA(_) => 16,
        RData::NS(ns) => name_len(&ns.0),
        RData::SOA(soa) => name_len(&soa.mname) + name_len(&soa.rname) + 20,
        // HINFO of RFC 8482.
        _ => 16,
    };
    name_len(&record.name) + TYPE_CLASS_TTL_LENGTH + data
}

/// The length of a question with its name written out.
fn question_len(query: &LowerQuery) -> usize {
    const TYPE_CLASS: usize = 4;
    name_len(query.original().name()) + TYPE_CLASS
}

/// The length of a name on the wire, written out.
fn name_len(name: &Name) -> usize {
    const ROOT: usize = 1;
    name.iter().map(|label| 1 + label.len()).sum::<usize>() + ROOT
}
