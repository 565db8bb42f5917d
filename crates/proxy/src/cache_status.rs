//! How a request was handled, as Cache-Status (RFC 9211) tells it.

use std::fmt::{self, Write as _};

use http::{HeaderName, HeaderValue};
use perigee_http_cache::{CacheKey, Miss};

pub(crate) static CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Keys that are longer are left out.
const MAX_KEY: usize = 1 << 10;

/// What an entry takes beside the node's name, in most cases.
const ROOM: usize = 80;

/// How much of this a client is told. Between the tiers all of it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disclosure {
    /// Nothing: no Cache-Status.
    Off,
    /// Whether the edge had it, or why it was forwarded.
    Brief,
    /// All that each tier says.
    #[default]
    Full,
    /// That, and the cache key.
    Debug,
}

/// A node, as it speaks of itself.
#[derive(Debug)]
pub(crate) struct Entries {
    node: String,
    /// What was done of most misses, and what is said of it: made once.
    usual: (Handling, Option<HeaderValue>),
}

impl Entries {
    pub(crate) fn of(node: &str) -> Self {
        let mut usual = Handling::forwarded(Miss::Uri).with_status(200);
        usual.stored = true;
        let mut entries = Entries {
            node: node.to_owned(),
            usual: (usual, None),
        };
        entries.usual.1 = entries.entry(Disclosure::Full, &entries.usual.0, None);
        entries
    }

    /// What is said of an answer (RFC 9211 section 2).
    fn entry(
        &self,
        disclosure: Disclosure,
        handling: &Handling,
        key: Option<&CacheKey>,
    ) -> Option<HeaderValue> {
        match &self.usual {
            (usual, Some(entry)) if disclosure == Disclosure::Full && handling == usual => {
                Some(entry.clone())
            }
            _ => HeaderValue::try_from(text(&self.node, disclosure, handling, key)?).ok(),
        }
    }
}

/// Puts on what this node and those above it, nearest to the origin first, say of an answer. `key` is
/// known of requests that the store was asked about.
pub(crate) fn disclose(
    mut add: impl FnMut(&HeaderName, HeaderValue),
    disclosure: Disclosure,
    above: Vec<HeaderValue>,
    own: &Entries,
    handling: &Handling,
    key: Option<&CacheKey>,
) {
    if disclosure > Disclosure::Brief {
        for entry in above {
            add(&CACHE_STATUS, entry);
        }
    }
    if let Some(entry) = own.entry(disclosure, handling, key) {
        add(&CACHE_STATUS, entry);
    }
}

fn text(
    node: &str,
    disclosure: Disclosure,
    handling: &Handling,
    key: Option<&CacheKey>,
) -> Option<String> {
    let mut entry = String::with_capacity(node.len() + ROOM);
    entry.push_str(node);
    match disclosure {
        Disclosure::Off => return None,
        Disclosure::Brief => handling.tell_in_brief(&mut entry),
        Disclosure::Full => handling.tell(&mut entry),
        Disclosure::Debug => {
            handling.tell(&mut entry);
            let key = key.filter(|key| key.as_str().len() <= MAX_KEY);
            if let Some(key) = key.and_then(|key| quoted(key.as_str())) {
                entry.push_str("; key=");
                entry.push_str(&key);
            }
        }
    }
    Some(entry)
}

/// A String of RFC 8941 section 3.3.3; `None` for what none can hold.
fn quoted(text: &str) -> Option<String> {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            _ => return None,
        }
    }
    quoted.push('"');
    Some(quoted)
}

/// How one cache handled one request: the parameters of RFC 9211 section 2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Handling {
    /// Served from the store, without asking anyone.
    pub(crate) hit: bool,
    /// Why it was forwarded, if it was.
    pub(crate) forwarded: Option<Miss>,
    /// The status that came back, if it is not the one that was sent.
    pub(crate) forward_status: Option<u16>,
    /// Whether the response was stored.
    pub(crate) stored: bool,
    /// Whether the request was answered by another one's fetch.
    pub(crate) collapsed: bool,
    /// Seconds of freshness left.
    pub(crate) ttl: Option<i64>,
    /// What else is worth knowing.
    pub(crate) detail: Option<Detail>,
}

/// The `detail` parameter (RFC 9211 section 2.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Forwarded to this node of the same PoP.
    Peer(String),
    /// From this node of the same PoP, which owns it, and kept here too.
    Copy(String),
    /// What was stored was served, though stale, while it is validated in the background.
    StaleWhileRevalidate,
    /// The next tier failed; what was stored was served, though stale.
    StaleIfError,
    /// The next tier failed, and there was nothing to serve.
    NextTierFailed,
    /// The last response was not to be shared: forwarded without waiting for others.
    HitForMiss,
    /// Refused before anything was looked up.
    Refused,
}

impl Handling {
    /// Served from the store.
    pub(crate) fn hit(ttl: i64) -> Self {
        Handling {
            hit: true,
            ttl: Some(ttl),
            ..Handling::default()
        }
    }

    /// Served from the store though it is stale, and validated in the background.
    pub(crate) fn hit_stale(ttl: i64) -> Self {
        Handling {
            detail: Some(Detail::StaleWhileRevalidate),
            ..Handling::hit(ttl)
        }
    }

    /// Forwarded, for this reason.
    pub(crate) fn forwarded(why: Miss) -> Self {
        Handling {
            forwarded: Some(why),
            ..Handling::default()
        }
    }

    /// Forwarded, and this status came back.
    pub(crate) fn with_status(self, status: u16) -> Self {
        Handling {
            forward_status: Some(status),
            ..self
        }
    }

    /// Whether it was there, or why it was forwarded.
    fn tell_in_brief(&self, entry: &mut String) {
        if self.hit {
            entry.push_str("; hit");
        } else if let Some(why) = self.forwarded {
            entry.push_str("; fwd=");
            entry.push_str(why.as_str());
        }
    }

    /// Refused before the store was asked.
    pub(crate) fn refused() -> Self {
        Handling {
            detail: Some(Detail::Refused),
            ..Handling::default()
        }
    }
}

impl Handling {
    /// All of it. Of most answers, so it is put together piece by piece.
    fn tell(&self, entry: &mut String) {
        if self.hit {
            entry.push_str("; hit");
        }
        if let Some(why) = self.forwarded {
            entry.push_str("; fwd=");
            entry.push_str(why.as_str());
        }
        if let Some(status) = self.forward_status {
            entry.push_str("; fwd-status=");
            push_number(status, entry);
        }
        if self.stored {
            entry.push_str("; stored");
        }
        if self.collapsed {
            entry.push_str("; collapsed");
        }
        if let Some(ttl) = self.ttl {
            let _ = write!(entry, "; ttl={ttl}");
        }
        match &self.detail {
            None => {}
            Some(Detail::Peer(name)) => tell_node(entry, "peer", name),
            Some(Detail::Copy(name)) => tell_node(entry, "copy of", name),
            Some(Detail::StaleWhileRevalidate) => {
                entry.push_str("; detail=stale-while-revalidate");
            }
            Some(Detail::StaleIfError) => entry.push_str("; detail=stale-if-error"),
            Some(Detail::NextTierFailed) => entry.push_str("; detail=next-tier-failed"),
            Some(Detail::HitForMiss) => entry.push_str("; detail=hit-for-miss"),
            Some(Detail::Refused) => entry.push_str("; detail=refused"),
        }
    }
}

/// Appends a status, as formatting would, which costs more than the rest of most entries.
fn push_number(number: u16, entry: &mut String) {
    let digits = [10_000, 1000, 100, 10, 1].map(|place| number / place % 10);
    let first = digits.iter().position(|digit| *digit > 0).unwrap_or(4);
    let digits = digits.iter().skip(first);
    entry.extend(digits.map(|digit| char::from(b'0' + *digit as u8)));
}

fn tell_node(entry: &mut String, what: &str, name: &str) {
    if let Some(detail) = quoted(&format!("{what} {name}")) {
        entry.push_str("; detail=");
        entry.push_str(&detail);
    }
}

impl fmt::Display for Handling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.tell(&mut text);
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests;
