//! What groups a stored response is in: Cache-Groups (RFC 9875 section 2), and the tags of
//! Surrogate-Key and Cache-Tag.

use http::{HeaderMap, HeaderName, header::GetAll, header::HeaderValue};
use sfv::{BareItem, List, ListEntry, Parser};

use crate::record::{Coded, Input};

/// The field of RFC 9875 section 2.
const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");

/// The field of RFC 9875 section 3.
const CACHE_GROUP_INVALIDATION: HeaderName = HeaderName::from_static("cache-group-invalidation");

/// The fields that tag a response for who runs the CDN. Tiers tell each other, and clients need
/// not know.
pub const TAG_FIELDS: [HeaderName; 2] = [SURROGATE_KEY, CACHE_TAG];
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");

/// Whether it is one of [`TAG_FIELDS`].
pub(crate) fn is_tag_field(name: &HeaderName) -> bool {
    matches!(name.as_str(), "surrogate-key" | "cache-tag")
}

/// Whether it says of what groups or tags a response is.
pub(crate) fn is_label_field(name: &HeaderName) -> bool {
    is_label_name(name.as_str().as_bytes())
}

/// The same of a name in lower case.
pub(crate) fn is_label_name(name: &[u8]) -> bool {
    matches!(name, b"surrogate-key" | b"cache-tag" | b"cache-groups")
}

/// Groups, and tags, that are recorded of one response; those after them are not. RFC 9875 section
/// 2 wants 32 at least.
const MOST: usize = 128;

/// Bytes of one of them; a longer one is not recorded. RFC 9875 section 2 wants 32 at least.
const LONGEST: usize = 256;

/// The groups and tags of a response, in one piece of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    /// Each with its kind before it and a line feed after it, which is in none of them.
    text: Box<str>,
}

const GROUP: char = 'g';
const TAG: char = 't';

impl Labels {
    pub(crate) fn of(response: &HeaderMap) -> Labels {
        let mut text = String::new();
        let mut add = |kind: char, label: &str| {
            text.push(kind);
            text.push_str(label);
            text.push('\n');
        };
        for group in groups(response.get_all(CACHE_GROUPS)) {
            add(GROUP, &group);
        }
        let surrogate_keys = members(response.get_all(SURROGATE_KEY), b" \t");
        let cache_tags = members(response.get_all(CACHE_TAG), b",");
        for tag in surrogate_keys.chain(cache_tags).take(MOST) {
            add(TAG, tag);
        }
        Labels { text: text.into() }
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = &str> {
        self.of_kind(GROUP)
    }

    pub(crate) fn tags(&self) -> impl Iterator<Item = &str> {
        self.of_kind(TAG)
    }

    fn of_kind(&self, kind: char) -> impl Iterator<Item = &str> {
        let labels = self.text.split_terminator('\n');
        labels.filter_map(move |label| label.strip_prefix(kind))
    }

    /// Bytes on the heap.
    pub(crate) fn weight(&self) -> usize {
        self.text.len()
    }
}

impl Coded for Labels {
    fn encode(&self, out: &mut Vec<u8>) {
        self.text.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        Some(Labels {
            text: Coded::decode(input)?,
        })
    }
}

/// The groups that the response to an unsafe request makes invalid (RFC 9875 section 3).
pub(crate) fn invalidated_groups(response: &HeaderMap) -> Vec<String> {
    groups(response.get_all(CACHE_GROUP_INVALIDATION))
}

/// A list of strings (RFC 9875 section 2). A member that is none makes the field one that cannot
/// be read, which counts as absent (RFC 9651 section 4.2); parameters mean nothing.
fn groups(lines: GetAll<'_, HeaderValue>) -> Vec<String> {
    let lines: Vec<&[u8]> = lines.iter().map(HeaderValue::as_bytes).collect();
    if lines.is_empty() {
        return Vec::new();
    }
    let Ok(list) = Parser::new(&lines.join(&b',')).parse::<List>() else {
        return Vec::new();
    };
    let mut groups: Vec<String> = Vec::new();
    for member in list {
        let ListEntry::Item(item) = member else {
            return Vec::new();
        };
        let BareItem::String(group) = item.bare_item else {
            return Vec::new();
        };
        let group = String::from(group);
        if groups.len() < MOST && group.len() <= LONGEST && !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

/// The members of a field that is no structured one.
fn members<'a>(
    lines: GetAll<'a, HeaderValue>,
    separators: &'a [u8],
) -> impl Iterator<Item = &'a str> {
    lines
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|b| separators.contains(b)))
        .filter_map(|member| std::str::from_utf8(member.trim_ascii()).ok())
        .filter(|member| !member.is_empty() && member.len() <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::testing::map;

    fn groups_of(fields: &[(&'static str, &'static str)]) -> Vec<String> {
        let labels = Labels::of(&map(fields));
        labels.groups().map(str::to_owned).collect()
    }

    #[test]
    fn groups_are_a_list_of_strings_over_all_lines() {
        let lines = [
            ("cache-groups", "\"news\", \"a b\";x=1"),
            ("cache-groups", "\"News\", \"news\", \"q\\\"\""),
        ];
        assert_eq!(groups_of(&lines), ["news", "a b", "News", "q\""]);
    }

    #[test]
    fn a_field_that_is_no_list_of_strings_counts_as_absent() {
        for wrong in ["news", "\"a\", b", "(\"a\")", "\"a", "\"a\",", "1", ""] {
            assert!(groups_of(&[("cache-groups", wrong)]).is_empty(), "{wrong}");
        }
    }

    #[test]
    fn there_are_bounds_on_their_number_and_length() {
        let many: Vec<String> = (0..MOST + 5).map(|n| format!("\"{n}\"")).collect();
        let mut fields = HeaderMap::new();
        fields.insert(CACHE_GROUPS, HeaderValue::try_from(many.join(",")).unwrap());
        assert_eq!(Labels::of(&fields).groups().count(), MOST);
        let long = format!(
            "\"{}\", \"{}\"",
            "x".repeat(LONGEST + 1),
            "y".repeat(LONGEST)
        );
        fields.insert(CACHE_GROUPS, HeaderValue::try_from(long).unwrap());
        assert_eq!(Labels::of(&fields).groups().count(), 1);
        let tags = "t ".repeat(MOST + 5);
        fields.insert(SURROGATE_KEY, HeaderValue::try_from(tags).unwrap());
        assert_eq!(Labels::of(&fields).tags().count(), MOST);
    }

    #[test]
    fn tags_are_apart_from_groups() {
        let labels = Labels::of(&map(&[
            ("surrogate-key", "one two"),
            ("cache-tag", "three, four five,"),
            ("cache-groups", "\"one\""),
        ]));
        let tags: Vec<_> = labels.tags().collect();
        assert_eq!(tags, ["one", "two", "three", "four five"]);
        assert_eq!(labels.groups().collect::<Vec<_>>(), ["one"]);
    }
}
