//! `[services.cache]`: what is cached of a service, and for how long.

use perigee_edge::{Policy, RangeMiss, Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CacheKey;
use super::cache_rules::{CacheRule, CookiesWord, Statuses, statuses};
use crate::{
    at::At,
    units::{Bytes, Lifetime, Share, TargetedField, UpTo, Whole},
};

/// What is cached, and for how long.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Cache {
    /// How long a response is fresh that says nothing of it and allows no heuristic. Zero: such a
    /// response is kept only if it has a validator. Default: `"0s"`; for a service of folders
    /// alone `"10s"`.
    #[serde(skip_serializing)]
    pub(crate) default_ttl: Option<Lifetime>,
    /// Upper bound on any freshness.
    pub(crate) max_ttl: Lifetime,
    /// Heuristic freshness (RFC 9111 section 4.2.2): this share of the time since Last-Modified.
    /// Zero: none. Default: `0.1`; for a service of folders alone `0.0`.
    #[serde(skip_serializing)]
    pub(crate) heuristic_fraction: Option<Share>,
    /// Upper bound on heuristic freshness.
    pub(crate) heuristic_max: Lifetime,
    /// How long past its freshness a response may be served when the origin fails and the response
    /// says nothing of `stale-if-error` (RFC 5861 section 4). Never overrides `must-revalidate`.
    pub(crate) stale_if_error: Lifetime,
    /// How long past its freshness a response is served at once, while one request validates it in
    /// the background, if it says nothing of `stale-while-revalidate` (RFC 5861 section 3). Never
    /// overrides `must-revalidate`, `s-maxage` and the like.
    pub(crate) stale_while_revalidate: Lifetime,
    /// Upper bound on that time, whoever states it. Zero: every stale response is validated before
    /// it is served.
    pub(crate) stale_while_revalidate_max: Lifetime,
    /// How long requests for an object do not wait for each other's answers after one that was not
    /// to be shared (`no-store`, `private` and the like). Zero: they always wait for the first.
    pub(crate) hit_for_miss: Lifetime,
    /// Whether `no-cache`, `no-store`, `max-age`, `min-fresh` and `max-stale` of a client's
    /// request are obeyed (RFC 9111 section 5.2.1). Clients could then bust the cache.
    pub(crate) obey_request_directives: bool,
    /// Fields of a response that govern here in place of Cache-Control and Expires, the first that
    /// says anything before the others (RFC 9213 section 2.2); such as
    /// `["Perigee-Cache-Control", "CDN-Cache-Control"]`, at most 8. Names end in `-Cache-Control`. They are passed on to clients,
    /// whose caches may have a use for them.
    pub(crate) targets: UpTo<8, TargetedField>,
    /// What is fetched when a client asks for one range of something that is not stored (RFC 9110
    /// section 14.2). `"part"`: that range, which is stored and completed as more is asked for.
    /// `"whole"`: the whole object, so that every later range is a hit, while the first waits until
    /// its bytes come.
    pub(crate) range_miss: OnRangeMiss,
    /// What is fetched of ranges is rounded outward to multiples of this, such as `"1MiB"`, so that
    /// who reads on in small ranges, as video players do, finds the next bytes there. Zero: just
    /// what lacks is fetched.
    pub(crate) slice: Bytes<0, { 1 << 30 }>,
    /// Bytes that are stored are fetched again where they are fewer than this and lie between bytes
    /// that are not, in place of two fetches.
    pub(crate) refetch_below: Bytes<0, { 1 << 30 }>,
    /// Most ranges in one request that are answered as `multipart/byteranges`; a request for more
    /// is answered with the whole (RFC 9110 section 14.2).
    pub(crate) max_ranges: Whole<1, 1000>,
    /// How long an error is fresh that says nothing of it, in place of a heuristic. Zero: errors
    /// are like other responses.
    pub(crate) negative_ttl: Lifetime,
    /// The statuses that `negative_ttl` is for, at most 64. A rare 500 or 503 may be among them.
    pub(crate) negative_statuses: Statuses,
    /// How long what could not be fetched is not asked for again at the origin, since no response
    /// came, or an error in whose place a stale one was served: all who want it get the same
    /// failure, or what is stored. Zero: each request asks.
    pub(crate) failure_ttl: Lifetime,
    /// The longest pause between two refreshes in the background that fail; the first is
    /// `failure_ttl`, at least a second, and it doubles with each.
    pub(crate) failure_backoff_max: Lifetime,
    /// What becomes of requests with cookies, and of responses that set them (RFC 9111 section
    /// 7.3). `"explicit"`: such a response is shared only if it states a positive lifetime itself.
    /// `"strict"`: it is never stored if it sets cookies, and requests with cookies pass by the
    /// store. `"ignore"`: Cookie is taken off requests, and Set-Cookie off responses.
    pub(crate) cookies: CookiesWord,
    /// Other policies for some requests, at most 64; the first that a request meets holds for it.
    #[serde(skip_serializing)]
    pub(crate) rules: UpTo<64, At<CacheRule>>,
    /// Whether `No-Vary-Search` of a response is obeyed, by which an origin says what differences
    /// in the query make no difference to it.
    pub(crate) no_vary_search: bool,
    /// Whether clients get to see `Surrogate-Key` and `Cache-Tag`.
    pub(crate) show_tags: bool,
    /// What responses are known by, besides host and path.
    pub(crate) key: CacheKey,
}

/// What is fetched for one range of something that is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum OnRangeMiss {
    Part,
    Whole,
}

impl From<RangeMiss> for OnRangeMiss {
    fn from(on_miss: RangeMiss) -> Self {
        match on_miss {
            RangeMiss::Part => OnRangeMiss::Part,
            RangeMiss::Whole => OnRangeMiss::Whole,
        }
    }
}

impl From<OnRangeMiss> for RangeMiss {
    fn from(on_miss: OnRangeMiss) -> Self {
        match on_miss {
            OnRangeMiss::Part => RangeMiss::Part,
            OnRangeMiss::Whole => RangeMiss::Whole,
        }
    }
}

impl Default for Cache {
    fn default() -> Self {
        let policy = Policy::default();
        Cache {
            default_ttl: None,
            max_ttl: Lifetime(policy.max_ttl),
            heuristic_fraction: None,
            heuristic_max: Lifetime(policy.heuristic_max),
            stale_if_error: Lifetime(policy.stale_if_error),
            stale_while_revalidate: Lifetime(policy.stale_while_revalidate),
            stale_while_revalidate_max: Lifetime(policy.stale_while_revalidate_max),
            hit_for_miss: Lifetime(policy.hit_for_miss),
            obey_request_directives: policy.obey_request_directives,
            targets: UpTo(policy.targets.into_iter().map(TargetedField).collect()),
            range_miss: policy.range_miss.into(),
            slice: Bytes(policy.slice.unwrap_or(0)),
            refetch_below: Bytes(policy.refetch_below),
            max_ranges: Whole(policy.max_ranges as u64),
            negative_ttl: Lifetime(policy.negative_ttl),
            negative_statuses: UpTo(
                policy
                    .negative_statuses
                    .into_iter()
                    .map(|status| Whole(status.into()))
                    .collect(),
            ),
            failure_ttl: Lifetime(policy.failure_ttl),
            failure_backoff_max: Lifetime(policy.failure_backoff_max),
            cookies: CookiesWord::of(policy.cookies),
            rules: UpTo::default(),
            no_vary_search: policy.no_vary_search,
            show_tags: policy.show_tags,
            key: CacheKey::default(),
        }
    }
}

impl Cache {
    /// As the cache takes it; `files` if all that is cached comes from folders.
    pub(crate) fn build(&self, files: bool) -> Policy {
        let default = if files {
            Policy::for_files()
        } else {
            Policy::default()
        };
        let fraction = self.heuristic_fraction.as_ref();
        Policy {
            default_ttl: self
                .default_ttl
                .as_ref()
                .map_or(default.default_ttl, |ttl| ttl.0),
            max_ttl: self.max_ttl.0,
            heuristic_fraction: fraction.map_or(default.heuristic_fraction, |share| share.0),
            heuristic_max: self.heuristic_max.0,
            stale_if_error: self.stale_if_error.0,
            stale_while_revalidate: self.stale_while_revalidate.0,
            stale_while_revalidate_max: self.stale_while_revalidate_max.0,
            hit_for_miss: self.hit_for_miss.0,
            obey_request_directives: self.obey_request_directives,
            targets: self.targets.0.iter().map(|field| field.0.clone()).collect(),
            range_miss: self.range_miss.into(),
            slice: Some(self.slice.0).filter(|slice| *slice > 0),
            refetch_below: self.refetch_below.0,
            max_ranges: self.max_ranges.as_usize(),
            negative_ttl: self.negative_ttl.0,
            negative_statuses: statuses(&self.negative_statuses),
            failure_ttl: self.failure_ttl.0,
            failure_backoff_max: self.failure_backoff_max.0,
            cookies: self.cookies.build(),
            ttl: None,
            ttl_statuses: default.ttl_statuses,
            bypass: false,
            no_vary_search: self.no_vary_search,
            show_tags: self.show_tags,
            key: self.key.build(),
        }
    }

    /// The rules, as the cache takes them.
    pub(crate) fn rules(&self, files: bool) -> Vec<Rule> {
        let service = self.build(files);
        let rules = self.rules.0.iter();
        rules.map(|rule| rule.build(&service)).collect()
    }
}
