//! The server's line to who sent a request, as the proxy wants it.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use perigee_cluster::strip;
use perigee_proxy::{Duplex, Line, Upgrading};
use perigee_server::RequestBody;

/// The line of a request, if its connection has one.
pub(crate) fn line(body: &RequestBody) -> Option<Arc<dyn Line>> {
    let line = body.line()?.clone();
    Some(Arc::new(Back(line)))
}

#[derive(Debug)]
struct Back(perigee_server::Line);

impl Line for Back {
    fn inform(&self, status: StatusCode, mut headers: HeaderMap) {
        // What nodes tell each other is in the final response.
        strip(&mut headers);
        // One that is not sent is not missed (RFC 9110 section 15.2).
        let _ = self.0.inform(status, headers);
    }

    fn upgrade(&self) -> Option<Upgrading> {
        let upgrade = self.0.upgrade()?;
        Some(Box::pin(async move {
            let upgraded: Box<dyn Duplex> = Box::new(upgrade.await?);
            Ok(upgraded)
        }))
    }
}
