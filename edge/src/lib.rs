//! The client-facing tier: whom to let in, and where to go on a miss.

mod config;
mod places;
mod shields;
mod state;

pub use config::Config;
pub use perigee_cluster::{
    Application, Applied, Etcd, EtcdConfig, EtcdError, EtcdKeeper, LoadBound, MAX_APPLIED, Member,
    Members, Membership, MembershipConfig, News, Node, NodeName, PopName, ProbeError, Prober,
    PurgeEntry, READY_PATH, Readiness, Refills, Registration, Role, Source, SpillConfig, TlsFiles,
    Trust, TrustConfig, View, ViewConfig, look, new_id, server_name,
};
pub use perigee_proxy::{
    AccessLog, AccessRecord, BreakerConfig, CacheStats, Cookies, Disclosure, DiskConfig,
    DiskCounts, Endpoint, EndpointConfig, EndpointLimits, Explanation, Failover, Finish, Glob,
    HitForMiss, HotCopies, KeyParts, KeyPolicy, ListQuestion, Listed, Listing, MOST_PURGES,
    MemoryConfig, MemoryCounts, NextHopStatus, NextPlace, Outline, Policy, PoolConfig, PurgeCounts,
    PurgeOrder, Purged, QueryRule, Question, RangeMiss, RequestFields, RetryLimit, Rule,
    ServiceConfig, Shown, ShownEntry, Status, StoredResponse, Streaming, Target, Use, When,
    is_targeted, outline,
};
pub use perigee_server::{
    CertFiles, Client, DrainReport, Handler, Limits as ClientLimits, RequestBody, Server,
    ServerConfig, bind_all,
};
pub use perigee_tier::{
    Config as TierConfig, EtcdLog, Follow, MeasureConfig, PurgeConfig, ReloadError, StartError,
};
pub use places::{Places, places};
pub use shields::ShieldOrder;
pub use state::EdgeState;

/// A running edge. Cheap to clone.
pub type Edge = perigee_tier::Tier<EdgeState>;
