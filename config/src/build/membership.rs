//! Where a node registers, and as what.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use perigee_edge::{EtcdConfig, Member, MembershipConfig, Node, Role};

use super::{
    BuildError, Env,
    common::{node_name, pop_name, reached_at},
    secrets::either,
};
use crate::{Document, sections::NodeRef};

impl Document {
    /// Where nodes register, if the file says so. `node` is the one that keeps a last view; none: a
    /// tool, which keeps nothing.
    ///
    /// # Errors
    /// [`BuildError`] if the environment variable of the password is not set.
    pub fn membership(
        &self,
        node: Option<&str>,
        env: Env<'_>,
    ) -> Result<Option<MembershipConfig>, BuildError> {
        let Some(membership) = &self.file.membership else {
            return Ok(None);
        };
        let password = either(
            "membership",
            "password",
            membership.password.as_ref(),
            membership.password_env.as_ref(),
            1,
            env,
        )?;
        let user = membership.user.as_ref().map(|user| user.value.clone());
        let id = self.file.cdn.id.as_ref().map_or("cdn", |id| id.0.as_str());
        let prefix = membership.prefix.clone();
        let prefix = prefix.unwrap_or_else(|| format!("/perigee/{id}/"));
        let last_view = |node: &str| {
            let path = membership.last_view.from(&self.folder);
            PathBuf::from(path.to_string_lossy().replace("{node}", node))
        };
        Ok(Some(MembershipConfig {
            etcd: EtcdConfig {
                endpoints: membership.etcd.iter().map(|url| url.0.clone()).collect(),
                user: user.zip(password),
                ca: membership.ca.as_ref().map(|path| path.from(&self.folder)),
                timeout: membership.timeout.0,
            },
            prefix: format!("{}/", prefix.trim_end_matches('/')),
            lease: membership.lease.0,
            keep_missing: membership.keep_missing.0,
            resync: membership.resync.0,
            start_wait: membership.start_wait.0,
            last_view: node.map(last_view),
        }))
    }

    /// Whether nodes register, so that the file need not name them.
    pub fn nodes_register(&self) -> bool {
        self.file.membership.is_some()
    }

    /// All nodes as they register, each in the order of the file.
    pub fn members(&self) -> Vec<Member> {
        let edges = self
            .file
            .edges
            .iter()
            .map(|edge| (edge.weight.as_u32(), None));
        let shields = self.file.shields.iter();
        let shields = shields.map(|shield| (shield.weight.as_u32(), None));
        let geodns = self.file.geodns.iter();
        let geodns = geodns.map(|server| (100, server.host.as_ref().map(|host| host.0.clone())));
        let more = edges.chain(shields).chain(geodns);
        let member = |(node, (weight, host)): (NodeRef<'_>, (u32, Option<String>))| Member {
            ipv4: node.told().into_iter().find_map(|ip| match ip {
                IpAddr::V4(v4) => Some(v4),
                IpAddr::V6(_) => None,
            }),
            ipv6: node.told().into_iter().find_map(|ip| match ip {
                IpAddr::V6(v6) => Some(v6),
                IpAddr::V4(_) => None,
            }),
            admin: admin(&node),
            host,
            node: Node {
                name: node_name(&node),
                role: node.role,
                pop: pop_name(&node),
                address: node.tier_address().0,
                weight,
            },
        };
        self.file.nodes().zip(more).map(member).collect()
    }

    /// The node of this name as it registers.
    ///
    /// # Errors
    /// [`BuildError`] if no node has this name.
    pub fn member(&self, name: &str) -> Result<Member, BuildError> {
        self.find(name, None)?;
        let mut members = self.members().into_iter();
        let found = members.find(|member| member.node.name.as_str() == name);
        found.ok_or_else(|| BuildError(format!("no node is named {name:?}")))
    }

    /// The role of the node of this name, if the file has it.
    pub fn role_of(&self, name: &str) -> Option<Role> {
        self.find(name, None).ok().map(|node| node.role)
    }
}

/// Where its admin API is reached; `None`: from its own machine only.
fn admin(node: &NodeRef<'_>) -> Option<SocketAddr> {
    let machine = node.tier_address().0.ip();
    let admin = reached_at(node.admin(), machine);
    (!admin.ip().is_loopback() || machine.is_loopback()).then_some(admin)
}
