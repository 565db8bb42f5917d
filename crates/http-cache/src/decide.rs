//! The first moment: a request has come, and the store was asked.

use std::{borrow::Borrow, ops::Range};

use http::{HeaderMap, Method, StatusCode};

use crate::{
    KeyPolicy, Multipart, Now, Policy, RequestHead, StoredHead, answer, asking,
    directives::RequestDirectives,
    present::Present,
    reuse::{self, Reuse},
};

/// What to do with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Answer from the store.
    Serve(Serve),
    /// Answer from the store at once, though what is stored is stale, and have it validated in the
    /// background (RFC 5861 section 3): as [`Decision::Fetch`] with these fields and the variant
    /// that is served, once for all who ask meanwhile.
    ServeWhileRevalidating {
        /// What to answer.
        serve: Serve,
        /// What the background fetch sends: see [`Decision::Fetch`].
        fields: HeaderMap,
    },
    /// Ask the next tier, with these fields in place of the client's own conditional fields and
    /// its Range; the response may be stored, so requests for it may be coalesced.
    Fetch {
        /// Index of the stored response that this is to validate or to complete, and that may
        /// stand in when the next tier fails.
        variant: Option<usize>,
        /// Nothing: the whole response is wanted. If-None-Match and If-Modified-Since: whether the
        /// stored response still holds (RFC 9111 section 4.3.1); there are none if it has no
        /// validator. Range: a part is wanted. Range and If-Range: what a stored part lacks, if
        /// the representation has not changed (RFC 9111 section 3.4).
        fields: HeaderMap,
        /// Why there is nothing to serve, or why it is not served at once.
        why: Miss,
    },
    /// Forward the request as it is; the answer is not for the store (RFC 9211: fwd=method or
    /// fwd=bypass).
    Pass {
        /// Why it passes by.
        why: Miss,
    },
    /// Answer with this status and an empty body, asking nobody (only-if-cached: 504).
    Refuse(StatusCode),
}

/// How to answer from a stored response.
#[derive(Clone, Debug, PartialEq)]
pub struct Serve {
    /// Index into the stored responses that `decide` was given.
    pub variant: usize,
    /// The status of the answer: that of the stored response, or 200, 206, 304, 412, 416.
    pub status: StatusCode,
    /// Which part of the body goes with it.
    pub body: BodyPart,
    /// Value of Age, in seconds.
    pub age: u64,
    /// Seconds of freshness left; zero or less when stale.
    pub ttl: i64,
}

impl Serve {
    /// Whether it is the stored response itself, with all of its body.
    pub fn is_whole_of(&self, stored: &StoredHead) -> bool {
        self.status == stored.status && self.body == BodyPart::Whole
    }
}

/// The part of a stored body that an answer carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyPart {
    /// No body: HEAD, 304, 412, 416.
    None,
    /// All of it.
    Whole,
    /// These bytes. Positions are those of the complete representation: the stored body begins at
    /// [`StoredHead::body_start`].
    Range(Range<u64>),
    /// Several ranges of the complete representation, each with a head of its own.
    Multipart(Box<Multipart>),
}

/// Why a request was forwarded: the `fwd` values of RFC 9211 section 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Miss {
    /// The cache was told not to handle this request.
    Bypass,
    /// The method is not one that is cached.
    Method,
    /// Nothing is stored for the URI.
    Uri,
    /// Something is stored, but no variant that this request selects.
    Vary,
    /// The request's own directives ask for it.
    Request,
    /// What is stored is stale, or must be validated at each use.
    Stale,
    /// What is stored is a part, and does not hold all that is asked for.
    Partial,
}

impl Miss {
    /// The token of RFC 9211 section 2.2.
    pub fn as_str(self) -> &'static str {
        match self {
            Miss::Bypass => "bypass",
            Miss::Method => "method",
            Miss::Uri => "uri-miss",
            Miss::Vary => "vary-miss",
            Miss::Request => "request",
            Miss::Stale => "stale",
            Miss::Partial => "partial",
        }
    }
}

/// Decides from what is stored under the request's key, newest first.
///
/// A stored response whose length is not known (it is still arriving) is answered whole: a Range
/// field may be ignored (RFC 9110 section 14.2).
pub fn decide<S: Borrow<StoredHead>>(
    request: &RequestHead<'_>,
    stored: &[S],
    policy: &Policy,
    now: impl Into<Now>,
) -> Decision {
    let now = now.into();
    // RFC 9111 section 3: GET and HEAD are the methods that are understood here.
    if !matches!(*request.method, Method::GET | Method::HEAD) {
        return Decision::Pass { why: Miss::Method };
    }
    let present = Present::of(request.headers);
    if (present.has(Present::FRAMING) && request.has_content()) || policy.passes_by(request) {
        return Decision::Pass { why: Miss::Bypass };
    }
    let directives = match present.has(Present::CONTROL) {
        true => RequestDirectives::of(request.headers, policy.obey_request_directives),
        false => RequestDirectives::default(),
    };
    let decision = match select(request, stored, &policy.key) {
        Ok((variant, head)) => reuse_or_validate(request, &directives, variant, head, policy, now),
        Err(why) => forward(request, &directives, why, None, || {
            match present.has(Present::RANGE) {
                true => asking::afresh(request, policy),
                false => HeaderMap::new(),
            }
        }),
    };
    if directives.only_if_cached {
        without_asking(decision)
    } else {
        decision
    }
}

/// Section 5.2.1.7: to have the next tier asked is what the client does not want.
fn without_asking(decision: Decision) -> Decision {
    match decision {
        Decision::Serve(serve) | Decision::ServeWhileRevalidating { serve, .. } => {
            Decision::Serve(serve)
        }
        _ => Decision::Refuse(StatusCode::GATEWAY_TIMEOUT),
    }
}

/// The newest stored response that the request selects (section 4.1).
fn select<'a, S: Borrow<StoredHead>>(
    request: &RequestHead<'_>,
    stored: &'a [S],
    key: &KeyPolicy,
) -> Result<(usize, &'a StoredHead), Miss> {
    if stored.is_empty() {
        return Err(Miss::Uri);
    }
    let mut heads = stored.iter().map(Borrow::borrow).enumerate();
    heads
        .find(|(_, head)| head.is_keyed_by(key) && head.selected_by(request))
        .ok_or(Miss::Vary)
}

fn reuse_or_validate(
    request: &RequestHead<'_>,
    directives: &RequestDirectives,
    variant: usize,
    head: &StoredHead,
    policy: &Policy,
    now: Now,
) -> Decision {
    // RFC 9111 section 3.3: a part is not the answer to what it does not hold.
    let Some(serve) = answer(request, variant, head, policy, now.time) else {
        let fields = || asking::completion(request, head, policy);
        return forward(request, directives, Miss::Partial, Some(variant), fields);
    };
    let fields = || asking::validation(request, head, policy);
    let why = match reuse::without_waiting(head, directives, policy, now) {
        Ok(reuse) => {
            // If-Match and If-Unmodified-Since are for the origin (section 4.3.2): that what is
            // stored does not meet them says nothing, before it is known to be what the origin has.
            let is_refused =
                serve.status == StatusCode::PRECONDITION_FAILED && serve.status != head.status;
            match reuse {
                _ if is_refused => Miss::Request,
                Reuse::AsItIs => return Decision::Serve(serve),
                Reuse::WhileRevalidating => {
                    let fields = fields();
                    return Decision::ServeWhileRevalidating { serve, fields };
                }
            }
        }
        Err(why) => why,
    };
    Decision::Fetch {
        variant: Some(variant),
        fields: fields(),
        why,
    }
}

fn forward(
    request: &RequestHead<'_>,
    directives: &RequestDirectives,
    why: Miss,
    variant: Option<usize>,
    fields: impl FnOnce() -> HeaderMap,
) -> Decision {
    // The answer to a HEAD has no body to store; that to an obeyed no-store must not be stored
    // (section 5.2.1.5).
    if *request.method == Method::HEAD {
        Decision::Pass { why }
    } else if directives.no_store {
        Decision::Pass { why: Miss::Request }
    } else {
        Decision::Fetch {
            variant,
            fields: fields(),
            why,
        }
    }
}

#[cfg(test)]
mod tests;
