//! What a cache goes by of the fields of a response, found in one walk over them: each is mostly there
//! once, or not at all.

use http::{HeaderMap, header};

use crate::{fields::is_unstored, present::Present};

/// The lines of one field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Line<'a> {
    /// There is none.
    No,
    /// There is this one.
    Once(&'a [u8]),
    /// There are several.
    Often,
}

/// The fields of a response, and what was noted of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) present: Present,
    /// Whether there is a Transfer-Encoding.
    pub(crate) is_coded: bool,
    /// Whether all of them may be stored, but for Content-Length: of nearly all responses.
    pub(crate) may_be_stored: bool,
    pub(crate) cache_control: Line<'a>,
    pub(crate) content_length: Line<'a>,
    pub(crate) date: Line<'a>,
    pub(crate) etag: Line<'a>,
    pub(crate) expires: Line<'a>,
    pub(crate) last_modified: Line<'a>,
}

impl<'a> Noted<'a> {
    /// Of nothing yet.
    pub(crate) fn nothing(headers: &'a HeaderMap) -> Self {
        Noted {
            headers,
            present: Present::NONE,
            is_coded: false,
            may_be_stored: true,
            cache_control: Line::No,
            content_length: Line::No,
            date: Line::No,
            etag: Line::No,
            expires: Line::No,
            last_modified: Line::No,
        }
    }

    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let mut noted = Noted::nothing(headers);
        for (name, value) in headers {
            let value = value.as_bytes();
            match *name {
                header::CONTENT_TYPE | header::SERVER | header::ACCEPT_RANGES => {}
                header::DATE => noted.date.note(value),
                header::ETAG => noted.etag.note(value),
                header::EXPIRES => noted.expires.note(value),
                header::LAST_MODIFIED => noted.last_modified.note(value),
                header::CACHE_CONTROL => {
                    noted.present = noted.present | Present::CONTROL;
                    noted.cache_control.note(value);
                }
                header::CONTENT_LENGTH => {
                    noted.present = noted.present | Present::FRAMING;
                    noted.content_length.note(value);
                }
                _ => {
                    noted.present = noted.present | Present::kind(name);
                    noted.is_coded |= *name == header::TRANSFER_ENCODING;
                    noted.may_be_stored &= !is_unstored(name);
                }
            }
        }
        noted
    }
}

impl<'a> Line<'a> {
    #[inline]
    pub(crate) fn note(&mut self, value: &'a [u8]) {
        *self = match self {
            Line::No => Line::Once(value),
            Line::Once(_) | Line::Often => Line::Often,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::testing::map;

    #[test]
    fn each_field_is_noted_once_or_often() {
        type Get = for<'a> fn(&Noted<'a>) -> Line<'a>;
        let fields: [(&'static str, Get); 6] = [
            ("cache-control", |noted| noted.cache_control),
            ("content-length", |noted| noted.content_length),
            ("date", |noted| noted.date),
            ("etag", |noted| noted.etag),
            ("expires", |noted| noted.expires),
            ("last-modified", |noted| noted.last_modified),
        ];
        for (name, get) in fields {
            let headers = map(&[("x-a", "1"), (name, "2"), ("server", "3")]);
            let noted = Noted::of(&headers);
            assert!(matches!(get(&noted), Line::Once(value) if value == b"2"));
            for (_, other) in fields.iter().filter(|(other, _)| *other != name) {
                assert!(matches!(other(&noted), Line::No), "{name}");
            }
            assert!(noted.may_be_stored && !noted.is_coded);
            assert_eq!(noted.present, Present::of(&headers), "{name}");
            let headers = map(&[(name, "1"), ("x-a", "1"), (name, "1")]);
            assert!(matches!(get(&Noted::of(&headers)), Line::Often), "{name}");
        }
    }

    #[test]
    fn what_is_not_stored_is_noted() {
        for name in ["transfer-encoding", "age", "connection", "warning", "te"] {
            let headers = map(&[("date", "0"), (name, "1")]);
            let noted = Noted::of(&headers);
            assert!(!noted.may_be_stored, "{name}");
            assert_eq!(noted.is_coded, name == "transfer-encoding");
            assert_eq!(noted.present, Present::of(&headers));
        }
    }
}
