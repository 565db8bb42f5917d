//! The HTTP clients of one origin, each with its kept connections.

use std::time::Duration;

use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};

use crate::{
    Limits,
    dial::{Dial, Tls},
    upload::Upload,
};

/// hyper takes no smaller buffer.
const MIN_MAX_HEAD: usize = 8 << 10;

/// One client for what may be repeated, and one for what may not: an idle connection may be closed
/// from the other side at any moment, and then nobody knows what became of a request. So that one's
/// connections are never idle for long.
#[derive(Debug)]
pub(crate) struct Clients {
    repeatable: Client<Dial, Upload>,
    once: Client<Dial, Upload>,
}

impl Clients {
    pub(crate) fn new(tls: Option<Tls>, limits: &Limits) -> Self {
        let dial = Dial::new(tls, limits.connect_timeout);
        let brief = limits.idle_before_unsafe.min(limits.idle_timeout);
        Clients {
            repeatable: client(dial.clone(), limits, limits.idle_timeout),
            // For hyper, no time at all means for ever.
            once: client(dial, limits, brief.max(Duration::from_nanos(1))),
        }
    }

    pub(crate) fn of(&self, may_repeat: bool) -> &Client<Dial, Upload> {
        match may_repeat {
            true => &self.repeatable,
            false => &self.once,
        }
    }
}

fn client(dial: Dial, limits: &Limits, idle_timeout: Duration) -> Client<Dial, Upload> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(idle_timeout)
        .pool_max_idle_per_host(limits.max_idle)
        .http1_max_buf_size(limits.max_head.max(MIN_MAX_HEAD))
        .http1_max_headers(limits.max_fields)
        // What RFC 9112 sections 5.1 and 5.2 want of a proxy: both are written anew.
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .build(dial)
}
