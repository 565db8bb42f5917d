//! Options of `cache`: what is stored on one node.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum};

use super::{HttpUrl, PurgeWhat};

/// Options of `cache`.
#[derive(Debug, Args)]
pub(crate) struct Cache {
    #[command(subcommand)]
    pub(crate) what: CacheCommand,
}

/// What is done with what is stored.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Lists what is stored, page by page as it comes.
    ///
    /// One line for each stored response: its age, the time that it is still fresh (below zero once
    /// it is stale), its size, the tier that it is in, how often its key was looked up since it came
    /// into memory, its status and its key. Of a part, the size is what is held of how much. Keys come
    /// in no order that means anything. One that is stored all the while is listed once, whatever
    /// comes and goes meanwhile. After a start, what is on disk is listed as it becomes known: `cache
    /// stats` says how far that is.
    Ls(CacheLs),
    /// Shows all that is stored under a URL, and what it would be used for.
    ///
    /// Exits with 0 if something is stored, with 1 if nothing is.
    Show(CacheShow),
    /// Purges on this node alone.
    ///
    /// `perigee purge` does it on all nodes, shields first: an edge that is purged alone may fetch from
    /// its shield what that still has.
    Purge(CachePurge),
    /// Shows how much is stored, and what became of the rest.
    ///
    /// Of a disk, `bytes` is what its files take. What was purged counts until it is looked up, or makes
    /// room. `queue` is what waits to be written, `written ... of that anew` what was written again as its
    /// file was removed to make room, `shed` how many writes were left out because the disk was behind
    /// or cannot be used, `failed` how many failed, `damaged` how often what was read was not what had
    /// been written.
    Stats(CacheStats),
}

/// Which node is asked.
#[derive(Debug, Args)]
pub(crate) struct OneNode {
    /// The node: its name in the file, or the address of its admin API, such as 127.0.0.1:9901. May
    /// be left out if the file has one edge or shield alone.
    #[arg(long, value_name = "NAME|ADDR:PORT")]
    pub(crate) node: Option<String>,
    /// The file that describes the CDN.
    #[arg(long, value_name = "FILE", default_value = "cdn.toml")]
    pub(crate) config: PathBuf,
    /// The environment variable that has the token of the admin API, where its address is given
    /// instead of a file.
    #[arg(long, value_name = "VARIABLE", requires = "node")]
    pub(crate) token_env: Option<String>,
    /// How long to wait for each answer; what is on a slow disk takes its time.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = perigee_config::value::duration)]
    pub(crate) wait: Duration,
}

/// Options of `cache ls`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  perigee cache ls --node fra-1 --config cdn.toml
  perigee cache ls --node 127.0.0.1:9901 | head          an edge without a file (--admin ADDR:PORT)
  perigee cache ls --node fra-1 --prefix www.example.com/img/ --stale
  perigee cache ls --node fra-1 --tag product-7 --json | jq -r .key")]
pub(crate) struct CacheLs {
    #[command(flatten)]
    pub(crate) at: OneNode,
    /// Keys of this host alone; without a port, of all its ports.
    #[arg(long, value_name = "HOST", value_parser = super::values::parse_host)]
    pub(crate) host: Option<String>,
    /// Keys that begin so, the host (and its port) first; http or https makes no difference.
    #[arg(long, value_name = "HOST/PATH")]
    pub(crate) prefix: Option<String>,
    /// Keys with a response that has this tag (Surrogate-Key, Cache-Tag).
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Option<String>,
    /// Keys in this tier.
    #[arg(long, value_enum, value_name = "TIER")]
    pub(crate) tier: Option<TierName>,
    /// Keys with a response that is stale.
    #[arg(long)]
    pub(crate) stale: bool,
    /// Stop after so many keys.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Print JSON, a line for each key.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A tier of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TierName {
    Memory,
    Disk,
}

/// Options of `cache show`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  perigee cache show http://www.example.com/style.css --node fra-1
  perigee cache show https://www.example.com/ --node 127.0.0.1:9901 --json

`perigee explain http` says what would become of any request, on every node.")]
pub(crate) struct CacheShow {
    /// What is asked for, as clients write it; http or https makes no difference.
    #[arg(value_name = "URL")]
    pub(crate) url: HttpUrl,
    #[command(flatten)]
    pub(crate) at: OneNode,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `cache purge`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  perigee cache purge http://www.example.com/style.css --node fra-1
  perigee cache purge --tag article-17 --soft --node 127.0.0.1:9901
  perigee cache purge --all --yes --node fra-1")]
pub(crate) struct CachePurge {
    #[command(flatten)]
    pub(crate) what: PurgeWhat,
    #[command(flatten)]
    pub(crate) at: OneNode,
}

/// Options of `cache stats`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  perigee cache stats --node fra-1 --config cdn.toml")]
pub(crate) struct CacheStats {
    #[command(flatten)]
    pub(crate) at: OneNode,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
