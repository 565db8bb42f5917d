//! Question in, nearest healthy edges out: an authoritative name server for the CDN's zone.
//!
//! A message goes one way, whatever it came by: a `worker` has it read (crate `dns-wire`), asks `guard`
//! whether its sender is to be answered, and lets `answer` write the response; then it counts, and logs.
//! `answer` is pure over a [`Snapshot`], which is replaced whole when the configuration or the health of an
//! edge changes, and read without a lock.

mod answer;
mod asker;
mod config;
#[cfg(test)]
#[path = "../tests/counting/mod.rs"]
mod counting;
pub mod dnssec;
mod explain;
#[cfg(test)]
mod fixture;
mod geodns;
mod guard;
mod load;
mod measured;
mod metrics;
mod place;
mod policy;
mod query;
mod query_log;
mod secondary;
mod snapshot;
#[cfg(test)]
#[path = "../tests/static_zone/mod.rs"]
mod static_zone;
mod status;
mod transport;
mod worker;
mod zone;

pub use answer::{Memo, answer};
pub use asker::{Asker, Transport};
pub use config::{Config, EdgeAddress, Limits, NameServer, Network, Place, Pop, Service, Soa};
pub use explain::{
    DnsExplanation, DnsQuestion, ExplainedAnswer, ExplainedEdge, ExplainedPop, LookedUp,
};
pub use geodns::{GeoDns, ReloadError, StartError};
pub use guard::{CookieSecret, CookieUse, GuardConfig, RateLimit};
pub use load::LoadConfig;
pub use measured::MeasureConfig;
pub use perigee_cluster::{Node, NodeName, PopName, Role, Trust, TrustConfig, ViewConfig};
pub use perigee_health::{PanicShare, Thresholds};
pub use place::{
    At, CONTINENTS, Code, Continent, Country, Database, FoundBy, Latencies, Located, Measured,
    PlaceConfig, PlaceError, Places, Point, Region, Subdivision, TableError, build_database,
};
pub use policy::{Client, Order, PolicyConfig, RuleConfig, When};
pub use query::{QueryError, QueryRecord, QueryResponse, query};
pub use query_log::{LoggedQuery, QueryLog, QueryLogConfig};
pub use snapshot::Snapshot;
pub use status::{EdgeStatus, PopStatus, Status};
pub use transport::{CertificateFiles, Encrypted, EncryptedAddresses};
pub use zone::{Contents, RecordText, Source, Zone, ZoneError, ZoneParts};
