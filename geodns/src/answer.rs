//! One message in, one message out. Pure over a [`Snapshot`]: no IO, no clock, no lock, no allocation.

mod ahead;
mod facts;
mod memo;
mod reply;
mod resolve;
mod terms;

pub(crate) use ahead::{sign_ahead, usable_edges};
pub(crate) use facts::Facts;
pub use memo::Memo;
pub(crate) use resolve::MAX_ALIASES;
pub(crate) use terms::{Instead, Terms};

use std::time::SystemTime;

use perigee_dns_wire::{Request, rcode};

use self::reply::Reply;
use crate::{asker::Asker, snapshot::Snapshot};

/// Writes the response to a message into `out`, and tells its length; `None` if nothing is to be sent.
/// Over UDP it is no longer than the asker takes, otherwise no longer than `out`. Allocates nothing.
pub fn answer(
    snapshot: &Snapshot,
    memo: &mut Memo,
    message: &[u8],
    asker: Asker,
    now: SystemTime,
    out: &mut [u8],
) -> Option<usize> {
    let request = Request::read(message).ok()?;
    let (length, _) = respond(snapshot, memo, &request, &Terms::new(asker, now), out)?;
    Some(length)
}

/// Writes the response to a request into `out`, and tells its length and what it was; `None` if `out`
/// is too short for even its header and question.
pub(crate) fn respond<'s>(
    snapshot: &'s Snapshot,
    memo: &mut Memo,
    request: &Request<'_>,
    terms: &Terms,
    out: &mut [u8],
) -> Option<(usize, Facts<'s>)> {
    let reply = Reply::new(snapshot, request, terms);
    match (request.error, terms.instead, &request.question) {
        (Some(rcode), ..) | (None, Some(Instead::Code(rcode)), _) => {
            reply.code(request, rcode, out)
        }
        (None, Some(Instead::Truncated), _) => reply.truncated(request, out),
        (None, None, Some(question)) => reply.answer(request, question, memo, out),
        (None, None, None) => reply.code(request, rcode::FORMERR, out),
    }
}

#[cfg(test)]
mod tests;
