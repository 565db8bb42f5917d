//! What tools see of a CDN that has `[membership]`.

use std::{sync::Arc, time::Duration};

use perigee_config::{Document, Nodes};
use perigee_edge::{Etcd, Member, Members, MembershipConfig, NodeName, Registration, look};
use tokio::time::timeout;

/// How long etcd may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client of the etcd that a file names, and where in it to look.
pub(super) struct Registered {
    pub(super) etcd: Arc<Etcd>,
    pub(super) config: MembershipConfig,
}

impl Registered {
    /// `None` if the file has no `[membership]`.
    pub(super) fn of(document: &Document) -> Result<Option<Self>, String> {
        let env = |name: &str| std::env::var(name).ok();
        let config = document.membership(None, &env).map_err(|e| e.to_string())?;
        let Some(config) = config else {
            return Ok(None);
        };
        let etcd = Arc::new(Etcd::new(config.etcd.clone())?);
        Ok(Some(Registered { etcd, config }))
    }

    /// Who is registered, and what was applied.
    pub(super) async fn look(&self) -> Result<Members, String> {
        match timeout(PATIENCE, look(&self.etcd, &self.config)).await {
            Ok(members) => members.map_err(|error| error.to_string()),
            Err(_) => Err(format!("etcd has not answered in {PATIENCE:?}")),
        }
    }
}

/// The file with what was applied, and with the nodes that are registered besides those of the file.
pub(super) fn seen_with(document: &Document, members: &Members) -> Result<Document, String> {
    let nodes: Vec<Member> = members.nodes.iter().map(|n| n.member.clone()).collect();
    let applied = members
        .applied
        .as_ref()
        .map(|applied| applied.text.as_str());
    document.effective(None, applied, Nodes::Both(&nodes))
}

/// What a node has registered, if it has.
pub(super) fn record<'m>(members: &'m Members, node: &NodeName) -> Option<&'m Registration> {
    let mut nodes = members.nodes.iter();
    nodes.find(|registered| registered.member.node.name == *node)
}
