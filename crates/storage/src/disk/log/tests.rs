//! The log as who uses it sees it.

mod eviction;
mod faults;
mod kept;
mod killed;
mod kit;
pub(crate) mod ram;
mod recovering;
mod taken;

use proptest::prelude::*;

// As the fuzz target calls it, so that both have the same bodies.
use crate::disk::log;

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_recovered_is_what_was_written(input in proptest::collection::vec(any::<u8>(), 0..300)) {
        recovering::recovering(&input);
    }
}
