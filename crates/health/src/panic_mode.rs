//! When too many look dead, it is more likely that the one who looks is wrong.

/// The share of a pool, from 0 to 1, that must look healthy for health to be believed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PanicShare(pub f64);

impl Default for PanicShare {
    /// Half of the pool would disbelieve the loss of one of two; a quarter fits small pools.
    fn default() -> Self {
        PanicShare(0.25)
    }
}

/// Whether to believe the health of a pool of which `healthy` of `total` look healthy.
/// An empty pool is believed.
pub fn is_believed(healthy: usize, total: usize, share: PanicShare) -> bool {
    total == 0 || (healthy as f64) >= share.0 * (total as f64) && healthy > 0
}
