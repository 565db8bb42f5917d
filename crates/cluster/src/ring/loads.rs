//! Bounded loads: no node has much more under way than its part of the whole.

/// How much a node may have under way before its keys go to the next on the ring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadBound {
    /// How many times its part of all that is under way. At least 1; default 1.25.
    pub factor: f64,
    /// With fewer requests under way than this, nobody is overloaded: what a few requests more or
    /// less make of a small mean says nothing. Default 32.
    pub floor: u64,
}

impl Default for LoadBound {
    fn default() -> Self {
        LoadBound {
            factor: 1.25,
            floor: 32,
        }
    }
}
