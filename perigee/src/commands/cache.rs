//! `perigee cache`: what is stored on one node.

mod at;
mod ls;
mod show;
mod stats;
mod text;

use super::{Outcome, purge};
use crate::cli;

pub(super) async fn run(cache: &cli::Cache) -> Outcome {
    match &cache.what {
        cli::CacheCommand::Ls(options) => ls::run(options).await,
        cli::CacheCommand::Show(options) => show::run(options).await,
        cli::CacheCommand::Purge(options) => {
            let at = at::At::find(&options.at).await?;
            purge::run_on(at.name, at.admin, &options.what).await
        }
        cli::CacheCommand::Stats(options) => stats::run(options).await,
    }
}
