//! The nodes of a CDN, each with the way to its admin API: those of the file, and those that are
//! registered where the file says so.

use std::{path::Path, time::Duration};

use perigee_config::{Document, NodeSummary};
use perigee_edge::{Members, Registration, Role};

use super::registered::{Registered, record, seen_with};
use crate::admin::AdminClient;

/// How long one node may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// All nodes of a CDN.
pub(super) struct Fleet {
    pub(super) document: Document,
    /// The version that nodes should run: what was applied, or else the file's.
    pub(super) version: String,
    pub(super) nodes: Vec<Member>,
    /// Who is registered, and what was applied; `None`: the file says all.
    pub(super) members: Option<Members>,
    /// The etcd that the file names, if any.
    pub(super) registered: Option<Registered>,
}

/// One node.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) node: NodeSummary,
    pub(super) admin: AdminClient,
    /// What it has registered, if it has.
    pub(super) record: Option<Registration>,
}

impl Fleet {
    /// Reads the file, and asks the etcd that it names, if any. Without an answer from there, the nodes
    /// of the file must do.
    pub(super) async fn load(file: &Path) -> Result<Self, String> {
        let own = Document::load(file).map_err(|e| e.to_string())?;
        let registered = Registered::of(&own)?;
        let (document, members) = match &registered {
            None => (own, None),
            Some(registered) => {
                let looked = registered.look().await;
                let seen = looked.and_then(|m| Ok((seen_with(&own, &m)?, Some(m))));
                seen.unwrap_or_else(|why| {
                    eprintln!("perigee: {why}: taking the nodes of the file");
                    (own, None)
                })
            }
        };
        let token = document
            .admin_token(&|name| std::env::var(name).ok())
            .map_err(|e| e.to_string())?;
        let member = |node: NodeSummary| Member {
            admin: AdminClient {
                address: node.admin,
                token: token.clone(),
                timeout: TIMEOUT,
            },
            record: members
                .as_ref()
                .and_then(|m| record(m, &node.name).cloned()),
            node,
        };
        Ok(Fleet {
            version: document.version(),
            nodes: document.nodes().into_iter().map(member).collect(),
            members,
            document,
            registered,
        })
    }

    /// Why there is nobody of these to ask.
    pub(super) fn nobody(&self, whom: &str) -> String {
        let beside = match &self.members {
            Some(_) => "and none is registered",
            None if self.document.nodes_register() => "and etcd has not told of any",
            None => "which has no [membership] either",
        };
        format!("no {whom} is known: the file has none, {beside}")
    }

    /// The node that is named.
    pub(super) fn member(&self, name: &str) -> Result<Member, String> {
        let env = |name: &str| std::env::var(name).ok();
        let node = self.document.node(name, &env).map_err(|e| e.to_string())?;
        let member = self
            .nodes
            .iter()
            .find(|member| member.node.name == node.name);
        member
            .cloned()
            .ok_or_else(|| format!("the file has no node {name:?}"))
    }

    /// Whether clients are told by name servers of this file where to go.
    pub(super) fn has_geodns(&self) -> bool {
        let mut roles = self.nodes.iter().map(|member| member.node.role);
        roles.any(|role| role == Role::GeoDns)
    }

    /// The name servers, in the order of the file; or the one that is named.
    pub(super) fn that_answer(&self, name: Option<&str>) -> Result<Vec<Member>, String> {
        let answers = |member: &&Member| member.node.role == Role::GeoDns;
        let Some(name) = name else {
            let members: Vec<_> = self.nodes.iter().filter(answers).cloned().collect();
            return match members.is_empty() {
                true => Err("the file has no [[geodns]]".to_owned()),
                false => Ok(members),
            };
        };
        match self.member(name)? {
            member if answers(&&member) => Ok(vec![member]),
            _ => Err(format!(
                "{name:?} is no name server: name one of [[geodns]]"
            )),
        }
    }

    /// The nodes that store something: edges in the order of the file, then shields; or the one that
    /// is named.
    pub(super) fn that_store(&self, name: Option<&str>) -> Result<Vec<Member>, String> {
        let store = |member: &&Member| member.node.role != Role::GeoDns;
        let members = self.nodes.iter().filter(store);
        let Some(name) = name else {
            return Ok(members.cloned().collect());
        };
        match self.member(name)? {
            member if store(&&member) => Ok(vec![member]),
            _ => Err(format!(
                "{name:?} is a name server, which stores nothing: name an edge or a shield"
            )),
        }
    }
}
