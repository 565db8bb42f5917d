//! What of a request a stored response is known by, where a service decides on it.
//!
//! One rule keeps this safe: what may shape a stored response is in the key, is named by Vary, or
//! does not reach the origin. So a fetch for the store asks for the target that is in the key
//! ([`KeyPolicy::target`]), without the query parameters that are ignored and in the order that
//! they were put in: no client can put something into the store for others by what the key leaves
//! out. There is no option to send them all the same.

use std::{borrow::Cow, sync::Arc};

use http::HeaderName;
use percent_encoding::percent_decode;

use crate::{CacheKey, Glob, Scheme, key::KeyText};

/// The cache-key policy of one delivery service. By default the key is scheme, host, path and
/// query as they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyPolicy {
    /// Which query parameters are part of the key.
    pub query: QueryRule,
    /// Whether parameters are put in order, by name; those of one name keep theirs.
    pub sort_query: bool,
    /// Whether `http` and `https` share what is stored.
    pub fold_schemes: bool,
    /// Values of the request that are parts of the key besides: they tell variants apart, so a
    /// purge of the URL removes all of them. None: there are none.
    pub parts: Option<Arc<KeyParts>>,
}

/// Which query parameters are part of the key. Names are compared percent-decoded, case and all.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum QueryRule {
    /// All, as they came.
    #[default]
    All,
    /// All but those whose name one of these patterns matches.
    Except(Vec<Glob>),
    /// Only those whose name one of these patterns matches; without patterns, none.
    Only(Vec<Glob>),
}

/// Values of a request that are parts of the key like fields that Vary names, whatever the
/// response says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyParts {
    /// Fields.
    pub headers: Vec<HeaderName>,
    /// Cookies, by name.
    pub cookies: Vec<String>,
}

impl QueryRule {
    /// Whether a parameter, as it came, is part of the key.
    fn keeps(&self, parameter: &str) -> bool {
        let any = |globs: &[Glob]| {
            let name = name_of(parameter);
            globs.iter().any(|glob| glob.matches(&name))
        };
        match self {
            QueryRule::All => true,
            QueryRule::Except(globs) => !any(globs),
            QueryRule::Only(globs) => any(globs),
        }
    }
}

/// The name of a parameter, decoded, as an origin reads it: `utm%5Fid` is `utm_id`.
fn name_of(parameter: &str) -> Cow<'_, [u8]> {
    let name = parameter.split('=').next().unwrap_or_default().as_bytes();
    if name.contains(&b'+') {
        let spaced: Vec<u8> = name
            .iter()
            .map(|b| if *b == b'+' { b' ' } else { *b })
            .collect();
        return Cow::Owned(percent_decode(&spaced).collect());
    }
    percent_decode(name).into()
}

impl KeyPolicy {
    /// The key of a request.
    pub fn key(&self, scheme: Scheme, host: &str, path_and_query: &str) -> CacheKey {
        let target = self.target(path_and_query);
        if self.fold_schemes {
            CacheKey::of_either(scheme, host, &target)
        } else {
            CacheKey::new(scheme, host, &target)
        }
    }

    /// The same as text, without an allocation for keys of usual length.
    pub fn text(&self, scheme: Scheme, host: &str, path_and_query: &str) -> KeyText {
        let target = self.target(path_and_query);
        if self.fold_schemes {
            KeyText::of_either(scheme, host, &target)
        } else {
            KeyText::new(scheme, host, &target)
        }
    }

    /// The target that is in the key, and that a fetch for the store asks for. It is its own
    /// target: every tier comes to the same key.
    pub fn target<'a>(&self, path_and_query: &'a str) -> Cow<'a, str> {
        if self.query == QueryRule::All && !self.sort_query {
            return Cow::Borrowed(path_and_query);
        }
        let Some((path, query)) = path_and_query.split_once('?') else {
            return Cow::Borrowed(path_and_query);
        };
        let parameters = query.split('&').filter(|p| !p.is_empty());
        let mut kept: Vec<&str> = parameters.filter(|p| self.query.keeps(p)).collect();
        if self.sort_query {
            // Stable: an origin may go by the order of those of one name.
            kept.sort_by_cached_key(|parameter| name_of(parameter));
        }
        if kept.is_empty() {
            return Cow::Borrowed(path);
        }
        Cow::Owned(format!("{path}?{}", kept.join("&")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(patterns: &[&str]) -> Vec<Glob> {
        patterns.iter().map(|pattern| Glob::new(pattern)).collect()
    }

    fn except(patterns: &[&str]) -> KeyPolicy {
        KeyPolicy {
            query: QueryRule::Except(globs(patterns)),
            ..KeyPolicy::default()
        }
    }

    fn only(patterns: &[&str]) -> KeyPolicy {
        KeyPolicy {
            query: QueryRule::Only(globs(patterns)),
            ..KeyPolicy::default()
        }
    }

    #[test]
    fn by_default_the_target_stays_as_it_came() {
        for target in ["/", "/a?", "/a?b=1&&a=2&", "*"] {
            assert_eq!(KeyPolicy::default().target(target), target);
        }
    }

    #[test]
    fn ignored_parameters_are_not_in_the_target() {
        let policy = except(&["utm_*", "fbclid"]);
        for (target, key) in [
            ("/a?utm_source=x&id=5&fbclid=y", "/a?id=5"),
            ("/a?utm_source=x", "/a"),
            ("/a?utm%5fsource=x&utm=1", "/a?utm=1"),
            ("/a?UTM_source=x", "/a?UTM_source=x"),
            ("/a?b=utm_&&c", "/a?b=utm_&c"),
            ("/utm_a", "/utm_a"),
        ] {
            assert_eq!(policy.target(target), key, "{target}");
        }
    }

    #[test]
    fn only_what_is_listed_is_in_the_target() {
        let policy = only(&["id", "page*"]);
        assert_eq!(policy.target("/a?x=1&page2=3&id=5"), "/a?page2=3&id=5");
        assert_eq!(only(&[]).target("/a?x=1"), "/a");
        assert_eq!(
            only(&["a b"]).target("/?a+b=1&a%20b=2&a=3"),
            "/?a+b=1&a%20b=2"
        );
    }

    #[test]
    fn sorting_is_by_name_and_keeps_those_of_one_name_in_order() {
        let policy = KeyPolicy {
            sort_query: true,
            ..KeyPolicy::default()
        };
        assert_eq!(policy.target("/a?c=1&a=2&b&a=1"), "/a?a=2&a=1&b&c=1");
    }

    #[test]
    fn schemes_are_apart_unless_folded() {
        let key = |policy: &KeyPolicy, scheme| policy.key(scheme, "a.test", "/");
        let apart = KeyPolicy::default();
        assert_ne!(key(&apart, Scheme::Http), key(&apart, Scheme::Https));
        let folded = KeyPolicy {
            fold_schemes: true,
            ..apart
        };
        assert_eq!(key(&folded, Scheme::Http), key(&folded, Scheme::Https));
    }

    proptest::proptest! {
        /// A tier further up sees the target that is in the key, and must come to that key.
        #[test]
        fn a_target_is_its_own_target(
            query in "[ab_%=&+2]{0,24}",
            sort_query: bool,
            rule in 0..3_usize,
        ) {
            let query_rule = [
                QueryRule::All,
                QueryRule::Except(globs(&["a*", "*+"])),
                QueryRule::Only(globs(&["a*b", "_"])),
            ][rule].clone();
            let policy = KeyPolicy { query: query_rule, sort_query, ..KeyPolicy::default() };
            let target = format!("/p?{query}");
            let once = policy.target(&target);
            proptest::prop_assert_eq!(policy.target(&once), &*once);
            // Nothing is invented.
            for parameter in once.split_once('?').map_or("", |(_, query)| query).split('&') {
                proptest::prop_assert!(query.split('&').any(|p| p == parameter) || parameter.is_empty());
            }
        }
    }
}
