//! HTTP caching (RFC 9111 and friends) as pure functions: no IO, no clock, no runtime.
//!
//! A cache decides at three moments, so there are three total functions:
//! [`decide`] before anything is fetched, [`receive`] when an answer comes, and
//! [`recover`] when none does. They take time as an argument and never panic.

mod decide;
mod key;
mod policy;
mod receive;
mod recover;
mod stored;

pub use decide::{BodyPart, Decision, Miss, Serve, decide};
pub use key::{CacheKey, Scheme};
pub use policy::Policy;
pub use receive::{NotStored, Receipt, ResponseHead, Times, receive};
pub use recover::{Failure, Recovery, recover};
pub use stored::StoredHead;

use http::{HeaderMap, Method};

/// What a decision needs to know of a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The request method.
    pub method: &'a Method,
    /// The request fields, as the client sent them, less those that tiers use among themselves.
    pub headers: &'a HeaderMap,
}
