//! What a connection must do next and when, from what it is doing now. Pure: times are passed in,
//! counted from the moment the connection was accepted.

use std::time::Duration;

use crate::Limits;

/// After a drain began, how long a connection that has asked nothing yet may still do so. Its
/// first request may be on the way already.
pub(crate) const FRESH_GRACE: Duration = Duration::from_millis(500);

/// After our FIN, how long to go on reading what the client still sends. Closing with unread
/// bytes sends a RST, which can destroy the response before the client has read it.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    /// TLS is being agreed on.
    Handshake,
    /// Cleartext, and the first bytes have not told the protocol yet.
    Sniff,
    Http1,
    Http2,
    /// No longer HTTP (101 was sent).
    Upgraded,
}

/// What the server as a whole is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Serving,
    /// Clients are told to go elsewhere.
    Away,
    /// Stopping, since this moment.
    Draining(Duration),
}

/// What a connection is doing.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) stage: Stage,
    pub(crate) phase: Phase,
    /// Requests whose responses have not been handed over whole.
    pub(crate) active: usize,
    /// Whether it has ever brought a request.
    pub(crate) used: bool,
    /// Since when there has been no request on it.
    pub(crate) idle: Duration,
    /// When the first byte of a request head came that is not complete (HTTP/1.1).
    pub(crate) head: Option<Duration>,
    /// When the request on it began (HTTP/1.1).
    pub(crate) request: Option<Duration>,
    /// Since when response data has been ready that no stream takes (HTTP/2).
    pub(crate) untaken: Option<Duration>,
    /// Since when the socket has taken nothing.
    pub(crate) blocked: Option<Duration>,
    /// When it was told to finish.
    pub(crate) closing: Option<Duration>,
    /// When our FIN was sent.
    pub(crate) linger: Option<Duration>,
}

/// What a connection does nearly always: then there is one thing to be due, which is known at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usual {
    /// It waits for its next request over HTTP/1.1, since then.
    Waits(Duration),
    /// It answers one over HTTP/1.1, which came then.
    Answers(Duration),
}

/// What is to be done with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Let it finish what it is doing, then close it.
    Finish,
    /// Close it now.
    Cut,
}

/// The same as [`next`] of a connection that does the usual, as long as the server does, too.
pub(crate) fn usual(usual: Usual, limits: &Limits) -> (Duration, Action) {
    match usual {
        Usual::Waits(since) => (since + limits.idle_timeout, Action::Finish),
        Usual::Answers(since) => (since + limits.request_timeout, Action::Cut),
    }
}

/// The earliest thing that is due, if there is any.
pub(crate) fn next(view: &View, limits: &Limits) -> Option<(Duration, Action)> {
    let cut = |since: Option<Duration>, limit| since.map(|since| (since + limit, Action::Cut));
    let stalled = earliest(
        cut(view.blocked, limits.write_timeout),
        cut(view.linger, LINGER),
    );
    let own = match view.stage {
        Stage::Upgraded => None,
        Stage::Handshake => earliest(
            cut(Some(Duration::ZERO), limits.handshake_timeout),
            farewell(view),
        ),
        Stage::Sniff | Stage::Http1 | Stage::Http2 if view.active > 0 => earliest(
            earliest(
                cut(view.request, limits.request_timeout),
                cut(view.untaken, limits.write_timeout),
            ),
            farewell(view),
        ),
        // The response is still on its way into the socket, or we only wait for the client's FIN.
        _ if stalled.is_some() => farewell(view),
        _ => earliest(unoccupied(view, limits), farewell(view)),
    };
    earliest(stalled, own)
}

/// What is due on a connection with no request on it.
fn unoccupied(view: &View, limits: &Limits) -> Option<(Duration, Action)> {
    Some(match (view.head, view.closing) {
        (Some(head), _) => (head + limits.head_timeout, Action::Cut),
        // HTTP/2 may have the end of a response in its buffers, waiting for the client's window.
        (None, Some(closing)) if view.used => {
            (closing.max(view.idle) + limits.write_timeout, Action::Cut)
        }
        (None, Some(closing)) => (closing + LINGER, Action::Cut),
        (None, None) => (view.idle + limits.idle_timeout, Action::Finish),
    })
}

/// What is due because the server is turning clients away or stopping.
///
/// HTTP/1.1 under [`Phase::Away`] is not here: its responses say `Connection: close`.
fn farewell(view: &View) -> Option<(Duration, Action)> {
    if view.closing.is_some() {
        return None;
    }
    let now = Some((Duration::ZERO, Action::Finish));
    match view.phase {
        Phase::Serving => None,
        Phase::Away => now.filter(|_| view.stage == Stage::Http2 && view.used),
        Phase::Draining(_) if view.active > 0 => now,
        // A request is coming in: it is served, and finishing starts with it.
        Phase::Draining(_) if view.head.is_some() => None,
        Phase::Draining(_) if view.used => now,
        Phase::Draining(since) => Some((since + FRESH_GRACE, Action::Finish)),
    }
}

fn earliest(
    a: Option<(Duration, Action)>,
    b: Option<(Duration, Action)>,
) -> Option<(Duration, Action)> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.0 < a.0 { b } else { a }),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
#[path = "timers/tests.rs"]
mod tests;
