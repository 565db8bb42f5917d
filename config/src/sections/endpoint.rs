//! `[services.origin_limits]` and `[tier]`: how endpoints are used.

use std::{path::Path, time::Duration};

use perigee_edge::{EndpointLimits, Failover, RetryLimit, TlsFiles};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HeadBytes;
use crate::{
    at::At,
    units::{Bytes, Count, NodePath, Period, Share, TrustName, Whole},
};

/// Fields that a head may be allowed to have.
pub(crate) type Fields = Whole<1, 10_000>;

/// Defines a table of limits on endpoints, and further keys that it has. They differ in their defaults
/// and in what is asked.
macro_rules! endpoint_limits {
    (
        $(#[$doc:meta])* $name:ident, $default:expr,
        $($(#[$more_doc:meta])* $more:ident: $type:ty = $value:expr,)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct $name {
            /// Requests under way at once, from one node; more wait in the queue.
            pub(crate) max_concurrent: Count,
            /// Requests that may wait; for more there is what is stored, though stale, or 503.
            pub(crate) max_queued: Whole<0, 1_000_000_000>,
            /// How long a request may wait in the queue.
            pub(crate) queue_timeout: Period,
            /// Idle connections kept.
            pub(crate) max_idle: Whole<0, 1_000_000>,
            /// How long an idle connection is kept. Less than the other side keeps it: a request that
            /// meets a connection just closed, and cannot be repeated, fails.
            pub(crate) idle_timeout: Period,
            /// A request that cannot be repeated goes over a connection that has been idle for less
            /// than this, or over a new one.
            pub(crate) idle_before_unsafe: Period,
            /// For the name look-up, the connection and the TLS handshake together.
            pub(crate) connect_timeout: Period,
            /// From the request sent to the response head received.
            pub(crate) first_byte_timeout: Period,
            /// Between two pieces of a response body.
            pub(crate) body_idle_timeout: Period,
            /// The largest response head.
            pub(crate) max_head: HeadBytes,
            /// Most fields of a response head.
            pub(crate) max_fields: Fields,
            /// Interim responses (1xx) to one request; with more it has failed.
            pub(crate) max_interim: Whole<0, 1_000>,
            $($(#[$more_doc])* pub(crate) $more: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                let limits: EndpointLimits = $default;
                $name {
                    max_concurrent: Whole(limits.max_concurrent as u64),
                    max_queued: Whole(limits.max_queued as u64),
                    queue_timeout: Period(limits.queue_timeout),
                    max_idle: Whole(limits.max_idle as u64),
                    idle_timeout: Period(limits.idle_timeout),
                    idle_before_unsafe: Period(limits.idle_before_unsafe),
                    connect_timeout: Period(limits.connect_timeout),
                    first_byte_timeout: Period(limits.first_byte_timeout),
                    body_idle_timeout: Period(limits.body_idle_timeout),
                    max_head: Bytes(limits.max_head as u64),
                    max_fields: Whole(limits.max_fields as u64),
                    max_interim: Whole(limits.max_interim as u64),
                    $($more: $value,)*
                }
            }
        }

        impl $name {
            /// As an endpoint takes them.
            pub(crate) fn build(&self) -> EndpointLimits {
                EndpointLimits {
                    max_concurrent: self.max_concurrent.as_usize(),
                    max_queued: self.max_queued.as_usize(),
                    queue_timeout: self.queue_timeout.0,
                    max_idle: self.max_idle.as_usize(),
                    idle_timeout: self.idle_timeout.0,
                    idle_before_unsafe: self.idle_before_unsafe.0,
                    connect_timeout: self.connect_timeout.0,
                    first_byte_timeout: self.first_byte_timeout.0,
                    body_idle_timeout: self.body_idle_timeout.0,
                    max_head: self.max_head.as_usize(),
                    max_fields: self.max_fields.as_usize(),
                    max_interim: self.max_interim.as_usize(),
                }
            }
        }
    };
}

endpoint_limits! {
    /// Limits on the use of each origin of a service.
    OriginLimits,
    EndpointLimits::default(),
}

endpoint_limits! {
    /// Limits on the connections from edges to other edges and to shields, per node asked.
    Tier,
    tier_limits(),
    /// A node that keeps a request or a body waiting for so long is probed at once.
    suspect_after: Period = Period(Failover::default().suspect_after),
    /// The share of requests, over ten seconds, that may be sent to another node after one failed.
    retry_share: Share = Share(RetryLimit::default().share),
    /// Such requests that are allowed besides, for each second.
    retry_min: Whole<0, 1_000_000> = Whole(RetryLimit::default().per_second.into()),
    /// Whether an edge asks the origins itself when no shield can be asked. Without shields it always
    /// does.
    origin_fallback: bool = true,
    /// By what nodes know each other: `secret`, the one of `[cdn]`; or `mtls`, certificates of an
    /// authority of the CDN's own, and the secret besides if there is one. Changed by a restart only.
    trust: TrustName = TrustName::Secret,
    /// The certificates for `mtls`.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<At<TierTls>> = None,
}

impl Tier {
    /// What is done when another node fails.
    pub(crate) fn failover(&self) -> Failover {
        Failover {
            suspect_after: self.suspect_after.0,
            retries: RetryLimit {
                share: self.retry_share.0,
                per_second: self.retry_min.as_u32(),
            },
        }
    }
}

/// The certificates by which nodes know each other. A changed file is taken for the connections that
/// are made from then on.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TierTls {
    /// The certificates of the authority, as a PEM file: what it has signed is of this CDN.
    pub(crate) ca: NodePath,
    /// The certificate of the node, as a PEM file, leaf first. It names the node as a DNS name;
    /// `{node}` in the path stands for the node's name.
    pub(crate) cert: NodePath,
    /// Its private key, as a PEM file; `{node}` stands for the node's name.
    pub(crate) key: NodePath,
}

impl TierTls {
    /// The files of this node.
    pub(crate) fn files(&self, folder: &Path, node: &str) -> TlsFiles {
        TlsFiles {
            ca: self.ca.of(folder, node),
            cert: self.cert.of(folder, node),
            key: self.key.of(folder, node),
        }
    }
}

/// There is always another way than through this node, so give up on a connection soon; but leave
/// the node that was asked the time to say that its origin did not answer.
fn tier_limits() -> EndpointLimits {
    let origin = EndpointLimits::default();
    EndpointLimits {
        // Whoever waits for a node waits for those who wait there.
        max_queued: 1024,
        queue_timeout: Duration::from_secs(10),
        // Nodes keep connections for a minute (`[limits] idle_timeout`).
        idle_timeout: Duration::from_secs(50),
        connect_timeout: Duration::from_secs(1),
        first_byte_timeout: origin.first_byte_timeout + Duration::from_secs(10),
        ..origin
    }
}
