//! What is told of queries to whoever writes it down: a sample of them, of clients their network only.

use std::{fmt, net::IpAddr, sync::Arc, time::SystemTime};

use ipnet::IpNet;
use perigee_dns_wire::{Name, Request};

use crate::{
    answer::Facts,
    asker::Asker,
    metrics::{rcode_label, transport_label},
    snapshot::Snapshot,
};

/// Takes queries to be written down. Called where queries are answered: it must not wait.
pub trait QueryLog: Send + Sync {
    /// Writes this down, or drops it.
    fn tell(&self, query: LoggedQuery);
}

/// A query, as it is written down.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedQuery {
    /// When it came.
    pub at: SystemTime,
    /// By what: `udp`, `tcp`, `tls`, `https` or `quic`.
    pub transport: &'static str,
    /// The network of who asked, mostly a resolver.
    pub source: IpNet,
    /// The network of the client that it asked for (RFC 7871).
    pub client: Option<IpNet>,
    /// The name asked for, in lower case.
    pub name: String,
    /// The number of the type.
    pub rtype: Option<u16>,
    /// The response code.
    pub rcode: &'static str,
    /// The PoP whose edges were answered.
    pub pop: Option<String>,
    /// The prefix for which the answer holds.
    pub scope: u8,
    /// The length of the response.
    pub bytes: usize,
}

/// Which queries are written down, and what of their clients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueryLogConfig {
    /// The share of queries, from 0 to 1. Default 1.
    pub sample: f64,
    /// The bits of IPv4 addresses that are told. Default 24.
    pub prefix_v4: u8,
    /// The bits of IPv6 addresses that are told. Default 48.
    pub prefix_v6: u8,
}

impl Default for QueryLogConfig {
    fn default() -> Self {
        QueryLogConfig {
            sample: 1.0,
            prefix_v4: 24,
            prefix_v6: 48,
        }
    }
}

impl QueryLogConfig {
    /// Of an address no more than is told.
    fn network(&self, address: IpAddr, known: u8) -> IpNet {
        let address = address.to_canonical();
        let most = match address {
            IpAddr::V4(_) => self.prefix_v4.min(32),
            IpAddr::V6(_) => self.prefix_v6.min(128),
        };
        let network = IpNet::new(address, known.min(most));
        network.unwrap_or_else(|_| address.into()).trunc()
    }
}

/// The log, as one worker writes it.
#[derive(Clone)]
pub(crate) struct Sampler {
    log: Arc<dyn QueryLog>,
    /// What is due: at 1, the next query is told.
    due: f64,
}

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampler").field("due", &self.due).finish()
    }
}

impl Sampler {
    pub(crate) fn new(log: Arc<dyn QueryLog>) -> Self {
        Sampler { log, due: 0.0 }
    }

    /// Tells of a query that was answered, if it is its turn.
    pub(crate) fn tell(
        &mut self,
        snapshot: &Snapshot,
        request: &Request<'_>,
        asker: Asker,
        now: SystemTime,
        (facts, bytes): (&Facts<'_>, usize),
    ) {
        let config = &snapshot.query_log;
        self.due += config.sample.clamp(0.0, 1.0);
        if self.due < 1.0 {
            return;
        }
        self.due -= 1.0;
        let question = request.question.as_ref();
        // Without type and class.
        let name = question.and_then(|question| question.wire.split_last_chunk::<4>());
        let name = name.and_then(|(name, _)| Name::from_wire(name));
        let subnet = request.edns.as_ref().and_then(|edns| edns.subnet);
        let pop = facts.pop.and_then(|pop| snapshot.pops.get(pop));
        self.log.tell(LoggedQuery {
            at: now,
            transport: transport_label(asker.transport),
            source: config.network(asker.address.ip(), 128),
            client: subnet.map(|subnet| config.network(subnet.address, subnet.source)),
            name: name.map(|name| name.to_string()).unwrap_or_default(),
            rtype: facts.rtype,
            rcode: rcode_label(facts.rcode),
            pop: pop.map(|pop| pop.name.to_string()),
            scope: facts.scope,
            bytes,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_clients_the_network_is_told() {
        let config = QueryLogConfig::default();
        let told =
            |address: &str, known| config.network(address.parse().unwrap(), known).to_string();
        assert_eq!(told("192.0.2.77", 128), "192.0.2.0/24");
        assert_eq!(told("::ffff:192.0.2.77", 128), "192.0.2.0/24");
        assert_eq!(told("10.49.0.0", 16), "10.49.0.0/16");
        assert_eq!(told("2001:db8:1:2::7", 128), "2001:db8:1::/48");
        assert_eq!(told("0.0.0.0", 0), "0.0.0.0/0");
    }
}
