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
    part::Part,
    search::SearchVariance,
    vary::Selecting,
};

/// The head of a stored response, with all that a later decision needs already parsed.
#[derive(Clone, Debug)]
pub struct StoredHead {
    /// The status code of the stored response: 206 if it is a part of a representation.
    pub status: StatusCode,
    /// Its end-to-end fields (RFC 9111 section 3.1), without Age and Content-Length, and with
    /// Date.
    pub headers: HeaderMap,
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
        let directives = ResponseDirectives::of(response.headers, &policy.targets);
        StoredHead::parse(request, response, &directives, policy, times).0
    }

    pub(crate) fn parse(
        request: &RequestHead<'_>,
        response: ResponseHead<'_>,
        directives: &ResponseDirectives,
        policy: &Policy,
        times: Times,
    ) -> (StoredHead, Freshness) {
        let stated_date = DateField::of(response.headers, &header::DATE, times.received).valid();
        let date = stated_date.unwrap_or(times.received);
        let personal = request.headers.contains_key(header::COOKIE)
            || response.headers.contains_key(header::SET_COOKIE);
        let (status, fields) = (response.status, response.headers);
        let freshness = freshness::freshness(status, fields, directives, date, personal, policy);

        let mut headers = fields::stored(fields, &directives.withheld);
        // RFC 9110 section 6.6.1: a recipient with a clock adds the Date that is missing.
        if stated_date.is_none()
            && let Some(date) = dates::format(date)
        {
            headers.insert(header::DATE, date);
        }
        let head = StoredHead {
            status,
            length: length(status, fields),
            received: times.received,
            date,
            initial_age: freshness::initial_age(fields, date, times),
            lifetime: freshness.lifetime,
            lifetime_by: freshness.basis,
            always_validate: directives.no_cache,
            immutable: directives.immutable,
            never_stale: directives.forbid_stale(),
            stale_if_error: directives.stale_if_error.map(Duration::from_secs),
            stale_while_revalidate: directives.stale_while_revalidate.map(Duration::from_secs),
            selecting: Selecting::of(request.headers, &headers, &policy.key),
            search: SearchVariance::of(&headers)
                .filter(|_| policy.no_vary_search)
                .map(Box::new),
            labels: Labels::of(&headers),
            etag: EntityTag::of(&headers),
            last_modified: DateField::of(&headers, &header::LAST_MODIFIED, times.received).valid(),
            part: None,
            headers,
        };
        (head, freshness)
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
        self.headers.remove(header::CONTENT_RANGE);
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
        // A clock that was set back makes nothing younger than when it came.
        let resident_time = now.duration_since(self.received).unwrap_or_default();
        self.initial_age.saturating_add(resident_time)
    }

    /// Seconds of freshness left; zero or less once stale (the `ttl` of RFC 9211 section 2.6).
    pub fn ttl(&self, now: SystemTime) -> i64 {
        let seconds = |d: Duration| i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
        seconds(self.lifetime).saturating_sub(seconds(self.age(now)))
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
pub(crate) fn length(status: StatusCode, headers: &HeaderMap) -> Option<u64> {
    if status == StatusCode::NO_CONTENT {
        return Some(0);
    }
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    let mut lengths = headers
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

#[cfg(test)]
pub(crate) mod testing {
    use std::time::UNIX_EPOCH;

    use http::{HeaderName, HeaderValue, Method};

    use super::*;

    pub(crate) fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect()
    }

    /// Seconds after some moment, at which tests' responses are received.
    pub(crate) fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds)
    }

    pub(crate) fn times() -> Times {
        Times {
            requested: at(0),
            received: at(0),
        }
    }

    /// A stored 200 to a GET without fields.
    pub(crate) fn head(response: &[(&'static str, &'static str)]) -> StoredHead {
        head_for(&[], response)
    }

    /// A stored 206 to a GET with `Range: bytes=4-`.
    pub(crate) fn part(
        response: &[(&'static str, &'static str)],
        content_range: &'static str,
        length: u64,
    ) -> StoredHead {
        let range = map(&[("content-range", content_range)]);
        let part = Part::of(&HeaderValue::from_static("bytes=4-"), &range, Some(length));
        head(response).holding(part.unwrap())
    }

    pub(crate) fn head_for(
        request: &[(&'static str, &'static str)],
        response: &[(&'static str, &'static str)],
    ) -> StoredHead {
        let request = RequestHead {
            method: &Method::GET,
            headers: &map(request),
        };
        let response = ResponseHead {
            status: StatusCode::OK,
            headers: &map(response),
        };
        StoredHead::new(&request, response, &Policy::default(), times())
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::*, *};

    #[test]
    fn a_missing_or_unreadable_date_becomes_the_time_of_receipt() {
        let received = dates::format(at(0)).unwrap();
        assert_eq!(head(&[]).headers.get(header::DATE), Some(&received));
        assert_eq!(
            head(&[("date", "today")]).headers.get(header::DATE),
            Some(&received)
        );
        let stated = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(
            head(&[("date", stated)]).headers.get(header::DATE).unwrap(),
            stated
        );
    }

    #[test]
    fn the_age_grows_from_what_it_was_and_never_falls() {
        let head = head(&[("age", "30"), ("cache-control", "max-age=100")]);
        assert_eq!(head.age(at(0)).as_secs(), 30);
        assert_eq!(head.age(at(5)).as_secs(), 35);
        assert_eq!(head.age(at(0) - Duration::from_secs(9)).as_secs(), 30);
        assert_eq!(
            (head.ttl(at(0)), head.ttl(at(70)), head.ttl(at(80))),
            (70, 0, -10)
        );
    }

    #[test]
    fn a_soft_purge_makes_stale_what_was_fresh_and_nothing_fresher() {
        let fresh = head(&[("age", "30"), ("cache-control", "max-age=100, immutable")]);
        let purged = fresh.stale_since(at(5));
        assert!(!purged.immutable && purged.answers_many());
        assert_eq!((purged.ttl(at(5)), purged.ttl(at(15))), (0, -10));
        assert_eq!(purged.age(at(15)).as_secs(), 110, "and so it is told");
        let later = purged.stale_since(at(9));
        assert_eq!(later.ttl(at(15)), -10, "stale since the first");
        let old = head(&[("cache-control", "max-age=3")]);
        assert_eq!(old.stale_since(at(5)).ttl(at(5)), -2, "stale before");
        let raced = head(&[("cache-control", "max-age=100")]);
        let raced = raced.stale_since(at(0) - Duration::from_secs(9));
        assert_eq!(raced.ttl(at(0)), 0, "it was on its way");
        let each_use = head(&[("cache-control", "max-age=0")]).stale_since(at(5));
        assert!(!each_use.answers_many());
    }

    #[test]
    fn the_length_is_what_is_stated_once_and_clearly() {
        let of = |fields: &[_]| head(fields).length;
        assert_eq!(of(&[("content-length", "5")]), Some(5));
        assert_eq!(
            of(&[("content-length", "5"), ("content-length", "5")]),
            Some(5)
        );
        assert_eq!(of(&[("content-length", "5, 5")]), Some(5));
        assert_eq!(of(&[("content-length", "5, 6")]), None);
        assert_eq!(of(&[("content-length", "+5")]), None);
        assert_eq!(of(&[("content-length", "99999999999999999999")]), None);
        assert_eq!(
            of(&[("content-length", "5"), ("transfer-encoding", "chunked")]),
            None
        );
        assert_eq!(of(&[]), None);
        assert_eq!(head(&[]).with_length(7).length, Some(7));
    }

    #[test]
    fn a_part_has_the_length_of_the_whole_and_a_body_of_its_own() {
        let stored = part(&[("content-range", "bytes 4-9/10")], "bytes 4-9/10", 5);
        assert_eq!(stored.status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(stored.whole_status(), StatusCode::OK);
        let body = (stored.body_start(), stored.body_length());
        assert_eq!((body, stored.length), ((4, Some(5)), Some(10)));
        assert!(!stored.headers.contains_key(header::CONTENT_RANGE));
        assert!(stored.weight() > head(&[]).weight());
        let whole = part(&[], "bytes 0-9/10", 10);
        assert_eq!(whole.status, StatusCode::OK);
        assert_eq!((whole.body_start(), whole.body_length()), (0, Some(10)));
    }

    #[test]
    fn what_breaks_off_is_a_part_if_it_can_be_completed() {
        let (etag, length) = (("etag", "\"a\""), ("content-length", "10"));
        let whole = head(&[etag, length]);
        let cut = whole.cut_short(4).unwrap();
        assert_eq!(cut.status, StatusCode::PARTIAL_CONTENT);
        assert_eq!((cut.body_start(), cut.body_length()), (0, Some(4)));
        assert_eq!(cut.length, Some(10));
        assert!(whole.cut_short(0).is_none() && whole.cut_short(10).is_none());
        assert!(whole.cut_short(u64::MAX).is_none());
        let shorter = part(&[etag], "bytes 4-9/10", 6).cut_short(2).unwrap();
        assert_eq!((shorter.body_start(), shorter.body_length()), (4, Some(2)));
        for stored in [
            head(&[etag]),
            head(&[length]),
            head(&[length, ("etag", "W/\"a\"")]),
            part(&[etag], "bytes 4-9/*", 6),
        ] {
            assert!(stored.cut_short(2).is_none(), "{stored:?}");
        }
        let mut missing = head(&[etag, length]);
        missing.status = StatusCode::NOT_FOUND;
        assert!(missing.cut_short(4).is_none());
    }

    #[test]
    fn parts_of_one_version_and_length_are_joined() {
        const A: (&str, &str) = ("etag", "\"a\"");
        let runs = |head: Option<StoredHead>| head.unwrap().held().unwrap().runs().to_vec();
        let (one, two) = (part(&[A], "bytes 2-3/10", 2), part(&[A], "bytes 5-7/10", 3));
        assert_eq!(runs(two.joined(&one)), [2..4, 5..8]);
        assert_eq!(runs(one.joined(&two)), [2..4, 5..8]);
        // A whole lacks nothing; the newer head counts.
        let whole = head(&[A, ("content-length", "10"), ("x-old", "1")]);
        let joined = one.joined(&whole).unwrap();
        assert_eq!((joined.status, joined.held()), (StatusCode::OK, None));
        assert!(!joined.headers.contains_key("x-old"));
        let other_variant = head_for(&[("x", "1")], &[A, ("vary", "x"), ("content-length", "10")]);
        for old in [
            part(&[("etag", "\"b\"")], "bytes 5-7/10", 3),
            part(&[("etag", "W/\"a\"")], "bytes 5-7/10", 3),
            part(&[A], "bytes 5-7/11", 3),
            part(&[A], "bytes 5-7/*", 3),
            head(&[A]),
            head(&[A, ("content-length", "11")]),
            other_variant,
        ] {
            assert!(one.joined(&old).is_none(), "{old:?}");
        }
        assert!(whole.joined(&one).is_none(), "a whole takes the place");
    }

    #[test]
    fn a_part_yields_to_what_is_fresh_and_more_of_the_same_version() {
        const FRESH: (&str, &str) = ("cache-control", "max-age=9");
        let (a, b) = ([FRESH, ("etag", "\"a\"")], [FRESH, ("etag", "\"b\"")]);
        let stale = [("etag", "\"a\"")];
        let (small, large) = (
            |f| part(f, "bytes 2-3/10", 2),
            |f| part(f, "bytes 5-7/10", 3),
        );
        assert!(small(&a).yields_to(&large(&a)));
        assert!(!large(&a).yields_to(&small(&a)));
        assert!(!small(&a).yields_to(&large(&b)));
        assert!(!small(&a).yields_to(&large(&stale)));
        assert!(!small(&[FRESH]).yields_to(&large(&[FRESH])));
        assert!(small(&a).yields_to(&head(&a)) && small(&[FRESH]).yields_to(&head(&[FRESH])));
        assert!(!small(&a).yields_to(&head(&b)) && !small(&a).yields_to(&head(&stale)));
        assert!(!head(&a).yields_to(&large(&a)) && !head(&a).yields_to(&head(&a)));
        let other = head_for(&[("x", "1")], &[&a[..], &[("vary", "x")]].concat());
        assert!(!small(&a).yields_to(&other));
    }

    #[test]
    fn what_is_validated_at_each_use_answers_one() {
        let many = |line| head(&[("cache-control", line), ("etag", "\"a\"")]).answers_many();
        assert!(many("max-age=1"));
        assert!(!many("max-age=0"));
        assert!(!many("max-age=1, no-cache"));
        assert!(!many(""));
        // However old it is: those who wait have asked before it came.
        assert!(head(&[("cache-control", "max-age=1"), ("age", "9")]).answers_many());
    }

    #[test]
    fn the_weight_grows_with_the_fields() {
        let small = head(&[]).weight();
        let large = head(&[("x-long", "0123456789012345678901234567890123456789")]).weight();
        assert!(small > size_of::<StoredHead>());
        assert!(large > small + 46);
    }
}
