//! The second moment: the next tier has answered.

mod incomplete;

use std::{
    sync::{Arc, LazyLock},
    time::SystemTime,
};

use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    FieldText, Now, Policy, RequestHead, StoredHead, asking,
    directives::ResponseDirectives,
    fields::{self, Fields},
    freshen,
    noted::Noted,
    present::Present,
    range, reuse, storing,
};

/// What a decision needs to know of a response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// The status code.
    pub status: StatusCode,
    /// The fields, as the next tier sent them.
    pub headers: &'a HeaderMap,
}

/// When a request was sent and its response received (RFC 9111 section 4.2.3).
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When the request was sent.
    pub requested: SystemTime,
    /// When the response head was received.
    pub received: SystemTime,
}

/// A response that comes at these times to a cache that knows of all that was purged since then: see
/// [`Now::trusted_since`]. Plain times are those of a cache that misses nothing.
#[derive(Clone, Copy, Debug)]
pub struct Came {
    /// When it was asked for, and came.
    pub times: Times,
    /// What was received before this must be validated.
    pub trusted_since: Option<SystemTime>,
}

impl From<Times> for Came {
    fn from(times: Times) -> Self {
        Came {
            times,
            trusted_since: None,
        }
    }
}

impl Came {
    /// What was asked for before the cache knew of all purges may be of before a purge that it did
    /// not hear of: it counts as received then, so that it is validated, too.
    pub fn honest(self) -> Times {
        let Times {
            requested,
            received,
        } = self.times;
        match self.trusted_since {
            Some(since) if requested < since => Times {
                requested,
                received: received.min(requested),
            },
            _ => self.times,
        }
    }
}

/// What to do with a response.
#[derive(Clone, Debug)]
pub enum Receipt {
    /// Store it, and answer the client out of it.
    Store(Arc<StoredHead>),
    /// Relay it; do not store it.
    Relay(NotStored),
    /// 304 for what is stored: replace its head by this one and answer from it.
    Freshened(Arc<StoredHead>),
    /// 206 with what a stored part lacked, of the same version: store it under this head, beside
    /// what is stored ([`StoredHead::joined`]), and answer from both.
    Combine(Arc<StoredHead>),
    /// Not to be stored, and not just what the client asks for: it is to ask for itself.
    AskAgain(NotStored),
    /// An answer that is of no use with what is stored: fetch again, the whole and without
    /// conditions. Never said of a fetch that asked for just that.
    FetchAgain,
    /// An error, and what is stored may be served in its place (RFC 5861 section 4).
    ServeStale,
}

/// Why a response is not stored (RFC 9111 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotStored {
    /// Of the request: its method, its Authorization, its own no-store where obeyed.
    Request,
    /// no-store or private.
    Directive,
    /// Vary: *.
    VaryStar,
    /// A status that is not cached without explicit freshness, or 304, 416, or a 206 that nobody
    /// asked for or that contradicts itself.
    Status,
    /// It sets cookies and does not say that all may have it: no positive explicit freshness.
    SetCookie,
    /// The request had cookies, and the response does not say that all may have it.
    Cookie,
    /// Neither freshness nor a validator: nothing to gain.
    NothingToGain,
}

/// Decides what becomes of a response. `stored` is what was being validated or completed, if
/// anything, and `fields` are what the fetch asked with: as [`crate::Decision::Fetch`] has them.
pub fn receive(
    request: &RequestHead<'_>,
    stored: Option<&StoredHead>,
    fields: &HeaderMap,
    response: ResponseHead<'_>,
    policy: &Policy,
    came: impl Into<Came>,
) -> Receipt {
    let asked = Asked {
        request,
        fields,
        policy,
    };
    let came = came.into();
    settled(&asked, stored, response, came).unwrap_or_else(|| {
        let headers = Fields::Lent(response.headers);
        store(request, response.status, headers, policy, came.honest())
    })
}

/// The same of a response whose fields may be taken: if it is stored, and all of them are but
/// Content-Length, `headers` has none any more. Nothing is copied then, and [`StoredHead::as_came`]
/// gives them back.
pub fn receive_whole(
    request: &RequestHead<'_>,
    stored: Option<&StoredHead>,
    fields: &HeaderMap,
    (status, headers): (StatusCode, &mut HeaderMap),
    policy: &Policy,
    came: impl Into<Came>,
) -> Receipt {
    let asked = Asked {
        request,
        fields,
        policy,
    };
    let (came, response) = (came.into(), ResponseHead { status, headers });
    match settled(&asked, stored, response, came) {
        Some(receipt) => receipt,
        None => store(
            request,
            status,
            Fields::Given(headers),
            policy,
            came.honest(),
        ),
    }
}

/// Of fields that are lines.
static NO_MAP: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);

/// The same of a 200 of this length whose fields came as lines: the head to store. If it is not to be stored, or
/// has what is unusual, it is to be received as any other, with a map of its fields.
///
/// # Errors
/// Then the lines are given back.
pub fn receive_lines(
    request: &RequestHead<'_>,
    (lines, length): (Box<FieldText>, u64),
    policy: &Policy,
    came: impl Into<Came>,
) -> Result<Arc<StoredHead>, Box<FieldText>> {
    let mut noted = Noted::nothing(&NO_MAP);
    let Some(marked) = lines.note(&mut noted) else {
        return Err(lines);
    };
    let directives = ResponseDirectives::of(&noted, &policy.targets);
    let (status, times) = (StatusCode::OK, came.into().honest());
    if !directives.withheld.is_empty()
        || storing::refusal(request, status, &noted, &directives, policy).is_some()
    {
        return Err(lines);
    }
    let response = (status, &noted, &noted);
    match worth_storing(request, response, &directives, policy, times) {
        // Unless a Date was added.
        Ok(mut head) if head.headers.is_nothing() => {
            let own = Arc::make_mut(&mut head);
            own.length = Some(length);
            own.headers = lines.marked(marked).into();
            Ok(head)
        }
        _ => Err(lines),
    }
}

/// What becomes of a response; `None`: it is stored, if it may be and is worth it.
fn settled(
    asked: &Asked<'_>,
    stored: Option<&StoredHead>,
    response: ResponseHead<'_>,
    came: Came,
) -> Option<Receipt> {
    let now = Now {
        time: came.times.received,
        trusted_since: came.trusted_since,
    };
    let times = came.honest();
    let (request, policy) = (asked.request, asked.policy);
    Some(match (response.status, stored) {
        (StatusCode::PARTIAL_CONTENT, _) => {
            incomplete::receive(asked, stored, response.headers, times)
        }
        // RFC 9110 section 15.5.17: there are no such bytes.
        (StatusCode::RANGE_NOT_SATISFIABLE, _) => asked.of_no_use(),
        // RFC 9111 section 4.3.3: that it still holds is no answer to what it lacks.
        (StatusCode::NOT_MODIFIED, Some(_)) if asked.completes() => asked.of_no_use(),
        // RFC 9111 section 4.3.3: it still holds.
        (StatusCode::NOT_MODIFIED, Some(stored)) => {
            match freshen::freshened(request, stored, response.headers, policy, times) {
                Some(head) => Receipt::Freshened(Arc::new(head)),
                None => Receipt::FetchAgain,
            }
        }
        // Section 4.3.3: an error may be forwarded, or taken as no answer at all.
        (status, Some(stored))
            if is_server_failure(status) && reuse::on_failure(request, stored, policy, now) =>
        {
            Receipt::ServeStale
        }
        // A Range is not in the key: an error that it may have caused is not kept for others.
        (status, _) if is_error(status) && asked.range().is_some() => {
            Receipt::Relay(NotStored::Status)
        }
        _ => return None,
    })
}

/// A request, and what the fetch for it asked with.
struct Asked<'a> {
    request: &'a RequestHead<'a>,
    fields: &'a HeaderMap,
    policy: &'a Policy,
}

impl Asked<'_> {
    fn range(&self) -> Option<&HeaderValue> {
        range::line(self.fields)
    }

    /// Whether it asked for just what the client asks for, so that the answer can be relayed.
    fn is_own(&self) -> bool {
        self.range().is_some() && self.range() == range::line(self.request.headers)
    }

    /// Whether it asked for the slices in which lies what the client asks for.
    fn is_widened(&self) -> bool {
        let range = self.range().filter(|_| !self.is_own());
        range.is_some() && range == range::line(&asking::afresh(self.request, self.policy))
    }

    /// Whether it asked for bytes, and not on the condition that what is stored has changed.
    fn completes(&self) -> bool {
        let conditions = [&header::IF_NONE_MATCH, &header::IF_MODIFIED_SINCE];
        self.range().is_some()
            && !conditions
                .iter()
                .any(|name| self.fields.contains_key(*name))
    }

    /// What to do about an answer that cannot be stored.
    fn of_no_use(&self) -> Receipt {
        match () {
            () if self.fields.is_empty() || self.is_own() => Receipt::Relay(NotStored::Status),
            () if self.is_widened() => Receipt::AskAgain(NotStored::Status),
            () => Receipt::FetchAgain,
        }
    }
}

fn store(
    request: &RequestHead<'_>,
    status: StatusCode,
    came: Fields<'_>,
    policy: &Policy,
    times: Times,
) -> Receipt {
    match storable(request, status, came, policy, times) {
        Ok(head) => Receipt::Store(head),
        Err(why) => Receipt::Relay(why),
    }
}

/// The head to store, if the response may be stored and is worth it.
fn storable(
    request: &RequestHead<'_>,
    status: StatusCode,
    came: Fields<'_>,
    policy: &Policy,
    times: Times,
) -> Result<Arc<StoredHead>, NotStored> {
    let noted = Noted::of(came.all());
    let directives = ResponseDirectives::of(&noted, &policy.targets);
    if let Some(why) = storing::refusal(request, status, &noted, &directives, policy) {
        return Err(why);
    }
    let copied = came.copied(&noted, &directives.withheld);
    let noted_of_copy = copied.as_ref().map(Noted::of);
    let stored = noted_of_copy.as_ref().unwrap_or(&noted);
    let response = (status, &noted, stored);
    let mut head = worth_storing(request, response, &directives, policy, times)?;
    let fields = match copied {
        Some(copy) => copy,
        None if head.headers.is_nothing() => came.take(),
        // A Date is added.
        None => fields::stored(noted.headers, &directives.withheld),
    };
    Arc::make_mut(&mut head).add_fields(fields);
    Ok(head)
}

/// The head without its fields, as [`StoredHead::bare`] has it, if it is worth it to store the response.
fn worth_storing(
    request: &RequestHead<'_>,
    response: (StatusCode, &Noted<'_>, &Noted<'_>),
    directives: &ResponseDirectives,
    policy: &Policy,
    times: Times,
) -> Result<Arc<StoredHead>, NotStored> {
    let sets_cookies = response.2.present.has(Present::SET_COOKIE);
    let (head, freshness) = StoredHead::bare(request, response, directives, policy, times);
    // It is large: nobody has it but who gets it from here.
    let head = Arc::new(head);
    let judged = (&*head, sets_cookies);
    match storing::reluctance(request, judged, directives, freshness, policy) {
        Some(why) => Err(why),
        None => Ok(head),
    }
}

/// The statuses in whose place a stale response may stand (RFC 5861 section 4).
fn is_server_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// What says that something went wrong, but that there is nothing: that does not hang on a Range.
fn is_error(status: StatusCode) -> bool {
    (status.is_client_error() || status.is_server_error())
        && !matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
}

#[cfg(test)]
mod tests;
