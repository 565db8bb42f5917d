//! A node of the CDN.

use std::{fmt, net::SocketAddr, sync::Arc};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                $name(name.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of a node, unique in the CDN.
    NodeName
);
name!(
    /// The name of a point of presence.
    PopName
);

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Serves clients.
    Edge,
    /// Serves edges, and asks the origins.
    Shield,
    /// Answers DNS.
    GeoDns,
}

impl Role {
    /// The role as it is written in the configuration and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Edge => "edge",
            Role::Shield => "shield",
            Role::GeoDns => "geodns",
        }
    }

    /// The role that is written so.
    pub fn from_name(name: &str) -> Option<Self> {
        [Role::Edge, Role::Shield, Role::GeoDns]
            .into_iter()
            .find(|role| role.as_str() == name)
    }
}

/// An edge or shield, as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// What it does.
    pub role: Role,
    /// Where it is; shields may be nowhere in particular.
    pub pop: Option<PopName>,
    /// Where other tiers reach it, and where it is probed.
    pub address: SocketAddr,
    /// Its share of the ring relative to others. At least 1; default 100.
    pub weight: u32,
}
