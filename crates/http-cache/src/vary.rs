//! Which stored response a request selects (RFC 9111 section 4.1).

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, header};

use crate::lists;

/// The fields that Vary names, with their values in the request that a response was stored for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selecting(Box<[Field]>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    name: HeaderName,
    /// The value as the request sent it, if it came on one line: most later requests send the
    /// very same.
    as_sent: Option<Box<[u8]>>,
    /// The normalised value; None if the request lacked the field.
    normal: Option<Box<[u8]>>,
}

impl Selecting {
    /// None for `*`, and for a Vary that cannot be read: no later request matches those.
    pub(crate) fn of(request: &HeaderMap, response: &HeaderMap) -> Option<Selecting> {
        let mut names: Vec<HeaderName> = Vec::new();
        for member in lists::members(response.get_all(header::VARY)) {
            // `*` would be a valid field name.
            let name = HeaderName::from_bytes(member)
                .ok()
                .filter(|_| member != b"*")?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let field = |name| Field {
            as_sent: single_line(request, &name).map(Box::from),
            normal: normal(request, &name).map(Box::from),
            name,
        };
        Some(Selecting(names.into_iter().map(field).collect()))
    }

    /// Whether a request has the same values.
    pub(crate) fn matches(&self, request: &HeaderMap) -> bool {
        self.0.iter().all(|field| {
            let sent = single_line(request, &field.name);
            (sent.is_some() && sent == field.as_sent.as_deref())
                || normal(request, &field.name).as_deref() == field.normal.as_deref()
        })
    }

    /// Whether both name the same fields with the same normalised values, in any order.
    pub(crate) fn same_as(&self, other: &Selecting) -> bool {
        let has = |field: &Field| {
            other
                .0
                .iter()
                .any(|f| f.name == field.name && f.normal == field.normal)
        };
        self.0.len() == other.0.len() && self.0.iter().all(has)
    }

    /// The fields, with the values in the form in which they are compared.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.0
            .iter()
            .map(|f| (f.name.as_str(), f.normal.as_deref()))
    }

    /// Bytes on the heap.
    pub(crate) fn weight(&self) -> usize {
        let field = |f: &Field| {
            let values = [&f.as_sent, &f.normal].into_iter().flatten();
            size_of::<Field>() + f.name.as_str().len() + values.map(|v| v.len()).sum::<usize>()
        };
        self.0.iter().map(field).sum()
    }
}

fn single_line<'a>(request: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut lines = request.get_all(name).iter();
    let first = lines.next()?;
    lines.next().is_none().then_some(first.as_bytes())
}

/// A value in the form in which it is compared: lines joined and white space around members
/// removed; where the field's definition allows, letter case, inner white space and order made
/// one. The order of languages stays: it should not matter (RFC 9110 section 12.5.4), but there
/// are origins to which it does.
fn normal(request: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    if !request.contains_key(name) {
        return None;
    }
    let members = lists::members(request.get_all(name));
    let mut members: Vec<Cow<'_, [u8]>> = match *name {
        // RFC 9110 section 12.5: codings, charsets and languages have no case, and no strings.
        header::ACCEPT_ENCODING | header::ACCEPT_CHARSET | header::ACCEPT_LANGUAGE => {
            members.map(|member| Cow::Owned(bare(member))).collect()
        }
        _ => members.map(Cow::Borrowed).collect(),
    };
    if *name == header::ACCEPT_ENCODING {
        members.sort_unstable();
        members.dedup();
    }
    Some(members.join(&b','))
}

fn bare(member: &[u8]) -> Vec<u8> {
    let kept = member.iter().filter(|b| !b.is_ascii_whitespace());
    kept.map(u8::to_ascii_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect()
    }

    fn matches(vary: &'static str, first: &HeaderMap, later: &HeaderMap) -> bool {
        Selecting::of(first, &map(&[("vary", vary)]))
            .unwrap()
            .matches(later)
    }

    #[test]
    fn star_and_the_unreadable_match_nothing() {
        for vary in ["*", "a, *", "*, *", ", *", "a b"] {
            assert_eq!(
                Selecting::of(&map(&[]), &map(&[("vary", vary)])),
                None,
                "{vary}"
            );
        }
        let lines = map(&[("vary", ""), ("vary", "*")]);
        assert_eq!(Selecting::of(&map(&[]), &lines), None);
    }

    #[test]
    fn all_named_fields_must_match_and_no_others() {
        let first = map(&[("a", "1"), ("b", "2"), ("c", "3")]);
        assert!(matches(
            "A, b",
            &first,
            &map(&[("a", "1"), ("b", "2"), ("c", "4")])
        ));
        assert!(!matches("A, b", &first, &map(&[("a", "1"), ("b", "3")])));
        assert!(!matches("A, b", &first, &map(&[("a", "1")])));
        assert!(matches("", &first, &map(&[])));
    }

    #[test]
    fn absent_matches_absent_but_not_empty() {
        assert!(matches("a", &map(&[]), &map(&[("b", "1")])));
        assert!(!matches("a", &map(&[]), &map(&[("a", "")])));
        assert!(!matches("a", &map(&[("a", "")]), &map(&[])));
    }

    #[test]
    fn lines_and_white_space_make_no_difference() {
        let first = map(&[("a", "1, 2")]);
        assert!(matches("a", &first, &map(&[("a", "1"), ("a", "2")])));
        assert!(matches("a", &first, &map(&[("a", "1 ,2")])));
        assert!(!matches("a", &first, &map(&[("a", "2, 1")])));
        assert!(!matches(
            "a",
            &map(&[("a", "\"x, y\"")]),
            &map(&[("a", "\"x,y\"")])
        ));
    }

    #[test]
    fn encodings_have_no_case_and_no_order() {
        let first = map(&[("accept-encoding", "gzip;q=0.5, BR")]);
        assert!(matches(
            "accept-encoding",
            &first,
            &map(&[("accept-encoding", "br,gzip ; q=0.5")])
        ));
        assert!(!matches(
            "accept-encoding",
            &first,
            &map(&[("accept-encoding", "br, gzip")])
        ));
    }

    #[test]
    fn languages_have_no_case_but_order() {
        let first = map(&[("accept-language", "en, de")]);
        assert!(matches(
            "accept-language",
            &first,
            &map(&[("accept-language", "eN ,   De")])
        ));
        assert!(!matches(
            "accept-language",
            &first,
            &map(&[("accept-language", "de, en")])
        ));
    }

    #[test]
    fn other_fields_keep_their_case() {
        assert!(!matches("a", &map(&[("a", "x")]), &map(&[("a", "X")])));
    }
}
