//! When too many look dead, it is more likely that the one who looks is wrong.

/// The share of a pool, from 0 to 1, that must look healthy for health to be believed.
///
/// 0 believes health as long as one target looks healthy; 1 disbelieves the first loss. Values
/// outside count as the nearer end; with not-a-number, health is never believed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PanicShare(pub f64);

impl Default for PanicShare {
    /// A tenth. Losing five of six edges is a bad day that happens: a region's network, or
    /// one provider for most of the machines. Their addresses must leave the answers, so pools
    /// of up to ten are believed while one target lives. Of a hundred that seem to die together,
    /// nine survivors could not carry the load, and the observer's own link is the likelier fault.
    fn default() -> Self {
        PanicShare(0.1)
    }
}

/// Whether to believe the health of a pool of which `healthy` of `total` look healthy.
/// Where it is not believed, all of the pool are to be used as if healthy.
///
/// A pool without one healthy target is never believed, whatever the share: believing would
/// leave nothing to answer with, and trying the dead can only be better. An empty pool is
/// believed: there is nothing to doubt.
pub fn is_believed(healthy: usize, total: usize, share: PanicShare) -> bool {
    if total == 0 {
        return true;
    }
    // Divided, not multiplied: 3 of 30 then equals the literal 0.1 to the last bit.
    healthy > 0 && healthy as f64 / total as f64 >= share.0.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_default_believes_real_losses() {
        for (healthy, total) in [(6, 6), (4, 6), (1, 6), (1, 2), (1, 10), (10, 100)] {
            assert!(
                is_believed(healthy, total, PanicShare::default()),
                "{healthy} of {total}"
            );
        }
    }

    #[test]
    fn the_default_doubts_the_end_of_the_world() {
        for (healthy, total) in [(0, 1), (0, 6), (1, 11), (9, 100)] {
            assert!(
                !is_believed(healthy, total, PanicShare::default()),
                "{healthy} of {total}"
            );
        }
    }

    #[test]
    fn an_empty_pool_is_believed() {
        assert!(is_believed(0, 0, PanicShare(1.0)));
    }

    #[test]
    fn shares_outside_the_range_count_as_the_nearer_end() {
        assert!(is_believed(1, 1000, PanicShare(-3.0)));
        assert!(!is_believed(7, 7, PanicShare(f64::NAN)));
        assert!(!is_believed(0, 1000, PanicShare(-3.0)));
        assert!(is_believed(7, 7, PanicShare(40.0)));
        assert!(!is_believed(6, 7, PanicShare(40.0)));
    }

    proptest! {
        /// The edge is where the operator wrote it, in whole per cents of any pool.
        #[test]
        fn the_share_itself_is_enough(percent in 1_usize..=100, hundreds in 1_usize..50) {
            let (total, share) = (hundreds * 100, PanicShare(percent as f64 / 100.0));
            prop_assert!(is_believed(percent * hundreds, total, share));
            prop_assert!(!is_believed(percent * hundreds - 1, total, share));
        }

        /// More health is never believed less; none is never believed, all always.
        #[test]
        fn belief_grows_with_health(total in 1_usize..500, share in 0.0..=1.0) {
            let believed = |healthy| is_believed(healthy, total, PanicShare(share));
            prop_assert!(!believed(0));
            prop_assert!(believed(total));
            for healthy in 1..total {
                prop_assert!(believed(healthy + 1) || !believed(healthy));
            }
        }
    }
}
