//! Asks a name server one question.

use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use hickory_proto::{
    ProtoError,
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::opt::{ClientSubnet, EdnsCode, EdnsOption},
    },
};
use ipnet::IpNet;
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::{Instant, timeout_at},
};

/// The size of answers over UDP that is asked for, in bytes (DNS flag day 2020).
const UDP_PAYLOAD: u16 = 1_232;
/// A datagram that is lost is sent again, this often in all.
const UDP_SENDS: u32 = 3;

/// What a name server answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueryResponse {
    /// The response code, as in the IANA registry: `NOERROR`, `NXDOMAIN`.
    pub rcode: String,
    /// Whether the server speaks with authority (AA).
    pub authoritative: bool,
    /// Whether it came over TCP.
    pub tcp: bool,
    /// The answer section.
    pub answers: Vec<QueryRecord>,
    /// The authority section.
    pub authority: Vec<QueryRecord>,
    /// The prefix length of the client's network for which the answer holds (RFC 7871), if the
    /// server says.
    pub scope: Option<u8>,
}

/// A record, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueryRecord {
    /// The name, with the final dot.
    pub name: String,
    /// How long it may be kept, in seconds.
    pub ttl: u32,
    /// The type: `A`.
    pub rtype: String,
    /// The data: `192.0.2.1`.
    pub data: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum QueryError {
    /// The name or the type to ask for is not one.
    Question(String),
    /// The server cannot be reached.
    Io(SocketAddr, io::Error),
    /// It did not answer in time.
    Timeout(SocketAddr, Duration),
    /// It answered with something that is not an answer to the question.
    Response(SocketAddr, String),
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueryError::Question(what) => f.write_str(what),
            QueryError::Io(server, error) => write!(f, "name server {server}: {error}"),
            QueryError::Timeout(server, after) => {
                write!(f, "name server {server}: no answer within {after:?}")
            }
            QueryError::Response(server, what) => {
                write!(f, "name server {server}: answered, but {what}")
            }
        }
    }
}

impl std::error::Error for QueryError {}

/// Asks `server` for the records of `name` of the type `rtype` (`A`, `AAAA`, `SOA`...), for
/// a client in the network `client`, over UDP, then over TCP if the answer is truncated or `tcp`
/// is set. `timeout` is for all of it.
///
/// # Errors
/// [`QueryError`] if there is no answer. A response code such as NXDOMAIN is an answer.
pub async fn query(
    server: SocketAddr,
    name: &str,
    rtype: &str,
    client: Option<IpNet>,
    timeout: Duration,
    tcp: bool,
) -> Result<QueryResponse, QueryError> {
    let message = question(name, rtype, client)?;
    let wire = message
        .to_vec()
        .map_err(|e| QueryError::Question(format!("the question cannot be encoded: {e}")))?;
    let deadline = Instant::now() + timeout;
    let late = |_| QueryError::Timeout(server, timeout);
    if !tcp {
        let response = timeout_at(deadline, over_udp(server, &message, &wire, timeout))
            .await
            .map_err(late)??;
        if !response.metadata.truncation {
            return Ok(QueryResponse::new(&response, false));
        }
    }
    let response = timeout_at(deadline, over_tcp(server, &message, &wire))
        .await
        .map_err(late)??;
    Ok(QueryResponse::new(&response, true))
}

fn question(name: &str, rtype: &str, client: Option<IpNet>) -> Result<Message, QueryError> {
    let mut name = Name::from_ascii(name).map_err(|e| {
        QueryError::Question(format!("{name:?} is not a domain name: {}", why(name, &e)))
    })?;
    name.set_fqdn(true);
    let rtype: RecordType = rtype.to_ascii_uppercase().parse().map_err(|_| {
        QueryError::Question(format!("{rtype:?} is not a record type; try A or AAAA"))
    })?;
    let id = fastrand::u16(..);
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(name, rtype));
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_PAYLOAD);
    if let Some(network) = client {
        let subnet = ClientSubnet::from(network.trunc());
        edns.options_mut().insert(EdnsOption::Subnet(subnet));
    }
    message.edns = Some(edns);
    Ok(message)
}

/// What is wrong with a name. Of a label that is empty the decoder says only that it is wrong.
fn why(name: &str, error: &ProtoError) -> String {
    let within = name.strip_suffix('.').unwrap_or(name);
    match within.split('.').any(str::is_empty) {
        true => "a label of it is empty".to_owned(),
        false => error.to_string(),
    }
}

async fn over_udp(
    server: SocketAddr,
    question: &Message,
    wire: &[u8],
    timeout: Duration,
) -> Result<Message, QueryError> {
    let io = |e| QueryError::Io(server, e);
    let any: SocketAddr = if server.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).await.map_err(io)?;
    socket.connect(server).await.map_err(io)?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        socket.send(wire).await.map_err(io)?;
        let again = Instant::now() + timeout / UDP_SENDS;
        while let Ok(received) = timeout_at(again, socket.recv(&mut buffer)).await {
            let length = received.map_err(io)?;
            // A datagram that is no answer may be forged or late: wait for the real one.
            if let Ok(response) = decode(server, question, &buffer[..length]) {
                return Ok(response);
            }
        }
    }
}

async fn over_tcp(
    server: SocketAddr,
    question: &Message,
    wire: &[u8],
) -> Result<Message, QueryError> {
    let io = |e| QueryError::Io(server, e);
    let mut stream = TcpStream::connect(server).await.map_err(io)?;
    let length = u16::try_from(wire.len())
        .map_err(|_| QueryError::Question("the question is too long".to_owned()))?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend(wire);
    stream.write_all(&framed).await.map_err(io)?;
    let length = stream.read_u16().await.map_err(io)?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await.map_err(io)?;
    decode(server, question, &buffer)
}

fn decode(server: SocketAddr, question: &Message, wire: &[u8]) -> Result<Message, QueryError> {
    let refuse = |what: String| Err(QueryError::Response(server, what));
    let response = match Message::from_vec(wire) {
        Ok(response) => response,
        Err(error) => return refuse(format!("it does not decode: {error}")),
    };
    let is_response = response.metadata.message_type == MessageType::Response;
    if !is_response || response.metadata.id != question.metadata.id {
        return refuse("it is not the response to this query".to_owned());
    }
    // Some errors come without the question.
    if !response.queries.is_empty() && response.queries != question.queries {
        return refuse("it answers another question".to_owned());
    }
    Ok(response)
}

impl QueryResponse {
    fn new(message: &Message, tcp: bool) -> Self {
        let subnet = message
            .edns
            .as_ref()
            .and_then(|edns| edns.option(EdnsCode::Subnet));
        QueryResponse {
            rcode: rcode_text(message.metadata.response_code),
            authoritative: message.metadata.authoritative,
            tcp,
            answers: message.answers.iter().map(QueryRecord::new).collect(),
            authority: message.authorities.iter().map(QueryRecord::new).collect(),
            scope: match subnet {
                Some(EdnsOption::Subnet(subnet)) => Some(subnet.scope_prefix()),
                _ => None,
            },
        }
    }
}

fn rcode_text(rcode: ResponseCode) -> String {
    match crate::metrics::rcode_label(rcode.into()) {
        "other" => format!("RCODE{}", u16::from(rcode)),
        known => known.to_owned(),
    }
}

impl QueryRecord {
    fn new(record: &Record) -> Self {
        QueryRecord {
            name: record.name.to_ascii(),
            ttl: record.ttl,
            rtype: record.record_type().to_string(),
            data: match &record.data {
                RData::TXT(text) => {
                    let strings: Vec<_> = text.txt_data.iter().map(|s| quoted(s)).collect();
                    strings.join(" ")
                }
                data => data.to_string(),
            },
        }
    }
}

/// A string of TXT as a master file has it (RFC 1035 section 5.1), so that it is seen where it ends.
fn quoted(string: &[u8]) -> String {
    let mut text = String::from("\"");
    for &octet in string {
        match octet {
            b'"' | b'\\' => text.extend(['\\', char::from(octet)]),
            b' '..=b'~' => text.push(char::from(octet)),
            _ => text += &format!("\\{octet:03}"),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whatever a server sends is an answer to the question, or an error, and can be shown.
    fn check(question: &Message, octets: &[u8]) {
        let server = (Ipv4Addr::LOCALHOST, 53).into();
        let Ok(response) = decode(server, question, octets) else {
            return;
        };
        assert_eq!(octets[..2], question.metadata.id.to_be_bytes());
        let _ = QueryResponse::new(&response, false);
    }

    proptest! {
        #[test]
        fn any_octets(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            check(&question("www.cdn.example", "A", None).unwrap(), &octets);
        }

        #[test]
        fn what_is_nearly_a_response(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            rdata in prop::collection::vec(any::<u8>(), 0..40), rtype in any::<u8>(),
        ) {
            let question = question("www.cdn.example", "A", None).unwrap();
            let mut octets = question.to_vec().unwrap();
            // A response with one record behind the question, of any type.
            octets[2] |= 0x80;
            octets[7] = 1;
            octets[11] = 0;
            octets.truncate(12 + 17 + 4);
            octets.extend([0xC0, 12, 0, rtype, 0, 1, 0, 0, 0, 9]);
            octets.extend((rdata.len() as u16).to_be_bytes());
            octets.extend(rdata);
            for (at, octet) in changes {
                let at = at.index(octets.len());
                octets[at] = octet;
            }
            check(&question, &octets);
        }
    }

    #[test]
    fn strings_are_quoted_and_escaped() {
        assert_eq!(quoted(b"v=spf1 mx -all"), "\"v=spf1 mx -all\"");
        assert_eq!(quoted(b"a\"b\\c\xff\n"), r#""a\"b\\c\255\010""#);
    }
}
