//! The tier that admits only the CDN's own edges and caps what reaches each origin.

mod config;
mod error;
mod handler;
mod shield;
mod state;

pub use config::Config;
pub use error::{ReloadError, StartError};
pub use shield::Shield;
