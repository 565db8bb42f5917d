//! `[services.cache.key]`: what the stored responses of a service are known by.

use std::sync::Arc;

use perigee_edge::{Glob, KeyParts, KeyPolicy, QueryRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    at::At,
    units::{CookieName, KeyField, ParameterPattern, UpTo},
};

/// What the stored responses of a service are known by, besides host and path.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CacheKey {
    /// Query parameters that make no difference, at most 64; `*` in a name stands for any run of
    /// characters: `["utm_*", "fbclid"]`. They are not sent to the origin either when a response is
    /// fetched for the store: what is not in the key must not shape what others get.
    pub(crate) query_ignore: UpTo<64, ParameterPattern>,
    /// The only query parameters that make a difference, at most 64, in place of `query_ignore`;
    /// `[]`: none does. All others are not sent to the origin. Default: all.
    #[serde(skip_serializing)]
    pub(crate) query_keep: Option<At<UpTo<64, ParameterPattern>>>,
    /// Whether query parameters are put in order, by name, so that their order makes no difference.
    /// Those of one name keep theirs. The origin gets them in this order.
    pub(crate) query_sort: bool,
    /// Whether `http` and `https` share what is stored. The origin is not told then by which of
    /// them a client came (X-Forwarded-Proto).
    pub(crate) fold_schemes: bool,
    /// Request fields whose values make a difference, at most 8, as if each response named them in
    /// Vary (RFC 9110 section 12.5.5). Each combination of values is a variant; see
    /// `variants_per_key`.
    pub(crate) headers: UpTo<8, KeyField>,
    /// Cookies whose values make a difference, at most 8. All cookies are sent to the origin.
    pub(crate) cookies: UpTo<8, CookieName>,
}

impl CacheKey {
    /// As the cache takes it.
    pub(crate) fn build(&self) -> KeyPolicy {
        let globs = |patterns: &UpTo<64, ParameterPattern>| {
            patterns
                .0
                .iter()
                .map(|p| Glob::new(&p.0))
                .collect::<Vec<_>>()
        };
        let query = match &self.query_keep {
            Some(keep) => QueryRule::Only(globs(keep)),
            None if self.query_ignore.0.is_empty() => QueryRule::All,
            None => QueryRule::Except(globs(&self.query_ignore)),
        };
        let parts = KeyParts {
            headers: self.headers.0.iter().map(|field| field.0.clone()).collect(),
            cookies: self.cookies.0.iter().map(|name| name.0.clone()).collect(),
        };
        KeyPolicy {
            query,
            sort_query: self.query_sort,
            fold_schemes: self.fold_schemes,
            parts: (parts != KeyParts::default()).then(|| Arc::new(parts)),
        }
    }
}
