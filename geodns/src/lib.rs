//! Question in, nearest healthy edges out: an authoritative name server for the CDN's zone.
//!
//! A message goes one way: hickory-server receives and decodes it (over TCP, `tcp` receives it),
//! `respond` looks at its header and EDNS, [`answer`] looks at its question, and what came out is
//! encoded and sent. Both are pure over a [`Snapshot`], which is replaced whole when the configuration
//! or the health of an edge changes, and read without a lock.
//!
//! Known limits of hickory-server:
//! - It answers messages that do not decode by itself: FORMERR without OPT and question, not
//!   counted in the metrics. Among them is a Client Subnet option of family 0.
//! - It does not cap TCP connections: that is why `tcp` takes them.
//! - It tells of each query at level INFO and of bad packets at WARN: the log must be filtered,
//!   so that of `hickory_server`, `hickory_net` and `hickory_proto` only errors are told.
//! - It does not compress the first owner name of an answer.

mod answer;
mod config;
pub mod dnssec;
mod explain;
#[cfg(test)]
mod fixture;
mod geodns;
#[allow(dead_code)] // Until the worker asks it.
mod guard;
mod metrics;
mod place;
mod policy;
mod query;
mod respond;
mod snapshot;
mod status;
mod subnet;
mod transport;
mod worker;
mod zone;

pub use answer::{Answer, Query, answer};
pub use config::{Config, EdgeAddress, Limits, NameServer, Network, Place, Pop, Service, Soa};
pub use explain::{ExplainedAnswer, ExplainedEdge, ExplainedPop, Explanation};
pub use geodns::{GeoDns, ReloadError, StartError};
pub use guard::{CookieSecret, CookieUse, GuardConfig, RateLimit};
pub use perigee_cluster::{Node, NodeName, PopName, Role, Trust, TrustConfig, ViewConfig};
pub use perigee_health::{PanicShare, Thresholds};
pub use place::{
    Database, DatabaseError, Located, LocatedPlace, Places, Point, TableError, build_database,
};
pub use policy::Client;
pub use query::{QueryError, QueryRecord, QueryResponse, query};
pub use snapshot::Snapshot;
pub use status::{EdgeStatus, Status};
pub use zone::{Contents, RecordText, Source, Zone, ZoneError};
