//! The tier that admits only the CDN's own edges and caps what reaches each origin.

mod config;
mod state;

pub use config::Config;
pub use perigee_tier::{ReloadError, StartError};
pub use state::ShieldState;

/// A running shield. Cheap to clone.
pub type Shield = perigee_tier::Tier<ShieldState>;
