//! How sending a request can fail.

use std::fmt;

/// What failed. The display form says it in words fit for a log.
#[derive(Debug)]
pub struct SendError {
    /// The kind of failure.
    pub kind: SendErrorKind,
    /// The endpoint's name, and what exactly went wrong.
    pub detail: String,
}

/// The kinds of failure that callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendErrorKind {
    /// No connection: name not resolved, refused, unreachable, TLS refused, or too slow.
    /// Nothing was sent.
    Connect,
    /// The connection broke before the response head was whole.
    Broken,
    /// The response head did not come in time.
    Timeout,
    /// What came is not a valid HTTP response, or its head exceeds the limits.
    Invalid,
    /// The concurrency cap and the queue are full, or the queue took too long. Nothing was sent.
    Overloaded,
}

impl SendErrorKind {
    /// Whether not a byte of the request can have reached the other side.
    pub fn nothing_was_sent(self) -> bool {
        matches!(self, SendErrorKind::Connect | SendErrorKind::Overloaded)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for SendError {}
