//! Whether a thing that is probed should be believed up: thresholds, damping of what flaps, the
//! gradual return, panic mode, and how much of its work what has too much gives away. All pure:
//! probes and time are passed in.
//!
//! Used by upstream (endpoints of an origin), cluster (peers and shields) and geodns (edges).
//! [`is_believed`] is panic mode, for all three of them; nobody counts the dead otherwise.

mod damping;
mod panic_mode;
mod slow_start;
mod spill;
mod tracker;

pub use damping::Damping;
pub use panic_mode::{PanicShare, is_believed};
pub use slow_start::slow_start;
pub use spill::{Spill, SpillConfig};
pub use tracker::{Change, Outcome, Thresholds, Tracker};
