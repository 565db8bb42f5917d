//! Interim responses (RFC 9110 section 15.2) on their way in, told to who wants to know.

use std::{fmt, sync::Arc};

use http::{HeaderMap, StatusCode};

type Tell = dyn Fn(StatusCode, &HeaderMap) + Send + Sync;

/// Who is told of the interim responses to a request: put among its extensions.
#[derive(Clone)]
pub struct OnInterim(Arc<Tell>);

impl OnInterim {
    /// Calls `tell` with the status and the fields of each.
    pub fn new(tell: impl Fn(StatusCode, &HeaderMap) + Send + Sync + 'static) -> Self {
        OnInterim(Arc::new(tell))
    }

    pub(crate) fn tell(&self, status: StatusCode, headers: &HeaderMap) {
        (self.0)(status, headers);
    }
}

impl fmt::Debug for OnInterim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnInterim").finish_non_exhaustive()
    }
}
