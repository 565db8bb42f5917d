//! How the endpoints of one origin are used together.

use std::time::Duration;

use perigee_health::{PanicShare, Thresholds};

use crate::{BreakerConfig, RetryLimit};

/// How to use the endpoints of one origin.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolConfig {
    /// When an endpoint is out, and in again.
    pub thresholds: Thresholds,
    /// When health is not believed.
    pub panic: PanicShare,
    /// How long an endpoint that is out stays unused before one request tries it again.
    /// Default 5 s.
    pub retry_after: Duration,
    /// The statuses by which an origin says that it is in trouble: they are passed on, and count as
    /// failures of the endpoint and of the origin. Default: 502, 503, 504.
    pub failure_statuses: Vec<u16>,
    /// How often one request may be sent again when it fails and that is safe. Default 2.
    pub retries: usize,
    /// How many of all requests may be sent again.
    pub retry_limit: RetryLimit,
    /// Before a request is sent again where it has failed: half of this to all, by chance; twice as
    /// long for each further time. Default 25 ms.
    pub retry_backoff: Duration,
    /// After which time without a response head a second endpoint is asked, too, if that is safe
    /// and within the limit of retries. Default: never.
    pub hedge_after: Option<Duration>,
    /// When the origin as a whole is left alone.
    pub breaker: BreakerConfig,
}

impl Default for PoolConfig {
    fn default() -> Self {
        PoolConfig {
            thresholds: Thresholds { fall: 3, rise: 1 },
            panic: PanicShare::default(),
            retry_after: Duration::from_secs(5),
            failure_statuses: vec![502, 503, 504],
            retries: 2,
            retry_limit: RetryLimit::default(),
            retry_backoff: Duration::from_millis(25),
            hedge_after: None,
            breaker: BreakerConfig::default(),
        }
    }
}
