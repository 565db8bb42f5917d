//! `perigee drain`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;

/// Options of `drain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  perigee drain fra-1 --config cdn.toml                  until it has stopped
  perigee drain fra-1 --keep-running                     it takes nothing new, and runs on
  perigee drain fra-1 --undo                             it serves again
  perigee drain --admin 127.0.0.1:9901                   an edge that runs without a file")]
pub(crate) struct Drain {
    /// The node, by its name in the file.
    #[arg(value_name = "NODE", required_unless_present = "admin")]
    pub(crate) node: Option<String>,
    /// The file that describes the CDN.
    #[arg(long, value_name = "FILE", default_value = "cdn.toml")]
    pub(crate) config: PathBuf,
    /// The address of its admin API, in place of its name.
    #[arg(long, value_name = "ADDR:PORT", value_parser = perigee_config::value::address,
          conflicts_with_all = ["node", "config"])]
    pub(crate) admin: Option<SocketAddr>,
    /// With --admin: the environment variable that has the token, if the node wants one.
    #[arg(long, value_name = "VARIABLE", requires = "admin")]
    pub(crate) token_env: Option<String>,
    /// It does not stop: nobody is sent there, and who comes is served, until --undo or another drain.
    #[arg(long, conflicts_with = "undo")]
    pub(crate) keep_running: bool,
    /// It serves again; as long as it still lets clients in.
    #[arg(long)]
    pub(crate) undo: bool,
    /// How long to wait for it, 0s not at all [default: as long as it may take]
    #[arg(long, value_name = "TIME", value_parser = perigee_config::value::duration)]
    pub(crate) wait: Option<Duration>,
}
