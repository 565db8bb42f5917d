//! Asks a node for its readiness.

use std::{sync::Arc, time::Duration};

use crate::{Credential, Node, Readiness};

/// Asks nodes for their readiness, on kept-alive connections.
pub struct Prober {
    _private: (),
}

/// Why a node is not ready, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeError(pub String);

impl Prober {
    /// A prober that proves itself with this credential and waits no longer than `timeout`.
    pub fn new(_credential: Arc<Credential>, _timeout: Duration) -> Self {
        todo!()
    }

    /// GET [`crate::READY_PATH`] at the node's address.
    ///
    /// # Errors
    /// [`ProbeError`] says what came instead.
    pub async fn probe(&self, _node: &Node) -> Result<Readiness, ProbeError> {
        todo!()
    }
}
