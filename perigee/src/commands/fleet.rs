//! The nodes of a file, each with the way to its admin API.

use std::{path::Path, time::Duration};

use perigee_config::{Document, NodeSummary};

use crate::admin::AdminClient;

/// How long one node may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// All nodes of a CDN.
pub(super) struct Fleet {
    pub(super) document: Document,
    /// The version of the file.
    pub(super) version: String,
    pub(super) nodes: Vec<Member>,
}

/// One node.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) node: NodeSummary,
    pub(super) admin: AdminClient,
}

impl Fleet {
    pub(super) fn load(file: &Path) -> Result<Self, String> {
        let document = Document::load(file).map_err(|e| e.to_string())?;
        let token = document
            .admin_token(&|name| std::env::var(name).ok())
            .map_err(|e| e.to_string())?;
        let member = |node: NodeSummary| Member {
            admin: AdminClient {
                address: node.admin,
                token: token.clone(),
                timeout: TIMEOUT,
            },
            node,
        };
        Ok(Fleet {
            version: document.version(),
            nodes: document.nodes().into_iter().map(member).collect(),
            document,
        })
    }
}
