//! How sending a request can fail.

use std::{error::Error as StdError, fmt, time::Duration};

use crate::{body::BoxError, words};

/// What failed. The display form says it in words fit for a log.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Too many requests have failed of late, so that the origin is left alone for so long. Nothing
    /// was sent.
    LeftAlone {
        /// How long yet.
        retry_after: Duration,
    },
    /// The request is at fault: its body broke off while it was sent, or it has a form that is
    /// not forwarded (CONNECT). Says nothing about the endpoint.
    Request,
}

impl SendErrorKind {
    /// Whether not a byte of the request can have reached the other side.
    pub fn nothing_was_sent(self) -> bool {
        matches!(
            self,
            SendErrorKind::Connect | SendErrorKind::Overloaded | SendErrorKind::LeftAlone { .. }
        )
    }

    /// Whether it speaks against the endpoint: a cap that is full, a request that was not sent and
    /// one that is at fault do not.
    pub fn blames_endpoint(self) -> bool {
        !matches!(
            self,
            SendErrorKind::Overloaded | SendErrorKind::LeftAlone { .. } | SendErrorKind::Request
        )
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl StdError for SendError {}

/// Why a response body ended before it was whole.
#[derive(Debug)]
pub(crate) struct TransferError {
    detail: String,
    source: Option<BoxError>,
}

impl TransferError {
    /// `label` says in words whose body it is, `why` what became of it.
    pub(crate) fn boxed(label: &str, why: &str, source: Option<BoxError>) -> BoxError {
        let detail = format!("{label}: the response body {why}");
        Box::new(TransferError { detail, source })
    }

    /// For this reason it goes on no further.
    pub(crate) fn broke_off(label: &str, source: BoxError) -> BoxError {
        let why = format!("broke off: {}", words::of(&*source));
        TransferError::boxed(label, &why, Some(source))
    }
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl StdError for TransferError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
