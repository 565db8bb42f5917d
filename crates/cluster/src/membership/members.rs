//! Who is in the CDN and what was applied, as it is known at one moment. Immutable.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Applied, Member, MembershipConfig, Registration};
use crate::{NodeName, etcd::Entries};

/// Where what is known comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nowhere yet: etcd has not answered, and no earlier view was kept.
    Nowhere,
    /// What this node knew when it last ran: etcd has not answered yet.
    LastView,
    /// Etcd.
    Etcd,
}

/// Who is in the CDN, and which configuration was applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Members {
    /// Where it comes from.
    pub source: Source,
    /// The nodes, by name.
    pub nodes: Vec<Registration>,
    /// Of these, who is not registered, and kept for a while.
    pub missing: Vec<NodeName>,
    /// What was applied last, if anything.
    pub applied: Option<Arc<Applied>>,
    /// Records that are not believed: the key, and why.
    pub refused: BTreeMap<String, String>,
    /// Why etcd does not answer, if it does not.
    pub trouble: Option<String>,
}

impl Members {
    /// Nobody.
    pub fn nobody() -> Self {
        Members {
            source: Source::Nowhere,
            nodes: Vec::new(),
            missing: Vec::new(),
            applied: None,
            refused: BTreeMap::new(),
            trouble: None,
        }
    }

    /// What plans are made of: it changes seldom.
    pub fn plan(&self) -> (Source, Vec<&Member>, Option<&Applied>) {
        let nodes = self.nodes.iter().map(|node| &node.member).collect();
        (self.source, nodes, self.applied.as_deref())
    }

    /// As etcd has it.
    pub(super) fn of_entries(config: &MembershipConfig, entries: Entries) -> Self {
        let mut members = Members {
            source: Source::Etcd,
            ..Members::nobody()
        };
        for entry in entries.entries {
            if entry.key == config.config_key() {
                match Applied::parse(&entry) {
                    Ok(applied) => members.applied = Some(Arc::new(applied)),
                    Err(why) => drop(members.refused.insert(entry.key, why)),
                }
            } else if let Some(name) = config.node_of(&entry.key) {
                match Registration::parse(name, &entry.value) {
                    Ok(registration) => members.nodes.push(registration),
                    Err(why) => drop(members.refused.insert(entry.key, why)),
                }
            }
        }
        members
    }
}

/// What is kept on disk of it.
#[derive(Serialize, Deserialize)]
struct Kept {
    applied: Option<Applied>,
    nodes: BTreeMap<String, serde_json::Value>,
}

impl Members {
    /// What is kept, so that the node can start while etcd is away.
    pub(super) fn to_keep(&self) -> Vec<u8> {
        let node = |node: &Registration| {
            let record = serde_json::from_slice(&node.to_json()).unwrap_or_default();
            (node.member.node.name.to_string(), record)
        };
        let kept = Kept {
            applied: self.applied.as_deref().cloned(),
            nodes: self.nodes.iter().map(node).collect(),
        };
        serde_json::to_vec_pretty(&kept).unwrap_or_default()
    }

    /// What was kept.
    pub(super) fn of_kept(kept: &[u8]) -> Result<Self, String> {
        let kept: Kept = serde_json::from_slice(kept).map_err(|error| error.to_string())?;
        let nodes = kept.nodes.iter().filter_map(|(name, record)| {
            Registration::parse(name, record.to_string().as_bytes()).ok()
        });
        Ok(Members {
            source: Source::LastView,
            nodes: nodes.collect(),
            applied: kept.applied.map(Arc::new),
            ..Members::nobody()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::record::tests::registration, *};

    #[test]
    fn what_is_kept_comes_back() {
        let members = Members {
            source: Source::Etcd,
            nodes: vec![registration("fra-1", 1), registration("fra-2", 2)],
            applied: Some(Arc::new(Applied::new(
                "v1".into(),
                "[cdn]\n",
                "me".into(),
                std::time::SystemTime::UNIX_EPOCH,
            ))),
            ..Members::nobody()
        };
        let again = Members::of_kept(&members.to_keep()).expect("parses");
        assert_eq!(again.source, Source::LastView);
        assert_eq!(
            (again.nodes, again.applied),
            (members.nodes, members.applied)
        );
        assert!(Members::of_kept(b"{").is_err());
    }
}
