//! `[storage]` and `[limits]`: what a node may cost, and what it bears.

use std::time::Duration;

use perigee_edge::{ClientLimits, Finish, MOST_PURGES, MemoryConfig, Streaming};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{disk::Disk, endpoint::Fields};
use crate::{
    at::At,
    units::{Bytes, Count, Period, PositiveShare, Share, Whole},
};

/// How much memory a store may have: what is above 64 TiB, no processor can address for a process.
pub(crate) type MemorySize = Bytes<{ MemoryConfig::LEAST }, { 64 << 40 }>;

/// Bytes of a request or response head. HTTP/1.1 connections cannot do with less.
pub(crate) type HeadBytes = Bytes<{ 8 << 10 }, { 1 << 20 }>;

/// Where each edge and shield keeps responses.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Storage {
    /// Memory for the heads and bodies of responses and their index. Default: 256MiB, or half of what
    /// the machine or its control group has, if that is less.
    #[serde(skip_serializing)]
    pub(crate) memory: Option<MemorySize>,
    /// Of `memory`, what is taken from the system as soon as the node starts, on large pages where it has such, and kept
    /// for heads and bodies of up to 4 KiB, so that no request waits for it. What larger bodies take of `memory`
    /// comes beside it. For Linux 5.14 or later. Default: nothing.
    #[serde(skip_serializing)]
    pub(crate) prefault: Option<At<Bytes<0, { 64 << 40 }>>>,
    /// The share of `memory` that one response may take; larger ones stream through uncached.
    pub(crate) max_object_share: PositiveShare,
    /// Of `memory`, what bodies that are arriving may take, all together. Default: a quarter of
    /// `memory`.
    #[serde(skip_serializing)]
    pub(crate) fill_memory: Option<At<Bytes<{ 64 << 10 }, { 64 << 40 }>>>,
    /// How far a response that is not kept may run ahead of its slowest reader.
    pub(crate) window: Bytes<{ 16 << 10 }, { 1 << 30 }>,
    /// How long a reader that is further behind may hold up others, in all: then it goes on for
    /// itself, by a request for the rest. As long, a disk that is behind may hold up readers of what
    /// goes there while it comes: then it is not kept.
    pub(crate) window_patience: Period,
    /// A fetch whose last client has left goes on if so much is left, or less. Of unknown length: so
    /// much more comes.
    pub(crate) finish_within: Bytes<0, { 1 << 50 }>,
    /// It goes on, too, if this share has come; 1: not for that.
    pub(crate) finish_share: Share,
    /// A range that begins farther ahead of what a running fetch has brought is fetched for itself.
    pub(crate) join_ahead: Bytes<0, { 1 << 50 }>,
    /// Stored responses per URL (see Vary); the oldest goes.
    pub(crate) variants_per_key: Whole<1, 10_000>,
    /// Purges that are known at once. They are forgotten once nothing stored is older; with more at
    /// once, what is older than those that are known counts as purged.
    pub(crate) purges: Whole<1024, 16_777_216>,
    /// A disk behind the memory, for much more, and for what is to survive a restart.
    #[serde(skip_serializing)]
    pub(crate) disk: Option<Disk>,
}

impl Default for Storage {
    fn default() -> Self {
        let memory = MemoryConfig::default();
        let Streaming { finish, join_ahead } = Streaming::default();
        Storage {
            memory: None,
            max_object_share: PositiveShare(memory.max_object_share),
            prefault: None,
            fill_memory: None,
            window: Bytes(memory.window),
            window_patience: Period(memory.window_patience),
            finish_within: Bytes(finish.within),
            finish_share: Share(finish.share),
            join_ahead: Bytes(join_ahead),
            variants_per_key: Whole(memory.variants_per_key as u64),
            purges: Whole(MOST_PURGES as u64),
            disk: None,
        }
    }
}

impl Storage {
    /// As those who fill the store take it.
    pub(crate) fn streaming(&self) -> Streaming {
        Streaming {
            finish: Finish {
                within: self.finish_within.0,
                share: self.finish_share.0,
            },
            join_ahead: self.join_ahead.0,
        }
    }

    /// As the store takes it, where there is enough memory for the default.
    pub(crate) fn build(&self) -> MemoryConfig {
        let default = MemoryConfig::default().capacity;
        let capacity = self.memory.as_ref().map_or(default, |bytes| bytes.0);
        let fill = self.fill_memory.as_ref().map(|bytes| bytes.0);
        MemoryConfig {
            capacity,
            prefault: self.prefault.as_ref().map_or(0, |bytes| bytes.0),
            max_object_share: self.max_object_share.0,
            fill_bytes: fill.unwrap_or(capacity / 4),
            window: self.window.0,
            window_patience: self.window_patience.0,
            variants_per_key: self.variants_per_key.as_usize(),
        }
    }
}

/// Limits of each edge and shield on those who ask it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Requests under way at once; more are answered 503.
    pub(crate) max_requests: Count,
    /// Whether hits and misses of the usual kind are answered by shorter ways than all other requests. The
    /// answers are the same; to switch it off is for those who look for a fault.
    pub(crate) at_once: bool,
    /// Connections at once over all listeners; more wait in the kernel's backlog.
    pub(crate) max_connections: Count,
    /// Connections that the kernel keeps for each address until they are accepted, as far as it lets
    /// us (`net.core.somaxconn`). Changed by a restart only.
    pub(crate) backlog: Whole<1, 65_535>,
    /// Connections at once from one address; more are closed at once.
    pub(crate) max_connections_per_client: Count,
    /// The largest request head; more is answered 431, or 414 if its first line alone is more. Also
    /// the largest trailer section.
    pub(crate) max_head: HeadBytes,
    /// Most fields of a request head; more is answered 431. Also most fields of a trailer section.
    pub(crate) max_fields: Fields,
    /// Interim responses (103 Early Hints, RFC 8297) to one HTTP/1.1 request; more are dropped.
    pub(crate) max_interim: Whole<0, 1_000>,
    /// Connections at once whose large bodies go out without a copy, out of memory, over cleartext:
    /// each takes two more descriptors as long as its client takes the body. Bodies to more are copied;
    /// zero: all.
    pub(crate) max_lending: Whole<0, 1_000_000>,
    /// Times in a row that all that came on a cleartext connection of HTTP/1.1 was answered at once, after which what
    /// comes is received through `io_uring`, where the kernel has that and allows it (Linux 6.1); zero: never, and so
    /// with `at_once = false`.
    pub(crate) io_uring_after: Whole<0, 1_000_000>,
    /// HTTP/2 streams at once per connection.
    pub(crate) max_streams: Whole<1, 65_535>,
    /// HTTP/2 streams per second and connection that the client resets, or that must be reset for its
    /// errors, ten seconds' worth at once; a client of more is sent away (ENHANCE_YOUR_CALM).
    pub(crate) max_resets_per_second: Whole<1, 1_000_000>,
    /// HTTP/2 frames per second and connection that are no use by themselves (PING, SETTINGS, PRIORITY,
    /// CONTINUATION, empty DATA, windows of nothing), ten seconds' worth at once; requests, and content
    /// that is taken, earn more. A client of more is sent away (ENHANCE_YOUR_CALM).
    pub(crate) max_overhead_per_second: Whole<1, 1_000_000>,
    /// From accept to the TLS handshake done.
    pub(crate) handshake_timeout: Period,
    /// From the first byte of a request head to its last.
    pub(crate) head_timeout: Period,
    /// A connection with no request on it.
    pub(crate) idle_timeout: Period,
    /// A client that takes nothing of a response that is ready for it.
    pub(crate) write_timeout: Period,
    /// Between two pieces of a request body.
    pub(crate) body_idle_timeout: Period,
    /// A whole request, from its head to the end of its response; upgraded connections excepted.
    pub(crate) request_timeout: Period,
    /// CDNs that CDN-Loop (RFC 8586) may name; a request that more have handled, or this one
    /// before, is answered 508.
    pub(crate) max_cdns: Count,
    /// How long a request waits for another one's fetch of the same object before it sends its
    /// own. Changed by a restart only.
    pub(crate) coalesce_wait: Period,
    /// Background refreshes at once of what is served while it is stale (`stale_while_revalidate`);
    /// while there are as many, it is served without one. Changed by a restart only.
    pub(crate) max_refreshes: Count,
    /// Objects that are marked at once as not worth waiting for (`hit_for_miss`); fewer than 2:
    /// none. Changed by a restart only.
    pub(crate) max_hit_for_miss: Whole<0, 1_000_000_000>,
    /// Objects that are noted at once as not to be had (`failure_ttl`); fewer than 2: none. Changed
    /// by a restart only.
    pub(crate) max_failed_keys: Whole<0, 1_000_000_000>,
    /// Queries that are noted at once as answered by what is stored for another one
    /// (`No-Vary-Search`), and the rules of a sixteenth as many paths; fewer than 16: none. Changed by
    /// a restart only.
    pub(crate) max_alike_queries: Whole<0, 1_000_000_000>,
    /// How long an upgraded connection (WebSocket) may be silent. Changed by a restart only.
    pub(crate) tunnel_idle_timeout: Period,
}

impl Default for Limits {
    fn default() -> Self {
        let limits = ClientLimits::default();
        Limits {
            max_requests: Whole(20_000),
            at_once: true,
            max_connections: Whole(limits.max_connections as u64),
            backlog: Whole(limits.backlog.into()),
            max_connections_per_client: Whole(limits.max_connections_per_client as u64),
            max_head: Bytes(limits.max_head as u64),
            max_fields: Whole(limits.max_fields as u64),
            max_interim: Whole(limits.max_interim as u64),
            max_lending: Whole(limits.max_lending as u64),
            io_uring_after: Whole(limits.io_uring_after.into()),
            max_streams: Whole(limits.max_streams.into()),
            max_resets_per_second: Whole(limits.max_resets_per_second.into()),
            max_overhead_per_second: Whole(limits.max_overhead_per_second.into()),
            handshake_timeout: Period(limits.handshake_timeout),
            head_timeout: Period(limits.head_timeout),
            idle_timeout: Period(limits.idle_timeout),
            write_timeout: Period(limits.write_timeout),
            body_idle_timeout: Period(limits.body_idle_timeout),
            request_timeout: Period(limits.request_timeout),
            max_cdns: Whole(16),
            coalesce_wait: Period(Duration::from_secs(30)),
            max_refreshes: Whole(1000),
            max_hit_for_miss: Whole(10_000),
            max_failed_keys: Whole(10_000),
            max_alike_queries: Whole(65_536),
            tunnel_idle_timeout: Period(Duration::from_secs(600)),
        }
    }
}

impl Limits {
    /// As a server takes them; `max_requests`, `at_once`, `coalesce_wait`, `max_refreshes`, `max_hit_for_miss`,
    /// `max_failed_keys`, `max_alike_queries` and `tunnel_idle_timeout` are not among these.
    pub(crate) fn build(&self) -> ClientLimits {
        ClientLimits {
            max_connections: self.max_connections.as_usize(),
            backlog: self.backlog.as_u32(),
            max_connections_per_client: self.max_connections_per_client.as_usize(),
            max_head: self.max_head.as_usize(),
            max_fields: self.max_fields.as_usize(),
            max_interim: self.max_interim.as_usize(),
            max_lending: self.max_lending.as_usize(),
            io_uring_after: self.io_uring_after.as_u32(),
            max_streams: self.max_streams.as_u32(),
            max_resets_per_second: self.max_resets_per_second.as_u32(),
            max_overhead_per_second: self.max_overhead_per_second.as_u32(),
            handshake_timeout: self.handshake_timeout.0,
            head_timeout: self.head_timeout.0,
            idle_timeout: self.idle_timeout.0,
            write_timeout: self.write_timeout.0,
            body_idle_timeout: self.body_idle_timeout.0,
            request_timeout: self.request_timeout.0,
        }
    }
}
