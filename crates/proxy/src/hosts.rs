//! Whose a host is: the exact name first, then the longest wildcard, then `*`.

use std::{
    borrow::Cow,
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// What answers for which hosts. Patterns are without port and in lower case: `www.example.com`,
/// `*.example.com` (any one or more labels in its place), or `*` for all that no other claims.
#[derive(Debug)]
pub(crate) struct Hosts<T> {
    exact: Named<Claim<T>>,
    /// By what follows `*.`
    below: Named<Claim<T>>,
    any: Option<Claim<T>>,
}

type Named<T> = HashMap<String, T, BuildHasherDefault<Words>>;

/// Multiplies eight bytes at a time. Who asks for hosts cannot make them collide: all that are in the table
/// stand in the file.
#[derive(Default)]
struct Words(u64);

impl Hasher for Words {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            // The last eight, of which some were there before: no copy has to be made.
            let last = bytes.last_chunk().map(|last| u64::from_le_bytes(*last));
            let few = || rest.iter().fold(0, |few, byte| few << 8 | u64::from(*byte));
            self.write_u64(last.unwrap_or_else(few));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0.rotate_left(5) ^ word) * 0x9E37_79B9_7F4A_7C15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
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
            exact: HashMap::default(),
            below: HashMap::default(),
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
        if self.exact.is_empty() && self.below.is_empty() {
            return self.any.as_ref();
        }
        // As most clients write it: without a port.
        if !host.ends_with(|last: char| last.is_ascii_digit())
            && let Some(claim) = self.exact.get(host)
        {
            return Some(claim);
        }
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
