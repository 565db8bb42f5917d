//! A 206 (RFC 9111 sections 3.3 and 3.4).

use std::sync::Arc;

use http::{HeaderMap, StatusCode, header};

use super::{Asked, NotStored, Receipt, ResponseHead, Times, storable};
use crate::{
    StoredHead,
    fields::Fields,
    freshen,
    noted::Noted,
    part::Part,
    range::{Ranges, Selected},
    stored,
};

/// Decides what becomes of a 206.
pub(super) fn receive(
    asked: &Asked<'_>,
    stored: Option<&StoredHead>,
    headers: &HeaderMap,
    times: Times,
) -> Receipt {
    let Some(range) = asked.range() else {
        // Nobody asked for a part.
        return Receipt::Relay(NotStored::Status);
    };
    // RFC 9110 section 15.3.7: a 206 has the fields that a 200 would have had.
    let status = StatusCode::OK;
    let length = stored::length(status, &Noted::of(headers));
    let Some(part) = Part::of(range, headers, length) else {
        return asked.of_no_use();
    };
    let response = ResponseHead { status, headers };
    let (request, policy) = (asked.request, asked.policy);
    // Asked on the condition that nothing has changed, a 206 says that nothing has; but if it does
    // not say so by the same strong validator, its bytes are those of another version.
    let completed = stored.filter(|_| asked.fields.contains_key(header::IF_RANGE));
    if let Some(stored) = completed {
        let new = StoredHead::new(request, response, policy, times).holding(part.clone());
        if !new.is_same_version(stored) {
            return Receipt::FetchAgain;
        }
        if brings(asked, stored, &part) {
            let head = freshen::combined(request, stored, headers, part, policy, times);
            return match head.map(Arc::new) {
                Some(head) => Receipt::Combine(head),
                // It forbids to keep what is stored.
                None => Receipt::FetchAgain,
            };
        }
    }
    let fields = Fields::Lent(headers);
    match storable(request, status, fields, policy, times) {
        Ok(head) if asked.is_own() || asked.is_widened() => {
            Receipt::Store(Arc::new(Arc::unwrap_or_clone(head).holding(part)))
        }
        Err(why) if asked.is_own() => Receipt::Relay(why),
        Err(why) if asked.is_widened() => Receipt::AskAgain(why),
        _ => Receipt::FetchAgain,
    }
}

/// Whether these are the bytes that a stored part lacked: just those that were asked for, or the
/// first of them (RFC 9110 section 15.3.7 lets an origin send less).
fn brings(asked: &Asked<'_>, stored: &StoredHead, new: &Part) -> bool {
    let Some(complete) = new.complete.filter(|_| new.complete == stored.length) else {
        return false;
    };
    let bytes = new.span();
    match Ranges::of(asked.fields, 1).select(complete) {
        Selected::Bytes(wanted) => bytes.start == wanted.start && bytes.end <= wanted.end,
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges are meant")]
mod tests;
