//! By what purges and responses find each other: the hashes of names.

// SipHash-2-4 with a key that is kept with the journal: std has no other name for it, and its
// default hasher may be another one in the next release.
#[expect(deprecated)]
use std::hash::SipHasher;
use std::hash::{BuildHasher, Hasher, RandomState};

use perigee_http_cache::CacheKey;

use super::Target;

/// What a name is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Key,
    Prefix,
    Host,
    Tag,
    Group,
    Everything,
}

pub(super) const KINDS: usize = 6;

impl Kind {
    /// The kind with this number.
    pub(super) fn of(number: u8) -> Option<Kind> {
        let all = [
            Kind::Key,
            Kind::Prefix,
            Kind::Host,
            Kind::Tag,
            Kind::Group,
            Kind::Everything,
        ];
        all.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// What stands for more than one name of a kind, for when only so much is known.
#[derive(Clone, Copy, Debug)]
enum Wide {
    /// All keys of a path.
    Path = KINDS as isize,
    /// All tags of a host.
    Tags,
    /// All groups of an origin.
    Groups,
}

/// What a purge names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) kind: Kind,
    pub(super) hash: u64,
    /// Bytes of the text, for prefixes.
    pub(super) length: u32,
    /// The hash of what it is a part of.
    pub(super) wide: Option<u64>,
}

/// Makes hashes of names, with a secret, the same in every release: clients choose how keys are called. If two fall together,
/// which is left to chance alone, a response is gone that might have stayed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    pub(super) secret: [u64; 2],
}

impl Default for Names {
    fn default() -> Self {
        // Fresh randomness of the system, unlike that of a generator which much else draws from.
        let random = || RandomState::new().build_hasher().finish();
        Names {
            secret: [random(), random()],
        }
    }
}

impl Names {
    pub(super) fn of(&self, target: &Target) -> Name {
        let name = |kind, hash, wide| Name {
            kind,
            hash,
            length: 0,
            wide,
        };
        match target {
            Target::Key(key) => name(Kind::Key, self.key(key), Some(self.path(key))),
            Target::Prefix(text) => Name {
                length: u32::try_from(text.len()).unwrap_or(u32::MAX),
                ..name(Kind::Prefix, self.prefix(text), None)
            },
            Target::Host(host) => {
                let host = host.to_ascii_lowercase();
                let (bare, port) = split_port(&host);
                name(Kind::Host, self.host(bare, port), None)
            }
            Target::Tag { host, tag } => {
                let host = host.as_ref().map(|host| host.to_ascii_lowercase());
                let host = host.as_ref().map(|host| split_port(host).0);
                name(Kind::Tag, self.tag(host, tag), Some(self.tags(host)))
            }
            Target::Group { origin, group } => {
                let hash = self.group(origin, group);
                name(Kind::Group, hash, Some(self.groups(origin)))
            }
            Target::Everything => name(Kind::Everything, 0, None),
        }
    }

    pub(super) fn key(&self, key: &CacheKey) -> u64 {
        self.hash(Kind::Key as u8, &[key.as_str()])
    }

    pub(super) fn path(&self, key: &CacheKey) -> u64 {
        self.hash(Wide::Path as u8, &[key.split_query().0])
    }

    fn prefix(&self, text: &str) -> u64 {
        let mut hasher = self.begin_prefix();
        hasher.write(text.as_bytes());
        hasher.finish()
    }

    /// The hashes of the prefixes of a key that have these lengths in bytes, shortest first. The key
    /// is read once, however many they are.
    pub(super) fn prefixes<'a>(
        &self,
        key: &'a CacheKey,
        lengths: impl Iterator<Item = u32> + 'a,
    ) -> impl Iterator<Item = u64> + 'a {
        let text = behind_scheme(key).as_bytes();
        let (mut hasher, mut read) = (self.begin_prefix(), 0);
        lengths.map_while(move |length| {
            let length = length as usize;
            hasher.write(text.get(read..length)?);
            read = length;
            Some(hasher.finish())
        })
    }

    /// What is written in pieces has the hash of the whole: it reads a stream of bytes.
    #[expect(deprecated)]
    fn begin_prefix(&self) -> SipHasher {
        self.begin(Kind::Prefix as u8)
    }

    #[expect(deprecated)]
    fn begin(&self, kind: u8) -> SipHasher {
        let mut hasher = SipHasher::new_with_keys(self.secret[0], self.secret[1]);
        hasher.write(&[kind]);
        hasher
    }

    /// The names by which the host of a key may be meant: without a port, and with the one that it
    /// has. The scheme says which one that is where none is written; in a key of either scheme it
    /// may be both.
    pub(super) fn hosts(&self, key: &CacheKey) -> impl Iterator<Item = u64> {
        let (host, port) = host_of(key);
        let default: [Option<&str>; 2] = match key.as_str().split_once("://") {
            _ if port.is_some() => [port, None],
            Some(("http", _)) => [Some("80"), None],
            Some(("https", _)) => [Some("443"), None],
            _ => [Some("80"), Some("443")],
        };
        let with_port = default.into_iter().flatten();
        let with_port = with_port.map(move |port| self.host(host, Some(port)));
        std::iter::once(self.host(host, None)).chain(with_port)
    }

    fn host(&self, host: &str, port: Option<&str>) -> u64 {
        self.hash(Kind::Host as u8, &[host, port.unwrap_or_default()])
    }

    /// Of one host, or else of all.
    pub(super) fn tag(&self, host: Option<&str>, tag: &str) -> u64 {
        self.hash(Kind::Tag as u8, &[host.unwrap_or_default(), tag])
    }

    pub(super) fn tags(&self, host: Option<&str>) -> u64 {
        self.hash(Wide::Tags as u8, &[host.unwrap_or_default()])
    }

    pub(super) fn group(&self, origin: &str, group: &str) -> u64 {
        self.hash(Kind::Group as u8, &[origin, group])
    }

    pub(super) fn groups(&self, origin: &str) -> u64 {
        self.hash(Wide::Groups as u8, &[origin])
    }

    fn hash(&self, kind: u8, texts: &[&str]) -> u64 {
        let mut hasher = self.begin(kind);
        for text in texts {
            hasher.write(&(text.len() as u64).to_le_bytes());
            hasher.write(text.as_bytes());
        }
        hasher.finish()
    }
}

/// The host of a key without its port.
pub(super) fn bare_host(key: &CacheKey) -> &str {
    host_of(key).0
}

fn host_of(key: &CacheKey) -> (&str, Option<&str>) {
    let origin = key.origin();
    split_port(origin.split_once("://").map_or(origin, |(_, host)| host))
}

fn behind_scheme(key: &CacheKey) -> &str {
    let text = key.as_str();
    text.split_once("://").map_or(text, |(_, rest)| rest)
}

/// `host:port`, `[::1]:port`.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((bare, port))
            if port.bytes().all(|b| b.is_ascii_digit())
                && (bare.ends_with(']') || !bare.contains(':')) =>
        {
            (bare, Some(port).filter(|port| !port.is_empty()))
        }
        _ => (host, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who changes what a name is must give the journal another version.
    #[test]
    fn names_are_the_same_for_ever() {
        let names = Names { secret: [1, 2] };
        let key = CacheKey::new(perigee_http_cache::Scheme::Http, "a.test", "/a?q");
        let all = [
            names.key(&key),
            names.path(&key),
            names.prefix("a.test/"),
            names.host("a.test", Some("80")),
            names.tag(Some("a.test"), "x"),
            names.tags(None),
            names.group("http://a.test", "x"),
            names.groups("http://a.test"),
        ];
        let expected = [
            1422598737938761565,
            913541694994391629,
            10511361888308834330,
            1720425886728727157,
            3515354291986739380,
            8631714118731377514,
            7339158536435055424,
            8794069019826000832,
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn a_port_is_what_stands_behind_the_last_colon_outside_of_brackets() {
        for (host, split) in [
            ("a.test", ("a.test", None)),
            ("a.test:80", ("a.test", Some("80"))),
            ("a.test:", ("a.test", None)),
            ("[::1]", ("[::1]", None)),
            ("[::1]:8080", ("[::1]", Some("8080"))),
            ("::1", ("::1", None)),
            ("", ("", None)),
        ] {
            assert_eq!(split_port(host), split, "{host}");
        }
    }
}
