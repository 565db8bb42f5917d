//! Targeted Cache-Control (RFC 9213): fields such as CDN-Cache-Control, that speak to some caches
//! only, and to those in place of Cache-Control and Expires.

use http::{HeaderMap, HeaderName, HeaderValue, header::GetAll};
use sfv::{Dictionary, Parser};

/// CDN-Cache-Control (section 3.1).
pub(crate) const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// How the names of targeted fields end (section 2.3 has new ones follow that).
const SUFFIX: &[u8] = b"-cache-control";

/// Whether a field is a targeted one by its name: it guides caches, as Cache-Control does, so it
/// goes wherever that goes.
pub fn is_targeted(name: &HeaderName) -> bool {
    is_targeted_name(name.as_str().as_bytes())
}

/// The same of a name in lower case.
pub(crate) fn is_targeted_name(name: &[u8]) -> bool {
    name.ends_with(SUFFIX)
}

/// The first field of the target list that says anything (section 2.2). One that is empty or
/// cannot be read as a dictionary counts as absent (section 2.1).
pub(crate) fn governing(headers: &HeaderMap, targets: &[HeaderName]) -> Option<Dictionary> {
    let mut fields = targets.iter().map(|name| headers.get_all(name));
    fields.find_map(dictionary)
}

/// A dictionary over all lines of a field (RFC 9651 section 4.2), unless it is empty.
fn dictionary(lines: GetAll<'_, HeaderValue>) -> Option<Dictionary> {
    let lines: Vec<&[u8]> = lines.iter().map(HeaderValue::as_bytes).collect();
    if lines.is_empty() {
        return None;
    }
    let dictionary = Parser::new(&lines.join(&b',')).parse::<Dictionary>().ok()?;
    (!dictionary.is_empty()).then_some(dictionary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::testing::map;

    fn names() -> [HeaderName; 2] {
        [
            HeaderName::from_static("perigee-cache-control"),
            CDN_CACHE_CONTROL,
        ]
    }

    fn keys(fields: &[(&'static str, &'static str)]) -> Option<Vec<String>> {
        let dictionary = governing(&map(fields), &names())?;
        Some(dictionary.keys().map(ToString::to_string).collect())
    }

    #[test]
    fn the_first_target_that_says_anything_governs() {
        let cdn = ("cdn-cache-control", "max-age=1");
        let own = ("perigee-cache-control", "no-store");
        assert_eq!(keys(&[cdn, own]).unwrap(), ["no-store"]);
        assert_eq!(keys(&[cdn]).unwrap(), ["max-age"]);
        assert_eq!(keys(&[("cache-control", "max-age=1")]), None);
        for nothing in ["", " ", "&&&", "max-age=1,", "No-Store"] {
            let own = ("perigee-cache-control", nothing);
            assert_eq!(keys(&[cdn, own]).unwrap(), ["max-age"], "{nothing:?}");
        }
    }

    #[test]
    fn lines_are_one_dictionary_and_one_bad_member_spoils_it() {
        let lines = [
            ("cdn-cache-control", "a, b=1"),
            ("cdn-cache-control", "c;d=e, b=2"),
        ];
        assert_eq!(keys(&lines).unwrap(), ["a", "b", "c"]);
        for bad in [
            "max-age=1, &&&&&",
            "max-age =1",
            "max-age= 1",
            "MaX-aGe=1",
            "max-age=1234567890123456",
            "a=\"b",
            "a b",
        ] {
            assert_eq!(keys(&[("cdn-cache-control", bad)]), None, "{bad}");
        }
    }

    #[test]
    fn targeted_fields_are_known_by_their_names() {
        assert!(is_targeted(&CDN_CACHE_CONTROL));
        assert!(!is_targeted(&http::header::CACHE_CONTROL));
    }
}
