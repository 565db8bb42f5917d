//! What is kept of a stored response besides its body, computed once, when it is stored.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

use crate::{
    Held, KeyPolicy, Policy, RequestHead, ResponseHead, Times, conditional,
    dates::{self, DateField},
    directives::ResponseDirectives,
    etag::EntityTag,
    fields,
    freshness::{self, Basis, Freshness},
    labels::Labels,
    lists,
    noted::{Line, Noted},
    part::Part,
    present::{Present, has_field},
    search::SearchVariance,
    section::Section,
    vary::Selecting,
};

/// The head of a stored response, with all that a later decision needs already parsed. Two that came
/// at different moments are never equal.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredHead {
    /// The status code of the stored response: 206 if it is a part of a representation.
    pub status: StatusCode,
    /// Its end-to-end fields (RFC 9111 section 3.1), without Age and Content-Length, and with
    /// Date.
    pub headers: Section,
    /// The length of the complete representation in bytes, if it was stated.
    pub length: Option<u64>,
    /// When the response was received.
    pub received: SystemTime,
    /// When it was generated: Date, or else when it was received.
    pub(crate) date: SystemTime,
    /// Its age when it was received (section 4.2.3).
    pub(crate) initial_age: Duration,
    /// How long it is fresh, in whole seconds (section 4.2.1).
    pub(crate) lifetime: Duration,
    /// What says so.
    pub(crate) lifetime_by: Basis,
    /// no-cache: never used without validation (section 5.2.2.4).
    pub(crate) always_validate: bool,
    /// immutable (RFC 8246): while it is fresh, no reload makes it be validated.
    pub(crate) immutable: bool,
    /// must-revalidate and its kin (section 4.2.4).
    pub(crate) never_stale: bool,
    pub(crate) stale_if_error: Option<Duration>,
    pub(crate) stale_while_revalidate: Option<Duration>,
    /// None if no request selects it.
    pub(crate) selecting: Option<Selecting>,
    /// What differences in the query it does not vary with.
    pub(crate) search: Option<Box<SearchVariance>>,
    pub(crate) labels: Labels,
    pub(crate) etag: Option<EntityTag>,
    pub(crate) last_modified: Option<SystemTime>,
    /// What of the representation the body holds; None if all of it.
    pub(crate) part: Option<Box<Part>>,
}

impl StoredHead {
    /// Parses the head of a response to `request`. Whether it may be stored, [`crate::receive`]
    /// says; heads that are not can still be answered from, with the preconditions of the request
    /// that fetched them.
    pub fn new(
        request: &RequestHead<'_>,
        response: ResponseHead<'_>,
        policy: &Policy,
        times: Times,
    ) -> StoredHead {
        let noted = Noted::of(response.headers);
        let directives = ResponseDirectives::of(&noted, &policy.targets);
        StoredHead::parse(
            request,
            (response.status, &noted),
            &directives,
            policy,
            times,
        )
        .0
    }

    pub(crate) fn parse(
        request: &RequestHead<'_>,
        (status, came): (StatusCode, &Noted<'_>),
        directives: &ResponseDirectives,
        policy: &Policy,
        times: Times,
    ) -> (StoredHead, Freshness) {
        let headers = fields::stored(came.headers, &directives.withheld);
        let response = (status, came, &Noted::of(&headers));
        let (mut head, freshness) = StoredHead::bare(request, response, directives, policy, times);
        head.add_fields(headers);
        (head, freshness)
    }

    /// A head without the fields that came, but with those that are added: of a response with this status, of
    /// which these fields came and those are stored.
    pub(crate) fn bare(
        request: &RequestHead<'_>,
        (status, came, stored): (StatusCode, &Noted<'_>, &Noted<'_>),
        directives: &ResponseDirectives,
        policy: &Policy,
        times: Times,
    ) -> (StoredHead, Freshness) {
        let date_of = |noted, name, line| DateField::noted(noted, (name, line), times.received);
        let stated_date = date_of(came, &header::DATE, came.date).valid();
        let date = stated_date.unwrap_or(times.received);
        let present = came.present;
        let personal =
            present.has(Present::SET_COOKIE) || has_field(request.headers, &header::COOKIE);
        let freshness = freshness::freshness(status, came, directives, date, personal, policy);
        let head = StoredHead {
            status,
            length: length(status, came),
            received: times.received,
            date,
            initial_age: {
                let stated = present
                    .has(Present::AGE)
                    .then(|| freshness::stated_age(came.headers));
                freshness::initial_age(stated.unwrap_or_default(), date, times)
            },
            lifetime: freshness.lifetime,
            lifetime_by: freshness.basis,
            always_validate: directives.no_cache,
            immutable: directives.immutable,
            never_stale: directives.forbid_stale(),
            stale_if_error: directives.stale_if_error.map(Duration::from_secs),
            stale_while_revalidate: directives.stale_while_revalidate.map(Duration::from_secs),
            selecting: match present.has(Present::VARY) || policy.key.parts.is_some() {
                true => Selecting::of(request.headers, stored.headers, &policy.key),
                false => Some(Selecting::default()),
            },
            search: (policy.no_vary_search && present.has(Present::SEARCH))
                .then(|| SearchVariance::of(stored.headers))
                .flatten()
                .map(Box::new),
            labels: match present.has(Present::LABELS) {
                true => Labels::of(stored.headers),
                false => Labels::default(),
            },
            etag: EntityTag::noted(stored),
            last_modified: date_of(stored, &header::LAST_MODIFIED, stored.last_modified).valid(),
            part: None,
            // RFC 9110 section 6.6.1: a recipient with a clock adds the Date that is missing.
            headers: match stated_date {
                Some(_) => Section::default(),
                None => dates::format(date)
                    .map(|it| (header::DATE, it))
                    .into_iter()
                    .collect::<HeaderMap>()
                    .into(),
            },
        };
        (head, freshness)
    }

    /// Gives it these fields, besides those that are added.
    pub(crate) fn add_fields(&mut self, headers: HeaderMap) {
        let mut headers = headers;
        for (name, value) in std::mem::take(&mut self.headers).iter() {
            headers.insert(name, value.clone());
        }
        self.headers = headers.into();
    }

    /// The same head with the length of its body, for when it has become known.
    pub fn with_length(&self, length: u64) -> StoredHead {
        StoredHead {
            length: Some(length),
            ..self.clone()
        }
    }

    /// The same head over a body that holds this part. One that is complete is the whole, and as
    /// good as a 200 (RFC 9110 section 15.3.7.3).
    pub(crate) fn holding(mut self, part: Part) -> StoredHead {
        self.headers
            .change(|headers| _ = headers.remove(header::CONTENT_RANGE));
        self.length = part.complete;
        let is_complete = part.is_complete();
        self.part = (!is_complete).then(|| Box::new(part));
        self.status = match is_complete {
            true => StatusCode::OK,
            false => StatusCode::PARTIAL_CONTENT,
        };
        self
    }

    /// The head over the first `received` bytes of its body, after which that broke off: a part,
    /// which may be completed (RFC 9111 section 3.3). None if it could not be: without a strong
    /// validator, or without a stated length, or if nothing has come or nothing lacks.
    pub fn cut_short(&self, received: u64) -> Option<StoredHead> {
        let complete = self.length?;
        let lacks = self.body_length().is_some_and(|length| received < length);
        if received == 0 || !lacks || !self.can_be_completed() {
            return None;
        }
        let start = self.body_start();
        let came = Held::of(start..start.saturating_add(received));
        Some(self.clone().holding(Part::holding(came, complete)?))
    }

    /// The same head over these bytes of the representation, of which some were lost. None if there
    /// are none, or if it could not be completed: see [`StoredHead::cut_short`].
    pub fn with_held(&self, held: Held) -> Option<StoredHead> {
        let part = Part::holding(held, self.length?)?;
        self.can_be_completed().then(|| self.clone().holding(part))
    }

    /// What of the representation the body holds; None if all of it.
    pub fn held(&self) -> Option<&Held> {
        self.part.as_ref().map(|part| &part.held)
    }

    /// This head of a part which has just come, over its own bytes and those of `old`: what both
    /// make together in a store. None if they do not belong together: they are of one variant, and
    /// of one version by the same strong validator (RFC 9111 section 3.4) and the same length.
    pub fn joined(&self, old: &StoredHead) -> Option<StoredHead> {
        let part = self.part.as_ref()?;
        if !self.is_same_version(old) {
            return None;
        }
        let joined = match &old.part {
            Some(other) => part.joined(other)?,
            None => {
                let complete = old.length.filter(|_| part.complete == old.length)?;
                Part::holding(Held::of(0..complete), complete)?
            }
        };
        Some(self.clone().holding(joined))
    }

    /// Whether both are of one variant and one version: of a 200 or parts of it with the same
    /// strong validator (RFC 9110 section 8.8.1), and of no other length where that is known.
    pub fn is_same_version(&self, other: &StoredHead) -> bool {
        let is_ok = |head: &StoredHead| head.whole_status() == StatusCode::OK;
        let same_length = match (self.length, other.length) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        };
        is_ok(self)
            && is_ok(other)
            && same_length
            && self.same_variant(other)
            && conditional::is_same_version(self, other)
    }

    /// The status of an answer with the whole representation: a part is one of a 200.
    pub(crate) fn whole_status(&self) -> StatusCode {
        match self.part {
            Some(_) => StatusCode::OK,
            None => self.status,
        }
    }

    /// The length of the stored body in bytes, if it was stated.
    pub fn body_length(&self) -> Option<u64> {
        match &self.part {
            Some(part) => Some(part.length()),
            None => self.length,
        }
    }

    /// The position in the complete representation of the stored body's first byte.
    pub fn body_start(&self) -> u64 {
        self.part.as_ref().map_or(0, |part| part.span().start)
    }

    /// Whether this response, which has just come and cannot be [`StoredHead::joined`] with `old`,
    /// is not to take its place either: it is a part, and what is there is fresh, not known to be
    /// another version, and more.
    pub fn yields_to(&self, old: &StoredHead) -> bool {
        let Some(part) = &self.part else {
            return false;
        };
        let has_more = match &old.part {
            Some(other) => {
                other.length() > part.length() && conditional::is_same_version(self, old)
            }
            None => !conditional::is_other_version(self, old),
        };
        has_more && self.same_variant(old) && old.ttl(self.received) > 0
    }

    /// Whether a request selects this variant (RFC 9111 section 4.1).
    pub fn selected_by(&self, request: &RequestHead<'_>) -> bool {
        self.selecting
            .as_ref()
            .is_some_and(|fields| fields.matches(request.headers))
    }

    /// Whether the very requests that select it select `other` too, so that the newer of the two
    /// takes the place of the older in a store.
    pub fn same_variant(&self, other: &StoredHead) -> bool {
        match (&self.selecting, &other.selecting) {
            (Some(fields), Some(others)) => fields.same_as(others),
            (None, None) => true,
            _ => false,
        }
    }

    /// Whether it is known by what requests are known by under this policy. One that was stored
    /// under another policy is not, and no request selects it.
    pub fn is_keyed_by(&self, key: &KeyPolicy) -> bool {
        self.selecting
            .as_ref()
            .is_some_and(|fields| fields.is_of(key))
    }

    /// Whether it may stay beside a newer response of its key (RFC 9111 section 4.1). Not if it
    /// would be selected by the same requests. And not if the newer one names fields in Vary that
    /// this one does not: it was sent before the origin said that it selects by them, so that
    /// requests would select it whatever values of theirs it is for.
    pub fn stays_beside(&self, newer: &StoredHead) -> bool {
        let is_known = match (&self.selecting, &newer.selecting) {
            (Some(fields), Some(newer)) => fields.knows_of(newer),
            _ => true,
        };
        is_known && !self.same_variant(newer)
    }

    /// What differences in the query it does not vary with, if it says so (No-Vary-Search).
    pub fn search(&self) -> Option<&SearchVariance> {
        self.search.as_deref()
    }

    /// The groups that it is in (RFC 9875 section 2).
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.labels.groups()
    }

    /// The tags of its Surrogate-Key and Cache-Tag.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.labels.tags()
    }

    /// The current age (RFC 9111 section 4.2.3).
    pub fn age(&self, now: SystemTime) -> Duration {
        freshness::age(self.initial_age, self.received, now)
    }

    /// Seconds of freshness left; zero or less once stale (the `ttl` of RFC 9211 section 2.6).
    pub fn ttl(&self, now: SystemTime) -> i64 {
        freshness::ttl(self.lifetime, self.age(now))
    }

    /// The same head, stale from this moment on, if it is not already: what a soft purge makes of
    /// it. How long it may be served stale all the same counts from then (RFC 5861), and what must
    /// be validated once it is stale must be (RFC 9111 section 4.2.4).
    ///
    /// It is older for that, since Age is what tells the caches further down: with its own age they
    /// would take for fresh what was purged here.
    pub fn stale_since(&self, at: SystemTime) -> StoredHead {
        let lacks = self.lifetime.saturating_sub(self.age(at));
        StoredHead {
            initial_age: self.initial_age.saturating_add(lacks),
            immutable: false,
            ..self.clone()
        }
    }

    /// Whether it may answer, once it comes, all who have waited for it (RFC 9111 section 4): not
    /// what must be validated at each use, for then each of them must ask.
    pub fn answers_many(&self) -> bool {
        !self.always_validate && !self.lifetime.is_zero()
    }

    /// Bytes that this head takes in memory, for the store's accounting.
    pub fn weight(&self) -> usize {
        // A map keeps an entry of about 104 bytes per name, one of about 72 per further value,
        // and an index of 4 bytes per slot, of which it fills three quarters.
        let (names, values) = (self.headers.keys_len(), self.headers.len());
        let map = names * 104 + (values - names) * 72 + self.headers.capacity() * 16 / 3;
        let text = self.headers.iter().map(|(n, v)| n.as_str().len() + v.len());
        let selecting = self.selecting.as_ref().map_or(0, Selecting::weight);
        let part = self.part.as_ref().map_or(0, |part| part.weight());
        let search = self.search.as_ref().map_or(0, |search| search.weight());
        let others = selecting + part + search + self.labels.weight();
        size_of::<StoredHead>() + map + text.sum::<usize>() + others
    }

    /// Whether anything is saved by keeping it: it is fresh, it can be validated, or it may stand
    /// in when the next tier fails.
    pub(crate) fn is_worth_keeping(&self) -> bool {
        let is_positive = |window: Option<Duration>| window.is_some_and(|w| !w.is_zero());
        let is_fresh = self.lifetime > self.initial_age && !self.always_validate;
        let has_validator = self.etag.is_some() || self.last_modified.is_some();
        let may_be_stale = !self.never_stale
            && (is_positive(self.stale_if_error) || is_positive(self.stale_while_revalidate));
        is_fresh || has_validator || may_be_stale
    }
}

/// Content-Length, unless it says nothing of the body (RFC 9112 section 6.3), is unreadable or
/// contradicts itself.
pub(crate) fn length(status: StatusCode, noted: &Noted<'_>) -> Option<u64> {
    if status == StatusCode::NO_CONTENT {
        return Some(0);
    }
    if noted.is_coded || matches!(noted.content_length, Line::No) {
        return None;
    }
    if let Line::Once(line) = noted.content_length
        && let Some(length) = plain(line)
    {
        return Some(length);
    }
    let mut lengths = noted
        .headers
        .get_all(header::CONTENT_LENGTH)
        .iter()
        .flat_map(|line| lists::split(line.as_bytes()));
    let first = lengths.next()?;
    let agree = lengths.all(|other| other == first);
    let is_number = agree && first.iter().all(u8::is_ascii_digit);
    is_number
        .then(|| std::str::from_utf8(first).ok()?.parse().ok())
        .flatten()
}

/// A number as nearly all write it, in so few digits that it is one.
fn plain(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.iter().try_fold(0, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + u64::from(byte - b'0'))
    })
}

#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests;
