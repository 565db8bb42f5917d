//! Options of `tier-certs`.

use std::path::PathBuf;

use clap::Args;

/// Options of `tier-certs`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  perigee tier-certs --config cdn.toml --out certs            for every node of the file
  perigee tier-certs --config cdn.toml --out certs --node fra-3
  perigee tier-certs --config cdn.toml --out certs --days 90")]
pub(crate) struct TierCerts {
    /// The file that describes the CDN.
    #[arg(long, value_name = "FILE", default_value = "cdn.toml")]
    pub(crate) config: PathBuf,
    /// Where to write; the authority's key, ca.key, is looked for there, too.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// For this node alone, which need not be in the file; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Vec<String>,
    /// How many days the certificates of nodes are good.
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub(crate) days: u32,
}
