//! `perigee apply`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

/// Options of `apply`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  perigee apply cdn.toml
  perigee apply cdn.toml --replaces 3f9c0a12bd44      only if that is what runs now
  perigee apply cdn.toml --wait 0s                    without waiting for the nodes")]
pub(crate) struct Apply {
    /// The file. Its `[membership]` says where.
    #[arg(value_name = "FILE", default_value = "cdn.toml")]
    pub(crate) file: PathBuf,
    /// Apply it only if this version is what was applied last.
    #[arg(long, value_name = "VERSION")]
    pub(crate) replaces: Option<String>,
    /// How long to wait for the nodes to run it.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = perigee_config::value::duration)]
    pub(crate) wait: Duration,
}
