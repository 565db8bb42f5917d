//! The tier that admits only the CDN's own edges and caps what reaches each origin.

mod config;

pub use config::Config;
