//! `[services.origin_pool]`: how the origins of a service are used together.

use perigee_edge::{BreakerConfig, PoolConfig, RetryLimit};
use perigee_geodns::{PanicShare, Thresholds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cache_rules::{Statuses, statuses};
use crate::units::{Count, Period, Share, UpTo, Whole};

/// How the origins of a service are used together.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OriginPool {
    /// Failures in a row after which an origin is out.
    pub(crate) fall: Count,
    /// Successes in a row after which it is in again.
    pub(crate) rise: Count,
    /// How long an origin that is out stays unused before one request tries it again.
    pub(crate) retry_after: Period,
    /// The share that must look healthy for health to be believed.
    pub(crate) panic_share: Share,
    /// Statuses by which an origin says that it is in trouble, at most 64: they are passed on, and
    /// count as failures.
    pub(crate) failure_statuses: Statuses,
    /// How often a request is sent again when it fails and that is safe (GET, HEAD and their kin
    /// without a body, or what was not sent at all): to the other origins, then to the same ones.
    pub(crate) retries: Whole<0, 100>,
    /// Retries for each request, over ten seconds.
    pub(crate) retry_share: Share,
    /// Retries a second that are allowed besides, over ten seconds.
    pub(crate) retry_min: Whole<0, 1_000_000>,
    /// The pause before a request is sent again to the same origins: half of it to all, by chance;
    /// twice as long for each further time, up to a second.
    pub(crate) retry_backoff: Period,
    /// After which time without a response head a second origin is asked, too, where that is safe
    /// and within the limits of retries. Default: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hedge_after: Option<Period>,
    /// Failures within ten seconds after which no origin of the service is asked for a while. 0:
    /// they are always asked.
    pub(crate) break_after: Whole<0, 1_000_000_000>,
    /// The share of the requests of these ten seconds that must have failed.
    pub(crate) break_share: Share,
    /// How long they are left alone at first; then one request tries.
    pub(crate) break_for: Period,
    /// How long at most: each try that fails doubles the time.
    pub(crate) break_max: Period,
}

impl Default for OriginPool {
    fn default() -> Self {
        let pool = PoolConfig::default();
        let statuses = pool.failure_statuses.iter();
        OriginPool {
            fall: Whole(pool.thresholds.fall.into()),
            rise: Whole(pool.thresholds.rise.into()),
            retry_after: Period(pool.retry_after),
            panic_share: Share(pool.panic.0),
            failure_statuses: UpTo(statuses.map(|&status| Whole(status.into())).collect()),
            retries: Whole(pool.retries as u64),
            retry_share: Share(pool.retry_limit.share),
            retry_min: Whole(pool.retry_limit.per_second.into()),
            retry_backoff: Period(pool.retry_backoff),
            hedge_after: pool.hedge_after.map(Period),
            break_after: Whole(pool.breaker.failures.into()),
            break_share: Share(pool.breaker.share),
            break_for: Period(pool.breaker.break_for),
            break_max: Period(pool.breaker.break_max),
        }
    }
}

impl OriginPool {
    /// As a pool takes it.
    pub(crate) fn build(&self) -> PoolConfig {
        PoolConfig {
            thresholds: Thresholds {
                fall: self.fall.as_u32(),
                rise: self.rise.as_u32(),
            },
            panic: PanicShare(self.panic_share.0),
            retry_after: self.retry_after.0,
            failure_statuses: statuses(&self.failure_statuses),
            retries: self.retries.as_usize(),
            retry_limit: RetryLimit {
                share: self.retry_share.0,
                per_second: self.retry_min.as_u32(),
            },
            retry_backoff: self.retry_backoff.0,
            hedge_after: self.hedge_after.map(|after| after.0),
            breaker: BreakerConfig {
                failures: self.break_after.as_u32(),
                share: self.break_share.0,
                break_for: self.break_for.0,
                break_max: self.break_max.0,
            },
        }
    }
}
