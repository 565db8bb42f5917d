//! Counts, shares and degrees.

use serde::{Serialize, Serializer};

use super::scalar::{Scalar, scalar};

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole<const MIN: u64, const MAX: u64>(pub(crate) u64);

/// How many of something: at least one, and no more than any queue or semaphore can hold.
pub(crate) type Count = Whole<1, 1_000_000_000>;

impl<const MIN: u64, const MAX: u64> Whole<MIN, MAX> {
    /// As a length in memory.
    pub(crate) fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// As 32 bits, which are enough for `MAX` wherever this is asked for.
    pub(crate) fn as_u32(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }

    /// As 16 bits, which are enough for `MAX` wherever this is asked for.
    pub(crate) fn as_u16(self) -> u16 {
        u16::try_from(self.0).unwrap_or(u16::MAX)
    }
}

impl<const MIN: u64, const MAX: u64> Scalar for Whole<MIN, MAX> {
    const EXPECTED: &'static str = "a whole number";

    fn from_text(text: &str) -> Result<Self, String> {
        Err(format!(
            "{text:?} is text: write a whole number without quotes"
        ))
    }

    fn from_whole(number: i128) -> Result<Self, String> {
        u64::try_from(number)
            .ok()
            .filter(|number| (MIN..=MAX).contains(number))
            .map(Whole)
            .ok_or_else(|| {
                format!("{number} is out of range: write a whole number from {MIN} to {MAX}")
            })
    }

    fn from_fraction(number: f64) -> Result<Self, String> {
        Err(format!("{number} is not a whole number"))
    }
}

scalar!(impl [const MIN: u64, const MAX: u64] Whole<MIN, MAX>, {
    "type": "integer",
    "minimum": MIN,
    "maximum": MAX,
});

impl<const MIN: u64, const MAX: u64> Serialize for Whole<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

/// A part of a whole, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Share(pub(crate) f64);

/// A part of a whole that leaves some of it, from 0 to 0.9.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PartialShare(pub(crate) f64);

/// A part of a whole, above 0 and up to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PositiveShare(pub(crate) f64);

/// How many times as much as something else, from 1.05 to 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Factor(pub(crate) f64);

/// Degrees of an angle, from -`MAX` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Degrees<const MAX: u16>(pub(crate) f64);

/// Implements [`Scalar`] for a number with a fraction that is in range where `$ok` says so.
macro_rules! fraction {
    (impl [$($generic:tt)*] $name:ty, $make:ident, $ok:expr, $range:expr) => {
        impl<$($generic)*> Scalar for $name {
            const EXPECTED: &'static str = "a number";

            fn from_text(text: &str) -> Result<Self, String> {
                Err(format!("{text:?} is text: write a number without quotes"))
            }

            fn from_whole(number: i128) -> Result<Self, String> {
                Self::from_fraction(number as f64)
            }

            fn from_fraction(number: f64) -> Result<Self, String> {
                // NaN is in no range.
                if $ok(number) {
                    Ok($make(number))
                } else {
                    Err(format!("{number} is out of range: write a number {}", $range))
                }
            }
        }

        impl<$($generic)*> Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_f64(self.0)
            }
        }
    };
}

fraction!(impl [] Share, Share, |n| (0.0..=1.0).contains(&n), "from 0 to 1");
fraction!(impl [] PartialShare, PartialShare, |n| (0.0..=0.9).contains(&n), "from 0 to 0.9");
fraction!(impl [] PositiveShare, PositiveShare, |n| n > 0.0 && n <= 1.0, "above 0 and up to 1");
fraction!(impl [] Factor, Factor, |n| (1.05..=100.0).contains(&n), "from 1.05 to 100");
fraction!(impl [const MAX: u16] Degrees<MAX>, Degrees, |n: f64| n.abs() <= f64::from(MAX), format!("from -{MAX} to {MAX}"));

scalar!(Share, { "type": "number", "minimum": 0, "maximum": 1 });
scalar!(PartialShare, { "type": "number", "minimum": 0, "maximum": 0.9 });
scalar!(PositiveShare, { "type": "number", "exclusiveMinimum": 0, "maximum": 1 });
scalar!(Factor, { "type": "number", "minimum": 1.05, "maximum": 100 });
scalar!(impl [const MAX: u16] Degrees<MAX>, { "type": "number", "minimum": -f64::from(MAX), "maximum": f64::from(MAX) });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inside() {
        assert_eq!(Whole::<1, 9>::from_whole(1), Ok(Whole(1)));
        assert_eq!(Whole::<1, 9>::from_whole(9), Ok(Whole(9)));
        assert!(Whole::<1, 9>::from_whole(0).is_err());
        assert!(Whole::<1, 9>::from_whole(10).is_err());
        assert!(Whole::<1, 9>::from_whole(-1).is_err());
        assert_eq!(Share::from_whole(1), Ok(Share(1.0)));
        assert!(Share::from_fraction(1.01).is_err());
        assert!(Share::from_fraction(f64::NAN).is_err());
        assert!(PositiveShare::from_whole(0).is_err());
        assert!(Factor::from_whole(1).is_err());
        assert_eq!(Factor::from_whole(2), Ok(Factor(2.0)));
        assert_eq!(Degrees::<90>::from_fraction(-90.0), Ok(Degrees(-90.0)));
        assert_eq!(
            Degrees::<90>::from_fraction(91.5).unwrap_err(),
            "91.5 is out of range: write a number from -90 to 90"
        );
        assert!(Degrees::<90>::from_fraction(f64::INFINITY).is_err());
    }
}
