//! Answers out of the store that are there at once: for requests of the usual kind, read where they
//! stand, without a map of their fields.
//!
//! Whatever this answers, [`crate::decide`] answers too, and whatever is not plain is left to that:
//! `tests/properties/at_once.rs` holds the two together.

use http::{HeaderName, StatusCode};

use crate::{
    BodyPart, Cookies, Now, PackedHead, Policy, Serve, conditional, dates, etag, freshness,
    range::{Ranges, Selected},
};

/// What the fields of a GET or HEAD come to that has no content, and that is plain.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain<'a> {
    is_head: bool,
    /// It has cookies.
    cookies: bool,
    /// It has directives for caches.
    directives: bool,
    if_none_match: Option<&'a [u8]>,
    if_modified_since: Option<&'a [u8]>,
    range: Option<&'a [u8]>,
}

/// How a request has a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent<'a> {
    /// Not at all.
    No,
    /// On one line, with this value.
    Once(&'a [u8]),
    /// On several lines.
    Often,
}

impl<'a> Plain<'a> {
    /// Reads the fields of a request, names in any case. `None` if it is not plain: it has content or
    /// credentials, wants something of the connection or of the origin, or says twice what is to be
    /// said once.
    pub fn of(
        is_head: bool,
        fields: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Option<Plain<'a>> {
        let mut plain = Plain {
            is_head,
            ..Plain::default()
        };
        for (name, value) in fields {
            // Most names are told by their length.
            if matches!(name.len(), 5..=8 | 13 | 14 | 17 | 19) {
                plain.note(name, value)?;
            }
        }
        Some(plain)
    }

    fn note(&mut self, name: &str, value: &'a [u8]) -> Option<()> {
        const UNUSUAL: [&str; 9] = [
            "expect",
            "upgrade",
            "if-match",
            "if-range",
            "cdn-loop",
            "authorization",
            "content-length",
            "transfer-encoding",
            "if-unmodified-since",
        ];
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let once = match name.as_bytes().first().map(u8::to_ascii_lowercase) {
            Some(b'a' | b'c' | b'e' | b'i' | b'u' | b't') if UNUSUAL.into_iter().any(is) => {
                return None;
            }
            Some(b'c') if is("cookie") => {
                self.cookies = true;
                return Some(());
            }
            Some(b'c' | b'p') if is("cache-control") || is("pragma") => {
                self.directives = true;
                return Some(());
            }
            Some(b'i') if is("if-none-match") => &mut self.if_none_match,
            Some(b'i') if is("if-modified-since") => &mut self.if_modified_since,
            Some(b'r') if is("range") => &mut self.range,
            _ => return Some(()),
        };
        once.replace(value).is_none().then_some(())
    }
}

/// Answers from what is stored under a request's key, newest first, if it is fresh, and the request
/// asks for nothing unusual. `sent` says how the request has a field that a stored response was
/// selected by.
pub fn at_once<'a, 's>(
    plain: &Plain<'_>,
    stored: impl IntoIterator<Item = PackedHead<'s>>,
    sent: impl Fn(&HeaderName) -> Sent<'a>,
    policy: &Policy,
    now: Now,
) -> Option<Serve> {
    let passes_by = policy.bypass || (policy.cookies == Cookies::Strict && plain.cookies);
    if passes_by || (policy.obey_request_directives && plain.directives) {
        return None;
    }
    let (variant, head) = select(stored, sent, policy)?;
    // RFC 9111 section 4.2: fresh, and no need to ask.
    let age = head.age(now.time);
    let is_trusted = !head.always_validate() && now.trusts_from(head.received());
    if head.is_part() || !is_trusted || age >= head.lifetime() {
        return None;
    }
    let (status, body) = match () {
        () if is_not_modified(plain, head)? => (StatusCode::NOT_MODIFIED, BodyPart::None),
        () if plain.is_head => (head.status(), BodyPart::None),
        () => match plain.range {
            None => (head.status(), BodyPart::Whole),
            Some(line) => of_whole(&Ranges::of_line(line, policy.max_ranges), head)?,
        },
    };
    Some(Serve {
        variant,
        status,
        body,
        age: age.as_secs(),
        ttl: freshness::ttl(head.lifetime(), age),
    })
}

/// The newest stored response that the request selects (RFC 9111 section 4.1); `None`, too, if that
/// takes more than to compare what was sent.
fn select<'a, 's>(
    stored: impl IntoIterator<Item = PackedHead<'s>>,
    sent: impl Fn(&HeaderName) -> Sent<'a>,
    policy: &Policy,
) -> Option<(usize, PackedHead<'s>)> {
    for (variant, head) in stored.into_iter().enumerate() {
        if head.is_selected(&policy.key, &sent)? {
            return Some((variant, head));
        }
    }
    None
}

/// RFC 9110 section 13.2.2, steps 3 and 4; as `conditional` has it for maps.
fn is_not_modified(plain: &Plain<'_>, head: PackedHead<'_>) -> Option<bool> {
    if !head.status().is_success() {
        return Some(false);
    }
    match (plain.if_none_match, plain.if_modified_since) {
        (Some(tags), _) => Some(etag::line_has_weak(tags, head.etag().map(etag::Tag::of))),
        (None, Some(date)) => {
            let Some(since) = dates::parse(date, head.received()) else {
                return Some(false);
            };
            let modified = head.modified()?;
            let is_modified = conditional::is_modified_since(head.status(), modified, since);
            Some(is_modified == Some(false))
        }
        (None, None) => Some(false),
    }
}

/// Only a 200 whose length is known has ranges. `None` for several, which have a body of their own.
fn of_whole(ranges: &Ranges, head: PackedHead<'_>) -> Option<(StatusCode, BodyPart)> {
    let whole = (head.status(), BodyPart::Whole);
    let length = match head.length() {
        Some(length) if head.status() == StatusCode::OK => length,
        _ => return Some(whole),
    };
    match ranges.select(length) {
        Selected::Whole => Some(whole),
        Selected::Bytes(bytes) => Some((StatusCode::PARTIAL_CONTENT, BodyPart::Range(bytes))),
        Selected::Unsatisfiable => Some((StatusCode::RANGE_NOT_SATISFIABLE, BodyPart::None)),
        Selected::Several(_) => None,
    }
}
