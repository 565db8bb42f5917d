//! One line of the query log. Pure.

use ipnet::IpNet;
use perigee_geodns::LoggedQuery;
use serde::Serialize;

use super::timestamp::Timestamp;

/// A query in the order and under the names that the log has.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    node: &'a str,
    transport: &'a str,
    source: IpNet,
    client: Option<IpNet>,
    name: &'a str,
    r#type: Option<u16>,
    rcode: &'a str,
    pop: Option<&'a str>,
    scope: u8,
    bytes: usize,
}

/// Appends the query as a line of JSON.
pub(super) fn append(into: &mut Vec<u8>, node: &str, query: &LoggedQuery) {
    let line = Line {
        time: Timestamp(query.at).to_string(),
        node,
        transport: query.transport,
        source: query.source,
        client: query.client,
        name: &query.name,
        r#type: query.rtype,
        rcode: query.rcode,
        pop: query.pop.as_deref(),
        scope: query.scope,
        bytes: query.bytes,
    };
    let start = into.len();
    match serde_json::to_writer(&mut *into, &line) {
        Ok(()) => into.push(b'\n'),
        // Nothing in a line can fail; were it so, half a line would spoil the next.
        Err(_) => into.truncate(start),
    }
}
