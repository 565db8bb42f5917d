//! What is known of a stored response, for people who ask.

use std::{
    ops::Range,
    time::{Duration, SystemTime},
};

use http::header;

use crate::{StoredHead, part::Part, vary::Selecting};

/// Ranges of a part that are told.
const MAX_TOLD: usize = 16;

/// What is known of a stored response at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its age (RFC 9111 section 4.2.3).
    pub age: Duration,
    /// How long it is fresh (section 4.2.1), as far as the policy allows.
    pub lifetime: Duration,
    /// What says so: `max-age=60 (Cache-Control)`.
    pub lifetime_by: String,
    /// Seconds of freshness left; zero or less once stale.
    pub ttl: i64,
    /// The fields that Vary names, and their values in the requests that select it, normalised;
    /// `None`: they lack the field (section 4.1).
    pub selecting: Vec<(String, Option<String>)>,
    /// What of the representation its body holds, if not all, as Content-Range says it
    /// (RFC 9110 section 14.4), or would if it could: `bytes 0-99, 200-299/1000`.
    pub part: Option<String>,
    /// The cache groups that it is in (RFC 9875 section 2).
    pub groups: Vec<String>,
    /// The tags of its Surrogate-Key and Cache-Tag.
    pub tags: Vec<String>,
    /// Its ETag.
    pub etag: Option<String>,
    /// Its Last-Modified.
    pub last_modified: Option<String>,
    /// Whether each use is validated: no-cache (section 5.2.2.4).
    pub always_validate: bool,
    /// Whether it is never served stale: must-revalidate and its kin (section 4.2.4).
    pub never_stale: bool,
    /// What it says of stale-while-revalidate (RFC 5861 section 3).
    pub stale_while_revalidate: Option<Duration>,
    /// What it says of stale-if-error (RFC 5861 section 4).
    pub stale_if_error: Option<Duration>,
}

impl StoredHead {
    /// What is known of it now.
    pub fn facts(&self, now: SystemTime) -> Facts {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let fields = self.selecting.iter().flat_map(Selecting::values);
        Facts {
            age: self.age(now),
            lifetime: self.lifetime,
            lifetime_by: self.lifetime_by.in_words(self.lifetime),
            ttl: self.ttl(now),
            selecting: fields.map(|(n, v)| (n, v.map(text))).collect(),
            part: self.part.as_ref().map(|part| content_range(part)),
            groups: self.groups().map(str::to_owned).collect(),
            tags: self.tags().map(str::to_owned).collect(),
            etag: self.etag.as_ref().map(|etag| text(&etag.value)),
            last_modified: self
                .headers
                .get(header::LAST_MODIFIED)
                .map(|date| text(date.as_bytes())),
            always_validate: self.always_validate,
            never_stale: self.never_stale,
            stale_while_revalidate: self.stale_while_revalidate,
            stale_if_error: self.stale_if_error,
        }
    }
}

/// Several ranges are joined by commas, which no Content-Range may have.
fn content_range(part: &Part) -> String {
    let run = |run: &Range<u64>| format!("{}-{}", run.start, run.end.saturating_sub(1));
    let more = part.held.runs().len().saturating_sub(MAX_TOLD);
    let runs = part.held.runs().iter().take(MAX_TOLD).map(run);
    let mut runs: Vec<_> = runs.collect();
    if more > 0 {
        runs.push(format!("and {more} more"));
    }
    let complete = part.complete.map_or("*".to_owned(), |n| n.to_string());
    format!("bytes {}/{complete}", runs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::testing::{at, head_for, part};

    #[test]
    fn all_that_decides_is_told() {
        let head = head_for(
            &[("accept-language", "de, en")],
            &[
                ("cache-control", "max-age=60, stale-while-revalidate=30"),
                ("age", "10"),
                ("etag", "\"a\""),
                ("vary", "Accept-Language, X-Other"),
            ],
        );
        let facts = head.facts(at(5));
        assert_eq!((facts.age.as_secs(), facts.ttl), (15, 45));
        assert_eq!(facts.lifetime_by, "max-age=60 (Cache-Control)");
        let selecting: Vec<_> = facts
            .selecting
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
            .collect();
        assert_eq!(
            selecting,
            [("accept-language", Some("de,en")), ("x-other", None)]
        );
        assert_eq!(facts.etag.as_deref(), Some("\"a\""));
        assert_eq!(facts.stale_while_revalidate, Some(Duration::from_secs(30)));
        assert!(facts.last_modified.is_none() && !facts.always_validate && !facts.never_stale);
    }

    #[test]
    fn a_part_says_what_it_holds() {
        let told = |content_range, length| part(&[], content_range, length).facts(at(0)).part;
        let one = told("bytes 4-9/20", 6);
        assert_eq!(one.as_deref(), Some("bytes 4-9/20"));
        assert_eq!(told("bytes 4-9/*", 2).as_deref(), Some("bytes 4-5/*"));
        assert_eq!(told("bytes 0-9/10", 10), None);
        let tagged = |content_range, n| part(&[("etag", "\"a\"")], content_range, n);
        let both = tagged("bytes 4-5/20", 2).joined(&tagged("bytes 8-9/20", 2));
        let told = both.unwrap().facts(at(0)).part;
        assert_eq!(told.as_deref(), Some("bytes 4-5, 8-9/20"));
    }
}
