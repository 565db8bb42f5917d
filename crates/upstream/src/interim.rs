//! Requests as they are handed on, and interim responses (RFC 9110 section 15.2) on their way in, told to
//! who wants to know.

use std::fmt;

use http::{HeaderMap, StatusCode};

use crate::Outgoing;

/// Who is told of the interim responses to a request.
pub trait OnInterim: fmt::Debug + Send + Sync {
    /// One has come, with this status and these fields.
    fn tell(&self, status: StatusCode, headers: &HeaderMap);
}

/// The head of a request: by reference, since it is large and goes through many hands.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The head itself.
    pub request: &'a Outgoing,
    /// Who is told of the interim responses to it, if anybody is.
    pub interim: Option<&'a dyn OnInterim>,
    /// Whether a usual response may come as [`crate::Whole`]. To a GET without content.
    pub takes_whole: bool,
}

impl<'a> Head<'a> {
    /// One whose interim responses nobody is told of.
    pub fn of(request: &'a Outgoing) -> Self {
        Head {
            request,
            interim: None,
            takes_whole: false,
        }
    }
}
