//! What an edge has measured of its clients, told to those who ask with the credential.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::probe::is_node;

/// Where edges answer it, on the address they serve on.
pub const LATENCIES_PATH: &str = "/.well-known/perigee/latencies";

/// Networks that a node may tell of.
pub const MOST_PREFIXES: usize = 65_536;

/// A minute: more is no round-trip time.
const MOST_MS: f32 = 60_000.0;

/// Round-trip times from networks of clients to a node, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeLatencies {
    /// The node's name.
    pub node: String,
    /// Each network, a /24 or /48, and the milliseconds; in the order of networks.
    pub prefixes: Vec<(IpNet, f32)>,
}

impl NodeLatencies {
    /// Octets of [`MOST_PREFIXES`] of the longest ones, and more than enough for the name.
    pub(crate) const MAX_BYTES: usize = 64 * MOST_PREFIXES;

    /// The network that the times of a client count for: so much of its address, and no more, leaves
    /// the node.
    pub fn network(client: std::net::IpAddr) -> IpNet {
        let client = client.to_canonical();
        let length = if client.is_ipv4() { 24 } else { 48 };
        IpNet::new(client, length).map_or_else(|_| IpNet::from(client), |network| network.trunc())
    }

    /// The answer's body.
    pub fn to_json(&self) -> Vec<u8> {
        // A struct of networks, numbers and strings always serialises.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What an answer says, if it is the one of `node`, and all of it makes sense.
    pub(crate) fn read(body: &[u8], node: &str) -> Result<Self, String> {
        let mut told: NodeLatencies = serde_json::from_slice(body)
            .map_err(|error| format!("its latencies do not parse: {error}"))?;
        is_node(&told.node, node)?;
        if told.prefixes.len() > MOST_PREFIXES {
            return Err(format!("tells of more than {MOST_PREFIXES} networks"));
        }
        for (network, ms) in &told.prefixes {
            if *network != NodeLatencies::network(network.addr()) {
                return Err(format!("tells of {network}, which is no /24 or /48"));
            }
            if !(0.0..=MOST_MS).contains(ms) {
                return Err(format!("tells {ms} ms of {network}"));
            }
        }
        told.prefixes.sort_by_key(|(network, _)| *network);
        told.prefixes.dedup_by_key(|(network, _)| *network);
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(prefixes: Vec<(&str, f32)>) -> NodeLatencies {
        let parse = |(network, ms): (&str, f32)| (network.parse().unwrap(), ms);
        NodeLatencies {
            node: "fra-1".to_owned(),
            prefixes: prefixes.into_iter().map(parse).collect(),
        }
    }

    fn error(prefixes: Vec<(&str, f32)>) -> String {
        NodeLatencies::read(&told(prefixes).to_json(), "fra-1").unwrap_err()
    }

    #[test]
    fn what_is_told_is_read() {
        let sent = told(vec![("198.51.100.0/24", 12.345), ("2001:db8:1::/48", 0.0)]);
        let json = sent.to_json();
        assert_eq!(NodeLatencies::read(&json, "fra-1"), Ok(sent));
        assert!(json.len() < NodeLatencies::MAX_BYTES);
        let twice = told(vec![
            ("198.51.100.0/24", 3.0),
            ("192.0.2.0/24", 1.0),
            ("192.0.2.0/24", 2.0),
        ]);
        let read = NodeLatencies::read(&twice.to_json(), "fra-1").unwrap();
        assert_eq!(
            read,
            told(vec![("192.0.2.0/24", 1.0), ("198.51.100.0/24", 3.0)])
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_whole() {
        for (network, ms, why) in [
            (
                "10.0.0.0/8",
                1.0,
                "tells of 10.0.0.0/8, which is no /24 or /48",
            ),
            ("192.0.2.1/24", 1.0, "which is no /24"),
            ("2001:db8::/32", 1.0, "which is no /24 or /48"),
            ("192.0.2.0/24", -1.0, "tells -1 ms of 192.0.2.0/24"),
            ("192.0.2.0/24", 60_001.0, "tells 60001 ms"),
            // JSON has no such number: null does not parse.
            ("192.0.2.0/24", f32::NAN, "do not parse"),
        ] {
            let error = error(vec![("198.51.100.0/24", 1.0), (network, ms)]);
            assert!(error.contains(why), "{error}");
        }
        let other = NodeLatencies::read(&told(vec![]).to_json(), "fra-2").unwrap_err();
        assert_eq!(other, "answers as another node, \"fra-1\"");
        let many = NodeLatencies {
            node: "fra-1".to_owned(),
            prefixes: vec![("192.0.2.0/24".parse().unwrap(), 1.0); MOST_PREFIXES + 1],
        };
        assert!(NodeLatencies::read(&many.to_json(), "fra-1").is_err());
    }

    #[test]
    fn the_longest_table_fits() {
        let longest = told(vec![("2001:db8:ffff::/48", 12_345.679)])
            .to_json()
            .len();
        let shortest = told(vec![]).to_json().len();
        assert!(
            (longest - shortest + 1) * MOST_PREFIXES + shortest + 4_096 < NodeLatencies::MAX_BYTES
        );
    }

    #[test]
    fn clients_are_told_by_their_networks_only() {
        let network = |address: &str| NodeLatencies::network(address.parse().unwrap()).to_string();
        assert_eq!(network("192.0.2.77"), "192.0.2.0/24");
        assert_eq!(network("::ffff:192.0.2.77"), "192.0.2.0/24");
        assert_eq!(network("2001:db8:1:2::3"), "2001:db8:1::/48");
    }
}
