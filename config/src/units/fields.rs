//! Names of HTTP fields, and patterns for what stands in them.

use http::HeaderName;
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
