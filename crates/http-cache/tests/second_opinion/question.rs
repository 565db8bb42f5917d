//! What is stored of a response, and how a later request is met.

use std::{collections::BTreeMap, time::Duration};

use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_cache_semantics::{BeforeRequest, CacheOptions, CachePolicy};
use perigee_http_cache::{
    Decision, Policy, Receipt, RequestHead, ResponseHead, Times, decide, receive,
};

use crate::{
    Because,
    common::{BASE, at},
};

/// One question: a response to a request came at the base; what of a later request?
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) first: HeaderMap,
    pub(crate) status: StatusCode,
    pub(crate) response: HeaderMap,
    pub(crate) method: Method,
    pub(crate) later: HeaderMap,
    /// Seconds between the two.
    pub(crate) after: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Opinion {
    NotStored,
    /// With this Age.
    Fresh(u64),
    /// With this If-None-Match.
    Ask(Option<String>),
    /// Served stale, and asked with this If-None-Match.
    ServeAndAsk(Option<String>),
}

pub(crate) fn policy() -> Policy {
    Policy {
        // A share that both can halve without rounding, and no bounds, which the other lacks.
        heuristic_fraction: 0.5,
        heuristic_max: Duration::MAX,
        max_ttl: Duration::MAX,
        obey_request_directives: true,
        ..Policy::default()
    }
}

pub(crate) fn times(seconds: u64) -> Times {
    Times {
        requested: at(seconds),
        received: at(seconds),
    }
}

impl Question {
    pub(crate) fn ours(&self) -> Opinion {
        let first = RequestHead {
            method: &Method::GET,
            headers: &self.first,
        };
        let response = ResponseHead {
            status: self.status,
            headers: &self.response,
        };
        let Receipt::Store(head) = receive(
            &first,
            None,
            &HeaderMap::new(),
            response,
            &policy(),
            times(BASE),
        ) else {
            return Opinion::NotStored;
        };
        let later = RequestHead {
            method: &self.method,
            headers: &self.later,
        };
        match decide(&later, &[&*head], &policy(), at(BASE + self.after)) {
            Decision::Serve(serve) => Opinion::Fresh(serve.age),
            Decision::Fetch { fields, .. } => Opinion::Ask(tag(&fields)),
            Decision::ServeWhileRevalidating { fields, .. } => Opinion::ServeAndAsk(tag(&fields)),
            Decision::Pass { .. } | Decision::Refuse(_) => Opinion::Ask(None),
        }
    }

    pub(crate) fn other(&self) -> CachePolicy {
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

    pub(crate) fn theirs(&self) -> Opinion {
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
    pub(crate) fn because(&self, ours: &Opinion, theirs: &Opinion) -> Option<Because> {
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
            (Targeted, self.response.contains_key("cdn-cache-control")),
            (
                StaleWhileRevalidate,
                // With only-if-cached it is served, and nobody is asked.
                (matches!(ours, ServeAndAsk(_)) || asked.contains("only-if-cached") && we_use)
                    && has("stale-while-revalidate")
                    && matches!(theirs, Ask(_)),
            ),
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
                self.first.contains_key("cookie") && *ours == NotStored,
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
                ImmutableReload,
                has("immutable") && asked.contains("max-age") && we_use && !they_use,
            ),
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

pub(crate) fn is_repeated(headers: &HeaderMap) -> bool {
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
pub(crate) fn text(headers: &HeaderMap, name: &str) -> String {
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

pub(crate) fn request(method: &Method, headers: &HeaderMap) -> Request<()> {
    let mut request = Request::builder()
        .method(method)
        .uri("http://example.test/")
        .body(())
        .unwrap();
    *request.headers_mut() = headers.clone();
    request
}

pub(crate) fn response(status: StatusCode, headers: &HeaderMap) -> Response<()> {
    let mut response = Response::builder().status(status).body(()).unwrap();
    *response.headers_mut() = headers.clone();
    response
}
