//! What can be purged.

use std::sync::Arc;

use perigee_http_cache::CacheKey;

/// What is not to be used any more as it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purge {
    /// Which responses.
    pub target: Target,
    /// Whether they are stale from then on, and stay: to be validated, and to be served meanwhile or
    /// on errors as far as they may be stale (RFC 5861). Else they are gone.
    pub soft: bool,
}

impl Purge {
    /// A purge after which they are gone.
    pub fn hard(target: Target) -> Self {
        Purge {
            target,
            soft: false,
        }
    }

    /// A purge after which they are stale.
    pub fn soft(target: Target) -> Self {
        Purge { target, soft: true }
    }

    /// All variants of one key are gone.
    pub fn key(key: CacheKey) -> Self {
        Purge::hard(Target::Key(key))
    }
}

/// Which responses a purge is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All variants of one key.
    Key(CacheKey),
    /// All keys that begin so, whatever their scheme: `host/path`, as it stands in keys behind
    /// `://`, with the host in lower case.
    Prefix(Arc<str>),
    /// All keys of a host, whatever their scheme: with a port those of this port alone, else those of
    /// all ports. Case makes no difference.
    Host(Arc<str>),
    /// All responses with a tag (Surrogate-Key, Cache-Tag).
    Tag {
        /// Those of this host alone, on all ports; `None`: of all hosts.
        host: Option<Arc<str>>,
        /// The tag.
        tag: Arc<str>,
    },
    /// All responses in a group (RFC 9875).
    Group {
        /// The origin whose group it is, as [`CacheKey::origin`] has it: another one's group of
        /// the same name is another group.
        origin: Arc<str>,
        /// The group's name.
        group: Arc<str>,
    },
    /// All that is stored.
    Everything,
}
