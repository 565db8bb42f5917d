//! Where a key belongs, by the configuration alone: as long as all nodes are usable.

use std::collections::BTreeMap;

use perigee_cluster::{Node, NodeName, PopName, Ring};
use perigee_proxy::CacheKey;

use crate::ShieldOrder;

/// Where a key belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The edges of each PoP in the order in which they own the key: each stands in for those
    /// before it.
    pub edges: BTreeMap<PopName, Vec<NodeName>>,
    /// The shields of each group (those of one PoP, those of none) in the order in which they are
    /// asked, group after group in the order of the file.
    pub shields: Vec<NodeName>,
}

/// Where a key belongs among these nodes.
pub fn places(
    key: &CacheKey,
    edges: impl IntoIterator<Item = Node>,
    shields: impl IntoIterator<Item = Node>,
) -> Places {
    let mut pops: BTreeMap<PopName, Vec<Node>> = BTreeMap::new();
    for edge in edges {
        if let Some(pop) = edge.pop.clone() {
            pops.entry(pop).or_default().push(edge);
        }
    }
    let shields: Vec<Node> = shields.into_iter().collect();
    let order = |nodes: &[Node]| -> Vec<NodeName> {
        ring(nodes).owners(key.stable_hash()).cloned().collect()
    };
    Places {
        edges: pops
            .into_iter()
            .map(|(pop, nodes)| (pop, order(&nodes)))
            .collect(),
        shields: ShieldOrder::Nearest
            .groups(&shields)
            .iter()
            .flat_map(|group| order(group))
            .collect(),
    }
}

/// The ring of these nodes.
pub(crate) fn ring(nodes: &[Node]) -> Ring {
    Ring::new(nodes.iter().map(|node| (&node.name, node.weight)))
}

#[cfg(test)]
mod tests {
    use perigee_cluster::Role;
    use perigee_proxy::Scheme;

    use super::*;

    fn node(role: Role, name: &str, pop: Option<&str>) -> Node {
        Node {
            name: name.into(),
            role,
            pop: pop.map(Into::into),
            address: ([127, 0, 0, 1], 1).into(),
            weight: 100,
        }
    }

    #[test]
    fn each_pop_has_an_order_of_its_own_edges() {
        let edges = ["a-1", "b-1", "a-2"].map(|name| node(Role::Edge, name, Some(&name[..1])));
        let shields = ["s-1", "s-2"].map(|name| node(Role::Shield, name, None));
        let key = CacheKey::new(Scheme::Http, "a.test", "/");
        let places = places(&key, edges.clone(), shields);
        let (a, b) = (&places.edges[&"a".into()], &places.edges[&"b".into()]);
        assert_eq!((a.len(), b.len(), places.shields.len()), (2, 1, 2));
        let a_ring = ring(&[edges[0].clone(), edges[2].clone()]);
        let owner = a_ring.owners(key.stable_hash()).next();
        assert_eq!(a.first(), owner);
    }
}
