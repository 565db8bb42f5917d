//! A stored response, as it is told.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::header;
use perigee_storage::Stored;
use serde::{Deserialize, Serialize};

/// A stored response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredResponse {
    /// Its status.
    pub status: u16,
    /// Its Content-Type.
    pub content_type: Option<String>,
    /// Bytes of its body that are stored.
    pub length: Option<u64>,
    /// Bytes of the complete representation, if that is known.
    pub complete: Option<u64>,
    /// What of the representation the body holds, if not all, as Content-Range says it
    /// (RFC 9110 section 14.4).
    pub part: Option<String>,
    /// Of a part, the first and the last position of each run of bytes that is held.
    pub held: Vec<[u64; 2]>,
    /// When it was received, or last validated, in seconds since 1970.
    pub received: u64,
    /// Its age in seconds (RFC 9111 section 4.2.3).
    pub age: u64,
    /// Seconds of freshness left; zero or less once stale.
    pub ttl: i64,
    /// What its freshness comes from.
    pub lifetime_by: String,
    /// What requests that select it have in the fields that Vary names, normalised; null: they
    /// lack the field (RFC 9111 section 4.1).
    pub selected_by: BTreeMap<String, Option<String>>,
    /// The cache groups that it is in (RFC 9875).
    pub groups: Vec<String>,
    /// The tags of its Surrogate-Key and Cache-Tag.
    pub tags: Vec<String>,
    /// Its ETag.
    pub etag: Option<String>,
    /// Its Last-Modified.
    pub last_modified: Option<String>,
    /// no-cache: each use is validated.
    pub always_validate: bool,
    /// must-revalidate and its kin: never served stale.
    pub never_stale: bool,
    /// What it says of stale-while-revalidate, in seconds (RFC 5861 section 3).
    pub stale_while_revalidate: Option<u64>,
    /// What it says of stale-if-error, in seconds (RFC 5861 section 4).
    pub stale_if_error: Option<u64>,
}

impl StoredResponse {
    pub(crate) fn of(stored: &Stored, now: SystemTime) -> Self {
        let facts = stored.head.facts(now);
        let seconds = |window: Option<Duration>| window.map(|window| window.as_secs());
        let content_type = stored.head.headers.get(header::CONTENT_TYPE);
        let received = stored.head.received.duration_since(UNIX_EPOCH).ok();
        let is_whole = facts.part.is_none();
        StoredResponse {
            status: stored.head.status.as_u16(),
            content_type: content_type.map(|t| String::from_utf8_lossy(t.as_bytes()).into_owned()),
            length: stored.body.length(),
            complete: stored
                .head
                .length
                .or_else(|| is_whole.then(|| stored.body.length()).flatten()),
            held: if is_whole { Vec::new() } else { held(stored) },
            part: facts.part,
            received: received.map_or(0, |since| since.as_secs()),
            age: facts.age.as_secs(),
            ttl: facts.ttl,
            lifetime_by: facts.lifetime_by,
            selected_by: facts.selecting.into_iter().collect(),
            groups: facts.groups,
            tags: facts.tags,
            etag: facts.etag,
            last_modified: facts.last_modified,
            always_validate: facts.always_validate,
            never_stale: facts.never_stale,
            stale_while_revalidate: seconds(facts.stale_while_revalidate),
            stale_if_error: seconds(facts.stale_if_error),
        }
    }
}

fn held(stored: &Stored) -> Vec<[u64; 2]> {
    let held = stored.body.held();
    let runs = held.runs().iter();
    runs.map(|run| [run.start, run.end.saturating_sub(1)])
        .collect()
}
