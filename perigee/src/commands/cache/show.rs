//! `perigee cache show`: all that is stored under a URL.

use std::process::ExitCode;

use super::{at::At, text};
use crate::{cli, commands::Outcome, style::print};

pub(super) async fn run(options: &cli::CacheShow) -> Outcome {
    let at = At::find(&options.at).await?;
    let shown = at.admin.show(&options.url.0).await;
    let shown = shown.map_err(|why| at.failed(&why))?;
    if options.json {
        print(&format!("{:#}\n", serde_json::json!(shown)));
    } else {
        print(&text::shown(&shown));
    }
    if shown.entries.is_empty() {
        eprintln!(
            "perigee: nothing is stored under that; a URL is written as clients ask for it, its \
             port included"
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
