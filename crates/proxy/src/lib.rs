//! One request's life: look up, decide, coalesce, fetch, relay. Shared by edge and shield.
//!
//! [`Exchange::answer`] is the way through; [`NextHop`] is what a tier brings to it.

mod access;
mod answer;
mod arriving;
mod at_hand;
mod at_once;
mod body;
mod cache_status;
mod claims;
mod exchange;
mod explain;
mod failed;
mod failover;
mod fetch;
mod flight;
mod generations;
mod heat;
mod here;
mod hosts;
mod in_touch;
mod inbound;
mod intake;
mod invalidate;
mod keep;
mod lead;
mod line;
mod listing;
mod marks;
mod metrics;
mod moment;
mod next_hop;
mod observe;
mod once_body;
mod onward;
mod outcome;
mod outlive;
mod owner;
mod pass;
mod passing;
mod piece;
mod posted;
mod pump;
mod purge;
mod refresh;
mod rest;
mod searches;
mod seldom;
mod send;
mod service;
mod several;
mod status;
mod stitched;
mod streaming;
mod suspicion;
mod told;
mod tunnel;
mod upgrade;
mod url;
mod waiting;

pub use access::{AccessLog, AccessRecord};
pub use answer::plain;
pub use at_once::{Asked, Content, EndHead, Found, Reply};
pub use body::{Body, BodyError};
pub use cache_status::Disclosure;
pub use claims::{RequestFields, add_claims};
pub use exchange::{Exchange, ExchangeConfig};
pub use explain::{Explanation, HitForMiss, NextPlace, Outline, Question, StoredResponse, outline};
pub use failover::Failover;
pub use heat::HotCopies;
pub use in_touch::InTouch;
pub use inbound::{Inbound, Sender};
pub use intake::{Origination, Refusal, take_in};
pub use invalidate::Outcome;
pub use line::{Duplex, Line, Upgrading};
pub use listing::{
    CacheStats, DiskCounts, ListQuestion, Listed, Listing, MemoryCounts, PurgeCounts, Shown,
    ShownEntry, Use,
};
pub use metrics::{Metrics, ServiceMetrics};
pub use next_hop::{Hop, Lost, NextHop, PassedOver, REFUSED, Route, Why};
pub use observe::InFlight;
pub use onward::{CDN_LOOP, is_loop};
pub use perigee_http_cache::{
    CacheKey, Cookies, Glob, KeyParts, KeyPolicy, Policy, QueryRule, RangeMiss, Rule, Scheme, When,
    is_targeted,
};
pub use perigee_storage::{DiskConfig, MOST_PURGES, MemoryConfig};
pub use perigee_upstream::{
    Body as Relayed, BreakerConfig, Endpoint, EndpointConfig, Limits as EndpointLimits, NodeTls,
    Outgoing, PoolConfig, RetryLimit, Target,
};
pub use purge::PurgeOrder;
pub use seldom::Seldom;
pub use service::{Service, ServiceConfig, Services};
pub use status::{DiskStatus, NextHopStatus, Purged, Status};
pub use streaming::{Finish, Streaming};
