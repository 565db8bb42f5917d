//! The codes of regions: two letters for continents, ISO 3166 for countries and what they are
//! divided into.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// A code of up to `N` capital letters and digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code<const N: usize>([u8; N]);

/// A continent: AF, AN, AS, EU, NA, OC or SA.
pub type Continent = Code<2>;
/// A country by ISO 3166-1 alpha-2.
pub type Country = Code<2>;
/// What a country is divided into, by ISO 3166-2, without the country: `CA` of `US-CA`.
pub type Subdivision = Code<3>;

/// The continents.
pub const CONTINENTS: [&str; 7] = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"];

/// What is known of the region that an address is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Region {
    /// Its continent.
    pub continent: Option<Continent>,
    /// Its country.
    pub country: Option<Country>,
    /// The largest part of that country, such as a state.
    pub subdivision: Option<Subdivision>,
}

impl Region {
    /// Whether anything is known.
    pub fn is_known(&self) -> bool {
        *self != Region::default()
    }
}

impl<const N: usize> Code<N> {
    /// The code, if it is one: 1 to `N` capital letters and digits.
    pub fn new(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let valid = bytes
            .iter()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        let mut code = [0; N];
        let kept = code.get_mut(..bytes.len())?;
        if bytes.is_empty() || !valid {
            return None;
        }
        kept.copy_from_slice(bytes);
        Some(Code(code))
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|&b| b == 0).unwrap_or(N);
        let bytes = self.0.get(..length).unwrap_or_default();
        // Nothing else is ever put in.
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl<const N: usize> FromStr for Code<N> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Code::new(text).ok_or_else(|| format!("{text:?} is not 1 to {N} capital letters or digits"))
    }
}

impl<const N: usize> fmt::Display for Code<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Code<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> Serialize for Code<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_code() {
        for text in ["DE", "D", "7"] {
            assert_eq!(text.parse::<Code<2>>().unwrap().to_string(), text);
        }
        for text in ["", "de", "DEU", "D-", "Ä"] {
            assert!(text.parse::<Code<2>>().is_err(), "{text}");
        }
        assert_eq!(Subdivision::new("ENG").unwrap().as_str(), "ENG");
    }
}
