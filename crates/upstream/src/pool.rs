//! The endpoints of one origin: balancing, retries, passive health.

use std::{sync::Arc, time::Duration};

use http::{Request, Response};
use perigee_health::{PanicShare, Thresholds};

use crate::{Body, Endpoint, SendError};

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
    /// Further endpoints to try when one fails and it is safe to try again. Default 2.
    pub retries: usize,
}

impl Default for PoolConfig {
    fn default() -> Self {
        PoolConfig {
            thresholds: Thresholds { fall: 3, rise: 1 },
            panic: PanicShare::default(),
            retry_after: Duration::from_secs(5),
            retries: 2,
        }
    }
}

/// The endpoints of one origin, or of one tier.
#[derive(Debug)]
pub struct Pool {}

impl Pool {
    /// A pool over these endpoints; at least one.
    pub fn new(_endpoints: Vec<Arc<Endpoint>>, _config: PoolConfig) -> Self {
        todo!()
    }

    /// Sends to the healthy endpoint with the fewest requests under way, and to further ones when
    /// that is safe: nothing was sent, or the method is safe (RFC 9110 section 9.2.1) and the body
    /// empty.
    ///
    /// # Errors
    /// The last [`SendError`] if none answered.
    pub async fn send(&self, _request: Request<Body>) -> Result<Response<Body>, SendError> {
        todo!()
    }
}
