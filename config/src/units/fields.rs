//! Names of HTTP fields.

use http::HeaderName;
use perigee_edge::is_targeted;
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
}
