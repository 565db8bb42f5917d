//! A second opinion: http-cache-semantics 3.0 is asked the same questions. It must agree, except
//! for the classes of [`Because`], of which each names the section that decides it. The list is
//! kept for readers in docs/second-opinion.md.

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use common::{BASE, Fields, at, map};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_cache_semantics::{AfterResponse, BeforeRequest, CacheOptions, CachePolicy};
use perigee_http_cache::{
    Decision, Policy, Receipt, RequestHead, ResponseHead, Times, decide, receive,
};
use proptest::{
    collection::vec, prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner,
};

/// Why the two do not agree, where they do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Because {
    /// RFC 9111 5.2: directive names have no case. The other compares them as they stand.
    DirectiveCase,
    /// RFC 9111 5.2: white space, quotes and numbers that cannot be read. The other splits at
    /// every comma, and takes what it cannot read for zero or for absent.
    DirectiveSyntax,
    /// RFC 9110 5.3: a field may come on several lines. The other reads the first or keeps the
    /// last.
    RepeatedFields,
    /// RFC 9111 4.2.1: of conflicting values, this cache takes none; the other the first, with
    /// must-revalidate.
    ConflictingValues,
    /// RFC 9111 3: any final status may be stored with explicit freshness. The other stores a
    /// list of its own.
    StatusWithFreshness,
    /// RFC 9111 3: other things that allow storing are not needed for what is heuristically
    /// cacheable, but to store what is neither fresh nor can be validated gains nothing.
    NothingToGain,
    /// RFC 9111 5.2.2.3: must-understand takes the place of no-store. The other does not know it.
    MustUnderstand,
    /// RFC 9111 5.2.2.7: private may name fields. The other takes it for all.
    PrivateFields,
    /// RFC 9111 5.2.2.4: no-cache may name fields. The other takes it for all.
    NoCacheFields,
    /// RFC 9111 5.2.2.8: proxy-revalidate concerns what is stale. To the other nothing with it
    /// is ever fresh.
    ProxyRevalidate,
    /// RFC 9111 7.3: cookies are stored with explicit freshness, and never by heuristic. The
    /// other stores them always, and uses them only with public or immutable.
    SetCookie,
    /// RFC 9111 4.2.2 lets a cache refuse to guess: this one does for a request with cookies.
    CookieHeuristic,
    /// RFC 9111 4.1: Vary: * is never selected. The other stores it all the same.
    VaryStar,
    /// RFC 9111 4.1: selecting fields are normalised. The other compares bytes of the first line.
    VaryNormalised,
    /// RFC 9110 5.6.7: RFC 850 and asctime dates are dates. The other reads RFC 2822 dates.
    DateForms,
    /// RFC 9111 4.2.3: the apparent age counts. To the other only Age does.
    ApparentAge,
    /// RFC 9111 5.1: of a list in Age the first counts. The other ignores the list.
    AgeList,
    /// RFC 9111 5.2.1.2 and 4.2.4: max-stale does not reach what s-maxage, proxy-revalidate or
    /// no-cache protect. The other minds must-revalidate only.
    MaxStale,
    /// RFC 9111 5.2.1.7: only-if-cached. The other does not know it.
    OnlyIfCached,
    /// RFC 9111 4: a HEAD is answered from a stored GET. The other asks again.
    HeadFromGet,
    /// RFC 9111 5.4: Pragma counts only where Cache-Control is absent. The other heeds it always.
    Pragma,
    /// RFC 8246 2: immutable is no freshness lifetime. To the other it is a day, where none is
    /// stated.
    Immutable,
    /// RFC 9111 4.3.4: which 304 is for what is stored. The other takes a strong tag for a weak
    /// one, and no validator for a mismatch.
    NotModifiedMatch,
    /// RFC 9111 3.2: a 304 adds fields and replaces all lines of one. The other drops what is
    /// new, and keeps one line.
    NotModifiedFields,
    /// RFC 9111 3 and 4.3.4: what a 304 forbids to store is not kept. The other keeps it.
    NotModifiedForbids,
}

/// One question: a response to a request came at the base; what of a later request?
#[derive(Clone, Debug)]
struct Question {
    first: HeaderMap,
    status: StatusCode,
    response: HeaderMap,
    method: Method,
    later: HeaderMap,
    /// Seconds between the two.
    after: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Opinion {
    NotStored,
    /// With this Age.
    Fresh(u64),
    /// With this If-None-Match.
    Ask(Option<String>),
}

fn policy() -> Policy {
    Policy {
        // A share that both can halve without rounding, and no bounds, which the other lacks.
        heuristic_fraction: 0.5,
        heuristic_max: Duration::MAX,
        max_ttl: Duration::MAX,
        obey_request_directives: true,
        ..Policy::default()
    }
}

fn times(seconds: u64) -> Times {
    Times {
        requested: at(seconds),
        received: at(seconds),
    }
}

impl Question {
    fn ours(&self) -> Opinion {
        let first = RequestHead {
            method: &Method::GET,
            headers: &self.first,
        };
        let response = ResponseHead {
            status: self.status,
            headers: &self.response,
        };
        let Receipt::Store(head) = receive(&first, None, response, &policy(), times(BASE)) else {
            return Opinion::NotStored;
        };
        let later = RequestHead {
            method: &self.method,
            headers: &self.later,
        };
        match decide(&later, &[&*head], &policy(), at(BASE + self.after)) {
            Decision::Serve(serve) => Opinion::Fresh(serve.age),
            Decision::Revalidate { conditions, .. } => Opinion::Ask(tag(&conditions)),
            Decision::Fetch { .. } | Decision::Pass { .. } | Decision::Refuse(_) => {
                Opinion::Ask(None)
            }
        }
    }

    fn other(&self) -> CachePolicy {
        let options = CacheOptions {
            cache_heuristic: 0.5,
            ..CacheOptions::default()
        };
        let request = request(&Method::GET, &self.first);
        CachePolicy::new_options(
            &request,
            &response(self.status, &self.response),
            at(BASE),
            options,
        )
    }

    fn theirs(&self) -> Opinion {
        let policy = self.other();
        if !policy.is_storable() {
            return Opinion::NotStored;
        }
        let now = at(BASE + self.after);
        match policy.before_request(&request(&self.method, &self.later), now) {
            BeforeRequest::Fresh(_) => Opinion::Fresh(policy.age(now).as_secs()),
            BeforeRequest::Stale {
                request,
                matches: true,
            } => Opinion::Ask(tag(&request.headers)),
            BeforeRequest::Stale { matches: false, .. } => Opinion::Ask(None),
        }
    }

    /// The class that a disagreement is of, if it is of any.
    fn because(&self, ours: &Opinion, theirs: &Opinion) -> Option<Because> {
        use Because::*;
        use Opinion::*;
        let said = text(&self.response, "cache-control");
        let words = said.to_ascii_lowercase();
        let asked = text(&self.later, "cache-control");
        let has = |word: &str| {
            words
                .split(',')
                .any(|w| w.trim().split('=').next() == Some(word))
        };
        let vary = text(&self.response, "vary").to_ascii_lowercase();
        let is_stated = has("max-age") || has("s-maxage") || self.response.contains_key("expires");
        let is_listed = matches!(
            self.status.as_u16(),
            200 | 203 | 204 | 300..=303 | 307 | 308 | 404 | 405 | 410 | 414 | 501
        );
        let has_odd_date = ["date", "expires", "last-modified"]
            .iter()
            .any(|name| self.response.get_all(*name).iter().any(|v| v.len() != 29));
        let (we_use, they_use) = (matches!(ours, Fresh(_)), matches!(theirs, Fresh(_)));
        let we_are_stricter = match (ours, theirs) {
            (Fresh(our), Fresh(their)) => our > their,
            (Fresh(_), _) => false,
            (_, Fresh(_)) => true,
            (NotStored, Ask(_)) => true,
            _ => false,
        };
        let classes = [
            (MustUnderstand, has("must-understand")),
            (
                PrivateFields,
                words.contains("private=") && *theirs == NotStored,
            ),
            (NoCacheFields, words.contains("no-cache=") && !they_use),
            (
                DirectiveCase,
                said != words || asked != asked.to_ascii_lowercase(),
            ),
            (DirectiveSyntax, !is_plain(&words) || !is_plain(&asked)),
            (ConflictingValues, conflicts(&words) || conflicts(&asked)),
            (RepeatedFields, self.all().into_iter().any(is_repeated)),
            (DateForms, has_odd_date),
            (VaryStar, vary.contains('*') && *ours == NotStored),
            (VaryNormalised, self.selects_otherwise(&vary) && !they_use),
            (SetCookie, self.response.contains_key("set-cookie")),
            (
                CookieHeuristic,
                self.first.contains_key("cookie") && !is_stated && !we_use,
            ),
            (
                OnlyIfCached,
                asked.contains("only-if-cached") && *ours == Ask(None),
            ),
            (HeadFromGet, self.method == Method::HEAD && !they_use),
            (MaxStale, asked.contains("max-stale") && we_use != they_use),
            (
                Pragma,
                self.later.contains_key("pragma") && we_use && !they_use,
            ),
            (
                ProxyRevalidate,
                has("proxy-revalidate") && we_use && !they_use,
            ),
            (Immutable, has("immutable") && !has("max-age") && !we_use),
            (
                AgeList,
                text(&self.response, "age").contains(',') && we_are_stricter,
            ),
            (
                ApparentAge,
                self.response.contains_key("date") && we_are_stricter,
            ),
            (StatusWithFreshness, !is_listed && *theirs == NotStored),
            (
                NothingToGain,
                *ours == NotStored && matches!(theirs, Ask(None)),
            ),
        ];
        classes
            .into_iter()
            .find_map(|(class, applies)| applies.then_some(class))
    }

    fn all(&self) -> [&HeaderMap; 3] {
        [&self.first, &self.response, &self.later]
    }

    /// Whether a selecting field is sent in another form than first.
    fn selects_otherwise(&self, vary: &str) -> bool {
        let lines = |map: &HeaderMap, name| map.get_all(name).iter().cloned().collect::<Vec<_>>();
        ["accept-encoding", "x-a"]
            .into_iter()
            .any(|name| vary.contains(name) && lines(&self.first, name) != lines(&self.later, name))
    }
}

fn is_repeated(headers: &HeaderMap) -> bool {
    headers.keys_len() < headers.len()
}

/// Whether all directives are names, or names with numbers of a usual size.
fn is_plain(text: &str) -> bool {
    text.split(',')
        .all(|word| match word.trim().split_once('=') {
            Some((_, value)) => value.len() < 10 && value.parse::<u64>().is_ok(),
            None => !word.contains('"') && !word.trim().ends_with("age"),
        })
}

/// Whether a directive comes twice with different values.
fn conflicts(text: &str) -> bool {
    let mut values: BTreeMap<&str, &str> = BTreeMap::new();
    text.split(',').any(|word| {
        let word = word.trim();
        let name = word.split('=').next().unwrap_or_default();
        values.insert(name, word).is_some_and(|other| other != word)
    })
}

/// All lines of a field, joined.
fn text(headers: &HeaderMap, name: &str) -> String {
    let lines = headers.get_all(name).iter();
    lines
        .map(|v| String::from_utf8_lossy(v.as_bytes()))
        .collect::<Vec<_>>()
        .join(",")
}

fn tag(headers: &HeaderMap) -> Option<String> {
    headers
        .get("if-none-match")
        .map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
}

fn request(method: &Method, headers: &HeaderMap) -> Request<()> {
    let mut request = Request::builder()
        .method(method)
        .uri("http://example.test/")
        .body(())
        .unwrap();
    *request.headers_mut() = headers.clone();
    request
}

fn response(status: StatusCode, headers: &HeaderMap) -> Response<()> {
    let mut response = Response::builder().status(status).body(()).unwrap();
    *response.headers_mut() = headers.clone();
    response
}

/// A 304 that answers the validation of a stored response.
#[derive(Clone, Debug)]
struct Validation {
    question: Question,
    not_modified: HeaderMap,
}

impl Validation {
    /// The fields after the update, of those that both keep; None if it is for another response.
    fn ours(&self) -> Option<HeaderMap> {
        let request = RequestHead {
            method: &Method::GET,
            headers: &self.question.first,
        };
        let head = |status, headers| ResponseHead { status, headers };
        let response = head(self.question.status, &self.question.response);
        let Receipt::Store(stored) = receive(&request, None, response, &policy(), times(BASE))
        else {
            return None;
        };
        let not_modified = head(StatusCode::NOT_MODIFIED, &self.not_modified);
        match receive(
            &request,
            Some(&stored),
            not_modified,
            &policy(),
            times(BASE + 9),
        ) {
            Receipt::Freshened(head) => Some(comparable(&head.headers)),
            _ => None,
        }
    }

    fn theirs(&self) -> Option<HeaderMap> {
        let request = request(&Method::GET, &self.question.first);
        let not_modified = response(StatusCode::NOT_MODIFIED, &self.not_modified);
        match self
            .question
            .other()
            .after_response(&request, &not_modified, at(BASE + 9))
        {
            AfterResponse::NotModified(_, parts) => Some(comparable(&parts.headers)),
            AfterResponse::Modified(..) => None,
        }
    }

    fn because(&self, ours: Option<&HeaderMap>, theirs: Option<&HeaderMap>) -> Option<Because> {
        let tag = |map: &HeaderMap| text(map, "etag");
        let (old, new) = (tag(&self.question.response), tag(&self.not_modified));
        let is_strengthened = old.starts_with("W/") && !new.starts_with("W/");
        let is_tagged = self.not_modified.contains_key("etag");
        let is_dated = self.not_modified.contains_key("last-modified");
        let forbids = text(&self.not_modified, "cache-control").to_ascii_lowercase();
        let needs_freshness = matches!(self.question.status.as_u16(), 302 | 303 | 307 | 400..=403);
        let is_forbidden = ["no-store", "private", "no-cache"]
            .iter()
            .any(|d| forbids.contains(d))
            || text(&self.not_modified, "vary").contains('*')
            || needs_freshness;
        let has_repeated = is_repeated(&self.question.response) || is_repeated(&self.not_modified);
        let has_cookie = self.question.response.contains_key("set-cookie");
        match (ours, theirs) {
            (None, Some(_)) | (Some(_), None) if has_repeated => Some(Because::RepeatedFields),
            (None, Some(_)) if has_cookie => Some(Because::SetCookie),
            (None, Some(_)) if is_forbidden => Some(Because::NotModifiedForbids),
            (None, Some(_)) => is_strengthened.then_some(Because::NotModifiedMatch),
            (Some(_), None) => (!is_tagged || !is_dated).then_some(Because::NotModifiedMatch),
            (Some(ours), Some(theirs)) => {
                let stored = &self.question.response;
                let names_fields = |map| text(map, "cache-control").contains("=\"x-b\"");
                let is_new = self.not_modified.keys().any(|n| !stored.contains_key(n));
                if names_fields(stored) || names_fields(&self.not_modified) {
                    Some(Because::NoCacheFields)
                } else if is_new || is_repeated(&self.not_modified) || is_repeated(stored) {
                    (ours != theirs).then_some(Because::NotModifiedFields)
                } else {
                    None
                }
            }
            (None, None) => None,
        }
    }
}

/// Without the fields that either makes up or keeps elsewhere.
fn comparable(headers: &HeaderMap) -> HeaderMap {
    let made_up = ["date", "age", "content-length", "warning"];
    let kept = headers
        .iter()
        .filter(|(name, _)| !made_up.contains(&name.as_str()));
    kept.map(|(n, v)| (n.clone(), v.clone())).collect()
}

fn directives(
    names: &'static [&'static str],
    rest: &'static [&'static str],
) -> BoxedStrategy<String> {
    let seconds = (select(names), select(&[0_u64, 5, 30, 60, 100, 600][..]));
    let one = prop_oneof![
        6 => seconds.prop_map(|(name, n)| format!("{name}={n}")),
        6 => select(rest).prop_map(str::to_owned),
        1 => common::directive(common::RESPONSE_DIRECTIVES),
    ];
    vec(one, 1..3).prop_map(|all| all.join(", ")).boxed()
}

fn named(name: &'static str, values: BoxedStrategy<String>) -> BoxedStrategy<(String, String)> {
    values
        .prop_map(move |value| (name.to_owned(), value))
        .boxed()
}

fn of(name: &'static str, values: &'static [&'static str]) -> BoxedStrategy<(String, String)> {
    named(name, select(values).prop_map(str::to_owned).boxed())
}

/// A date some seconds before or after the base.
fn date(name: &'static str, offsets: std::ops::Range<i64>) -> BoxedStrategy<(String, String)> {
    let date = |offset: i64| httpdate::fmt_http_date(at(BASE.saturating_add_signed(offset)));
    let odd = select(
        &[
            "0",
            "Tuesday, 14-Nov-23 22:13:20 GMT",
            "Tue Nov 14 22:13:20 2023",
        ][..],
    );
    let value = prop_oneof![12 => offsets.prop_map(date), 1 => odd.prop_map(str::to_owned)];
    named(name, value.boxed())
}

/// Each of the fields, or not; sometimes one of them twice.
fn some_of(fields: Vec<BoxedStrategy<(String, String)>>) -> impl Strategy<Value = HeaderMap> {
    let maybe = |field: BoxedStrategy<(String, String)>| proptest::option::of(field);
    let each: Vec<_> = fields.iter().cloned().map(maybe).collect();
    let twice = proptest::option::weighted(0.05, proptest::strategy::Union::new(fields));
    (each, twice).prop_map(|(each, twice)| {
        let all: Fields = each.into_iter().flatten().chain(twice).collect();
        map(&all)
    })
}

fn responses() -> impl Strategy<Value = HeaderMap> {
    let plain = &[
        "public",
        "no-cache",
        "must-revalidate",
        "proxy-revalidate",
        "immutable",
        "no-store",
        "private",
        "must-understand",
        "private=\"x-b\"",
        "no-cache=\"x-b\"",
    ];
    some_of(vec![
        named("cache-control", directives(&["max-age", "s-maxage"], plain)),
        date("date", -40..1),
        date("expires", -50..200),
        date("last-modified", -500..-1),
        of("etag", &["\"a\"", "W/\"a\""]),
        of(
            "vary",
            &["x-a", "Accept-Encoding", "*", "x-a, accept-encoding"],
        ),
        of("age", &["0", "10", "50", "10, 50", "x"]),
        of("x-b", &["1", "2"]),
        proptest::strategy::Union::new_weighted(vec![
            (1, of("set-cookie", &["a=b"])),
            (6, of("x-c", &["1"])),
        ])
        .boxed(),
    ])
}

fn requests() -> impl Strategy<Value = HeaderMap> {
    let plain = &["no-cache", "no-store", "max-stale", "only-if-cached", "x"];
    some_of(vec![
        of("x-a", &["1", "2", "1, 2", "1,2"]),
        of("accept-encoding", &["gzip", "gzip, br", "br, gzip", "GZIP"]),
        proptest::strategy::Union::new_weighted(vec![
            (
                2,
                named(
                    "cache-control",
                    directives(&["max-age", "min-fresh", "max-stale"], plain),
                ),
            ),
            (1, of("pragma", &["no-cache"])),
            (6, of("x-d", &["1"])),
        ])
        .boxed(),
        of("cookie", &["a=b"]),
    ])
}

fn first_requests() -> impl Strategy<Value = HeaderMap> {
    some_of(vec![
        of("x-a", &["1", "2", "1, 2"]),
        of("accept-encoding", &["gzip", "gzip, br"]),
        proptest::strategy::Union::new_weighted(vec![
            (1, of("cookie", &["a=b"])),
            (1, of("authorization", &["x"])),
            (8, of("x-d", &["1"])),
        ])
        .boxed(),
    ])
}

prop_compose! {
    fn question()(
        first in first_requests(),
        status in prop_oneof![8 => Just(200), 4 => select(&[203, 204, 302, 404, 410, 403, 429, 500, 503][..])],
        response in responses(),
        method in prop_oneof![8 => Just(Method::GET), 1 => Just(Method::HEAD)],
        later in requests(),
        same: bool,
        after in select(&[0_u64, 5, 20, 59, 60, 61, 150, 700][..]),
    ) -> Question {
        let mut later = later;
        if same {
            for name in ["x-a", "accept-encoding"] {
                later.remove(name);
                for value in first.get_all(name) {
                    later.append(name, value.clone());
                }
            }
        }
        Question { first, status: StatusCode::from_u16(status).unwrap(), response, method, later, after }
    }
}

prop_compose! {
    fn validation()(question in question(), not_modified in responses(), same: bool) -> Validation {
        let mut not_modified = not_modified;
        let mut question = question;
        question.first.remove("authorization");
        if same {
            for name in ["etag", "last-modified"] {
                not_modified.remove(name);
                if let Some(value) = question.response.get(name) {
                    not_modified.insert(name, value.clone());
                }
            }
        }
        Validation { question, not_modified }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn both_agree_on_what_is_stored_and_used(question in question()) {
        let (ours, theirs) = (question.ours(), question.theirs());
        let because = question.because(&ours, &theirs);
        prop_assert!(ours == theirs || because.is_some(), "ours {ours:?}, theirs {theirs:?}");
    }

    #[test]
    fn both_agree_on_what_a_304_updates(validation in validation()) {
        let (ours, theirs) = (validation.ours(), validation.theirs());
        // What is not stored is not validated.
        let question = &validation.question;
        if question.ours() == Opinion::NotStored || question.theirs() == Opinion::NotStored {
            return Ok(());
        }
        let because = validation.because(ours.as_ref(), theirs.as_ref());
        prop_assert!(ours == theirs || because.is_some(), "ours {ours:?}, theirs {theirs:?}");
    }
}

type Given<'a> = &'a [(&'static str, &'static str)];

fn given(fields: Given<'_>) -> HeaderMap {
    let own = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
    map(&fields.iter().map(own).collect())
}

fn asked(first: Given<'_>, response: Given<'_>, later: Given<'_>, after: u64) -> Question {
    Question {
        first: given(first),
        status: StatusCode::OK,
        response: given(response),
        method: Method::GET,
        later: given(later),
        after,
    }
}

/// Each class is real: here is a question for which nothing but that class explains the
/// disagreement. Should the other learn better, the class goes.
#[test]
fn each_class_has_its_example() {
    use Because::*;
    use Opinion::*;
    let fresh = ("cache-control", "max-age=60");
    let etag = ("etag", "\"a\"");
    let modified = ("last-modified", "Tue, 14 Nov 2023 22:00:00 GMT");
    let expires = |date| ("expires", date);
    let validate = || Ask(Some("\"a\"".to_owned()));
    let head = |question| Question {
        method: Method::HEAD,
        ..question
    };
    let status = |status, question| Question { status, ..question };
    let cc = |value| ("cache-control", value);
    let examples = [
        (
            DirectiveCase,
            asked(&[], &[cc("No-Store, max-age=60")], &[], 1),
            NotStored,
            Fresh(1),
        ),
        (
            DirectiveSyntax,
            asked(&[], &[cc("x=\"a, max-age=60\""), etag], &[], 1),
            validate(),
            Fresh(1),
        ),
        (
            RepeatedFields,
            asked(&[], &[fresh, ("vary", "x-a"), ("vary", "*")], &[], 1),
            NotStored,
            Ask(None),
        ),
        (
            ConflictingValues,
            asked(&[], &[cc("max-age=60, max-age=5"), etag], &[], 1),
            validate(),
            Fresh(1),
        ),
        (
            StatusWithFreshness,
            status(
                StatusCode::SERVICE_UNAVAILABLE,
                asked(&[], &[fresh], &[], 1),
            ),
            Fresh(1),
            NotStored,
        ),
        (NothingToGain, asked(&[], &[], &[], 1), NotStored, Ask(None)),
        (
            MustUnderstand,
            asked(&[], &[cc("no-store, must-understand, max-age=60")], &[], 1),
            Fresh(1),
            NotStored,
        ),
        (
            PrivateFields,
            asked(&[], &[cc("private=\"x-b\", max-age=60")], &[], 1),
            Fresh(1),
            NotStored,
        ),
        (
            NoCacheFields,
            asked(&[], &[cc("no-cache=\"x-b\", max-age=60"), etag], &[], 1),
            Fresh(1),
            validate(),
        ),
        (
            ProxyRevalidate,
            asked(&[], &[cc("proxy-revalidate, max-age=60"), etag], &[], 1),
            Fresh(1),
            validate(),
        ),
        (
            SetCookie,
            asked(&[], &[fresh, etag, ("set-cookie", "a=b")], &[], 1),
            Fresh(1),
            validate(),
        ),
        (
            CookieHeuristic,
            asked(&[("cookie", "a=b")], &[modified, etag], &[], 1),
            validate(),
            Fresh(1),
        ),
        (
            VaryStar,
            asked(&[], &[fresh, ("vary", "*")], &[], 1),
            NotStored,
            Ask(None),
        ),
        (
            VaryNormalised,
            asked(
                &[("accept-encoding", "gzip, br")],
                &[fresh, ("vary", "accept-encoding")],
                &[("accept-encoding", "br,gzip")],
                1,
            ),
            Fresh(1),
            Ask(None),
        ),
        (
            DateForms,
            asked(&[], &[etag, expires("Tue Nov 14 22:14:20 2023")], &[], 1),
            Fresh(1),
            validate(),
        ),
        (
            ApparentAge,
            asked(
                &[],
                &[fresh, etag, ("date", "Tue, 14 Nov 2023 22:12:20 GMT")],
                &[],
                1,
            ),
            validate(),
            Fresh(1),
        ),
        (
            AgeList,
            asked(&[], &[fresh, etag, ("age", "60, 0")], &[], 1),
            validate(),
            Fresh(1),
        ),
        (
            MaxStale,
            asked(&[], &[cc("s-maxage=60"), etag], &[cc("max-stale")], 99),
            validate(),
            Fresh(99),
        ),
        (
            OnlyIfCached,
            asked(&[], &[fresh, etag], &[cc("only-if-cached")], 99),
            Ask(None),
            validate(),
        ),
        (
            HeadFromGet,
            head(asked(&[], &[fresh], &[], 1)),
            Fresh(1),
            Ask(None),
        ),
        (
            Pragma,
            asked(&[], &[fresh, etag], &[("pragma", "no-cache"), cc("x")], 1),
            Fresh(1),
            validate(),
        ),
        (
            Immutable,
            asked(&[], &[cc("immutable"), etag], &[], 1),
            validate(),
            Fresh(1),
        ),
    ];
    for (class, question, ours, theirs) in examples {
        assert_eq!(
            (question.ours(), question.theirs()),
            (ours.clone(), theirs.clone()),
            "{class:?}"
        );
        assert_eq!(question.because(&ours, &theirs), Some(class));
    }
}

#[test]
fn each_class_of_updates_has_its_example() {
    let fresh = ("cache-control", "max-age=60");
    let etag = ("etag", "\"a\"");
    let weak = ("etag", "W/\"a\"");
    let modified = ("last-modified", "Tue, 14 Nov 2023 22:00:00 GMT");
    let no_store = ("cache-control", "no-store");
    for (class, stored, not_modified, are_kept) in [
        (
            Because::NotModifiedMatch,
            &[fresh, weak][..],
            &[etag][..],
            (false, true),
        ),
        (
            Because::NotModifiedMatch,
            &[fresh, modified],
            &[],
            (true, false),
        ),
        (
            Because::NotModifiedFields,
            &[fresh, etag],
            &[etag, ("x-b", "1")],
            (true, true),
        ),
        (
            Because::NotModifiedForbids,
            &[fresh, etag],
            &[etag, no_store],
            (false, true),
        ),
    ] {
        let validation = Validation {
            question: asked(&[], stored, &[], 1),
            not_modified: given(not_modified),
        };
        let (ours, theirs) = (validation.ours(), validation.theirs());
        assert_eq!((ours.is_some(), theirs.is_some()), are_kept, "{class:?}");
        assert_ne!(ours, theirs, "{class:?}");
        assert_eq!(
            validation.because(ours.as_ref(), theirs.as_ref()),
            Some(class)
        );
    }
}

/// The classes explain the rest; they are not the rule.
#[test]
fn agreement_is_the_rule() {
    let mut runner = TestRunner::deterministic();
    let (mut agreed, mut used) = (0, 0);
    const ASKED: usize = 4000;
    for _ in 0..ASKED {
        let question = question().new_tree(&mut runner).unwrap().current();
        let ours = question.ours();
        agreed += usize::from(ours == question.theirs());
        used += usize::from(matches!(ours, Opinion::Fresh(_)));
    }
    assert!(agreed * 2 > ASKED, "{agreed} of {ASKED}");
    assert!(used * 10 > ASKED, "{used} of {ASKED}");
}
