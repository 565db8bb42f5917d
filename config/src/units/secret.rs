//! Text that must not be shown.

use std::fmt;

use super::scalar::{Scalar, scalar};

/// A secret. Its debug form does not tell it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Scalar for Secret {
    const EXPECTED: &'static str = "text in quotes";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Secret(text.to_owned()))
    }

    fn from_whole(_: i128) -> Result<Self, String> {
        Err("a number cannot be a secret: write text in quotes".to_owned())
    }

    fn from_fraction(_: f64) -> Result<Self, String> {
        Self::from_whole(0)
    }
}

scalar!(Secret, { "type": "string" });
