//! Nodes that stand in for each other.

use crate::{Node, PopName, Role};

/// The edges of one PoP, or all shields: those among which keys are shared out. Health is believed
/// or not, and newcomers are slowed or not, by what is known of their group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Group(Role, Option<PopName>);

impl Group {
    pub(super) fn of(node: &Node) -> Self {
        match node.role {
            Role::Edge => Group(Role::Edge, node.pop.clone()),
            role => Group(role, None),
        }
    }
}
