//! The rest of a body that broke off on its way here, from the next source that has the same
//! version.

use std::{ops::Range, sync::Arc, time::SystemTime};

use http::Method;
use http_body_util::Limited;
use perigee_http_cache::{ResponseHead, StoredHead};
use perigee_upstream::{Body as Relayed, Outgoing};

use crate::{
    Inbound, NextHop,
    exchange::Exchange,
    moment::Moment,
    next_hop::Hop,
    onward::{Asks, request_head, says_loop},
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
        head.fields.replace(&fields);
        let empty = perigee_upstream::body::empty();
        let sent = self.send_over(hops, lacking.next, &inbound, (head, empty), Moment::now());
        let response = sent.await.map_err(|_| Cut::Failed)?.response;
        let came = ResponseHead {
            status: response.status(),
            headers: response.headers(),
        };
        let (request, policy) = (inbound.as_fetched(), inbound.policy());
        let now = SystemTime::now();
        let head = lacking.head;
        match head.goes_on(&request, came, &lacking.bytes, policy, now) {
            Some(end) => Ok(no_more_than(
                end - lacking.bytes.start,
                response.into_body(),
            )),
            None if says_changed(response.status()) => Err(Cut::Changed),
            None => Err(Cut::Failed),
        }
    }

    /// The head of a GET that asks for the whole response, whatever the client's conditions are.
    /// What is not in the key must not shape what is stored.
    pub(crate) fn get_head(&self, inbound: &Inbound, is_fetch: bool) -> Box<Outgoing> {
        let asks = Asks::Whole;
        let mut head = request_head(&inbound.head, asks, &self.own, says_loop(inbound));
        head.method = Method::GET;
        if is_fetch && let Some(target) = &inbound.fetched {
            head.uri = target.clone().into();
        }
        head
    }
}

/// What brings more than it said is not to be trusted: nothing of that goes on, and the body ends
/// with an error.
fn no_more_than(bytes: u64, body: Relayed) -> Relayed {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    perigee_upstream::body::boxed(Limited::new(body, bytes))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body::Frame;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;
    use crate::body::BodyError;

    #[tokio::test]
    async fn a_rest_that_goes_on_for_too_long_ends_with_an_error() {
        for (bytes, is_all) in [(5, true), (4, true), (3, false), (1, false)] {
            let chunks = ["ab", "cd"].map(|text| Ok(Frame::data(Bytes::from(text))));
            let chunks = StreamBody::new(futures_util::stream::iter::<[Result<_, BodyError>; 2]>(
                chunks,
            ));
            let mut body = no_more_than(bytes, perigee_upstream::body::boxed(chunks));
            let mut came = Vec::new();
            let ended = loop {
                match body.frame().await {
                    None => break true,
                    Some(Err(_)) => break false,
                    Some(Ok(frame)) => came.extend(frame.into_data().unwrap_or_default()),
                }
            };
            assert_eq!(ended, is_all, "{bytes}");
            assert!(came.len() as u64 <= bytes, "{bytes}");
        }
    }
}
