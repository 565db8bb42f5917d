//! What the generators of several tests share.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::{prelude::*, sample::select};

/// Seconds around which the generated dates and times lie.
pub(crate) const BASE: u64 = 1_700_000_000;

pub(crate) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

pub(crate) type Fields = Vec<(String, String)>;

pub(crate) fn map(fields: &Fields) -> HeaderMap {
    fields
        .iter()
        .filter_map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
        })
        .collect()
}

/// A directive, in lower or upper case; those that end in `=` get a number, or what looks like one.
pub(crate) fn directive(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let number = prop_oneof![6 => "[0-9]{1,3}", 1 => "[0-9]{12,30}", 1 => "[-0-9a.\"' ]{0,4}"];
    (select(names), number, any::<bool>()).prop_map(|(name, number, upper)| {
        let name = if upper {
            name.to_ascii_uppercase()
        } else {
            name.to_owned()
        };
        if name.ends_with('=') {
            name + &number
        } else {
            name
        }
    })
}

pub(crate) const RESPONSE_DIRECTIVES: &[&str] = &[
    "max-age=",
    "max-age=",
    "s-maxage=",
    "stale-if-error=",
    "stale-while-revalidate=",
    "no-store",
    "no-cache",
    "private",
    "public",
    "must-revalidate",
    "proxy-revalidate",
    "must-understand",
    "immutable",
];
