//! Amounts of bytes: `256MiB`, `1GB`, or a plain number of bytes.

use std::fmt;

use serde::{Serialize, Serializer};

use super::scalar::{Scalar, scalar};

/// Names of units and their bytes; of those that a size is written in, the largest first.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

fn parse(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let (_, size) = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    // One that is too large for u64 is too large for every bound.
    let number: u64 = number.parse().ok().or((digits > 19).then_some(u64::MAX))?;
    Some(number.saturating_mul(*size))
}

fn render(bytes: u64) -> String {
    UNITS
        .into_iter()
        .find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size))
        .map_or_else(
            || "0B".to_owned(),
            |(unit, size)| format!("{}{unit}", bytes / size),
        )
}

/// A number of bytes from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes<const MIN: u64, const MAX: u64>(pub(crate) u64);

impl<const MIN: u64, const MAX: u64> Bytes<MIN, MAX> {
    /// Errors tell the size as it is `written`.
    fn check(bytes: u64, written: &str) -> Result<Self, String> {
        if bytes < MIN {
            return Err(format!("{written} is too small: at least {}", render(MIN)));
        }
        if bytes > MAX {
            return Err(format!("{written} is too large: at most {}", render(MAX)));
        }
        Ok(Bytes(bytes))
    }

    /// As a length in memory.
    pub(crate) fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

const EXPECTED: &str = r#"a size, such as "256MiB", "1GB" or a number of bytes"#;

fn no_size(written: fmt::Arguments<'_>) -> String {
    format!("{written} is not a size: write {EXPECTED}")
}

impl<const MIN: u64, const MAX: u64> Scalar for Bytes<MIN, MAX> {
    const EXPECTED: &'static str = EXPECTED;

    fn from_text(text: &str) -> Result<Self, String> {
        let bytes = parse(text).ok_or_else(|| {
            let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            match is_number {
                true => format!(
                    "{text:?} has no unit: write \"{text}MiB\", or {text} without quotes for bytes"
                ),
                false => no_size(format_args!("{text:?}")),
            }
        })?;
        Self::check(bytes, text)
    }

    fn from_whole(number: i128) -> Result<Self, String> {
        let bytes = u64::try_from(number).map_err(|_| no_size(format_args!("{number}")))?;
        Self::check(bytes, &number.to_string())
    }
}

scalar!(impl [const MIN: u64, const MAX: u64] Bytes<MIN, MAX>, {
    "type": ["string", "integer"],
    "pattern": "^[0-9]+ *([KkMmGgTt][Ii]?)?[Bb]$",
    "minimum": MIN,
    "maximum": MAX,
});

impl<const MIN: u64, const MAX: u64> Serialize for Bytes<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&render(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_unit() {
        for (text, bytes) in [
            ("256MiB", 256 << 20),
            ("1GB", 1_000_000_000),
            ("64 KiB", 64 << 10),
            ("8kb", 8_000),
            ("0B", 0),
            ("3TiB", 3 << 40),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
        for text in ["", "MiB", "-1B", "1.5GiB", "1 parsec", "12"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn keeps_its_bounds() {
        type Small = Bytes<1024, 4096>;
        assert_eq!(Small::from_whole(1024), Ok(Bytes(1024)));
        assert_eq!(Small::from_text("4KiB"), Ok(Bytes(4096)));
        assert_eq!(
            Small::from_text("1000B").unwrap_err(),
            "1000B is too small: at least 1KiB"
        );
        assert_eq!(
            Small::from_text("99999999999999999999999TiB").unwrap_err(),
            "99999999999999999999999TiB is too large: at most 4KiB"
        );
        assert!(Small::from_whole(-1).is_err());
    }

    #[test]
    fn writes_what_it_would_read() {
        for text in ["256MiB", "1GiB", "1GB", "1000B", "1025B", "0B", "8KiB"] {
            assert_eq!(parse(text).map(|b| parse(&render(b))), Some(parse(text)));
        }
        assert_eq!(render(64 << 10), "64KiB");
    }
}
