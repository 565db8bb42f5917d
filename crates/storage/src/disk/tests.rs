//! The store on disk: what a restart, a crash, damage, and want of room leave of it. What every
//! store does is in the battery.

mod crashing;
mod evicting;
mod forgetting;
pub(crate) mod kit;
pub(crate) mod lives;
mod restarting;
mod streaming;
