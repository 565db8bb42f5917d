//! HTTP dates (RFC 9110 section 5.6.7).

use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The longest form: `Wednesday, 06-Nov-94 08:49:37 GMT`.
const LONGEST: usize = 33;

/// The first second of the year 10000, which no HTTP date can name.
const YEAR_10000: u64 = 253_402_300_800;

/// A date field that holds one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateField {
    Absent,
    /// Not a date, or several lines that differ.
    Invalid,
    At(SystemTime),
}

impl DateField {
    pub(crate) fn of(headers: &HeaderMap, name: &HeaderName) -> DateField {
        let mut lines = headers.get_all(name).iter();
        let Some(first) = lines.next() else {
            return DateField::Absent;
        };
        if lines.any(|other| other != first) {
            return DateField::Invalid;
        }
        parse(first.as_bytes()).map_or(DateField::Invalid, DateField::At)
    }

    pub(crate) fn valid(self) -> Option<SystemTime> {
        match self {
            DateField::At(date) => Some(date),
            DateField::Absent | DateField::Invalid => None,
        }
    }
}

/// Reads the three forms of a date: IMF-fixdate, RFC 850 and asctime. Letter case does not
/// matter to a cache (RFC 9111 section 4.2); everything else does, the GMT included. Of the two
/// digits of an RFC 850 year, 70 to 99 are of the last century.
pub(crate) fn parse(value: &[u8]) -> Option<SystemTime> {
    let mut buffer = [0; LONGEST];
    let text = buffer.get_mut(..value.len())?;
    text.copy_from_slice(value);
    let mut in_word = false;
    for byte in text.iter_mut() {
        if in_word {
            byte.make_ascii_lowercase();
        } else {
            byte.make_ascii_uppercase();
        }
        in_word = byte.is_ascii_alphabetic();
    }
    if let Some(zone) = text.last_chunk_mut::<4>()
        && zone == b" Gmt"
    {
        *zone = *b" GMT";
    }
    httpdate::parse_http_date(std::str::from_utf8(text).ok()?).ok()
}

/// Writes a date as IMF-fixdate, if it is one that the form can name.
pub(crate) fn format(date: SystemTime) -> Option<HeaderValue> {
    let seconds = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
    if seconds >= YEAR_10000 {
        return None;
    }
    HeaderValue::from_str(&httpdate::fmt_http_date(date)).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::header;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Option<SystemTime> {
        Some(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    #[test]
    fn reads_the_three_forms() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "SUN, 06 NOV 1994 08:49:37 gmt",
            "sunday, 06-nov-94 08:49:37 GMT",
        ] {
            assert_eq!(parse(text.as_bytes()), at(784_111_777), "{text}");
        }
    }

    #[test]
    fn refuses_what_only_looks_like_a_date() {
        for text in [
            "",
            "0",
            "-1",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sun, 06  Nov  1994 08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Wednesday, 06-Nov-94 08:49:37 GMT and more",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn several_lines_count_only_if_they_agree() {
        let date = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
        let mut headers = HeaderMap::new();
        assert_eq!(DateField::of(&headers, &header::DATE), DateField::Absent);
        headers.append(header::DATE, date.clone());
        headers.append(header::DATE, date);
        assert_eq!(
            DateField::of(&headers, &header::DATE).valid(),
            at(784_111_777)
        );
        headers.append(header::DATE, HeaderValue::from_static("0"));
        assert_eq!(DateField::of(&headers, &header::DATE), DateField::Invalid);
    }

    #[test]
    fn writes_no_date_that_has_no_form() {
        assert_eq!(format(UNIX_EPOCH - Duration::from_secs(1)), None);
        assert_eq!(format(UNIX_EPOCH + Duration::from_secs(YEAR_10000)), None);
        assert!(format(UNIX_EPOCH + Duration::from_secs(YEAR_10000 - 1)).is_some());
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(seconds in 0..YEAR_10000) {
            let date = UNIX_EPOCH + Duration::from_secs(seconds);
            prop_assert_eq!(parse(format(date).unwrap().as_bytes()), Some(date));
        }

        #[test]
        fn never_panics(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse(&value);
        }
    }
}
