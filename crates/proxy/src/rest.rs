//! The rest of a body that broke off on its way here, from the next source that has the same
//! version.

use std::{ops::Range, sync::Arc, time::SystemTime};

use http::{Method, request};
use perigee_http_cache::{ResponseHead, StoredHead};
use perigee_upstream::Body as Relayed;

use crate::{
    Inbound, NextHop,
    exchange::Exchange,
    next_hop::Hop,
    onward::{make_unconditional, request_head},
    piece::says_changed,
    stitched::Cut,
};

/// So often at most one body goes on from another source, and never twice at the same byte.
pub(crate) const MOST_RESUMED: u8 = 4;

/// Which bytes of which version lack, and for whom.
pub(crate) struct Lacking<'a> {
    pub(crate) inbound: &'a Inbound,
    pub(crate) next: &'a Arc<dyn NextHop>,
    /// Of the version.
    pub(crate) head: &'a StoredHead,
    pub(crate) bytes: Range<u64>,
    /// Whether the request is made as one for the store.
    pub(crate) is_fetch: bool,
}

impl Exchange {
    /// Asks for what lacks, on condition that it is of the same version. The body may end before
    /// the last byte wanted.
    pub(crate) async fn rest_of(&self, lacking: Lacking<'_>, hops: &[Hop]) -> Result<Relayed, Cut> {
        let rest = self.ask_rest(&lacking, hops).await;
        self.metrics.resumed(match &rest {
            Ok(_) => "resumed",
            Err(Cut::Changed) => "changed",
            Err(_) => "failed",
        });
        rest
    }

    async fn ask_rest(&self, lacking: &Lacking<'_>, hops: &[Hop]) -> Result<Relayed, Cut> {
        if !self.may_retry() {
            return Err(Cut::Failed);
        }
        let fields = lacking.head.rest(&lacking.bytes).ok_or(Cut::Failed)?;
        // The head of the answer is out by then: no interim response may follow.
        let inbound = Inbound {
            line: None,
            ..lacking.inbound.clone()
        };
        let mut head = self.get_head(&inbound, lacking.is_fetch);
        head.headers.extend(fields);
        let empty = perigee_upstream::body::empty();
        let sent = self.send_over(hops, lacking.next, &inbound, head, empty);
        let response = sent.await.map_err(|_| Cut::Failed)?.response;
        let came = ResponseHead {
            status: response.status(),
            headers: response.headers(),
        };
        let (request, policy) = (inbound.as_fetched(), inbound.policy());
        let now = SystemTime::now();
        let head = lacking.head;
        match head.goes_on(&request, came, &lacking.bytes, policy, now) {
            Some(_) => Ok(response.into_body()),
            None if says_changed(response.status()) => Err(Cut::Changed),
            None => Err(Cut::Failed),
        }
    }

    /// The head of a GET that asks for the whole response, whatever the client's conditions are.
    /// What is not in the key must not shape what is stored.
    pub(crate) fn get_head(&self, inbound: &Inbound, is_fetch: bool) -> request::Parts {
        let mut head = request_head(&inbound.head, &self.config.node, self.loop_id(inbound));
        head.method = Method::GET;
        if is_fetch && let Some(target) = &inbound.fetched {
            head.uri = target.clone().into();
        }
        make_unconditional(&mut head.headers);
        head
    }
}
