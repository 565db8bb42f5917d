//! How much a network owes for responses of one kind, as one number: the time at which it will owe
//! nothing any more (the generic cell rate algorithm).

use std::time::Duration;

/// Times are kept in so many bits, in microseconds, and wrap around after twelve days.
pub(super) const BITS: u32 = 40;
const MASK: u64 = (1 << BITS) - 1;
/// A second's responses may come at once.
const BURST: u64 = 1_000_000;

/// What responses of one kind cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    /// Microseconds of credit that one response takes.
    cost: u64,
    /// What who goes on without credit may owe besides.
    window: u64,
}

impl Account {
    /// So many responses a second, and no more debt than the window pays off. A rate of 0 is 1.
    pub(super) fn new(rate: u32, window: Duration) -> Self {
        let most = u128::from(MASK / 2 - BURST);
        Account {
            cost: (BURST / u64::from(rate.max(1))).max(1),
            window: window.as_micros().min(most) as u64,
        }
    }

    /// Charges for so many responses at this time. Answers with the new time of owing nothing,
    /// and whether there was credit.
    pub(super) fn charge(&self, free_at: u64, units: u64, now: u64) -> (u64, bool) {
        // One response is possible, however large.
        let cost = self.cost.saturating_mul(units).min(BURST);
        let before = self.owed(free_at, now);
        let after = before + cost;
        let allowed = after <= BURST;
        let owed = match allowed {
            true => after,
            // With no window, what is not sent costs nothing.
            false => before.max(after.min(self.window + BURST - cost)),
        };
        ((now + owed) & MASK, allowed)
    }

    /// What is owed. More than can be is a time long gone, which has wrapped around, or was noted
    /// before the clock was set back: nothing is owed then.
    fn owed(&self, free_at: u64, now: u64) -> u64 {
        let ahead = free_at.wrapping_sub(now) & MASK;
        if ahead > BURST + self.window {
            0
        } else {
            ahead
        }
    }
}

/// How far ahead a time is, to find out who owes least.
pub(super) fn ahead(free_at: u64, now: u64) -> u64 {
    let ahead = free_at.wrapping_sub(now) & MASK;
    if ahead > MASK / 2 { 0 } else { ahead }
}
