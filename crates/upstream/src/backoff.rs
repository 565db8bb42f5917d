//! How long to wait before something that failed is tried again. Pure: chance is passed in.

use std::time::Duration;

/// `base` after the first failure, twice as long after each further one, up to `most`; of that, a
/// half to all by `chance` (0 to 1), so that those who failed together do not come back together.
pub fn backoff(failures: u32, base: Duration, most: Duration, chance: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    let full = base.saturating_mul(1 << doublings).min(most);
    full.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(failures: u32, chance: f64) -> u64 {
        let (base, most) = (Duration::from_secs(2), Duration::from_secs(60));
        backoff(failures, base, most, chance).as_secs()
    }

    #[test]
    fn doubles_up_to_the_most() {
        let waits: Vec<_> = [1, 2, 3, 6, 7, u32::MAX]
            .map(|failures| seconds(failures, 1.0))
            .into();
        assert_eq!(waits, [2, 4, 8, 60, 60, 60]);
        assert_eq!(seconds(0, 1.0), 2);
    }

    #[test]
    fn chance_takes_off_a_half_at_most() {
        assert_eq!((seconds(3, 0.0), seconds(3, 0.5)), (4, 6));
        assert_eq!((seconds(3, -9.0), seconds(3, 9.0)), (4, 8));
    }
}
