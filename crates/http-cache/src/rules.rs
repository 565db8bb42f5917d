//! Which policy holds for a request: that of the first rule that the request meets, or else the
//! one of its delivery service.
//!
//! A rule is chosen before anything is looked up, by the request alone, so that all that is
//! decided of a request is decided under one policy.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, header};
use percent_encoding::percent_decode_str;

use crate::{Glob, Policy};

/// A policy for some of a service's requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Which requests it is for.
    pub when: When,
    /// What holds for them, in place of the service's own policy.
    pub policy: Policy,
}

/// Conditions on a request, of which all must be met. An empty list is none; of the others, one
/// entry must fit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct When {
    /// Patterns for the path, percent-decoded and without the query.
    pub paths: Vec<Glob>,
    /// What follows the last dot of the path, in any case.
    pub extensions: Vec<String>,
    /// Fields that the request has.
    pub headers: Vec<HeaderName>,
    /// Patterns for the names of cookies that the request has.
    pub cookies: Vec<Glob>,
}

impl Rule {
    /// The position of the first rule that a request meets. `path` is as it was sent.
    pub fn find(rules: &[Rule], path: &str, headers: &HeaderMap) -> Option<usize> {
        if rules.is_empty() {
            return None;
        }
        // RFC 3986 section 6.2.2.2: `/%61` is `/a`. To some origins `%2F` is a slash, too.
        let path = &percent_decode_str(path).into();
        let request = Meets { path, headers };
        rules.iter().position(|rule| request.all_of(&rule.when))
    }
}

impl Rule {
    /// The same, whatever fields the request has. None if that depends on them.
    pub fn find_by_path(rules: &[Rule], path: &str) -> Option<Option<usize>> {
        let path = &percent_decode_str(path).into();
        let headers = &HeaderMap::new();
        let request = Meets { path, headers };
        for (position, rule) in rules.iter().enumerate() {
            if request.all_of_path(&rule.when) {
                let is_met = rule.when.headers.is_empty() && rule.when.cookies.is_empty();
                return is_met.then_some(Some(position));
            }
        }
        Some(None)
    }
}

struct Meets<'a> {
    path: &'a Cow<'a, [u8]>,
    headers: &'a HeaderMap,
}

impl Meets<'_> {
    fn all_of(&self, when: &When) -> bool {
        self.all_of_path(when)
            && (when.headers.is_empty() || self.a_field(&when.headers))
            && (when.cookies.is_empty() || self.a_cookie(&when.cookies))
    }

    fn all_of_path(&self, when: &When) -> bool {
        (when.paths.is_empty() || self.a_path(&when.paths))
            && (when.extensions.is_empty() || self.an_extension(&when.extensions))
    }

    fn a_path(&self, patterns: &[Glob]) -> bool {
        patterns.iter().any(|pattern| pattern.matches(self.path))
    }

    fn an_extension(&self, extensions: &[String]) -> bool {
        let mut after_dots = self.path.rsplit(|b| *b == b'.');
        let last = after_dots.next().unwrap_or_default();
        let has_dot = after_dots.next().is_some();
        let is = |extension: &String| extension.as_bytes().eq_ignore_ascii_case(last);
        has_dot && extensions.iter().any(is)
    }

    fn a_field(&self, names: &[HeaderName]) -> bool {
        names.iter().any(|name| self.headers.contains_key(name))
    }

    /// RFC 6265 section 4.2.1: pairs with semicolons between them.
    fn a_cookie(&self, patterns: &[Glob]) -> bool {
        let lines = self.headers.get_all(header::COOKIE).iter();
        let pairs = lines.flat_map(|line| line.as_bytes().split(|b| *b == b';'));
        let mut names = pairs.filter_map(|pair| pair.split(|b| *b == b'=').next());
        names.any(|name| {
            let name = name.trim_ascii();
            patterns.iter().any(|pattern| pattern.matches(name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::testing::map;

    fn globs(patterns: &[&str]) -> Vec<Glob> {
        patterns.iter().map(|pattern| Glob::new(pattern)).collect()
    }

    fn meets(when: &When, path: &str, fields: &[(&'static str, &'static str)]) -> bool {
        let rule = Rule {
            when: when.clone(),
            policy: Policy::default(),
        };
        Rule::find(&[rule], path, &map(fields)).is_some()
    }

    #[test]
    fn the_first_rule_that_is_met_holds() {
        let rule = |patterns: &[&str]| Rule {
            when: When {
                paths: globs(patterns),
                ..When::default()
            },
            policy: Policy::default(),
        };
        let rules = [rule(&["/a/*", "/b"]), rule(&["/a/b*"]), rule(&[])];
        let found = |path| Rule::find(&rules, path, &HeaderMap::new());
        assert_eq!(found("/a/b"), Some(0));
        assert_eq!(found("/b"), Some(0));
        // Without conditions a rule is for all.
        assert_eq!(found("/c"), Some(2));
        assert_eq!(Rule::find(&rules[..2], "/c", &HeaderMap::new()), None);
    }

    #[test]
    fn paths_are_compared_decoded() {
        let when = When {
            paths: globs(&["/private/*"]),
            ..When::default()
        };
        for path in ["/private/a", "/%70rivate/a", "/private%2Fa"] {
            assert!(meets(&when, path, &[]), "{path}");
        }
        assert!(!meets(&when, "/Private/a", &[]));
    }

    #[test]
    fn extensions_are_those_of_the_last_segment() {
        let when = When {
            extensions: vec!["css".to_owned(), "js".to_owned()],
            ..When::default()
        };
        for path in ["/a.css", "/a.b/c.JS", "/.css"] {
            assert!(meets(&when, path, &[]), "{path}");
        }
        for path in ["/a.css/b", "/css", "/a.css.png", "/"] {
            assert!(!meets(&when, path, &[]), "{path}");
        }
    }

    #[test]
    fn fields_and_cookies_are_there_or_not() {
        let when = When {
            headers: vec![HeaderName::from_static("x-preview")],
            ..When::default()
        };
        assert!(meets(&when, "/", &[("x-preview", "")]));
        assert!(!meets(&when, "/", &[("x-other", "x-preview")]));
        let when = When {
            cookies: globs(&["session", "login_*"]),
            ..When::default()
        };
        for cookies in ["session=1", "a=b; session=1", "a=b;login_x", "login_=;c"] {
            assert!(meets(&when, "/", &[("cookie", cookies)]), "{cookies}");
        }
        for cookies in ["a=session", "sessions=1", "Session=1", ""] {
            assert!(!meets(&when, "/", &[("cookie", cookies)]), "{cookies}");
        }
        assert!(!meets(&when, "/", &[]));
    }

    #[test]
    fn all_conditions_are_met_together() {
        let when = When {
            paths: globs(&["/a/*"]),
            cookies: globs(&["s"]),
            ..When::default()
        };
        assert!(meets(&when, "/a/b", &[("cookie", "s=1")]));
        assert!(!meets(&when, "/a/b", &[]));
        assert!(!meets(&when, "/b", &[("cookie", "s=1")]));
    }
}
