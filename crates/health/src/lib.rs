//! Whether a thing that is probed should be believed up: thresholds and panic mode, pure.
//! The probe itself is passed in. Used by upstream, cluster and geodns.

mod panic_mode;
mod tracker;

pub use panic_mode::{PanicShare, is_believed};
pub use tracker::{Change, Outcome, Thresholds, Tracker};
