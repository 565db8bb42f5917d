//! Requests of clients that are answered at once: hits of the usual kind, see
//! [`perigee_proxy::Exchange::at_once`]. All else, and all that nodes send, goes through
//! `crate::handler`.

use std::sync::atomic::Ordering;

use httparse::Header;
use perigee_cluster::{Caller, is_ours};
use perigee_proxy::{self as proxy, Body, Found, InFlight, Scheme, Sender};
use perigee_server::{Asked, AtOnce, Client, Content, Reply};

use crate::{
    handler::Shared,
    state::{Admission, State},
};

impl<S: State> Shared<S> {
    /// What [`perigee_server::Handler::at_once`] answers.
    pub(crate) fn found(
        &self,
        asked: &Asked<'_>,
        client: &Client,
        reply: Reply<'_>,
    ) -> Option<AtOnce<Body>> {
        let state = self.state.load();
        let config = S::common(state.config());
        let max = config.max_requests as u64;
        // It takes no time, so that it is not under way; but where there is no room there is none.
        let has_room = self.requests.load(Ordering::Relaxed) < max;
        let is_nodes = client.private || asked.fields.iter().any(|field| is_ours(field.name));
        if !config.at_once || !has_room || is_nodes {
            return None;
        }
        let Admission::Enter(from) = state.admit(Ok(Caller::Stranger), client) else {
            return None;
        };
        if from.sender != Sender::Client {
            return None;
        }
        let asked = asked_of(asked);
        let enter = || InFlight::enter(&self.requests, max);
        let reply = proxy::Reply {
            now: reply.now,
            text: reply.text,
            end_head: reply.end_head,
        };
        let found = self
            .exchange
            .at_once(&asked, state.services(), from, enter, reply)?;
        Some(at_once(found))
    }

    /// What [`perigee_server::Handler::again`] counts.
    pub(crate) fn found_again(&self, asked: &Asked<'_>, content: u64, times: u64) {
        let asked = asked_of(asked);
        let state = self.state.load();
        let services = state.services();
        self.exchange
            .again(&asked, services, Scheme::Http, (times, content));
    }
}

fn asked_of<'a>(
    asked: &Asked<'a>,
) -> proxy::Asked<'a, impl IntoIterator<Item = (&'a str, &'a [u8])> + Clone> {
    proxy::Asked {
        is_head: asked.is_head,
        host: asked.host,
        target: asked.target,
        fields: asked.fields.iter().map(name_and_value),
    }
}

fn name_and_value<'a>(field: &Header<'a>) -> (&'a str, &'a [u8]) {
    (field.name, field.value)
}

fn at_once(found: Found) -> AtOnce<Body> {
    AtOnce {
        status: found.status,
        length: found.length,
        content: match found.content {
            proxy::Content::Empty => Content::Empty,
            proxy::Content::Written(length) => Content::Written(length),
            proxy::Content::Bytes(bytes) => Content::Bytes(bytes),
            proxy::Content::Body(body) => Content::Body(body),
        },
        for_all: found.for_all,
    }
}
