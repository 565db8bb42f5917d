//! No-Vary-Search (draft-ietf-httpbis-no-vary-search): which differences in the query make no
//! difference to the response.
//!
//! The field says that of the response that carries it. So the one that is stored is asked, not
//! the one that came last: [`SearchVariance::canonical`] of the two queries must be the same.

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode;
use sfv::{BareItem, Dictionary, InnerList, ListEntry, Parser};

use crate::record::{Coded, Input};

const NO_VARY_SEARCH: HeaderName = HeaderName::from_static("no-vary-search");

/// Whether it is No-Vary-Search.
pub(crate) fn is_field(name: &HeaderName) -> bool {
    is_name(name.as_str().as_bytes())
}

/// The same of a name in lower case.
pub(crate) fn is_name(name: &[u8]) -> bool {
    name == b"no-vary-search"
}

/// Names in one field; with more of them it counts as unreadable.
const MOST_NAMES: usize = 64;

/// How responses vary with the query, where that is not simply with all of it ("URL search
/// variance").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchVariance {
    params: Params,
    /// Whether the order of parameters of different names matters.
    in_order: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Params {
    /// All matter but these.
    Except(Vec<String>),
    /// Only these matter.
    Only(Vec<String>),
}

impl SearchVariance {
    /// What a response says. None: the whole query matters as it stands, which also holds where
    /// the field cannot be read.
    pub fn of(response: &HeaderMap) -> Option<SearchVariance> {
        let lines = response.get_all(NO_VARY_SEARCH).iter();
        let lines: Vec<&[u8]> = lines.map(HeaderValue::as_bytes).collect();
        if lines.is_empty() {
            return None;
        }
        let fields: Dictionary = Parser::new(&lines.join(&b',')).parse().ok()?;
        let in_order = match fields.get("key-order") {
            None => true,
            Some(entry) => !boolean(entry)?,
        };
        let except = fields.get("except").map(names);
        let params = match (fields.get("params"), except) {
            (Some(ListEntry::InnerList(list)), None) => Params::Except(strings(list)?),
            (Some(entry), except) => match (boolean(entry)?, except) {
                (true, None) => Params::Only(Vec::new()),
                (true, Some(except)) => Params::Only(except?),
                (false, None) => Params::Except(Vec::new()),
                (false, Some(_)) => return None,
            },
            (None, None) => Params::Except(Vec::new()),
            (None, Some(_)) => return None,
        };
        let says_nothing = in_order && params == Params::Except(Vec::new());
        (!says_nothing).then_some(SearchVariance { params, in_order })
    }

    /// The one form of all queries that are the same to this response, as text.
    pub fn canonical(&self, query: Option<&str>) -> String {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let mut pairs: Vec<_> = pairs.filter(|(name, _)| self.matters(name)).collect();
        if !self.in_order {
            // Stable: those of one name keep their order.
            pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish()
    }

    fn matters(&self, name: &str) -> bool {
        let has = |names: &[String]| names.iter().any(|n| n == name);
        match &self.params {
            Params::Except(names) => !has(names),
            Params::Only(names) => has(names),
        }
    }

    /// Bytes on the heap.
    pub fn weight(&self) -> usize {
        let (Params::Except(names) | Params::Only(names)) = &self.params;
        let each = |name: &String| size_of::<String>() + name.len();
        size_of::<SearchVariance>() + names.iter().map(each).sum::<usize>()
    }
}

impl Coded for SearchVariance {
    fn encode(&self, out: &mut Vec<u8>) {
        let (Params::Except(names) | Params::Only(names)) = &self.params;
        matches!(self.params, Params::Only(_)).encode(out);
        names.encode(out);
        self.in_order.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        let kind = match bool::decode(input)? {
            true => Params::Only,
            false => Params::Except,
        };
        Some(SearchVariance {
            params: kind(Coded::decode(input)?),
            in_order: Coded::decode(input)?,
        })
    }
}

fn boolean(entry: &ListEntry) -> Option<bool> {
    match entry {
        ListEntry::Item(item) => match item.bare_item {
            BareItem::Boolean(value) => Some(value),
            _ => None,
        },
        ListEntry::InnerList(_) => None,
    }
}

fn names(entry: &ListEntry) -> Option<Vec<String>> {
    match entry {
        ListEntry::InnerList(list) => strings(list),
        ListEntry::Item(_) => None,
    }
}

/// The names in a list, decoded as names in a query are.
fn strings(list: &InnerList) -> Option<Vec<String>> {
    if list.items.len() > MOST_NAMES {
        return None;
    }
    let name = |item: &sfv::Item| match &item.bare_item {
        BareItem::String(name) => {
            let spaced = name.as_str().replace('+', " ");
            Some(
                percent_decode(spaced.as_bytes())
                    .decode_utf8_lossy()
                    .into_owned(),
            )
        }
        _ => None,
    };
    list.items.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Option<SearchVariance> {
        let mut headers = HeaderMap::new();
        headers.insert(NO_VARY_SEARCH, HeaderValue::from_str(value).unwrap());
        SearchVariance::of(&headers)
    }

    fn same(value: &str, a: &str, b: &str) -> bool {
        let variance = of(value).unwrap();
        variance.canonical(Some(a)) == variance.canonical(Some(b))
    }

    #[test]
    fn what_cannot_be_read_or_says_nothing_is_the_default() {
        for value in [
            "unknown-key",
            "key-order=\"not a boolean\"",
            "params=\"not a boolean or inner list\"",
            "params=(not-a-string)",
            "params=(\"a\"), except=(\"x\")",
            "params=(), except=()",
            "params=?0, except=(\"x\")",
            "params, except=(not-a-string)",
            "params, except=\"not an inner list\"",
            "params, except=?1",
            "except=(\"x\")",
            "except=()",
            "params=?0",
            "params=()",
            "key-order=?0",
            "",
            "params, key-order=(",
        ] {
            assert_eq!(of(value), None, "{value}");
        }
    }

    #[test]
    fn parameters_that_do_not_matter_do_not() {
        assert!(same("params", "a=1&b=2", ""));
        assert!(same("params=(\"utm\")", "a=1&utm=2", "utm=3&a=1"));
        assert!(!same("params=(\"utm\")", "a=1&utm=2", "a=2"));
        assert!(same("params, except=(\"id\")", "id=5&x=1", "y&id=5"));
        assert!(!same("params, except=(\"id\")", "id=5", "id=6"));
        assert!(!same("params, except=(\"id\")", "id=5", ""));
    }

    #[test]
    fn the_order_matters_unless_it_does_not() {
        assert!(!same("params=(\"x\")", "a=1&b=2", "b=2&a=1"));
        assert!(same("key-order", "a=1&b=2", "b=2&a=1"));
        assert!(!same("key-order", "a=1&a=2", "a=2&a=1"));
    }

    #[test]
    fn queries_are_compared_as_they_are_read() {
        for (a, b) in [
            ("", "&&"),
            ("a=x", "%61=%78"),
            ("a=%f6", "a=%ef%bf%bd"),
            ("a=", "a"),
            ("a=%20", "a=+"),
        ] {
            assert!(same("key-order", a, b), "{a:?} {b:?}");
        }
        assert!(!same("key-order", "", "="));
        let variance = of("key-order").unwrap();
        assert_eq!(variance.canonical(None), variance.canonical(Some("")));
        assert!(same(
            "params=(\"%C3%A9+%E6%B0%97\")",
            "%C3%A9%20%E6%B0%97=1",
            ""
        ));
    }

    proptest::proptest! {
        /// The definition of the draft, pair by pair, against the canonical form.
        #[test]
        fn the_same_form_means_equivalent(
            a in "[ab]{0,2}(=[12%61+]{0,4})?(&[ab]{0,2}(=[12]{0,2})?){0,3}",
            b in "[ab]{0,2}(=[12%61+]{0,4})?(&[ab]{0,2}(=[12]{0,2})?){0,3}",
            rule in 0..5_usize,
        ) {
            let value = [
                "key-order", "params=(\"a\")", "params=(\"a\" \"bb\"), key-order",
                "params, except=(\"b\")", "params, except=(\"a\" \"b\"), key-order",
            ][rule];
            let names: &[&str] = [&[][..], &["a"], &["a", "bb"], &["b"], &["a", "b"]][rule];
            let keeps = |name: &str| names.contains(&name) == (rule >= 3);
            let in_order = !value.contains("key-order");
            let pairs = |query: &str| {
                let mut pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
                    .into_owned().filter(|(name, _)| keeps(name)).collect();
                if !in_order {
                    pairs.sort_by_key(|(name, _)| name.clone());
                }
                pairs
            };
            proptest::prop_assert_eq!(same(value, &a, &b), pairs(&a) == pairs(&b));
        }

        #[test]
        fn any_field_and_any_query_have_a_form(value in "[ -~]{0,40}", query in ".{0,40}") {
            if let Some(variance) = of(&value) {
                let form = variance.canonical(Some(&query));
                proptest::prop_assert_eq!(variance.canonical(Some(&form)), form);
            }
        }
    }
}
