//! Which fields a message has, of those that a cache goes by. It has few of them: one walk over the
//! names that are there is cheaper than a search for each one that is not.

use std::ops::BitOr;

use http::{HeaderMap, HeaderName, header};

use crate::{labels, search, targeted::is_targeted};

/// Kinds of fields that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Present(u16);

impl Present {
    /// Content-Length and Transfer-Encoding.
    pub(crate) const FRAMING: Present = Present(1);
    /// Cache-Control and Pragma.
    pub(crate) const CONTROL: Present = Present(1 << 1);
    /// Cache-Control of certain caches (RFC 9213).
    pub(crate) const TARGETED: Present = Present(1 << 2);
    /// Preconditions (RFC 9110 section 13.1), but for If-Range.
    pub(crate) const CONDITIONS: Present = Present(1 << 3);
    /// Range and If-Range.
    pub(crate) const RANGE: Present = Present(1 << 4);
    /// Vary.
    pub(crate) const VARY: Present = Present(1 << 5);
    /// Age.
    pub(crate) const AGE: Present = Present(1 << 6);
    /// Set-Cookie.
    pub(crate) const SET_COOKIE: Present = Present(1 << 7);
    /// Fields of groups and tags.
    pub(crate) const LABELS: Present = Present(1 << 8);
    /// No-Vary-Search.
    pub(crate) const SEARCH: Present = Present(1 << 9);

    pub(crate) const NONE: Present = Present(0);

    /// Of the fields of a message.
    pub(crate) fn of(headers: &HeaderMap) -> Present {
        let kinds = headers.keys().map(Present::kind);
        kinds.fold(Present::NONE, BitOr::bitor)
    }

    /// Whether there are fields of these kinds.
    pub(crate) fn has(self, kinds: Present) -> bool {
        self.0 & kinds.0 != 0
    }

    pub(crate) fn kind(name: &HeaderName) -> Present {
        match *name {
            header::CONTENT_LENGTH | header::TRANSFER_ENCODING => Present::FRAMING,
            header::CACHE_CONTROL | header::PRAGMA => Present::CONTROL,
            header::IF_MATCH
            | header::IF_NONE_MATCH
            | header::IF_MODIFIED_SINCE
            | header::IF_UNMODIFIED_SINCE => Present::CONDITIONS,
            header::RANGE | header::IF_RANGE => Present::RANGE,
            header::VARY => Present::VARY,
            header::AGE => Present::AGE,
            header::SET_COOKIE => Present::SET_COOKIE,
            // Most of the others that are usual.
            header::ACCEPT
            | header::ACCEPT_ENCODING
            | header::ACCEPT_LANGUAGE
            | header::ACCEPT_RANGES
            | header::CONNECTION
            | header::COOKIE
            | header::CONTENT_ENCODING
            | header::CONTENT_TYPE
            | header::DATE
            | header::ETAG
            | header::HOST
            | header::LAST_MODIFIED
            | header::SERVER
            | header::USER_AGENT
            | header::VIA => Present::NONE,
            _ if is_targeted(name) => Present::TARGETED,
            _ if labels::is_label_field(name) => Present::LABELS,
            _ if search::is_field(name) => Present::SEARCH,
            _ => Present::NONE,
        }
    }
}

/// Whether there is such a field, which mostly there is not.
#[inline]
pub fn has_field(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.keys().any(|other| other == name)
}

impl BitOr for Present {
    type Output = Present;

    fn bitor(self, other: Present) -> Present {
        Present(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::testing::map;

    #[test]
    fn each_kind_is_found_among_others() {
        for (name, kind) in [
            ("content-length", Present::FRAMING),
            ("transfer-encoding", Present::FRAMING),
            ("cache-control", Present::CONTROL),
            ("pragma", Present::CONTROL),
            ("cdn-cache-control", Present::TARGETED),
            ("x-cache-control", Present::TARGETED),
            ("if-match", Present::CONDITIONS),
            ("if-none-match", Present::CONDITIONS),
            ("if-modified-since", Present::CONDITIONS),
            ("if-unmodified-since", Present::CONDITIONS),
            ("range", Present::RANGE),
            ("if-range", Present::RANGE),
            ("vary", Present::VARY),
            ("age", Present::AGE),
            ("set-cookie", Present::SET_COOKIE),
            ("surrogate-key", Present::LABELS),
            ("cache-tag", Present::LABELS),
            ("cache-groups", Present::LABELS),
            ("no-vary-search", Present::SEARCH),
        ] {
            let present = Present::of(&map(&[("host", "a"), (name, "1"), ("x-a", "2")]));
            assert_eq!(present, kind, "{name}");
            assert!(present.has(kind | Present::VARY));
        }
        assert_eq!(
            Present::of(&map(&[("date", "0"), ("x-a", "1")])),
            Present::NONE
        );
    }
}
