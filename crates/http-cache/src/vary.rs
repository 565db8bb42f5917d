//! Which stored response a request selects (RFC 9111 section 4.1).

mod record;

use std::{borrow::Cow, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{KeyParts, KeyPolicy, lists, present::has_field};

/// The fields that Vary names, and the values that a service has made parts of the key, as they
/// were in the request that a response was stored for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selecting {
    values: Box<[Value]>,
    /// What the service had made parts of the key.
    parts: Option<Arc<KeyParts>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Value {
    source: Source,
    /// The value as the request sent it, if it came on one line: most later requests send the
    /// very same.
    as_sent: Option<Box<[u8]>>,
    /// The normalised value; None if the request lacked it.
    normal: Option<Box<[u8]>>,
}

/// Where in a request a value is found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Field(HeaderName),
    Cookie(Box<str>),
}

/// The fields that Vary names, over all its lines. None for `*`, and for a Vary that cannot be
/// read: no later request matches those.
pub(crate) fn names(response: &HeaderMap) -> Option<Vec<HeaderName>> {
    let mut names: Vec<HeaderName> = Vec::new();
    if !has_field(response, &header::VARY) {
        return Some(names);
    }
    for member in lists::members(response.get_all(header::VARY)) {
        // `*` would be a valid field name.
        let name = HeaderName::from_bytes(member)
            .ok()
            .filter(|_| member != b"*")?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Some(names)
}

impl Selecting {
    /// None if no later request matches.
    pub(crate) fn of(
        request: &HeaderMap,
        response: &HeaderMap,
        key: &KeyPolicy,
    ) -> Option<Selecting> {
        let mut sources: Vec<_> = names(response)?.into_iter().map(Source::Field).collect();
        for source in key.parts.iter().flat_map(|parts| sources_of(parts)) {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        let value = |source: Source| Value {
            as_sent: source.single_line(request).map(Box::from),
            normal: source.normal(request).map(Box::from),
            source,
        };
        Some(Selecting {
            values: sources.into_iter().map(value).collect(),
            parts: key.parts.clone(),
        })
    }

    /// Whether it is of all requests: no value selects, nor is any part of the key.
    pub(crate) fn is_of_all(&self) -> bool {
        self.values.is_empty() && self.parts.is_none()
    }

    /// Whether a request has the same values.
    pub(crate) fn matches(&self, request: &HeaderMap) -> bool {
        self.values.iter().all(|value| {
            let sent = value.source.single_line(request);
            (sent.is_some() && sent == value.as_sent.as_deref())
                || value.source.normal(request).as_deref() == value.normal.as_deref()
        })
    }

    /// Whether the same values of a request are parts of the key now as when this was stored. If
    /// not, a response for one value could be selected by another one.
    pub(crate) fn is_of(&self, key: &KeyPolicy) -> bool {
        match (&self.parts, &key.parts) {
            (Some(then), Some(now)) => Arc::ptr_eq(then, now) || then == now,
            (None, None) => true,
            _ => false,
        }
    }

    /// Whether both name the same values, and have the same normalised ones, in any order.
    pub(crate) fn same_as(&self, other: &Selecting) -> bool {
        let has = |value: &Value| {
            other
                .values
                .iter()
                .any(|v| v.source == value.source && v.normal == value.normal)
        };
        self.values.len() == other.values.len() && self.values.iter().all(has)
    }

    /// Whether it names all that `newer` names. If not, it cannot be told which requests this
    /// response is for, now that the origin selects by more.
    pub(crate) fn knows_of(&self, newer: &Selecting) -> bool {
        let named = |value: &Value| self.values.iter().any(|v| v.source == value.source);
        newer.values.iter().all(named)
    }

    /// What it names, for people, with the values in the form in which they are compared.
    pub(crate) fn values(&self) -> impl Iterator<Item = (String, Option<&[u8]>)> {
        let name = |source: &Source| match source {
            Source::Field(name) => name.to_string(),
            Source::Cookie(name) => format!("cookie {name}"),
        };
        let values = self.values.iter();
        values.map(move |v| (name(&v.source), v.normal.as_deref()))
    }

    /// Bytes on the heap.
    pub(crate) fn weight(&self) -> usize {
        let of = |v: &Value| {
            let values = [&v.as_sent, &v.normal].into_iter().flatten();
            let name = match &v.source {
                Source::Field(name) => name.as_str().len(),
                Source::Cookie(name) => name.len(),
            };
            size_of::<Value>() + name + values.map(|v| v.len()).sum::<usize>()
        };
        self.values.iter().map(of).sum()
    }
}

fn sources_of(parts: &KeyParts) -> impl Iterator<Item = Source> {
    let fields = parts.headers.iter().cloned().map(Source::Field);
    let cookies = parts.cookies.iter();
    fields.chain(cookies.map(|name| Source::Cookie(name.as_str().into())))
}

impl Source {
    fn single_line<'a>(&self, request: &'a HeaderMap) -> Option<&'a [u8]> {
        match self {
            Source::Field(name) => single_line(request, name),
            // One cookie is part of a line.
            Source::Cookie(_) => None,
        }
    }

    fn normal(&self, request: &HeaderMap) -> Option<Vec<u8>> {
        match self {
            Source::Field(name) => normal(request, name),
            Source::Cookie(name) => cookie(request, name),
        }
    }
}

/// The value of a cookie (RFC 6265 section 4.2); all of them, if several have the name.
fn cookie(request: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let lines = request.get_all(header::COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|b| *b == b';'));
    // As origins read them: white space around name and value does not count.
    let values: Vec<&[u8]> = pairs
        .filter_map(|pair| {
            let mut halves = pair.splitn(2, |b| *b == b'=').map(<[u8]>::trim_ascii);
            let (own, value) = (halves.next()?, halves.next()?);
            (own == name.as_bytes()).then_some(value)
        })
        .collect();
    (!values.is_empty()).then(|| values.join(&b';'))
}

fn single_line<'a>(request: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut lines = request.get_all(name).iter();
    let first = lines.next()?;
    lines.next().is_none().then_some(first.as_bytes())
}

/// A value in the form in which it is compared: lines joined and white space around members
/// removed; where the field's definition allows, letter case, inner white space and order made
/// one, and no more: RFC 9111 section 4.1 wants the two to mean the same. The order of languages
/// stays: it should not matter (RFC 9110 section 12.5.4), but there are origins to which it does.
fn normal(request: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    if !request.contains_key(name) {
        return None;
    }
    let lines = request.get_all(name).iter();
    Some(normal_of(name, lines.map(HeaderValue::as_bytes)))
}

/// The same of the lines that there are.
fn normal_of<'a>(name: &HeaderName, lines: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let members = lines.flat_map(lists::split);
    let mut members: Vec<Cow<'_, [u8]>> = match *name {
        // RFC 9110 section 12.5: codings, charsets and languages have no case, and no strings.
        header::ACCEPT_CHARSET | header::ACCEPT_LANGUAGE => {
            members.map(|member| Cow::Owned(bare(member))).collect()
        }
        header::ACCEPT_ENCODING => members.map(|member| Cow::Owned(coding(member))).collect(),
        _ => members.map(Cow::Borrowed).collect(),
    };
    if *name == header::ACCEPT_ENCODING {
        members.sort_unstable();
        members.dedup();
        // RFC 9110 section 12.5.3: an empty field asks for no coding at all.
        if members.is_empty() {
            members.push(Cow::Borrowed(b"identity"));
        }
    }
    members.join(&b',')
}

/// A coding and its weight (RFC 9110 section 12.5.3). The aliases of section 8.4.1 are what they
/// stand for, and a weight is written in one way; a weight of one is none. `identity` and `*`
/// stay, with their weights: they say what may be sent where nothing else fits.
fn coding(member: &[u8]) -> Vec<u8> {
    let bare = bare(member);
    let (name, weight) = match bare.iter().position(|b| *b == b';') {
        Some(at) => (&bare[..at], bare.get(at..).unwrap_or_default()),
        None => (&bare[..], &[][..]),
    };
    let name = match name {
        b"x-gzip" => &b"gzip"[..],
        b"x-compress" => b"compress",
        name => name,
    };
    let weight = match weight.strip_prefix(b";q=").and_then(thousandths) {
        Some(1000) => Vec::new(),
        Some(0) => b";q=0".to_vec(),
        Some(weight) => format!(";q=0.{weight:03}").into_bytes(),
        // No weight, or none that is one: as it came.
        None => weight.to_vec(),
    };
    [name, &weight].concat()
}

/// A weight (RFC 9110 section 12.4.2) in thousandths.
fn thousandths(weight: &[u8]) -> Option<u16> {
    let (whole, fraction) = match weight.split_first()? {
        (b'0', rest) => (0, rest),
        (b'1', rest) => (1000, rest),
        _ => return None,
    };
    let digits = match fraction {
        [] => fraction,
        [b'.', digits @ ..] => digits,
        _ => return None,
    };
    if digits.len() > 3 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let places = [100, 10, 1].into_iter().zip(digits);
    let part: u16 = places.map(|(place, d)| place * u16::from(d - b'0')).sum();
    (whole + part <= 1000).then_some(whole + part)
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
        Selecting::of(first, &map(&[("vary", vary)]), &KeyPolicy::default())
            .unwrap()
            .matches(later)
    }

    fn encodings_match(first: &'static str, later: &'static str) -> bool {
        let of = |value| map(&[("accept-encoding", value)]);
        matches("accept-encoding", &of(first), &of(later))
    }

    #[test]
    fn star_and_the_unreadable_match_nothing() {
        for vary in ["*", "a, *", "*, *", ", *", "a b"] {
            assert_eq!(names(&map(&[("vary", vary)])), None, "{vary}");
        }
        assert_eq!(names(&map(&[("vary", ""), ("vary", "*")])), None);
        let lines = map(&[("vary", "a, B"), ("vary", "b,c")]);
        assert_eq!(names(&lines).unwrap(), ["a", "b", "c"]);
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

    #[test]
    fn a_coding_is_written_in_one_way() {
        for (first, later) in [
            ("gzip, br", "gzip;q=1, br;q=1.000"),
            ("x-gzip", "GZIP"),
            ("gzip;q=0.5", "gzip;q=0.500"),
            ("gzip, identity;q=0", "identity;q=0.000, gzip"),
            ("", "identity"),
            ("br;q=0, *", "*;q=1.0, br;q=0.0"),
        ] {
            assert!(encodings_match(first, later), "{first:?} {later:?}");
        }
    }

    #[test]
    fn what_means_another_thing_stays_apart() {
        for (first, later) in [
            ("gzip", "gzip;q=0"),
            ("gzip", "gzip, identity;q=0"),
            ("gzip", "gzip, *;q=0"),
            ("gzip;q=0.5", "gzip;q=0.501"),
            ("gzip", "gzip, br"),
            ("identity", "*"),
            ("gzip;q=2", "gzip"),
            ("gzip;q=0.5001", "gzip;q=0.500"),
        ] {
            assert!(!encodings_match(first, later), "{first:?} {later:?}");
        }
        // Without the field any coding will do; with an empty one none will.
        let absent = map(&[]);
        assert!(!matches(
            "accept-encoding",
            &absent,
            &map(&[("accept-encoding", "")])
        ));
    }

    fn parts(headers: &[&'static str], cookies: &[&str]) -> KeyPolicy {
        KeyPolicy {
            parts: Some(Arc::new(KeyParts {
                headers: headers.iter().map(|n| HeaderName::from_static(n)).collect(),
                cookies: cookies.iter().map(|&n| n.to_owned()).collect(),
            })),
            ..KeyPolicy::default()
        }
    }

    #[test]
    fn parts_of_the_key_select_like_what_vary_names() {
        let key = parts(&["x-device"], &["lang"]);
        let request = |cookie, device| map(&[("cookie", cookie), ("x-device", device)]);
        let first = request("a=1; lang=de; b=2", "tv");
        let stored = Selecting::of(&first, &map(&[("vary", "x-device")]), &key).unwrap();
        assert!(stored.matches(&request("lang=de", "tv")));
        assert!(!stored.matches(&request("lang=en", "tv")));
        assert!(!stored.matches(&request("xlang=de", "tv")));
        assert!(!stored.matches(&request("lang=de; lang=en", "tv")));
        assert!(stored.matches(&request("lang = de", "tv")));
        assert!(!stored.matches(&request("lang=de; lang =en", "tv")));
        assert!(!stored.matches(&request("lang=de", "phone")));
        assert!(stored.is_of(&key));
        assert!(stored.is_of(&parts(&["x-device"], &["lang"])));
        assert!(!stored.is_of(&KeyPolicy::default()));
        assert!(!stored.is_of(&parts(&["x-device"], &[])));
    }

    #[test]
    fn who_names_less_does_not_know_of_who_names_more() {
        let of = |vary| Selecting::of(&map(&[]), &map(&[("vary", vary)]), &KeyPolicy::default());
        let (none, a, both) = (of("").unwrap(), of("a").unwrap(), of("b, a").unwrap());
        assert!(both.knows_of(&a) && a.knows_of(&none) && a.knows_of(&a));
        assert!(!none.knows_of(&a) && !a.knows_of(&both));
    }
}
