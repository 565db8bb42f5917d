//! Requests whose answers are not for the store: forwarded as they are.

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use http_body::Body as _;
use perigee_http_cache::{Failure, Miss, Recovery, invalidates, recover};
use perigee_storage::Purge;
use perigee_upstream::Body as Relayed;

use crate::{
    Inbound, NextHop,
    answer::Answer,
    cache_status::{Detail, Handling},
    exchange::Exchange,
    onward::request_head,
    outcome::{failed, with_status},
    send::Arrived,
};

impl Exchange {
    /// Forwards a request, its body streamed, and relays the answer. The owner is asked first,
    /// since it is the owner's copy that an unsafe request makes stale.
    pub(crate) async fn pass(
        self: &Arc<Self>,
        inbound: Arc<Inbound>,
        body: Relayed,
        next: Arc<dyn NextHop>,
        why: Miss,
    ) -> Answer {
        let mut head = request_head(&inbound.head, &self.config.node, self.loop_id(&inbound));
        if !body.is_end_stream() && !head.headers.contains_key(header::CONTENT_LENGTH) {
            // hyper would leave the content of a GET out otherwise.
            let chunked = HeaderValue::from_static("chunked");
            head.headers.insert(header::TRANSFER_ENCODING, chunked);
        }
        let route = next.route(&inbound);
        let hops: Vec<_> = route.sideways.into_iter().chain(route.up).collect();
        let sent = self.send_over(&hops, &*next, &inbound, &head, body).await;
        match sent {
            Ok(arrived) => {
                self.invalidate(&inbound, arrived.response.status()).await;
                relayed(arrived, why)
            }
            Err(failure) => not_passed(&inbound, failure, why),
        }
    }

    /// What an unsafe request has changed is not served any more (RFC 9111 section 4.4).
    async fn invalidate(&self, inbound: &Inbound, status: StatusCode) {
        if invalidates(&inbound.head.method, status) {
            self.purge(&Purge::Key(inbound.key.clone())).await;
        }
    }
}

/// The answer as it came, and from whom.
pub(crate) fn relayed(arrived: Arrived, why: Miss) -> Answer {
    let peer = (arrived.kind == "peer").then(|| Detail::Peer(arrived.hop.clone()));
    let handling = Handling {
        detail: peer,
        ..with_status(Handling::forwarded(why), &arrived)
    };
    Answer::relayed(arrived, handling)
}

/// No answer came, and nothing that is stored can stand in for it.
pub(crate) fn not_passed(inbound: &Inbound, failure: Failure, why: Miss) -> Answer {
    if let Some(status) = inbound.clients_fault() {
        return Answer::own(status, Handling::refused());
    }
    let policy = inbound.policy();
    let status = match recover(&inbound.as_sent(), None, failure, policy, inbound.at) {
        Recovery::Fail(status) => status,
        Recovery::ServeStale => StatusCode::BAD_GATEWAY,
    };
    failed(status, Handling::forwarded(why))
}
