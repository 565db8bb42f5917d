//! Requests that want to switch protocols (RFC 9110 section 7.8), WebSocket above all: passed
//! up, and after a 101 the two connections are joined.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};
use perigee_http_cache::{Miss, has_field};
use perigee_upstream::Body as Relayed;

use crate::{
    Inbound, NextHop,
    answer::Answer,
    exchange::Exchange,
    line::Upgrading,
    moment::Moment,
    onward::{Asks, request_head, says_loop},
    pass::{not_passed, relayed},
    tunnel,
};

/// What a client wants to switch to, and the connection to do it on.
pub(crate) struct Upgrade {
    protocol: HeaderValue,
    client: Upgrading,
}

impl Upgrade {
    /// The upgrade that a request asks for, if it does.
    pub(crate) fn wanted(inbound: &Inbound) -> Option<Self> {
        Some(Upgrade {
            protocol: asked_for(&inbound.head.headers)?.clone(),
            client: inbound.line.as_ref()?.upgrade()?,
        })
    }
}

/// The protocol to switch to that these fields ask for.
pub(crate) fn asked_for(headers: &HeaderMap) -> Option<&HeaderValue> {
    if !has_field(headers, &header::UPGRADE) {
        return None;
    }
    let protocol = headers.get(header::UPGRADE)?;
    // To HTTP/2 one switches by prior knowledge or ALPN (RFC 9113 section 3.1); forwarded,
    // it would give the client a connection on which the origin believes everything.
    (is_nominated(headers) && !names_http(protocol)).then_some(protocol)
}

fn is_nominated(headers: &HeaderMap) -> bool {
    let connection = headers.get_all(header::CONNECTION);
    connection
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
}

fn names_http(protocol: &HeaderValue) -> bool {
    let Ok(protocols) = protocol.to_str() else {
        return true;
    };
    protocols.split(',').any(|protocol| {
        let name = protocol.trim().split('/').next().unwrap_or_default();
        ["h2", "h2c", "http", "tls"]
            .iter()
            .any(|http| name.eq_ignore_ascii_case(http))
    })
}

impl Exchange {
    /// Passes the request up; a hop sideways has nothing to gain from a connection that stays.
    pub(crate) async fn upgrade(
        &self,
        inbound: &Inbound,
        upgrade: Upgrade,
        body: Relayed,
        next: &Arc<dyn NextHop>,
    ) -> Answer {
        let mut head = request_head(&inbound.head, Asks::AsClient, &self.own, says_loop(inbound));
        let connection = HeaderValue::from_static("upgrade");
        head.fields.set(header::CONNECTION, connection);
        head.fields.set(header::UPGRADE, upgrade.protocol);
        // It would have to be named in Connection, and a tunnel has no trailers.
        head.fields.remove(&header::TE);
        let hops = next.route(inbound).up;
        let sent = self
            .send_over(&hops, next, inbound, (head, body), Moment::now())
            .await;
        match sent {
            Ok(mut arrived) => {
                if let Some(upstream) = perigee_upstream::upgraded(&mut arrived.response) {
                    let idle = self.config.tunnel_idle_timeout;
                    tokio::spawn(tunnel::join(upgrade.client, upstream, idle));
                }
                relayed(arrived, Miss::Bypass)
            }
            Err(failure) => not_passed(inbound, failure, Miss::Bypass),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_protocols_that_are_not_http_are_switched_to() {
        let names = |text| names_http(&HeaderValue::from_static(text));
        assert!(!names("websocket"));
        assert!(!names("echo/1"));
        for http in ["h2c", "websocket, H2C", "HTTP/2.0", "TLS/1.2"] {
            assert!(names(http), "{http}");
        }
    }
}
