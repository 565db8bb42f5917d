//! When a request that takes long is sent to a second endpoint, too. Pure.

use std::time::Duration;

/// How long to wait for a response head before the second one is asked; `None`: it never is. Only
/// what may be repeated is sent twice, and only where there is somebody else to ask.
pub(crate) fn after(
    hedge_after: Option<Duration>,
    repeatable: bool,
    endpoints_left: usize,
) -> Option<Duration> {
    hedge_after.filter(|_| repeatable && endpoints_left > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_repeated_and_only_elsewhere() {
        let wait = Some(Duration::from_millis(50));
        assert_eq!(after(wait, true, 1), wait);
        for (wait, repeatable, left) in [(None, true, 1), (wait, false, 1), (wait, true, 0)] {
            assert_eq!(after(wait, repeatable, left), None);
        }
    }
}
