//! When a key does what: the dates that BIND writes into its key files (RFC 7583).

use std::fmt;

/// Seconds since 1970.
pub type Seconds = u64;

/// The dates of a key, in seconds since 1970. One that is not set never comes, but for `publish`
/// and `activate`: without them, the key is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// It was made.
    pub created: Option<Seconds>,
    /// Its DNSKEY record is shown from here on.
    pub publish: Option<Seconds>,
    /// It signs the zone from here on.
    pub activate: Option<Seconds>,
    /// It signs nothing any more.
    pub inactive: Option<Seconds>,
    /// Its DNSKEY record is gone.
    pub delete: Option<Seconds>,
    /// CDS and CDNSKEY show it from here on.
    pub sync_publish: Option<Seconds>,
    /// CDS and CDNSKEY do not show it any more.
    pub sync_delete: Option<Seconds>,
}

impl Timing {
    /// Whether DNSKEY shows it.
    pub fn is_published(&self, now: Seconds) -> bool {
        begun(self.publish, now) && !past(self.delete, now)
    }

    /// Whether it may sign.
    pub fn is_active(&self, now: Seconds) -> bool {
        self.is_published(now) && begun(self.activate, now) && !self.is_retired(now)
    }

    /// Whether it has signed, and does not sign any more.
    pub fn is_retired(&self, now: Seconds) -> bool {
        past(self.inactive, now)
    }

    /// Whether CDS and CDNSKEY show it. Where files say nothing of that, when it is active.
    pub fn is_synced(&self, now: Seconds) -> bool {
        let begun = match self.sync_publish {
            Some(at) => now >= at,
            None => self.is_active(now),
        };
        begun && self.is_published(now) && !past(self.sync_delete, now)
    }

    /// The next date that is still to come.
    pub fn next(&self, now: Seconds) -> Option<Seconds> {
        let dates = [
            self.publish,
            self.activate,
            self.inactive,
            self.delete,
            self.sync_publish,
            self.sync_delete,
        ];
        dates.into_iter().flatten().filter(|&at| at > now).min()
    }
}

fn begun(at: Option<Seconds>, now: Seconds) -> bool {
    at.is_none_or(|at| now >= at)
}

fn past(at: Option<Seconds>, now: Seconds) -> bool {
    at.is_some_and(|at| now >= at)
}

/// A time as key files and RRSIG records write it: `20260203040506`, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(pub Seconds);

const DAY: Seconds = 86_400;

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0 / DAY, self.0 % DAY);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
        write!(
            f,
            "{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}"
        )
    }
}

impl Stamp {
    /// Reads what [`Stamp`] writes.
    pub(crate) fn parse(text: &str) -> Option<Stamp> {
        if text.len() != 14 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let part = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
        let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
        let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
        if year < 1970 || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let days = days(year, month, day)?;
        (date(days) == (year, month, day))
            .then_some(Stamp(days * DAY + hour * 3_600 + minute * 60 + second))
    }

    /// For people: `2026-02-03 04:05:06 UTC`.
    pub fn readable(self) -> String {
        let t = self.to_string();
        format!(
            "{}-{}-{} {}:{}:{} UTC",
            &t[0..4],
            &t[4..6],
            &t[6..8],
            &t[8..10],
            &t[10..12],
            &t[12..14]
        )
    }
}

/// Year, month and day of a day since 1970-01-01. Counts in eras of 400 years that begin on
/// March 1, so that the leap day is the last of its year.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// The day since 1970-01-01 of a date.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    (era * 146_097 + of_era).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times() {
        for (seconds, text) in [
            (0, "19700101000000"),
            (951_782_400, "20000229000000"),
            (1_770_091_506, "20260203040506"),
            (4_107_542_399, "21000228235959"),
            (4_107_542_400, "21000301000000"),
        ] {
            assert_eq!(Stamp(seconds).to_string(), text);
            assert_eq!(Stamp::parse(text), Some(Stamp(seconds)));
        }
        for wrong in [
            "",
            "2026",
            "20260230000000",
            "20261301000000",
            "2026020304050x",
        ] {
            assert_eq!(Stamp::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in 0_u64..200_000_000_000) {
            prop_assume!(Stamp(seconds).to_string().len() == 14);
            prop_assert_eq!(Stamp::parse(&Stamp(seconds).to_string()), Some(Stamp(seconds)));
        }
    }
}
