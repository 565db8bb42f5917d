//! `[[services.cache.rules]]`: another policy for some requests of a service.

use perigee_edge::{Cookies, Policy, Rule, When};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{CookiePattern, Extension, FieldName, Lifetime, PathPattern, UpTo, Whole};

/// A list of statuses.
pub(crate) type Statuses = UpTo<64, Whole<200, 599>>;

/// Another policy for some requests. Of several rules the first that a request meets holds for it:
/// all of `paths`, `extensions`, `with_headers` and `with_cookies` that are there must fit. What a
/// rule does not say is as in `[services.cache]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CacheRule {
    /// Patterns of which one fits the path, without the query and percent-decoded: `/static/*`,
    /// where `*` stands for any run of characters, `/` included. At most 64.
    pub(crate) paths: UpTo<64, PathPattern>,
    /// Extensions of which one ends the path, after its last dot, in any case: `css`. At most 64.
    pub(crate) extensions: UpTo<64, Extension>,
    /// Fields of which the request has one. At most 16.
    pub(crate) with_headers: UpTo<16, FieldName>,
    /// Patterns of which one fits the name of a cookie of the request: `session`, `login_*`. At
    /// most 16.
    pub(crate) with_cookies: UpTo<16, CookiePattern>,
    /// Whether these requests are forwarded as they are, neither looked up nor stored.
    pub(crate) bypass: bool,
    /// How long responses are fresh, whatever they say of it. What forbids storing (`no-store`,
    /// `private`) or use without validation (`no-cache`) still does, and cookies are still minded.
    pub(crate) ttl: Option<Lifetime>,
    /// The statuses that `ttl` is for, at most 64. Default: `[200, 203, 204, 300, 301, 308]`.
    pub(crate) statuses: Option<Statuses>,
    /// As in `[services.cache]`.
    pub(crate) negative_ttl: Option<Lifetime>,
    /// As in `[services.cache]`.
    pub(crate) stale_while_revalidate: Option<Lifetime>,
    /// As in `[services.cache]`.
    pub(crate) stale_if_error: Option<Lifetime>,
    /// As in `[services.cache]`.
    pub(crate) cookies: Option<CookiesWord>,
}

/// What becomes of cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum CookiesWord {
    Explicit,
    Strict,
    Ignore,
}

impl CookiesWord {
    pub(crate) fn of(cookies: Cookies) -> Self {
        match cookies {
            Cookies::Explicit => CookiesWord::Explicit,
            Cookies::Strict => CookiesWord::Strict,
            Cookies::Ignore => CookiesWord::Ignore,
        }
    }

    pub(crate) fn build(self) -> Cookies {
        match self {
            CookiesWord::Explicit => Cookies::Explicit,
            CookiesWord::Strict => Cookies::Strict,
            CookiesWord::Ignore => Cookies::Ignore,
        }
    }
}

/// As the cache takes statuses.
pub(crate) fn statuses(list: &Statuses) -> Vec<u16> {
    list.0.iter().map(|status| status.as_u16()).collect()
}

impl CacheRule {
    /// What is wrong with its keys, taken together, and what to do.
    pub(crate) fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        let lifetimes = [
            self.ttl,
            self.negative_ttl,
            self.stale_while_revalidate,
            self.stale_if_error,
        ];
        let has_lifetime = lifetimes.iter().any(Option::is_some);
        if self.bypass && has_lifetime {
            Some((
                "what passes by the store has no lifetime in it",
                "take out `bypass`, or the lifetimes",
            ))
        } else if self.statuses.is_some() && self.ttl.is_none() {
            Some((
                "`statuses` says what `ttl` is for, and there is none",
                "set `ttl`, such as ttl = \"1h\"",
            ))
        } else if !self.bypass && !has_lifetime && self.cookies.is_none() {
            Some((
                "this rule changes nothing",
                "set `ttl`, `bypass`, `cookies` or another of its keys",
            ))
        } else {
            None
        }
    }

    /// As the cache takes it; `service` is what holds where the rule says nothing.
    pub(crate) fn build(&self, service: &Policy) -> Rule {
        let or = |own: Option<Lifetime>, other| own.map_or(other, |own| own.0);
        Rule {
            when: When {
                paths: self.paths.0.iter().map(PathPattern::glob).collect(),
                extensions: self.extensions.0.iter().map(|e| e.0.clone()).collect(),
                headers: self.with_headers.0.iter().map(|f| f.0.clone()).collect(),
                cookies: self
                    .with_cookies
                    .0
                    .iter()
                    .map(CookiePattern::glob)
                    .collect(),
            },
            policy: Policy {
                bypass: self.bypass,
                ttl: self.ttl.map(|ttl| ttl.0),
                ttl_statuses: match &self.statuses {
                    Some(list) => statuses(list),
                    None => service.ttl_statuses.clone(),
                },
                negative_ttl: or(self.negative_ttl, service.negative_ttl),
                stale_while_revalidate: or(
                    self.stale_while_revalidate,
                    service.stale_while_revalidate,
                ),
                stale_if_error: or(self.stale_if_error, service.stale_if_error),
                cookies: self.cookies.map_or(service.cookies, CookiesWord::build),
                ..service.clone()
            },
        }
    }
}
