//! The tier that admits only the CDN's own edges and caps what reaches each origin.

mod config;
mod shield;

pub use config::Config;
pub use shield::{Readiness, ReloadError, Shield, StartError};
