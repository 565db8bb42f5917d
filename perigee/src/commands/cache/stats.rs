//! `perigee cache stats`: how a node's store does.

use std::process::ExitCode;

use super::{at::At, text};
use crate::{cli, commands::Outcome, style::print};

pub(super) async fn run(options: &cli::CacheStats) -> Outcome {
    let at = At::find(&options.at).await?;
    let stats = at.admin.cache_stats().await;
    let stats = stats.map_err(|why| at.failed(&why))?;
    if options.json {
        print(&format!("{:#}\n", serde_json::json!(stats)));
    } else {
        print(&text::stats(&stats));
    }
    Ok(ExitCode::SUCCESS)
}
