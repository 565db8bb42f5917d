//! Whose a host is: the exact name first, then the longest wildcard, then `*`.

use std::{borrow::Cow, collections::HashMap};

/// What answers for which hosts. Patterns are without port and in lower case: `www.example.com`,
/// `*.example.com` (any one or more labels in its place), or `*` for all that no other claims.
#[derive(Debug)]
pub(crate) struct Hosts<T> {
    exact: HashMap<String, Claim<T>>,
    /// By what follows `*.`
    below: HashMap<String, Claim<T>>,
    any: Option<Claim<T>>,
}

/// A pattern, and whose it is.
#[derive(Debug)]
pub(crate) struct Claim<T> {
    pub(crate) pattern: Box<str>,
    pub(crate) of: T,
}

impl<T> Default for Hosts<T> {
    fn default() -> Self {
        Hosts {
            exact: HashMap::new(),
            below: HashMap::new(),
            any: None,
        }
    }
}

impl<T> Hosts<T> {
    pub(crate) fn insert(&mut self, pattern: &str, of: T) {
        let claim = Claim {
            pattern: pattern.into(),
            of,
        };
        if pattern == "*" {
            self.any = Some(claim);
        } else if let Some(parent) = pattern.strip_prefix("*.") {
            self.below.insert(parent.to_owned(), claim);
        } else {
            self.exact.insert(pattern.to_owned(), claim);
        }
    }

    /// Who claims a host, which may carry a port.
    pub(crate) fn find(&self, host: &str) -> Option<&Claim<T>> {
        let host = lower(without_port(host));
        if let Some(claim) = self.exact.get(&*host) {
            return Some(claim);
        }
        let mut rest = &*host;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(claim) = self.below.get(parent) {
                return Some(claim);
            }
            rest = parent;
        }
        self.any.as_ref()
    }
}

/// The host without its port; `[::1]:80` becomes `[::1]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn lower(host: &str) -> Cow<'_, str> {
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_that_matched_is_told() {
        let mut hosts = Hosts::default();
        for pattern in ["www.example.com", "*.img.example.com", "*.example.com", "*"] {
            hosts.insert(pattern, ());
        }
        for (host, pattern) in [
            ("WWW.example.com:8080", "www.example.com"),
            ("a.b.img.example.com", "*.img.example.com"),
            ("img.example.com", "*.example.com"),
            ("example.com", "*"),
            ("[::1]:80", "*"),
        ] {
            let claim = hosts.find(host).unwrap();
            assert_eq!(&*claim.pattern, pattern, "{host}");
        }
    }
}
