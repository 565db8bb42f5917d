//! An immutable picture of all nodes, made when something changes and read on the request path.

use std::{collections::HashMap, sync::Arc};

use perigee_health::{PanicShare, is_believed};

use crate::{NodeHealth, NodeName};

#[derive(Debug)]
pub(super) struct Known {
    pub(super) nodes: Arc<Vec<NodeHealth>>,
    /// Where each name is in `nodes`.
    index: HashMap<NodeName, usize>,
    /// Whether enough look alive for the rest to be believed dead.
    pub(super) believed: bool,
}

impl Known {
    pub(super) fn new(nodes: Vec<NodeHealth>, panic: PanicShare) -> Self {
        let up = nodes.iter().filter(|health| health.up).count();
        Known {
            believed: is_believed(up, nodes.len(), panic),
            index: nodes
                .iter()
                .enumerate()
                .map(|(index, health)| (health.node.name.clone(), index))
                .collect(),
            nodes: Arc::new(nodes),
        }
    }

    pub(super) fn get(&self, name: &NodeName) -> Option<&NodeHealth> {
        self.nodes.get(*self.index.get(name)?)
    }
}
