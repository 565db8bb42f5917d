//! From when until when a signature holds. The same on all name servers, without a word between
//! them: it follows from the name and the time.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use super::timing::Seconds;

/// Signatures are dated back so far, as clocks differ.
const BACK: Seconds = 3_600;
/// A signature is made anew after this part of its validity: three quarters of it are left then, for
/// caches, and for a name server that is cut off.
const PARTS: Seconds = 4;

/// How long signatures hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    whole: Seconds,
}

/// One signature's times, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) inception: u32,
    pub(crate) expiration: u32,
}

impl Validity {
    pub(crate) fn new(whole: Duration) -> Self {
        Validity {
            whole: whole.as_secs().max(PARTS),
        }
    }

    /// How long a signature is given out.
    pub(crate) fn part(self) -> Seconds {
        self.whole / PARTS
    }

    /// The times of the signature of a name that is given out now. Each name has its own moment at
    /// which the next one begins, so that they are not all made at once.
    pub(crate) fn at(self, name: &[u8], now: Seconds) -> Period {
        let part = self.part();
        let phase = xxh3_64(name) % part;
        let begun = (now.saturating_sub(phase) / part) * part + phase;
        // RFC 4034 section 3.1.5: they count around, and are compared so.
        Period {
            inception: begun.saturating_sub(BACK) as u32,
            expiration: begun.saturating_add(self.whole) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WEEK: Duration = Duration::from_secs(7 * 86_400);

    proptest! {
        #[test]
        fn it_has_begun_and_holds_for_three_quarters_more(
            name in prop::collection::vec(any::<u8>(), 1..30), now in 1_000_000_000_u64..4_000_000_000,
        ) {
            let period = Validity::new(WEEK).at(&name, now);
            let (inception, expiration) = (u64::from(period.inception), u64::from(period.expiration));
            prop_assert!(inception + 3_600 <= now);
            prop_assert!(expiration - now >= WEEK.as_secs() * 3 / 4);
            prop_assert!(expiration - now <= WEEK.as_secs());
        }

        #[test]
        fn it_changes_once_in_a_quarter(name in prop::collection::vec(any::<u8>(), 1..30), now in 1_000_000_000_u64..4_000_000_000) {
            let validity = Validity::new(WEEK);
            let (first, last) = (validity.at(&name, now), validity.at(&name, now + validity.part()));
            prop_assert_eq!(u64::from(last.inception - first.inception), validity.part());
        }
    }
}
