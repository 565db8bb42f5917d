//! Lengths of time: `500ms`, `20s`, `10m`, `1h`, `1d`.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::scalar::{Scalar, scalar};

const EXPECTED: &str = r#"a number and a unit, such as "500ms", "20s", "10m" or "1h""#;

/// Names of units and their milliseconds, the largest first.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Far beyond every use, and far from where arithmetic on clocks overflows.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration: write {EXPECTED}");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, unit) = *UNITS
        .iter()
        .find(|(name, _)| *name == unit.trim_start())
        .ok_or_else(wrong)?;
    if number.is_empty() {
        return Err(wrong());
    }
    number
        .parse()
        .ok()
        .and_then(|number: u64| number.checked_mul(unit))
        .map(Duration::from_millis)
        .filter(|duration| *duration <= LONGEST)
        .ok_or_else(|| format!("{text:?} is too long: at most \"36500d\""))
}

fn render(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (unit, size) = UNITS
        .into_iter()
        .find(|(_, size)| millis >= *size && millis % size == 0)
        .unwrap_or(("s", 1_000));
    format!("{}{unit}", millis / size)
}

fn no_unit(number: i128) -> String {
    format!("{number} has no unit: write {EXPECTED}")
}

/// A length of time that may be zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime(pub(crate) Duration);

impl Scalar for Lifetime {
    const EXPECTED: &'static str = EXPECTED;

    fn from_text(text: &str) -> Result<Self, String> {
        parse(text).map(Lifetime)
    }

    fn from_whole(number: i128) -> Result<Self, String> {
        Err(no_unit(number))
    }
}

/// A length of time above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period(pub(crate) Duration);

impl Scalar for Period {
    const EXPECTED: &'static str = EXPECTED;

    fn from_text(text: &str) -> Result<Self, String> {
        match parse(text)? {
            Duration::ZERO => Err(format!("{text:?} is too short: it must be above zero")),
            duration => Ok(Period(duration)),
        }
    }

    fn from_whole(number: i128) -> Result<Self, String> {
        Err(no_unit(number))
    }
}

/// A time to live in DNS: whole seconds, at most 2^31 - 1 of them (RFC 2181 section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ttl(pub(crate) u32);

impl Scalar for Ttl {
    const EXPECTED: &'static str = EXPECTED;

    fn from_text(text: &str) -> Result<Self, String> {
        let duration = parse(text)?;
        if duration.subsec_millis() != 0 {
            return Err(format!("{text:?} is not whole seconds, as DNS needs them"));
        }
        u32::try_from(duration.as_secs())
            .ok()
            .filter(|seconds| *seconds <= i32::MAX as u32)
            .map(Ttl)
            .ok_or_else(|| format!("{text:?} is too long for DNS: at most \"2147483647s\""))
    }

    fn from_whole(number: i128) -> Result<Self, String> {
        Err(no_unit(number))
    }
}

scalar!(Lifetime, { "type": "string", "pattern": "^[0-9]+ *(ms|s|m|h|d)$" });
scalar!(Period, { "type": "string", "pattern": "^[0-9]+ *(ms|s|m|h|d)$" });
scalar!(Ttl, { "type": "string", "pattern": "^[0-9]+ *(s|m|h|d)$" });

impl Serialize for Lifetime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&render(self.0))
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&render(self.0))
    }
}

impl Serialize for Ttl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&render(Duration::from_secs(self.0.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_unit() {
        for (text, millis) in [
            ("0s", 0),
            ("500ms", 500),
            ("20s", 20_000),
            ("10m", 600_000),
            ("1h", 3_600_000),
            ("365d", 365 * 86_400_000),
            ("20 s", 20_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn says_what_was_expected() {
        assert_eq!(
            parse("20 parsecs").unwrap_err(),
            r#""20 parsecs" is not a duration: write a number and a unit, such as "500ms", "20s", "10m" or "1h""#
        );
        for text in [
            "",
            "20",
            "s",
            "-1s",
            "1.5s",
            "1h30m",
            "+2s",
            "99999999999999999999d",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(
            Lifetime::from_whole(20)
                .unwrap_err()
                .contains("has no unit")
        );
        assert!(Period::from_text("0s").is_err());
        assert!(Ttl::from_text("500ms").is_err());
        assert!(Ttl::from_text("36500d").is_err());
    }

    #[test]
    fn writes_what_it_would_read() {
        for text in ["0s", "500ms", "20s", "90s", "10m", "1h", "36h", "365d"] {
            assert_eq!(parse(text).map(render), Ok(text.to_owned()));
        }
    }
}
