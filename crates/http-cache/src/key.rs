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

    /// The host without the scheme's default port (RFC 9110 section 4.2.3).
    pub(crate) fn without_default_port(self, host: &str) -> &str {
        let default_port = match self {
            Scheme::Http => ":80",
            Scheme::Https => ":443",
        };
        host.strip_suffix(default_port).unwrap_or(host)
    }
}

/// What stands in a key for either scheme, where a service has folded the two. No URI begins
/// like that, so such a key is never that of one scheme.
const EITHER_SCHEME: &str = "*";

/// The primary cache key: `scheme://host/path?query`, with the host in lower case.
/// Cheap to clone. Variants of one key are told apart by [`crate::StoredHead`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    text: Arc<str>,
}

impl CacheKey {
    /// The key of a request. `host` may carry a port; the scheme's default port is left out.
    pub fn new(scheme: Scheme, host: &str, path_and_query: &str) -> Self {
        KeyText::new(scheme, host, path_and_query).key()
    }

    /// The key of a request to a service that has folded the schemes.
    pub(crate) fn of_either(scheme: Scheme, host: &str, path_and_query: &str) -> Self {
        KeyText::of_either(scheme, host, path_and_query).key()
    }

    /// The key that has this text: [`CacheKey::as_str`] of it, written down before.
    pub fn from_text(text: &str) -> Self {
        CacheKey { text: text.into() }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The key as text that is shared, not copied.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// `scheme://host`, with a port that is not the default: the origin (RFC 9110 section 4.3.1).
    pub fn origin(&self) -> &str {
        self.text.get(..self.target_at()).unwrap_or(&self.text)
    }

    /// The path and the query.
    pub fn path_and_query(&self) -> &str {
        self.text.get(self.target_at()..).unwrap_or_default()
    }

    /// Origin and path; the query.
    pub fn split_query(&self) -> (&str, Option<&str>) {
        match self.text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (&self.text, None),
        }
    }

    /// The key of the same path with this query; none if it is empty.
    pub fn with_query(&self, query: &str) -> CacheKey {
        let (path, _) = self.split_query();
        let text = match query {
            "" => Arc::from(path),
            query => format!("{path}?{query}").into(),
        };
        CacheKey { text }
    }

    fn target_at(&self) -> usize {
        let after_scheme = self.text.find("://").map_or(0, |at| at + 3);
        let rest = self.text.get(after_scheme..).unwrap_or_default();
        // `OPTIONS *` has no path (RFC 9112 section 3.2.4).
        let host = rest.find(['/', '*', '?']).unwrap_or(rest.len());
        after_scheme + host
    }

    /// A hash that is the same in every process and release: what the ring places a key by.
    pub fn stable_hash(&self) -> u64 {
        stable_hash(self.text.as_bytes())
    }

    /// A hash for a table of this process: nobody outside knows the seed.
    pub fn seeded_hash(&self, seed: u64) -> u64 {
        xxhash_rust::xxh3::xxh3_64_with_seed(self.text.as_bytes(), seed)
    }

    /// The same of the key that has this text.
    pub fn stable_hash_of(text: &[u8]) -> u64 {
        stable_hash(text)
    }
}

/// Bytes of a key that is put together on the stack: with its length it is moved by a few instructions.
const ON_STACK: usize = 192;

/// The text of a key, put together on the stack: a key of usual length allocates nothing for it.
#[derive(Clone, Debug)]
pub struct KeyText {
    short: [u8; ON_STACK],
    length: usize,
    /// Instead, if it is longer.
    long: Vec<u8>,
}

impl KeyText {
    pub(crate) fn new(scheme: Scheme, host: &str, path_and_query: &str) -> Self {
        let host = scheme.without_default_port(host);
        KeyText::of(scheme.as_str(), host, path_and_query)
    }

    pub(crate) fn of_either(scheme: Scheme, host: &str, path_and_query: &str) -> Self {
        let host = scheme.without_default_port(host);
        KeyText::of(EITHER_SCHEME, host, path_and_query)
    }

    fn of(scheme: &str, host: &str, path_and_query: &str) -> Self {
        let parts = [scheme, "://", host, path_and_query].map(str::as_bytes);
        let mut text = KeyText {
            short: [0; ON_STACK],
            length: parts.iter().map(|part| part.len()).sum(),
            long: Vec::new(),
        };
        let bytes = match text.short.get_mut(..text.length) {
            Some(mut room) => {
                for part in parts {
                    let (place, rest) = room.split_at_mut(part.len());
                    place.copy_from_slice(part);
                    room = rest;
                }
                &mut text.short[..]
            }
            None => {
                text.long = parts.concat();
                &mut text.long[..]
            }
        };
        let begin = scheme.len() + 3;
        if let Some(host) = bytes.get_mut(begin..begin + host.len()) {
            host.make_ascii_lowercase();
        }
        text
    }

    /// The text of [`CacheKey::as_str`].
    pub fn as_bytes(&self) -> &[u8] {
        self.short.get(..self.length).unwrap_or(&self.long)
    }

    /// The key that has this text.
    fn key(&self) -> CacheKey {
        // It is UTF-8, for it was.
        CacheKey::from_text(std::str::from_utf8(self.as_bytes()).unwrap_or_default())
    }
}

/// A hash that is the same in every process and release.
pub(crate) fn stable_hash(text: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text)
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
    fn a_key_longer_than_the_stack_has_room_for_is_whole() {
        let path = format!("/{}ä", "x".repeat(1000));
        assert_eq!(
            key(Scheme::Http, "a.test", &path),
            format!("http://a.test{path}")
        );
    }

    #[test]
    fn a_key_knows_its_origin_and_its_target() {
        for (host, target) in [
            ("a.test", "/p?q"),
            ("a.test:8080", "/"),
            ("[::1]", "/p://x"),
            ("a.test", "*"),
        ] {
            let key = CacheKey::new(Scheme::Http, host, target);
            assert_eq!(key.origin(), format!("http://{host}"));
            assert_eq!(key.path_and_query(), target);
        }
    }

    #[test]
    fn a_key_of_either_scheme_is_that_of_none() {
        let (http, https) = (Scheme::Http, Scheme::Https);
        let either = CacheKey::of_either(http, "A.test:80", "/");
        assert_eq!(either, CacheKey::of_either(https, "a.test:443", "/"));
        assert_eq!(either.origin(), "*://a.test");
        assert_eq!(either.path_and_query(), "/");
        assert_ne!(
            CacheKey::of_either(http, "a.test:443", "/"),
            CacheKey::of_either(https, "a.test:443", "/"),
            "a port that is the default of the other scheme only"
        );
    }

    #[test]
    fn the_hash_is_the_same_for_ever() {
        let key = CacheKey::new(Scheme::Https, "a.test", "/");
        assert_eq!(key.stable_hash(), 18_310_291_168_452_429_426);
    }
}
