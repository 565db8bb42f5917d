//! Entity tags (RFC 9110 section 8.8.3) and lists of them.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use smallvec::SmallVec;

use crate::noted::{Line, Noted};

/// The entity tag of a stored response.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EntityTag {
    /// As it was received, and as it is sent back in If-None-Match.
    pub(crate) value: SmallVec<[u8; 32]>,
}

/// A tag, borrowed from a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    weak: bool,
    /// With its quotes, so that a tag that has none equals no tag that has them.
    opaque: &'a [u8],
}

impl EntityTag {
    /// The tag of a response. Several lines that differ are no tag at all.
    pub(crate) fn of(headers: &HeaderMap) -> Option<EntityTag> {
        let mut lines = headers.get_all(header::ETAG).iter();
        let first = lines.next().filter(|v| !v.is_empty())?;
        if lines.any(|other| other != first) {
            return None;
        }
        Some(EntityTag {
            value: SmallVec::from_slice(first.as_bytes()),
        })
    }

    /// The same, of what was noted of its fields.
    pub(crate) fn noted(noted: &Noted<'_>) -> Option<EntityTag> {
        match noted.etag {
            Line::No => None,
            Line::Once(value) => (!value.is_empty()).then(|| EntityTag {
                value: SmallVec::from_slice(value),
            }),
            Line::Often => EntityTag::of(noted.headers),
        }
    }

    pub(crate) fn tag(&self) -> Tag<'_> {
        Tag::of(&self.value)
    }

    /// As a field value, which it was.
    pub(crate) fn to_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.value).ok()
    }
}

impl<'a> Tag<'a> {
    /// Reads one tag. What is not of the form of section 8.8.3 is kept as an opaque weak tag:
    /// it equals itself, but is never trusted for combining ranges.
    pub(crate) fn of(value: &'a [u8]) -> Tag<'a> {
        let (weak, opaque) = match value.strip_prefix(b"W/") {
            Some(rest) => (true, rest),
            None => (false, value),
        };
        let quoted = opaque.len() >= 2 && opaque.starts_with(b"\"") && opaque.ends_with(b"\"");
        match quoted {
            true => Tag { weak, opaque },
            false => Tag {
                weak: true,
                opaque: value,
            },
        }
    }

    pub(crate) fn is_weak(self) -> bool {
        self.weak
    }

    /// Weak comparison (section 8.8.3.2).
    pub(crate) fn weak_eq(self, other: Tag<'_>) -> bool {
        self.opaque == other.opaque
    }

    /// Strong comparison (section 8.8.3.2).
    pub(crate) fn strong_eq(self, other: Tag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }
}

/// What If-Match and If-None-Match hold: `*`, or a list of tags that may be spread over lines.
/// Says whether `*` or a tag that `matches` accepts is among them; None if the field is absent.
pub(crate) fn list_has(
    headers: &HeaderMap,
    name: &HeaderName,
    mut matches: impl FnMut(Option<Tag<'_>>) -> bool,
) -> Option<bool> {
    let mut lines = headers.get_all(name).iter().peekable();
    lines.peek()?;
    Some(lines.any(|line| {
        tags(line.as_bytes()).any(|tag| match tag {
            b"*" => matches(None),
            tag => matches(Some(Tag::of(tag))),
        })
    }))
}

/// Whether one line of If-None-Match has `*`, or a tag that equals this one by weak comparison.
pub(crate) fn line_has_weak(line: &[u8], own: Option<Tag<'_>>) -> bool {
    tags(line).any(|tag| match tag {
        b"*" => true,
        tag => own.is_some_and(|own| Tag::of(tag).weak_eq(own)),
    })
}

/// Splits one line. A tag may hold commas, and knows no escapes.
fn tags(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = line;
    std::iter::from_fn(move || {
        while let Some((b',' | b' ' | b'\t', after)) = rest.split_first() {
            rest = after;
        }
        if rest.is_empty() {
            return None;
        }
        let quote = match rest {
            [b'"', ..] => Some(0),
            [b'W', b'/', b'"', ..] => Some(2),
            _ => None,
        };
        let closing = quote.and_then(|open| {
            let inside = rest.get(open + 1..)?;
            Some(open + 1 + inside.iter().position(|b| *b == b'"')? + 1)
        });
        let end = closing
            .or_else(|| rest.iter().position(|b| *b == b','))
            .unwrap_or(rest.len());
        let (tag, after) = rest.split_at(end);
        rest = after;
        Some(tag.trim_ascii())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_as_the_table_of_8_8_3_2() {
        let t = |s: &'static str| Tag::of(s.as_bytes());
        for (a, b, strong, weak) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ] {
            assert_eq!(t(a).strong_eq(t(b)), strong, "{a} {b}");
            assert_eq!(t(a).weak_eq(t(b)), weak, "{a} {b}");
        }
    }

    #[test]
    fn a_tag_without_quotes_is_weak_and_equals_only_itself() {
        let bare = Tag::of(b"abc");
        assert!(bare.is_weak());
        assert!(bare.weak_eq(Tag::of(b"abc")));
        assert!(!bare.strong_eq(Tag::of(b"abc")));
        assert!(!bare.weak_eq(Tag::of(b"\"abc\"")));
    }

    #[test]
    fn splits_lists_with_commas_inside_of_tags() {
        let split: Vec<&[u8]> = tags(b"\"a,b\" ,W/\"c\", d ,\"e").collect();
        assert_eq!(split, [&b"\"a,b\""[..], b"W/\"c\"", b"d", b"\"e"]);
        assert_eq!(tags(b"\"").count(), 1);
        assert_eq!(tags(b" ,\t").count(), 0);
    }

    #[test]
    fn differing_lines_are_no_tag() {
        let mut headers = HeaderMap::new();
        headers.append(header::ETAG, HeaderValue::from_static("\"a\""));
        assert!(EntityTag::of(&headers).is_some());
        headers.append(header::ETAG, HeaderValue::from_static("\"b\""));
        assert!(EntityTag::of(&headers).is_none());
    }
}
