//! Who has just come back has nothing cached: it gets its part of the work little by little.

use std::time::Duration;

/// What a target gets at once when it comes back: enough to warm, too little to matter.
const FIRST_SHARE: f64 = 0.1;

/// The share of its work, from 0.1 to 1, that a target is given this long after it came back. It
/// grows evenly, and is whole after `slow_start`; with a `slow_start` of zero at once.
pub fn slow_start(age: Duration, slow_start: Duration) -> f64 {
    if age >= slow_start {
        return 1.0;
    }
    // The divisor is greater than the age, so it is not zero.
    let part = age.as_secs_f64() / slow_start.as_secs_f64();
    FIRST_SHARE + (1.0 - FIRST_SHARE) * part
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HALF_A_MINUTE: Duration = Duration::from_secs(30);

    #[test]
    fn it_begins_with_a_tenth_and_ends_with_all() {
        let share = |seconds| slow_start(Duration::from_secs(seconds), HALF_A_MINUTE);
        assert_eq!(share(0), 0.1);
        assert!((share(15) - 0.55).abs() < 1e-9);
        assert_eq!(share(30), 1.0);
        assert_eq!(share(1_000_000), 1.0);
    }

    #[test]
    fn it_may_be_off() {
        assert_eq!(slow_start(Duration::ZERO, Duration::ZERO), 1.0);
    }

    proptest! {
        #[test]
        fn it_never_shrinks_and_stays_within(a in 0_u64..60_000, more in 0_u64..60_000, all in 0_u64..60_000) {
            let share = |millis| slow_start(Duration::from_millis(millis), Duration::from_millis(all));
            let (sooner, later) = (share(a), share(a + more));
            prop_assert!((0.1..=1.0).contains(&sooner) && sooner <= later && later <= 1.0);
        }
    }
}
