//! What the fuzz targets run: a cache of one URL, whose requests, answers, failures and times come
//! out of arbitrary bytes. Panics when an invariant does not hold.
//!
//! `tests/sequences` runs the same on seeded random bytes with any toolchain; `fuzz/` lets
//! libFuzzer look for them.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use perigee_http_cache::{
    BodyPart, Decision, Failure, Policy, Receipt, Recovery, RequestHead, ResponseHead, Serve,
    StoredHead, Times, answer, decide, invalidates, receive, recover,
};

use crate::{
    input::{Input, moment},
    origin,
    reference::{self, Exchange},
};

/// Variants that are kept.
const VARIANTS: usize = 4;

/// A response in the store, with what it was made of.
struct Entry {
    head: StoredHead,
    /// None if this reader no longer knows what the stored fields should be.
    exchange: Option<Exchange>,
    /// The Age that was told last.
    told: u64,
}

/// What happened, for whoever wants to know that a run got somewhere.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) stored: u32,
    pub(crate) served: u32,
    pub(crate) not_modified: u32,
    pub(crate) partial: u32,
    pub(crate) freshened: u32,
    pub(crate) combined: u32,
    pub(crate) stale: u32,
}

struct Cache {
    policy: Policy,
    entries: Vec<Entry>,
    since: Duration,
    tally: Tally,
}

/// One request as it came.
struct Asked {
    method: Method,
    headers: HeaderMap,
}

impl Asked {
    fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            headers: &self.headers,
        }
    }
}

/// Parses fields of all kinds and answers out of them, without a store: what reads the grammars of
/// Cache-Control and its targeted kin, Range, dates, lists of entity-tags, must take anything.
pub(crate) fn fields(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let policy = policy(&mut input);
    while !input.is_empty() {
        let asked = Asked {
            method: input.method(),
            headers: input.request(),
        };
        let (status, headers) = (input.status(), input.response());
        let response = ResponseHead {
            status,
            headers: &headers,
        };
        let at = moment(input.pause());
        let times = Times {
            requested: at,
            received: at,
        };
        let head = StoredHead::new(&asked.head(), response, &policy, times);
        let now = at + input.pause();
        if let Some(serve) = answer(&asked.head(), 0, &head, &policy, now) {
            check_rendered(&head, &serve);
        }
        let _ = invalidates(&asked.method, status);
        assert!(head.weight() > 0);
    }
}

/// Plays a sequence of requests to a cache of one URL.
pub(crate) fn sequence(bytes: &[u8]) -> Tally {
    let mut input = Input::new(bytes);
    let mut cache = Cache {
        policy: policy(&mut input),
        entries: Vec::new(),
        since: Duration::ZERO,
        tally: Tally::default(),
    };
    while !input.is_empty() {
        cache.since += input.pause();
        let asked = Asked {
            method: input.method(),
            headers: input.request(),
        };
        cache.exchange(&asked, &mut input);
    }
    cache.tally
}

fn policy(input: &mut Input<'_>) -> Policy {
    let bits = input.byte();
    let default = Policy::default();
    Policy {
        obey_request_directives: bits & 1 != 0,
        default_ttl: Duration::from_secs(if bits & 2 != 0 { 5 } else { 0 }),
        stale_while_revalidate: Duration::from_secs(if bits & 4 != 0 { 30 } else { 0 }),
        max_ttl: if bits & 8 != 0 {
            Duration::from_secs(60)
        } else {
            default.max_ttl
        },
        ..default
    }
}

impl Cache {
    fn exchange(&mut self, asked: &Asked, input: &mut Input<'_>) {
        let now = moment(self.since);
        let heads: Vec<&StoredHead> = self.entries.iter().map(|entry| &entry.head).collect();
        match decide(&asked.head(), &heads, &self.policy, now) {
            Decision::Serve(serve) => {
                let entry = &self.entries[serve.variant];
                // Stale only where the client asked for that: max-stale, or what can be had
                // without asking the origin.
                let is_asked = asks(asked, "only-if-cached")
                    || self.policy.obey_request_directives && asks(asked, "max-stale");
                assert!(serve.ttl > 0 || is_asked, "served stale: {serve:?}");
                let response = entry.exchange.as_ref().map(|exchange| &exchange.response);
                assert!(
                    !response.is_some_and(reference::must_validate),
                    "RFC 9111 section 5.2.2.4: {entry}"
                );
                if serve.ttl <= 0 {
                    self.check_stale(serve.variant);
                }
                self.served(asked, &serve);
            }
            Decision::ServeWhileRevalidating { serve, fields } => {
                assert!(serve.ttl <= 0, "revalidated while fresh: {serve:?}");
                self.check_stale(serve.variant);
                self.served(asked, &serve);
                self.fetch(asked, Some(serve.variant), &fields, input);
            }
            Decision::Fetch {
                variant, fields, ..
            } => self.fetch(asked, variant, &fields, input),
            Decision::Pass { .. } => {
                // RFC 9111 section 4.4.
                if invalidates(&asked.method, input.status()) {
                    self.entries.clear();
                }
            }
            Decision::Refuse(status) => {
                assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
                assert!(asks(asked, "only-if-cached"), "nobody forbade to ask");
            }
        }
    }

    fn served(&mut self, asked: &Asked, serve: &Serve) {
        let entry = &mut self.entries[serve.variant];
        assert!(serve.age >= entry.told, "Age fell: {serve:?}");
        entry.told = serve.age;
        if let Some(exchange) = &entry.exchange {
            // RFC 9111 section 4.1.
            let vary = &entry.head.headers;
            let is_same = reference::same_selection(vary, &exchange.request, &asked.headers);
            assert!(is_same, "for another request: {entry}");
        }
        self.tally.served += 1;
        self.answered(asked, serve);
    }

    /// What goes for every answer out of a stored response, however it came to be allowed.
    fn answered(&mut self, asked: &Asked, serve: &Serve) {
        let head = &self.entries[serve.variant].head;
        check_rendered(head, serve);
        match serve.status {
            StatusCode::NOT_MODIFIED if head.status != serve.status => {
                let may_match = reference::condition_may_match(&asked.headers, &head.headers);
                assert!(
                    may_match,
                    "304 to {:?} of {:?}",
                    asked.headers, head.headers
                );
                self.tally.not_modified += 1;
            }
            StatusCode::PARTIAL_CONTENT => {
                assert!(
                    asked.headers.contains_key("range"),
                    "206 that nobody asked for"
                );
                self.tally.partial += 1;
            }
            _ => {}
        }
    }

    fn check_stale(&mut self, variant: usize) {
        let entry = &self.entries[variant];
        let response = entry.exchange.as_ref().map(|exchange| &exchange.response);
        assert!(
            !response.is_some_and(reference::must_not_be_stale),
            "RFC 9111 section 4.2.4: {entry}"
        );
        self.tally.stale += 1;
    }

    fn fetch(
        &mut self,
        asked: &Asked,
        variant: Option<usize>,
        fields: &HeaderMap,
        input: &mut Input<'_>,
    ) {
        // What a validation asks is what is stored (RFC 9111 section 4.3.1); an If-Range may be the
        // client's own where nothing is.
        let stored = variant.map(|variant| &self.entries[variant].head);
        let tag = stored.and_then(|head| head.headers.get("etag"));
        for name in ["if-none-match", "if-range"] {
            let sent: Option<&HeaderValue> =
                fields.get(name).filter(|v| v.as_bytes().contains(&b'"'));
            let is_own = name == "if-range" && variant.is_none() && sent == asked.headers.get(name);
            assert!(
                sent.is_none() || sent == tag || is_own,
                "{name} {sent:?} of {tag:?}"
            );
        }
        let requested = moment(self.since);
        self.since += Duration::from_secs(u64::from(input.byte() % 4));
        if input.byte().is_multiple_of(8) {
            return self.fail(asked, variant);
        }
        // Once with these fields, and if that was of no use once more for the whole.
        for fields in [fields, &HeaderMap::new()] {
            let (status, headers) = match input.byte() % 4 {
                0 => (input.status(), input.response()),
                _ => origin::answer(fields, input.response()),
            };
            let response = ResponseHead {
                status,
                headers: &headers,
            };
            let times = Times {
                requested,
                received: moment(self.since),
            };
            // A fetch for the store is a GET.
            let request = RequestHead {
                method: &Method::GET,
                headers: &asked.headers,
            };
            let variant = variant.filter(|_| !fields.is_empty());
            let stored = variant.map(|variant| &self.entries[variant].head);
            let receipt = receive(&request, stored, fields, response, &self.policy, times);
            let exchange = Exchange {
                method: Method::GET,
                request: asked.headers.clone(),
                status,
                response: headers.clone(),
            };
            if !self.received(asked, variant, exchange, receipt) {
                return;
            }
            assert!(
                !fields.is_empty(),
                "asked for the whole a second time: {status} {headers:?}"
            );
        }
    }

    /// Takes in what came. True if it is to be fetched again.
    fn received(
        &mut self,
        asked: &Asked,
        variant: Option<usize>,
        exchange: Exchange,
        receipt: Receipt,
    ) -> bool {
        match receipt {
            Receipt::Store(head) => {
                check_storable(&exchange);
                self.tally.stored += 1;
                self.keep(Entry {
                    head: with_length(Arc::unwrap_or_clone(head)),
                    exchange: Some(exchange),
                    told: 0,
                });
                self.answer_newest(asked);
            }
            Receipt::Freshened(head) => {
                assert_eq!(exchange.status, StatusCode::NOT_MODIFIED);
                self.tally.freshened += 1;
                self.replace(variant, exchange, Arc::unwrap_or_clone(head));
                self.answer_newest(asked);
            }
            Receipt::Combine(head) => {
                assert_eq!(exchange.status, StatusCode::PARTIAL_CONTENT);
                let old = &self.entries[variant.unwrap()].head;
                // RFC 9111 section 3.4: the same strong validator.
                let tag = old.headers.get("etag");
                let is_strong = tag.is_some_and(|tag| tag.as_bytes().starts_with(b"\""));
                let is_same = tag == exchange.response.get("etag");
                let by_date =
                    old.headers.get("last-modified") == exchange.response.get("last-modified");
                assert!(
                    is_strong && is_same || tag.is_none() && by_date,
                    "combined two versions"
                );
                let head = match head.joined(old) {
                    Some(both) => {
                        assert!(both.body_length() > old.body_length(), "combined to less");
                        both
                    }
                    // What came says another Vary.
                    None => Arc::unwrap_or_clone(head),
                };
                self.tally.combined += 1;
                self.replace(variant, exchange, head);
                self.answer_newest(asked);
            }
            Receipt::ServeStale => self.serve_stale(asked, variant),
            Receipt::FetchAgain => return true,
            // Not without slices.
            Receipt::AskAgain(_) => unreachable!("what the client asks for was asked for"),
            Receipt::Relay(_) => {}
        }
        false
    }

    fn fail(&mut self, asked: &Asked, variant: Option<usize>) {
        let stored = variant.map(|variant| &self.entries[variant].head);
        let now = moment(self.since);
        match recover(
            &asked.head(),
            stored,
            Failure::Unreachable,
            &self.policy,
            now,
        ) {
            Recovery::ServeStale => self.serve_stale(asked, variant),
            Recovery::Fail(status) => assert_eq!(status, StatusCode::BAD_GATEWAY),
        }
    }

    fn serve_stale(&mut self, asked: &Asked, variant: Option<usize>) {
        let variant = variant.expect("nothing is stored that could be served");
        self.check_stale(variant);
        let (head, now) = (&self.entries[variant].head, moment(self.since));
        if let Some(serve) = answer(&asked.head(), variant, head, &self.policy, now) {
            self.answered(asked, &serve);
        }
    }

    /// As a store does it: the newest first, and one of each variant.
    fn keep(&mut self, new: Entry) {
        self.entries.retain(|old| old.head.stays_beside(&new.head));
        self.entries.insert(0, new);
        self.entries.truncate(VARIANTS);
    }

    /// A new head for what is stored. The fields that came replace the stored ones (RFC 9111
    /// section 3.2).
    fn replace(&mut self, variant: Option<usize>, came: Exchange, head: StoredHead) {
        let old = self.entries.remove(variant.expect("nothing was validated"));
        // Which of the fields count that Connection names, is not for this reader.
        let is_plain = !came.response.contains_key("connection");
        let exchange = old.exchange.filter(|_| is_plain).map(|mut exchange| {
            for name in came.response.keys() {
                exchange.response.remove(name);
            }
            exchange.response.extend(came.response.clone());
            exchange.request = came.request;
            exchange
        });
        if let Some(exchange) = &exchange {
            check_storable(exchange);
        }
        self.keep(Entry {
            head,
            exchange,
            told: 0,
        });
    }

    fn answer_newest(&mut self, asked: &Asked) {
        let now = moment(self.since);
        let head = &self.entries[0].head;
        if let Some(serve) = answer(&asked.head(), 0, head, &self.policy, now) {
            self.answered(asked, &serve);
        }
    }
}

/// Whether a request's Cache-Control has this word in it.
fn asks(asked: &Asked, name: &str) -> bool {
    let lines = asked.headers.get_all("cache-control").iter();
    let mut lines = lines.map(|line| line.as_bytes().to_ascii_lowercase());
    lines.any(|line| line.windows(name.len()).any(|part| part == name.as_bytes()))
}

fn check_storable(exchange: &Exchange) {
    if let Some(why) = reference::must_not_store(exchange) {
        panic!("stored against {why}: {exchange:?}");
    }
}

/// A body whose length was not stated is ten bytes long once it is there.
fn with_length(head: StoredHead) -> StoredHead {
    match head.body_length() {
        None => head.with_length(10),
        Some(_) => head,
    }
}

/// A head fits the answer that it is the head of.
fn check_rendered(head: &StoredHead, serve: &Serve) {
    let (status, headers) = head.render(serve, None);
    assert_eq!(status, serve.status);
    assert_eq!(headers.get_all("age").iter().count(), 1);
    for name in ["connection", "transfer-encoding", "upgrade", "keep-alive"] {
        assert!(!headers.contains_key(name), "{name} in {headers:?}");
    }
    let field = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    match &serve.body {
        BodyPart::Range(range) => {
            let is_held = match head.held() {
                Some(held) => held.covers(range),
                None => range.end <= head.body_length().unwrap(),
            };
            assert!(
                range.start < range.end && is_held,
                "{range:?} of {:?}",
                head.held()
            );
            let said = field("content-range").expect("a 206 says which part");
            let bytes = format!("bytes {}-{}/", range.start, range.end - 1);
            let is_repeated =
                serve.status == StatusCode::PARTIAL_CONTENT && said.starts_with("bytes ");
            assert!(
                said.starts_with(&bytes) || is_repeated,
                "{said} for {range:?}"
            );
            let sent = (range.end - range.start).to_string();
            assert_eq!(field("content-length"), Some(&*sent));
        }
        BodyPart::Multipart(_) => {
            assert_eq!(serve.status, StatusCode::PARTIAL_CONTENT);
            assert!(!headers.contains_key("content-range"));
            assert!(
                field("content-type")
                    .unwrap()
                    .starts_with("multipart/byteranges")
            );
        }
        BodyPart::None if serve.status == StatusCode::NOT_MODIFIED => {
            // RFC 9110 section 15.4.5.
            assert_eq!(headers.get("etag"), head.headers.get("etag"));
        }
        BodyPart::None | BodyPart::Whole => {}
    }
    if serve.status == StatusCode::RANGE_NOT_SATISFIABLE && head.status != serve.status {
        assert!(field("content-range").is_some_and(|said| said.starts_with("bytes */")));
    }
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} out of {:?}", self.head, self.exchange)
    }
}
