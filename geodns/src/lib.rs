//! Question in, nearest healthy edges out: an authoritative name server for the CDN's zone.

mod config;

pub use config::{Config, EdgeAddress, Limits, NameServer, Network, Place, Pop, Service, Soa};
pub use perigee_cluster::{Node, NodeName, PopName, Role, ViewConfig};
pub use perigee_health::{PanicShare, Thresholds};
