//! A request that is being answered.

use std::sync::Arc;

use http::Version;

use crate::state::State;

/// A request that is being answered, until dropped.
pub(crate) struct InRequest {
    state: Arc<State>,
    version: Version,
}

impl InRequest {
    pub(crate) fn begin(state: &Arc<State>, version: Version) -> Self {
        state.request_began();
        InRequest {
            state: Arc::clone(state),
            version,
        }
    }

    /// The body failed. The client sees it by the missing end; HTTP/1.0 may have none, so there it
    /// takes a RST.
    pub(crate) fn failed(&self) {
        if self.version == Version::HTTP_10 {
            self.state.reset_on_close();
        }
    }
}

impl Drop for InRequest {
    fn drop(&mut self) {
        self.state.request_ended();
    }
}
