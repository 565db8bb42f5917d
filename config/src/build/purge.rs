//! Whose logs of purges a node follows.

use std::time::Duration;

use perigee_edge::{EtcdLog, Follow, MembershipConfig, Node, NodeName, PurgeConfig, Refills, Role};

use super::{BuildError, Env, common::node_name};
use crate::{Document, sections::NodeRef};

/// Edges whose logs a node follows for want of shields, or beside them.
const MOST_EDGES: usize = 8;

/// Peers whose logs an edge reads since it may keep copies of what they own.
const MOST_PEERS: usize = 32;

impl Document {
    /// How long a node may hear of no purges until it validates what it holds.
    pub fn out_of_touch(&self) -> Duration {
        self.file.purge.out_of_touch.0
    }

    /// Purges that logs keep.
    pub fn purge_entries(&self) -> u64 {
        self.file.purge.log_entries.0
    }

    /// How this node learns of purges. With a log in etcd, to be in touch with that is what counts; the
    /// others' logs are read beside it: they say who was late.
    pub(super) fn purge(
        &self,
        node: &NodeRef<'_>,
        env: Env<'_>,
    ) -> Result<PurgeConfig, BuildError> {
        let config = self.purge_without_etcd(node);
        let Some(membership) = self.membership(None, env)? else {
            return Ok(config);
        };
        Ok(with_etcd(config, node.role, membership))
    }

    fn purge_without_etcd(&self, node: &NodeRef<'_>) -> PurgeConfig {
        let name = node_name(node);
        let shields: Vec<Node> = self.shield_nodes().collect();
        let edges: Vec<Node> = self.edge_nodes().collect();
        let (follows, needed) = match node.role {
            Role::Shield => of_shield(&name, &shields, &edges),
            _ => of_edge(&name, &shields, &edges),
        };
        PurgeConfig {
            out_of_touch: self.file.purge.out_of_touch.0,
            log_entries: self.file.purge.log_entries.as_usize(),
            follows,
            needed,
            etcd: None,
        }
    }
}

fn with_etcd(config: PurgeConfig, role: Role, membership: MembershipConfig) -> PurgeConfig {
    let beside = |follow: Follow| Follow {
        counts: false,
        ..follow
    };
    PurgeConfig {
        follows: config.follows.into_iter().map(beside).collect(),
        needed: 1,
        etcd: Some(EtcdLog {
            etcd: membership.etcd,
            prefix: membership.prefix,
            refills: match role {
                Role::Edge => Refills::Content,
                Role::Shield | Role::GeoDns => Refills::No,
            },
        }),
        ..config
    }
}

/// An edge is in touch with a majority of the shields, or of as many edges as it follows for want of
/// those. Beside them it reads the logs of its peers: it may have a copy of what one of them did not
/// know to be purged.
fn of_edge(name: &NodeName, shields: &[Node], edges: &[Node]) -> (Vec<Follow>, usize) {
    let pop = edges.iter().find(|edge| edge.name == *name);
    let pop = pop.and_then(|edge| edge.pop.clone());
    let is_peer = |edge: &Node| edge.pop == pop;
    let others = after(name, edges);
    let (mut follows, needed) = match shields.is_empty() {
        false => {
            let follow = |shield: &Node| follow(shield, true, Refills::Content);
            let follows: Vec<Follow> = shields.iter().map(follow).collect();
            (follows, majority(shields.len()))
        }
        true => {
            let refills = |edge: &Node| match is_peer(edge) {
                true => Refills::Copies,
                false => Refills::No,
            };
            let some = others.iter().take(MOST_EDGES);
            let follows: Vec<Follow> = some.map(|it| follow(it, true, refills(it))).collect();
            let needed = majority(follows.len() + 1).saturating_sub(1);
            (follows, needed)
        }
    };
    let peers = others.iter().filter(|edge| is_peer(edge));
    let more: Vec<Follow> = peers
        .filter(|peer| follows.iter().all(|it| it.node.name != peer.name))
        .take(MOST_PEERS)
        .map(|peer| follow(peer, false, Refills::Copies))
        .collect();
    follows.extend(more);
    (follows, needed.max(1))
}

/// A shield is in touch with others that make a majority of the shields with it; where there are
/// too few for that, with another one or an edge. It stores nothing that it has from them.
fn of_shield(name: &NodeName, shields: &[Node], edges: &[Node]) -> (Vec<Follow>, usize) {
    let others = after(name, shields);
    let is_enough = others.len() > 1;
    let needed = match is_enough {
        true => majority(shields.len()) - 1,
        false => 1,
    };
    let edges = after(name, edges).into_iter().take(MOST_EDGES);
    let edges = edges.map(|edge| follow(edge, !is_enough, Refills::No));
    let others = others.into_iter();
    let shields = others.map(|shield| follow(shield, true, Refills::No));
    (shields.chain(edges).collect(), needed)
}

/// More than half; of two, one, or the other would be of no use without the first.
fn majority(nodes: usize) -> usize {
    match nodes {
        0..=2 => 1,
        _ => nodes / 2 + 1,
    }
}

fn follow(node: &Node, counts: bool, refills: Refills) -> Follow {
    Follow {
        node: node.clone(),
        counts,
        refills,
    }
}

/// All but this one, those first that come after it, so that not all nodes follow the same.
fn after<'n>(name: &NodeName, nodes: &'n [Node]) -> Vec<&'n Node> {
    let at = nodes.iter().position(|node| node.name == *name);
    let (before, from) = nodes.split_at(at.unwrap_or(0));
    let others = from.iter().chain(before);
    others.filter(|node| node.name != *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(role: Role, names: &[(&str, &str)]) -> Vec<Node> {
        let node = |(name, pop): &(&str, &str)| Node {
            name: (*name).into(),
            role,
            pop: Some((*pop).into()),
            address: ([127, 0, 0, 1], 80).into(),
            weight: 100,
        };
        names.iter().map(node).collect()
    }

    /// `name` for those that count, `(name)` for the others.
    fn told((follows, needed): (Vec<Follow>, usize)) -> (String, usize) {
        let names = follows.iter().map(|it| match it.counts {
            true => it.node.name.to_string(),
            false => format!("({})", it.node.name),
        });
        (names.collect::<Vec<_>>().join(" "), needed)
    }

    #[test]
    fn edges_follow_shields_and_read_along_with_their_peers() {
        let edges = nodes(Role::Edge, &[("a-1", "a"), ("a-2", "a"), ("b-1", "b")]);
        for (shields, expected) in [
            (&[("s1", "a")][..], ("s1 (a-1)", 1)),
            (&[("s1", "a"), ("s2", "b")], ("s1 s2 (a-1)", 1)),
            (
                &[("s1", "a"), ("s2", "b"), ("s3", "b")],
                ("s1 s2 s3 (a-1)", 2),
            ),
            (&[], ("b-1 a-1", 1)),
        ] {
            let shields = nodes(Role::Shield, shields);
            let found = told(of_edge(&"a-2".into(), &shields, &edges));
            assert_eq!(found, (expected.0.to_owned(), expected.1));
        }
    }

    #[test]
    fn an_edge_alone_follows_nobody() {
        let edges = nodes(Role::Edge, &[("a-1", "a")]);
        assert_eq!(of_edge(&"a-1".into(), &[], &edges).0, []);
    }

    #[test]
    fn shields_follow_each_other_and_some_edges() {
        let edges = nodes(Role::Edge, &[("a-1", "a"), ("b-1", "b")]);
        for (shields, expected) in [
            (&[("s1", "a")][..], ("a-1 b-1", 1)),
            (&[("s1", "a"), ("s2", "b")], ("s2 a-1 b-1", 1)),
            (
                &[("s1", "a"), ("s2", "b"), ("s3", "b")],
                ("s2 s3 (a-1) (b-1)", 1),
            ),
        ] {
            let shields = nodes(Role::Shield, shields);
            let found = told(of_shield(&"s1".into(), &shields, &edges));
            assert_eq!(found, (expected.0.to_owned(), expected.1));
        }
    }

    #[test]
    fn many_edges_do_not_all_follow_the_same() {
        let names: Vec<String> = (0..30).map(|n| format!("e{n:02}")).collect();
        let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "a")).collect();
        let edges = nodes(Role::Edge, &all);
        let (follows, needed) = of_edge(&"e27".into(), &[], &edges);
        let counting: Vec<_> = follows.iter().filter(|it| it.counts).collect();
        assert_eq!((counting.len(), needed), (MOST_EDGES, 4));
        assert_eq!(counting[0].node.name, "e28".into());
        assert_eq!(counting[2].node.name, "e00".into());
        assert_eq!(follows.len(), 29);
    }
}
