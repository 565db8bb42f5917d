//! A 206 (RFC 9111 sections 3.3 and 3.4).

use http::{HeaderMap, StatusCode};

use super::{Asked, NotStored, Order, Receipt, ResponseHead, Times, storable};
use crate::{
    Policy, StoredHead, conditional, freshen,
    part::Part,
    range::{Ranges, Selected},
    stored,
};

/// Decides what becomes of a 206.
pub(super) fn receive(
    asked: &Asked<'_>,
    stored: Option<&StoredHead>,
    headers: &HeaderMap,
    policy: &Policy,
    times: Times,
) -> Receipt {
    let Some(range) = asked.range() else {
        // Nobody asked for a part.
        return Receipt::Relay(NotStored::Status);
    };
    // RFC 9110 section 15.3.7: a 206 has the fields that a 200 would have had.
    let status = StatusCode::OK;
    let length = stored::length(status, headers);
    let Some(part) = Part::of(range, headers, length) else {
        return asked.of_no_use();
    };
    let response = ResponseHead { status, headers };
    let request = asked.request;
    // Asked on the condition that nothing has changed, a 206 says that nothing has; but if it does
    // not say so by the same strong validator, its bytes are those of another version.
    let completed = stored.filter(|_| asked.fields.contains_key(http::header::IF_RANGE));
    if let Some(stored) = completed {
        let new = StoredHead::new(request, response, policy, times);
        if !conditional::is_same_version(stored, &new) {
            return Receipt::FetchAgain;
        }
        if let Some((joined, order)) = join(asked, stored, &part) {
            let head = freshen::combined(request, stored, headers, joined, policy, times);
            return match head.map(Box::new) {
                Some(head) => Receipt::Combine { head, order },
                // It forbids to keep what is stored.
                None => Receipt::FetchAgain,
            };
        }
    }
    match storable(request, response, policy, times) {
        _ if !asked.is_own() => Receipt::FetchAgain,
        Ok(head) => Receipt::Store(Box::new(head.holding(part))),
        Err(why) => Receipt::Relay(why),
    }
}

/// Both together, if the new bytes are just those that were asked for and touch the stored ones.
fn join(asked: &Asked<'_>, stored: &StoredHead, new: &Part) -> Option<(Part, Order)> {
    let old = stored.part.as_ref()?;
    let wanted = Ranges::of(asked.fields, 1).select(new.complete?);
    if wanted != Selected::Bytes(new.bytes.clone()) {
        return None;
    }
    let order = if new.bytes.start == old.bytes.end {
        Order::StoredFirst
    } else if new.bytes.end == old.bytes.start {
        Order::NewFirst
    } else {
        return None;
    };
    Some((old.joined(new)?, order))
}

#[cfg(test)]
mod tests;
