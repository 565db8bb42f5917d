//! Secrets of DNS Cookies.

use std::fmt;

use super::scalar::{Scalar, scalar};

/// 16 octets, as BIND, Knot and others take them too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct CookieKey(pub(crate) [u8; 16]);

impl fmt::Debug for CookieKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieKey(…)")
    }
}

impl Scalar for CookieKey {
    const EXPECTED: &'static str = "32 hexadecimal digits, as `openssl rand -hex 16` makes them";

    /// What is wrong is not repeated: it may be a secret with a slip in it.
    fn from_text(text: &str) -> Result<Self, String> {
        let wrong = || format!("this is no secret for cookies: write {}", Self::EXPECTED);
        let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| digits);
        number
            .map(|number| CookieKey(number.to_be_bytes()))
            .ok_or_else(wrong)
    }

    fn from_whole(_: i128) -> Result<Self, String> {
        Self::from_text("")
    }
}

scalar!(CookieKey, { "type": "string", "pattern": "^[0-9a-fA-F]{32}$" });
