//! Where the rest of a body that is passed on may come from.

use std::{
    fmt,
    ops::Range,
    sync::Arc,
    time::{Instant, SystemTime},
};

use http::{HeaderMap, StatusCode};
use perigee_http_cache::{Receipt, ResponseHead, StoredHead, Times, receive};

use super::Now;
use crate::{
    Hop, Inbound, NextHop,
    claims::varies_by_client,
    exchange::Exchange,
    rest::Lacking,
    stitched::{Cut, Seam, Stitched},
};

/// What a body is passed on for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the owner of the key, who keeps it.
    Owner,
    /// As it was asked for: nobody keeps it.
    AsAsked,
    /// It came for the store, which does not keep it.
    Fetched,
}

/// Which response a body is of, and whom to ask for its rest.
pub(super) struct Passage {
    pub(super) exchange: Arc<Exchange>,
    pub(super) inbound: Arc<Inbound>,
    pub(super) next: Arc<dyn NextHop>,
    pub(super) way: Way,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) received: SystemTime,
}

impl Passage {
    fn response(&self) -> ResponseHead<'_> {
        ResponseHead {
            status: self.status,
            headers: &self.headers,
        }
    }

    /// The version, and which bytes of it the body has, if its rest can be asked for.
    fn head(&self) -> Option<StoredHead> {
        let (request, policy) = (self.inbound.as_fetched(), self.inbound.policy());
        StoredHead::passing(&request, self.response(), policy, self.received)
    }

    /// Where the bytes come from that lack after so many.
    pub(super) async fn go_on(self: Arc<Self>, passed: u64) -> Result<Now, Cut> {
        let head = self.head().ok_or(Cut::Failed)?;
        let span = head.span().ok_or(Cut::Failed)?;
        let bytes = span.start.saturating_add(passed)..span.end;
        let route = self.next.route(&self.inbound);
        if !route.sideways.is_empty() && self.way != Way::Fetched {
            match self.ask(&head, &bytes, &route.sideways).await {
                Err(Cut::Failed) => {}
                asked => return asked,
            }
        }
        if let Some(seam) = self.seam(&head) {
            let stitched = Stitched::new(seam, bytes, None);
            return Ok(Now::Stitched(Box::new(stitched)));
        }
        self.ask(&head, &bytes, &route.up).await
    }

    async fn ask(&self, head: &StoredHead, bytes: &Range<u64>, hops: &[Hop]) -> Result<Now, Cut> {
        let lacking = Lacking {
            inbound: &self.inbound,
            next: &self.next,
            head,
            bytes: bytes.clone(),
            is_fetch: self.way == Way::Fetched,
        };
        self.exchange
            .rest_of(lacking, hops)
            .await
            .map(Now::Relaying)
    }

    /// Where this node stands in for the owner now, all who want the rest share one fetch, and it
    /// is stored.
    fn seam(&self, head: &StoredHead) -> Option<Arc<Seam>> {
        // A 206 has the fields that the 200 would have had (RFC 9110 section 15.3.7).
        let whole = ResponseHead {
            status: StatusCode::OK,
            ..self.response()
        };
        let times = Times {
            requested: self.received,
            received: self.received,
        };
        let (inbound, nothing) = (&self.inbound, HeaderMap::new());
        let policy = inbound.policy();
        let receipt = receive(&inbound.as_fetched(), None, &nothing, whole, policy, times);
        let is_kept_here = self.way == Way::Owner
            && matches!(receipt, Receipt::Store(_))
            && !varies_by_client(&self.headers);
        let head = Arc::new(head.clone());
        is_kept_here
            .then(|| Seam::new(&self.exchange, inbound, &self.next, &head))
            .flatten()
    }

    /// Says in the log that a body ends before its end.
    pub(super) fn tell(&self, passed: u64, why: &dyn fmt::Display) {
        if let Some(held_back) = self.exchange.failures.pass(Instant::now()) {
            let key = &self.inbound.key;
            tracing::info!(%key, passed, %why, held_back, "a response is cut short");
        }
    }
}
