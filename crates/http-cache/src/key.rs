//! The cache key (RFC 9111 section 2): scheme, host and target, so that no two services share one.

use std::{fmt, sync::Arc};

/// The scheme of the target URI (RFC 9110 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// The scheme as it stands in a URI.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// The primary cache key: `scheme://host/path?query`, with the host in lower case.
/// Cheap to clone. Variants of one key are told apart by [`crate::StoredHead`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    text: Arc<str>,
}

impl CacheKey {
    /// The key of a request. `host` may carry a port; the scheme's default port is left out.
    pub fn new(scheme: Scheme, host: &str, path_and_query: &str) -> Self {
        let default_port = match scheme {
            Scheme::Http => ":80",
            Scheme::Https => ":443",
        };
        let host = host.strip_suffix(default_port).unwrap_or(host);
        let mut text = String::with_capacity(8 + host.len() + path_and_query.len());
        text.push_str(scheme.as_str());
        text.push_str("://");
        text.extend(host.chars().map(|c| c.to_ascii_lowercase()));
        text.push_str(path_and_query);
        CacheKey { text: text.into() }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A hash that is the same in every process and release: what the ring places a key by.
    pub fn stable_hash(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(self.text.as_bytes())
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(scheme: Scheme, host: &str, target: &str) -> String {
        CacheKey::new(scheme, host, target).to_string()
    }

    #[test]
    fn the_default_port_and_the_case_of_the_host_make_no_difference() {
        assert_eq!(key(Scheme::Http, "A.test:80", "/P?q"), "http://a.test/P?q");
        assert_eq!(
            key(Scheme::Https, "a.test:443", "/P?q"),
            "https://a.test/P?q"
        );
        assert_eq!(key(Scheme::Https, "[::1]:443", "/"), "https://[::1]/");
        assert_eq!(key(Scheme::Https, "a.test:80", "/"), "https://a.test:80/");
    }

    #[test]
    fn the_hash_is_the_same_for_ever() {
        let key = CacheKey::new(Scheme::Https, "a.test", "/");
        assert_eq!(key.stable_hash(), 18_310_291_168_452_429_426);
    }
}
