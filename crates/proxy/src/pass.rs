//! Requests whose answers are not for the store: forwarded as they are.

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use perigee_http_cache::{Miss, Recovery, invalidates, recover};
use perigee_storage::Purge;
use perigee_upstream::Body as Relayed;

use crate::{
    Inbound, NextHop,
    answer::Answer,
    cache_status::{Detail, Handling},
    exchange::Exchange,
    fetch::{failed, with_status},
    next_hop::{Arrived, Hop, send_over},
    onward::request_head,
    tunnel,
};

impl Exchange {
    /// Forwards a request, its body streamed, and relays the answer.
    pub(crate) async fn pass(
        self: &Arc<Self>,
        inbound: Arc<Inbound>,
        body: Relayed,
        next: Arc<dyn NextHop>,
        why: Miss,
    ) -> Answer {
        let upgrade = wanted_upgrade(&inbound);
        let mut head = request_head(&inbound.head, &self.config.node, self.loop_id(&inbound));
        if let Some((protocol, _)) = &upgrade {
            let connection = HeaderValue::from_static("upgrade");
            head.headers.insert(header::CONNECTION, connection);
            head.headers.insert(header::UPGRADE, protocol.clone());
        }
        let hops = hops(&*next, &inbound, upgrade.is_some());
        let sent = send_over(&hops, &*next, &inbound, &head, body, &self.metrics).await;
        match sent {
            Ok(mut arrived) => {
                self.invalidate(&inbound, arrived.response.status()).await;
                if let Some((_, client)) = upgrade {
                    self.switch(&mut arrived, client);
                }
                let peer = (arrived.kind == "peer").then(|| Detail::Peer(arrived.hop.clone()));
                let handling = Handling {
                    detail: peer,
                    ..with_status(Handling::forwarded(why), &arrived)
                };
                Answer::relayed(arrived, handling)
            }
            Err(_) if inbound.is_too_large() => {
                Answer::own(StatusCode::PAYLOAD_TOO_LARGE, Handling::refused())
            }
            Err((failure, _)) => {
                let policy = &inbound.service.config.policy;
                let status = match recover(&inbound.as_sent(), None, failure, policy, inbound.at) {
                    Recovery::Fail(status) => status,
                    Recovery::ServeStale => StatusCode::BAD_GATEWAY,
                };
                failed(status, Handling::forwarded(why))
            }
        }
    }

    /// What an unsafe request has changed is not served any more (RFC 9111 section 4.4).
    async fn invalidate(&self, inbound: &Inbound, status: StatusCode) {
        if invalidates(&inbound.head.method, status) {
            self.store
                .purge(&Purge::Key(inbound.key.clone()))
                .get()
                .await;
        }
    }

    /// After a 101 the two connections are joined.
    fn switch(&self, arrived: &mut Arrived, client: OnUpgrade) {
        if arrived.response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let upstream = hyper::upgrade::on(&mut arrived.response);
            tokio::spawn(tunnel::join(
                client,
                upstream,
                self.config.tunnel_idle_timeout,
            ));
        }
    }
}

/// The owner is asked first, since it is the owner's copy that an unsafe request makes stale; an
/// upgraded connection has nothing to gain from one more hop.
fn hops(next: &dyn NextHop, inbound: &Inbound, upgrade: bool) -> Vec<Hop> {
    let route = next.route(inbound);
    let mut hops = if upgrade { Vec::new() } else { route.sideways };
    hops.extend(route.up);
    hops
}

/// The protocol that a client wants to switch to (RFC 9110 section 7.8), and the connection to do
/// it on.
fn wanted_upgrade(inbound: &Inbound) -> Option<(HeaderValue, OnUpgrade)> {
    let headers = &inbound.head.headers;
    let connection = headers.get_all(header::CONNECTION);
    let nominated = connection
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|option| option.trim().eq_ignore_ascii_case("upgrade"));
    let protocol = headers.get(header::UPGRADE)?.clone();
    let on_upgrade = inbound.head.extensions.get::<OnUpgrade>()?.clone();
    nominated.then_some((protocol, on_upgrade))
}
