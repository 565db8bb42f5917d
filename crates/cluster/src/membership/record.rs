//! What a node says of itself under its lease: JSON, judged before it is believed. Who reads it may be
//! an older or a newer release: members that are not known are passed over.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{Node, Role};

/// The longest record that is read.
const MAX_BYTES: usize = 16 * 1024;
/// As in the configuration.
const MAX_NAME: usize = 63;
const WEIGHTS: std::ops::RangeInclusive<u32> = 1..=10_000;
/// Characters of free text that are kept.
const MAX_TEXT: usize = 500;

/// A node as it registers: what others plan with. Changes seldom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// As peers and probers see it. A GeoDNS node's address is where it answers.
    pub node: Node,
    /// What clients are told in A records.
    pub ipv4: Option<Ipv4Addr>,
    /// What clients are told in AAAA records.
    pub ipv6: Option<Ipv6Addr>,
    /// Where its admin API is.
    pub admin: Option<SocketAddr>,
    /// A GeoDNS node's host name, if it is not its name in the zone.
    pub host: Option<String>,
}

/// How a node does. Changes often, and nobody plans with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    /// Requests under way as a share of what it may take, from 0 to 1.
    pub load: f64,
    /// It finishes what it has, and leaves.
    pub draining: bool,
    /// The version of the configuration it runs.
    pub config_version: String,
    /// Why it does not run what was applied last, if so.
    pub problem: Option<String>,
    /// When it started, in seconds since 1970.
    pub started: u64,
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// Who and where it is.
    pub member: Member,
    /// How it does.
    pub news: News,
}

/// The record as it is written.
#[derive(Serialize, Deserialize)]
struct Record {
    name: String,
    role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pop: Option<String>,
    tier_address: SocketAddr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<Ipv4Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address6: Option<Ipv6Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    admin: Option<SocketAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    weight: u32,
    #[serde(default)]
    load: f64,
    #[serde(default)]
    draining: bool,
    #[serde(default)]
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(default)]
    started: u64,
}

impl Registration {
    /// The record's bytes.
    pub fn to_json(&self) -> Vec<u8> {
        let Registration { member, news } = self;
        let record = Record {
            name: member.node.name.to_string(),
            role: member.node.role.as_str().to_owned(),
            pop: member.node.pop.as_ref().map(ToString::to_string),
            tier_address: member.node.address,
            address: member.ipv4,
            address6: member.ipv6,
            admin: member.admin,
            host: member.host.clone(),
            weight: member.node.weight,
            load: news.load,
            draining: news.draining,
            version: news.config_version.clone(),
            problem: news.problem.clone(),
            started: news.started,
        };
        // A struct of numbers and strings always serialises.
        serde_json::to_vec(&record).unwrap_or_default()
    }

    /// Reads the record of the node of this name.
    ///
    /// # Errors
    /// A text that says why it is not believed.
    pub fn parse(name: &str, record: &[u8]) -> Result<Self, String> {
        if record.len() > MAX_BYTES {
            return Err(format!("it is longer than {MAX_BYTES} bytes"));
        }
        let record: Record = serde_json::from_slice(record)
            .map_err(|error| format!("it does not parse: {error}"))?;
        if record.name != name {
            let other = cut(&record.name);
            return Err(format!("it is of another node, {other:?}"));
        }
        is_name("name", name)?;
        let role = Role::from_name(&record.role)
            .ok_or_else(|| format!("there is no role {:?}", cut(&record.role)))?;
        if let Some(pop) = &record.pop {
            is_name("pop", pop)?;
        } else if role == Role::Edge {
            return Err("an edge stands in a pop, and this one in none".to_owned());
        }
        if !WEIGHTS.contains(&record.weight) {
            return Err(format!("its weight {} is not 1 to 10,000", record.weight));
        }
        is_reached("tier_address", record.tier_address)?;
        if let Some(admin) = record.admin {
            is_reached("admin", admin)?;
        }
        Ok(Registration {
            member: Member {
                node: Node {
                    name: name.into(),
                    role,
                    pop: record.pop.as_deref().map(Into::into),
                    address: record.tier_address,
                    weight: record.weight,
                },
                ipv4: record.address,
                ipv6: record.address6,
                admin: record.admin,
                host: record.host,
            },
            news: News {
                load: record.load.clamp(0.0, 1.0),
                draining: record.draining,
                config_version: cut(&record.version),
                problem: record.problem.as_deref().map(cut),
                started: record.started,
            },
        })
    }
}

fn is_name(what: &str, name: &str) -> Result<(), String> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    match begins && name.len() <= MAX_NAME && name.chars().all(good) {
        true => Ok(()),
        false => Err(format!("its {what} {:?} is no name", cut(name))),
    }
}

fn is_reached(what: &str, address: SocketAddr) -> Result<(), String> {
    let nowhere = match address.ip() {
        IpAddr::V4(ip) => ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unspecified() || ip.is_multicast(),
    };
    match nowhere || address.port() == 0 {
        true => Err(format!("nobody can reach its {what}, {address}")),
        false => Ok(()),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn registration(name: &str, port: u16) -> Registration {
        Registration {
            member: Member {
                node: Node {
                    name: name.into(),
                    role: Role::Edge,
                    pop: Some("fra".into()),
                    address: ([127, 0, 0, 1], port).into(),
                    weight: 100,
                },
                ipv4: Some([192, 0, 2, 1].into()),
                ipv6: None,
                admin: Some(([127, 0, 0, 1], 9901).into()),
                host: None,
            },
            news: News {
                load: 0.25,
                config_version: "abc".into(),
                started: 1_700_000_000,
                ..News::default()
            },
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let said = registration("fra-1", 8080);
        assert_eq!(Registration::parse("fra-1", &said.to_json()), Ok(said));
    }

    /// The record with a member replaced; `null` takes it out.
    fn with(key: &str, value: serde_json::Value) -> Vec<u8> {
        let record = registration("fra-1", 8080).to_json();
        let mut record: serde_json::Value = serde_json::from_slice(&record).expect("parses");
        record[key] = value;
        record.to_string().into_bytes()
    }

    #[test]
    fn what_is_absurd_is_refused() {
        for (key, value, why) in [
            ("name", "fra-2".into(), "another node"),
            ("role", "king".into(), "no role"),
            ("pop", "a pop".into(), "no name"),
            ("pop", serde_json::Value::Null, "in none"),
            ("weight", 0.into(), "weight"),
            ("weight", 4_000_000_000_u32.into(), "weight"),
            ("weight", (-1).into(), "does not parse"),
            ("tier_address", "0.0.0.0:80".into(), "nobody can reach"),
            ("tier_address", "10.0.0.1:0".into(), "nobody can reach"),
            ("tier_address", "here".into(), "does not parse"),
            ("problem", "x".repeat(MAX_BYTES).into(), "longer"),
        ] {
            let refused = Registration::parse("fra-1", &with(key, value));
            let refused = refused.expect_err(key);
            assert!(refused.contains(why), "{key}: {refused}");
        }
        assert!(Registration::parse("fra-1", b"{").is_err());
        assert!(Registration::parse("a b", &with("name", "a b".into())).is_err());
    }

    #[test]
    fn what_a_newer_release_says_besides_is_passed_over() {
        let parsed = Registration::parse("fra-1", &with("later", true.into()));
        assert_eq!(parsed, Ok(registration("fra-1", 8080)));
        let parsed = Registration::parse("fra-1", &with("load", 7.into()));
        assert_eq!(
            parsed.expect("parses").news.load.to_bits(),
            1.0_f64.to_bits()
        );
    }
}
