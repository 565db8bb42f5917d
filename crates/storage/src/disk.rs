//! The disk tier.

mod config;
#[allow(
    dead_code,
    unused_imports,
    reason = "the store on top of it comes next"
)]
pub(crate) mod log;

pub use config::DiskConfig;
