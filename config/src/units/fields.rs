//! Names of HTTP fields, and patterns for what stands in them.

use http::{HeaderName, header};
use perigee_edge::{Glob, is_targeted};
use serde::{Serialize, Serializer};

use super::scalar::{Scalar, scalar};

/// The name of a targeted field (RFC 9213).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetedField(pub(crate) HeaderName);

impl Scalar for TargetedField {
    const EXPECTED: &'static str =
        r#"the name of a field that ends in -Cache-Control, such as "CDN-Cache-Control""#;

    fn from_text(text: &str) -> Result<Self, String> {
        HeaderName::from_bytes(text.as_bytes())
            .ok()
            .filter(is_targeted)
            .map(TargetedField)
            .ok_or_else(|| {
                format!(
                    "{text:?} is no targeted field (RFC 9213): write {}",
                    Self::EXPECTED
                )
            })
    }
}

scalar!(TargetedField, { "type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+-[Cc][Aa][Cc][Hh][Ee]-[Cc][Oo][Nn][Tt][Rr][Oo][Ll]$" });

/// The name of a request field whose value may be part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyField(pub(crate) HeaderName);

/// What is in the key anyhow, is for one connection, or is not for the cache to tell apart.
const NOT_IN_KEYS: [HeaderName; 10] = [
    header::HOST,
    header::COOKIE,
    header::CONNECTION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::CONTENT_LENGTH,
    header::RANGE,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
];

impl Scalar for KeyField {
    const EXPECTED: &'static str = r#"the name of a request field, such as "X-Device""#;

    fn from_text(text: &str) -> Result<Self, String> {
        let name = HeaderName::from_bytes(text.as_bytes())
            .map_err(|_| format!("{text:?} is not a field name: write {}", Self::EXPECTED))?;
        let why = match name.as_str() {
            "cookie" => "name the cookies in `cookies`",
            "host" => "it always is",
            // Taken off what clients send.
            name if name.starts_with("perigee-") => "clients cannot send it",
            _ if NOT_IN_KEYS.contains(&name) => "it is not about which response is wanted",
            _ => return Ok(KeyField(name)),
        };
        Err(format!("{text:?} cannot be part of a key: {why}"))
    }
}

/// The name of a cookie (RFC 6265 section 4.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CookieName(pub(crate) String);

impl Scalar for CookieName {
    const EXPECTED: &'static str = r#"the name of a cookie, such as "lang""#;

    fn from_text(text: &str) -> Result<Self, String> {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if (1..=256).contains(&text.len()) && text.bytes().all(is_token) {
            return Ok(CookieName(text.to_owned()));
        }
        Err(format!(
            "{text:?} is not a cookie's name: write {}",
            Self::EXPECTED
        ))
    }
}

/// The name of a query parameter, decoded, with `*` for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParameterPattern(pub(crate) String);

impl Scalar for ParameterPattern {
    const EXPECTED: &'static str = r#"the name of a query parameter, such as "id" or "utm_*""#;

    fn from_text(text: &str) -> Result<Self, String> {
        if (1..=128).contains(&text.len()) && !text.contains(['=', '&', '?']) {
            return Ok(ParameterPattern(text.to_owned()));
        }
        Err(format!(
            "{text:?} is not a parameter's name: write {}, of at most 128 bytes",
            Self::EXPECTED
        ))
    }
}

scalar!(KeyField, { "type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" });
scalar!(CookieName, { "type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$" });
scalar!(ParameterPattern, { "type": "string", "pattern": "^[^=&?]{1,128}$" });

impl Serialize for KeyField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl Serialize for CookieName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Serialize for ParameterPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Serialize for TargetedField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

/// The name of any field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldName(pub(crate) HeaderName);

impl Scalar for FieldName {
    const EXPECTED: &'static str = r#"the name of a field, such as "Accept-Language""#;

    fn from_text(text: &str) -> Result<Self, String> {
        HeaderName::from_bytes(text.as_bytes())
            .map(FieldName)
            .map_err(|_| format!("{text:?} is no name of a field: write {}", Self::EXPECTED))
    }
}

scalar!(FieldName, { "type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" });

impl Serialize for FieldName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

/// Bytes of a pattern.
const LONGEST: usize = 256;

/// A pattern for paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathPattern(String);

impl PathPattern {
    pub(crate) fn glob(&self) -> Glob {
        Glob::new(&self.0)
    }
}

impl Scalar for PathPattern {
    const EXPECTED: &'static str = r#"a pattern for paths, such as "/static/*""#;

    fn from_text(text: &str) -> Result<Self, String> {
        let why = match text {
            _ if text.len() > LONGEST => "it is longer than 256 bytes",
            _ if text.contains(['?', '#']) => "the query is no part of the path",
            _ if !text.starts_with(['/', '*']) => "it begins with neither / nor *",
            _ => return Ok(PathPattern(text.to_owned())),
        };
        Err(format!(
            "{text:?} fits no path: {why}; expected {}",
            Self::EXPECTED
        ))
    }
}

scalar!(PathPattern, { "type": "string", "pattern": "^[/*][^?#]*$", "maxLength": LONGEST });

/// A pattern for names of cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CookiePattern(String);

impl CookiePattern {
    pub(crate) fn glob(&self) -> Glob {
        Glob::new(&self.0)
    }
}

impl Scalar for CookiePattern {
    const EXPECTED: &'static str = r#"the name of a cookie, or a pattern such as "login_*""#;

    fn from_text(text: &str) -> Result<Self, String> {
        let fits = (1..=LONGEST).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"=;,\"\\".contains(&b));
        if !fits {
            return Err(format!(
                "{text:?} fits no name of a cookie: write {}",
                Self::EXPECTED
            ));
        }
        Ok(CookiePattern(text.to_owned()))
    }
}

scalar!(CookiePattern, { "type": "string", "pattern": "^[!#-+\\--:<>-\\[\\]-~]+$", "maxLength": LONGEST });

/// The extension of a path, without the dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extension(pub(crate) String);

impl Scalar for Extension {
    const EXPECTED: &'static str = r#"letters and digits without the dot, such as "css""#;

    fn from_text(text: &str) -> Result<Self, String> {
        let is_extension = (1..=32).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if !is_extension {
            return Err(format!(
                "{text:?} is no extension: write {}",
                Self::EXPECTED
            ));
        }
        Ok(Extension(text.to_owned()))
    }
}

scalar!(Extension, { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,32}$" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_part_of_a_key_says_why() {
        assert!(KeyField::from_text("X-Device").is_ok());
        for (text, why) in [
            ("Cookie", "`cookies`"),
            ("Host", "always"),
            ("Range", "which response"),
            ("perigee-via", "cannot send"),
            ("a b", "not a field name"),
        ] {
            let error = KeyField::from_text(text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn names_of_cookies_and_parameters() {
        assert!(CookieName::from_text("lang").is_ok());
        assert!(ParameterPattern::from_text("utm_*").is_ok());
        for wrong in ["", "a=b", "a;b"] {
            assert!(CookieName::from_text(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "a=b", "a&b", "?a"] {
            assert!(ParameterPattern::from_text(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn targeted_fields_are_told_by_their_names() {
        let name = TargetedField::from_text("Perigee-Cache-Control").map(|field| field.0);
        assert_eq!(name, Ok(HeaderName::from_static("perigee-cache-control")));
        for wrong in [
            "Cache-Control",
            "Surrogate-Control",
            "a b-cache-control",
            "",
        ] {
            assert!(TargetedField::from_text(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn fields_are_told_by_tokens() {
        let name = FieldName::from_text("X-Real-IP").map(|field| field.0);
        assert_eq!(name, Ok(HeaderName::from_static("x-real-ip")));
        for wrong in ["a b", "a:", "", "\u{e9}"] {
            assert!(FieldName::from_text(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn patterns_are_for_what_there_can_be() {
        for good in ["/", "/a/*.css", "*", "*/x"] {
            assert!(PathPattern::from_text(good).is_ok(), "{good}");
        }
        let long = format!("/{}", "x".repeat(LONGEST));
        for wrong in ["", "a/b", "/a?b", "/a#b", &long] {
            assert!(PathPattern::from_text(wrong).is_err(), "{wrong}");
        }
        for good in ["session", "login_*", "*"] {
            assert!(CookiePattern::from_text(good).is_ok(), "{good}");
        }
        for wrong in ["", "a=b", "a;b", "a b", "ä"] {
            assert!(CookiePattern::from_text(wrong).is_err(), "{wrong}");
        }
        assert!(Extension::from_text("woff2").is_ok());
        for wrong in ["", ".css", "*", "tar.gz"] {
            assert!(Extension::from_text(wrong).is_err(), "{wrong}");
        }
        assert!(FieldName::from_text("x y").is_err());
    }
}
