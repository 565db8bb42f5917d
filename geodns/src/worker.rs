//! What each thread or connection that answers has of its own, and the one way in for all transports.

use std::{net::SocketAddr, sync::Arc, time::SystemTime};

use arc_swap::ArcSwap;

use crate::{metrics::Metrics, snapshot::Snapshot, transport::Handler};

/// What all workers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) metrics: Metrics,
}

/// How a message came.
#[allow(dead_code)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Tls,
    Https,
    Quic,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    pub(crate) address: SocketAddr,
    pub(crate) transport: Transport,
}

/// Answers messages one after the other. Cheap to make; what it remembers is its own, so that no
/// two threads wait for each other.
pub(crate) struct Worker {
    shared: Shared,
}

impl Worker {
    pub(crate) fn new(shared: Shared) -> Self {
        Worker { shared }
    }

    /// Writes the response to a message into `out`, and tells its length; `None` if nothing is to be
    /// sent. Over UDP it is no longer than the asker takes, otherwise no longer than `out`.
    pub(crate) fn respond(
        &mut self,
        message: &[u8],
        asker: Asker,
        now: SystemTime,
        out: &mut [u8],
    ) -> Option<usize> {
        let handler = Handler {
            snapshot: Arc::clone(&self.shared.snapshot),
            metrics: self.shared.metrics.clone(),
        };
        let response = handler.bytes(message.to_vec(), asker, now)?;
        out.get_mut(..response.len())?.copy_from_slice(&response);
        Some(response.len())
    }
}
