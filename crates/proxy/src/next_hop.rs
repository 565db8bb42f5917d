//! Where a request goes when it cannot be answered here: what a tier says of the tiers beside and
//! above it.

use std::{
    future::{Future, pending},
    pin::Pin,
    sync::{Arc, atomic::AtomicU64},
};

use perigee_upstream::{Body as Relayed, Came, Endpoint, Head, Outgoing, Pool, SendError};

use crate::Inbound;

/// The field by which a tier tells another one that it did nothing with a request: the sender
/// may ask somebody else. Never reaches a client.
pub const REFUSED: &str = "perigee-refused";

/// One place to send a request to.
#[derive(Clone, Debug)]
pub enum Hop {
    /// The edge of this PoP that owns the key.
    Peer(Arc<Endpoint>),
    /// A shield.
    Shield(Arc<Endpoint>),
    /// The origins of the service.
    Origin(Arc<Pool>),
}

impl Hop {
    /// The name in logs and metrics.
    pub fn name(&self) -> &str {
        match self {
            Hop::Peer(endpoint) | Hop::Shield(endpoint) => endpoint.name(),
            Hop::Origin(_) => "origin",
        }
    }

    /// `peer`, `shield` or `origin`.
    pub fn kind(&self) -> &'static str {
        match self {
            Hop::Peer(_) => "peer",
            Hop::Shield(_) => "shield",
            Hop::Origin(_) => "origin",
        }
    }

    /// Whether it is another node of this CDN.
    pub(crate) fn is_node(&self) -> bool {
        !matches!(self, Hop::Origin(_))
    }

    pub(crate) async fn send(&self, head: Head<'_>, body: Relayed) -> Result<Came, SendError> {
        match self {
            Hop::Peer(endpoint) | Hop::Shield(endpoint) => endpoint.send_head(head, body).await,
            Hop::Origin(pool) => pool.send_head(head, body).await,
        }
    }
}

/// The places to try for one key, in order.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// Who owns the key in this PoP, if that is not this node. Asked first; the answer is
    /// relayed, and stored here only if many ask for it.
    pub sideways: Vec<Hop>,
    /// The next tier, and what may stand in for it.
    pub up: Vec<Hop>,
    /// The owner, if another one is to answer in its place.
    pub passed_over: Option<PassedOver>,
    /// Where it is counted, for as long as it takes, that this node answers as the owner.
    pub own: Option<Arc<AtomicU64>>,
}

/// The owner of a key that another one answers for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: Why,
}

/// Why an owner is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It has more under way than its part.
    Overloaded,
    /// It has just come back, and gets its keys little by little.
    Returning,
}

impl Why {
    /// `overloaded` or `returning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Why::Overloaded => "overloaded",
            Why::Returning => "returning",
        }
    }
}

/// What a tier knows of the tiers beside and above it.
pub trait NextHop: Send + Sync + 'static {
    /// Where a request goes. Pure: looks at a snapshot of who is healthy.
    fn route(&self, inbound: &Inbound) -> Route;

    /// Puts onto a request what the hop needs to see: proof and markers for a tier of ours,
    /// X-Forwarded-* for an origin.
    fn stamp(&self, inbound: &Inbound, hop: &Hop, request: &mut Outgoing);

    /// A hop could not be reached.
    fn failed(&self, hop: &Hop);

    /// A hop takes longer than it should: its health is looked at, at once.
    fn suspect(&self, _hop: &Hop) {}

    /// Ends once a hop is known to be down, so that nobody waits for what it will never say. A
    /// hop whose health nobody watches is not known to be down.
    fn lost<'a>(&'a self, _hop: &'a Hop) -> Lost<'a> {
        Box::pin(pending())
    }
}

/// See [`NextHop::lost`].
pub type Lost<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
