//! `[membership]`: who is in the CDN, past one file.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    at::At,
    units::{EndpointUrl, EnvName, FilePath, OneOrMore, Period, Secret},
};

/// Where nodes register, and take the other nodes and what was applied from. Read from each node's own
/// file; changed by a restart only.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Membership {
    /// The members of an etcd (version 3.4 or later), by the URLs that its clients use. Another one is
    /// asked when one does not answer.
    pub(crate) etcd: OneOrMore<EndpointUrl>,
    /// The name to authenticate with, if etcd wants one.
    pub(crate) user: Option<At<String>>,
    /// Its password.
    pub(crate) password: Option<At<Secret>>,
    /// The environment variable that holds the password.
    pub(crate) password_env: Option<At<EnvName>>,
    /// Authorities that https endpoints are verified against, as a PEM file. Default: the system's.
    pub(crate) ca: Option<FilePath>,
    /// What all keys of this CDN begin with. Default: `/perigee/` and the `id` of `[cdn]`.
    pub(crate) prefix: Option<String>,
    /// The lease that a node registers under. A node that does not keep it alive is forgotten by the
    /// others half a lease after it has ended; probes tell sooner that it is down.
    #[serde(default = "default_lease")]
    pub(crate) lease: Period,
    /// How long nodes are kept while more than half of those that are known are not registered: then
    /// it is more likely that etcd has lost them than that they are gone.
    #[serde(default = "default_keep_missing")]
    pub(crate) keep_missing: Period,
    /// How often everything is read anew, in case a change was not told.
    #[serde(default = "default_resync")]
    pub(crate) resync: Period,
    /// How long one request to one member of etcd may take.
    #[serde(default = "default_timeout")]
    pub(crate) timeout: Period,
    /// How long a node that starts waits for etcd, before it starts with its last view.
    #[serde(default = "default_start_wait")]
    pub(crate) start_wait: Period,
    /// The file that a node keeps its last view in, so that it can start while etcd is away; `{node}`
    /// is its name. It may hold secrets that were applied; only its owner may read it.
    #[serde(default = "default_last_view")]
    pub(crate) last_view: FilePath,
}

fn default_lease() -> Period {
    Period(Duration::from_secs(10))
}

fn default_keep_missing() -> Period {
    Period(Duration::from_secs(3_600))
}

fn default_resync() -> Period {
    Period(Duration::from_secs(60))
}

fn default_timeout() -> Period {
    Period(Duration::from_secs(2))
}

fn default_start_wait() -> Period {
    Period(Duration::from_secs(5))
}

fn default_last_view() -> FilePath {
    FilePath::of("membership-{node}.json")
}
