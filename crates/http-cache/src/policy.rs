//! What an operator may decide for a delivery service, over what the origin says.

use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode, header};

use crate::{KeyPolicy, RequestHead, targeted::CDN_CACHE_CONTROL};

/// The caching policy of one delivery service.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Freshness lifetime of a response that states none and allows no heuristic;
    /// zero: such a response is stored only if it has a validator. Default 0 s.
    pub default_ttl: Duration,
    /// Upper bound on any freshness lifetime. Default 365 days.
    pub max_ttl: Duration,
    /// Heuristic freshness (RFC 9111 section 4.2.2): this share of the time since
    /// Last-Modified. Zero: none, and `default_ttl` holds. Default 0.1.
    pub heuristic_fraction: f64,
    /// Upper bound on heuristic freshness. Default 1 day.
    pub heuristic_max: Duration,
    /// How long past its freshness a response may be served when the next tier fails
    /// (RFC 9111 section 4.2.4) and the response says nothing of stale-if-error
    /// (RFC 5861 section 4). Never overrides must-revalidate and its kin. Default 10 min.
    pub stale_if_error: Duration,
    /// How long past its freshness a response may be served while it is validated in the
    /// background, if it says nothing of stale-while-revalidate (RFC 5861 section 3). Never
    /// overrides must-revalidate and its kin. Default 0 s.
    pub stale_while_revalidate: Duration,
    /// Upper bound on that time, whoever states it. Default 1 day.
    pub stale_while_revalidate_max: Duration,
    /// How long requests for a key do not wait for each other's after a response that was not to be
    /// shared. Zero: always. Default 10 s.
    pub hit_for_miss: Duration,
    /// Whether no-cache, no-store, max-age, min-fresh and max-stale of a client's request are
    /// obeyed (RFC 9111 section 5.2.1). A CDN's users would bust its cache with them: default no.
    /// only-if-cached is always obeyed.
    pub obey_request_directives: bool,
    /// The target list of RFC 9213 section 2.2: fields that govern in place of Cache-Control and
    /// Expires, the first that says anything before the others. Their names end in
    /// `-Cache-Control`. Default: CDN-Cache-Control.
    pub targets: Vec<HeaderName>,
    /// What is fetched when one range is asked for of something that is not stored (RFC 9110
    /// section 14.2). Default: that range.
    pub range_miss: RangeMiss,
    /// What is fetched of ranges is rounded outward to multiples of this many bytes within the
    /// representation, so that who reads on finds the next bytes there. Default: just what lacks.
    pub slice: Option<u64>,
    /// Bytes that are held are fetched again where they are fewer than this and lie between bytes
    /// that are not: another request would cost more. Default 64 KiB.
    pub refetch_below: u64,
    /// Ranges that are answered at once, as multipart/byteranges; a request for more is answered
    /// whole (RFC 9110 section 14.2). Default 16.
    pub max_ranges: usize,
    /// The freshness lifetime of responses, whatever they say of it themselves. It leaves alone
    /// what forbids storing (no-store, private) or use without validation (no-cache), and makes
    /// nothing shareable that is not. Default: none.
    pub ttl: Option<Duration>,
    /// The statuses that `ttl` is for. Default: 200, 203, 204, 300, 301, 308.
    pub ttl_statuses: Vec<u16>,
    /// The freshness lifetime of errors that state none, in place of a heuristic. Default 0 s:
    /// they are like other responses.
    pub negative_ttl: Duration,
    /// The statuses that `negative_ttl` is for. Default: those errors that may be cached by a
    /// heuristic (RFC 9110 section 15.1): 404, 405, 410, 414, 501.
    pub negative_statuses: Vec<u16>,
    /// How long what could not be fetched is not asked for again at the origin, since no response
    /// came, or an error in whose place a stale one was served: all who want it get the same
    /// failure, or what is stored. Default 1 s.
    pub failure_ttl: Duration,
    /// The longest pause between two refreshes in the background that fail: it doubles with each,
    /// from `failure_ttl` (at least 1 s) on. Default 30 s.
    pub failure_backoff_max: Duration,
    /// What becomes of requests and responses with cookies. Default: shared if that is explicit.
    pub cookies: Cookies,
    /// Whether requests are forwarded as they are, neither answered from the store nor stored.
    /// Default no.
    pub bypass: bool,
    /// What responses are stored under. Default: scheme, host, path and query as they came.
    pub key: KeyPolicy,
    /// Whether No-Vary-Search of a response is obeyed: an origin decides on its own URLs. Default
    /// yes.
    pub no_vary_search: bool,
    /// Whether clients get to see Surrogate-Key and Cache-Tag. Default no.
    pub show_tags: bool,
}

/// What is fetched when one range is asked for of something that is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeMiss {
    /// The range, which is stored as a part (RFC 9111 section 3.3).
    Part,
    /// The whole, so that all later ranges are hits; the first waits until its bytes come.
    Whole,
}

impl RangeMiss {
    /// The word for it in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            RangeMiss::Part => "part",
            RangeMiss::Whole => "whole",
        }
    }
}

/// What becomes of requests with cookies, and of responses that set them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cookies {
    /// A response is shared only if it states a positive freshness lifetime itself; nothing is
    /// guessed (RFC 9111 section 7.3). Requests with cookies are answered out of the store.
    #[default]
    Explicit,
    /// None of them is shared: a response that sets cookies is not stored, and a request with
    /// cookies passes by the store.
    Strict,
    /// Cookies are taken off requests and responses, so that there are none to mind.
    Ignore,
}

impl Cookies {
    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Cookies::Explicit => "explicit",
            Cookies::Strict => "strict",
            Cookies::Ignore => "ignore",
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            default_ttl: Duration::ZERO,
            max_ttl: Duration::from_secs(365 * 86_400),
            heuristic_fraction: 0.1,
            heuristic_max: Duration::from_secs(86_400),
            stale_if_error: Duration::from_secs(600),
            stale_while_revalidate: Duration::ZERO,
            stale_while_revalidate_max: Duration::from_secs(86_400),
            hit_for_miss: Duration::from_secs(10),
            obey_request_directives: false,
            targets: vec![CDN_CACHE_CONTROL],
            range_miss: RangeMiss::Part,
            slice: None,
            refetch_below: 64 << 10,
            max_ranges: 16,
            ttl: None,
            ttl_statuses: vec![200, 203, 204, 300, 301, 308],
            negative_ttl: Duration::ZERO,
            negative_statuses: vec![404, 405, 410, 414, 501],
            failure_ttl: Duration::from_secs(1),
            failure_backoff_max: Duration::from_secs(30),
            cookies: Cookies::Explicit,
            bypass: false,
            key: KeyPolicy::default(),
            no_vary_search: true,
            show_tags: false,
        }
    }
}

impl Policy {
    /// For what comes from a folder of files, where looking again costs next to nothing: fresh
    /// for 10 s, however old a file is, so that who edits one sees it soon.
    pub fn for_files() -> Self {
        Policy {
            default_ttl: Duration::from_secs(10),
            heuristic_fraction: 0.0,
            ..Policy::default()
        }
    }

    /// Takes off a request what is not to reach the origin, and so cannot shape a response.
    pub fn clean_request(&self, headers: &mut HeaderMap) {
        if self.cookies == Cookies::Ignore {
            headers.remove(header::COOKIE);
        }
    }

    /// Takes off a response what is not to reach anybody.
    pub fn clean_response(&self, headers: &mut HeaderMap) {
        if self.cookies == Cookies::Ignore {
            headers.remove(header::SET_COOKIE);
        }
    }

    /// Whether the cache is not to handle a request (RFC 9211 section 2.2: fwd=bypass).
    pub(crate) fn passes_by(&self, request: &RequestHead<'_>) -> bool {
        self.bypass || self.withholds_from(request)
    }

    /// Whether a request with cookies is kept away from the store.
    pub(crate) fn withholds_from(&self, request: &RequestHead<'_>) -> bool {
        self.cookies == Cookies::Strict && request.headers.contains_key(header::COOKIE)
    }

    /// The lifetime that the operator gives to responses of this status, whatever they say.
    pub(crate) fn ttl_of(&self, status: StatusCode) -> Option<Duration> {
        // A part is fresh for as long as the whole.
        let status = match status {
            StatusCode::PARTIAL_CONTENT => StatusCode::OK,
            status => status,
        };
        self.ttl
            .filter(|_| self.ttl_statuses.contains(&status.as_u16()))
    }

    /// The lifetime of an error of this status that states none.
    pub(crate) fn negative_ttl_of(&self, status: StatusCode) -> Option<Duration> {
        let is_for = self.negative_statuses.contains(&status.as_u16());
        (is_for && !self.negative_ttl.is_zero()).then_some(self.negative_ttl)
    }
}
