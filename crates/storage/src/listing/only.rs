//! Which keys are wanted.

use std::time::SystemTime;

use perigee_http_cache::CacheKey;

use super::{Entry, Tier};

/// What an entry must have to be listed; by default, nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// It is in this tier.
    pub tier: Option<Tier>,
    /// It is of this host: with a port those of this port alone, else those of all ports. Case makes
    /// no difference.
    pub host: Option<String>,
    /// Its key begins so behind `://`: `www.example.com/img/`. Case makes no difference in the host.
    pub prefix: Option<String>,
    /// One of its responses has this tag (Surrogate-Key, Cache-Tag).
    pub tag: Option<String>,
    /// One of its responses is stale.
    pub stale: bool,
}

impl Only {
    /// Whether an entry is wanted.
    pub(crate) fn meets(&self, entry: &Entry, now: SystemTime) -> bool {
        self.tier.is_none_or(|tier| entry.tiers.has(tier))
            && self.key_meets(&entry.key)
            && self.tag.as_ref().is_none_or(|tag| {
                let mut tags = entry.variants.iter().flat_map(|stored| stored.head.tags());
                tags.any(|has| has == tag)
            })
            && (!self.stale
                || entry
                    .variants
                    .iter()
                    .any(|stored| stored.head.ttl(now) <= 0))
    }

    fn key_meets(&self, key: &CacheKey) -> bool {
        let (_, bare) = key.as_str().split_once("://").unwrap_or_default();
        let (_, host) = key.origin().split_once("://").unwrap_or_default();
        self.host
            .as_ref()
            .is_none_or(|wanted| is_host(wanted, host))
            && self
                .prefix
                .as_ref()
                .is_none_or(|wanted| begins(bare, wanted))
    }
}

/// Whether a key's host is the one that is wanted.
fn is_host(wanted: &str, host: &str) -> bool {
    let is_port = |rest: &str| match rest.strip_prefix(':') {
        Some(port) => port.bytes().all(|b| b.is_ascii_digit()),
        None => rest.is_empty(),
    };
    let (Some(begin), Some(rest)) = (host.get(..wanted.len()), host.get(wanted.len()..)) else {
        return false;
    };
    begin.eq_ignore_ascii_case(wanted) && is_port(rest)
}

/// Whether a key without its scheme begins so.
fn begins(bare: &str, wanted: &str) -> bool {
    let (host, path) = wanted.split_at(wanted.find('/').unwrap_or(wanted.len()));
    let (Some(begin), Some(rest)) = (bare.get(..host.len()), bare.get(host.len()..)) else {
        return false;
    };
    begin.eq_ignore_ascii_case(host) && rest.starts_with(path)
}

#[cfg(test)]
mod tests {
    use perigee_http_cache::Scheme;

    use super::*;

    fn of(host: Option<&str>, prefix: Option<&str>) -> Only {
        Only {
            host: host.map(str::to_owned),
            prefix: prefix.map(str::to_owned),
            ..Only::default()
        }
    }

    #[test]
    fn a_host_is_the_whole_host_on_any_port_or_that_one() {
        let key = |host: &str| CacheKey::new(Scheme::Http, host, "/");
        for (wanted, host, meets) in [
            ("a.test", "a.test", true),
            ("A.test", "a.test:8080", true),
            ("a.test:8080", "a.test:8080", true),
            ("a.test:8080", "a.test", false),
            ("a.test:80", "a.test:8080", false),
            ("a.test", "b.a.test", false),
            ("a.test", "a.test.evil", false),
            ("[::1]", "[::1]:80", true),
            ("", "a.test", false),
        ] {
            let only = of(Some(wanted), None);
            assert_eq!(only.key_meets(&key(host)), meets, "{wanted} {host}");
        }
    }

    #[test]
    fn a_prefix_is_what_the_key_begins_with_behind_its_scheme() {
        let key = CacheKey::new(Scheme::Https, "a.test:8080", "/Img/1?x=/");
        for (wanted, meets) in [
            ("a.test:8080/", true),
            ("A.TEST:8080/Img/", true),
            ("a.test", true),
            ("a.test:8080/img/", false),
            ("a.test/Img", false),
            ("https://a.test", false),
            ("a.test:8080/Img/1?x=/", true),
            ("a.test:8080/Img/1?x=/y", false),
        ] {
            assert_eq!(of(None, Some(wanted)).key_meets(&key), meets, "{wanted}");
        }
    }
}
