//! `perigee cache ls`: pages, as they come.

use std::process::ExitCode;

use perigee_edge::{ListQuestion, Listing};

use super::{at::At, text};
use crate::{cli, commands::Outcome, style::try_print};

/// Keys on the first page, so that something is there to read at once; and on the others.
const FIRST_PAGE: u64 = 100;
const PAGE: u64 = 1000;

pub(super) async fn run(options: &cli::CacheLs) -> Outcome {
    let at = At::find(&options.at).await?;
    let mut question = question(options);
    let (mut page_size, mut left) = (FIRST_PAGE, options.limit.unwrap_or(u64::MAX));
    let mut head = text::listing_head();
    while left > 0 {
        question.most = usize::try_from(page_size.min(left)).ok();
        let page = at.admin.list(&question).await;
        let page = page.map_err(|why| at.failed(&why))?;
        let text = match options.json {
            true => as_lines_of_json(&page)?,
            false => std::mem::take(&mut head) + &text::listing(&page),
        };
        // Who reads has enough: that is no failure.
        if !try_print(&text) {
            break;
        }
        left = left.saturating_sub(page.entries.len() as u64);
        page_size = PAGE;
        question.cursor = page.next;
        if question.cursor.is_none() {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn question(options: &cli::CacheLs) -> ListQuestion {
    let tier = |tier: cli::TierName| match tier {
        cli::TierName::Memory => "memory".to_owned(),
        cli::TierName::Disk => "disk".to_owned(),
    };
    ListQuestion {
        cursor: None,
        most: None,
        tier: options.tier.map(tier),
        host: options.host.clone(),
        prefix: options.prefix.clone(),
        tag: options.tag.clone(),
        stale: options.stale,
    }
}

fn as_lines_of_json(page: &Listing) -> Result<String, String> {
    let line = |entry| serde_json::to_string(entry).map(|line| line + "\n");
    let lines: Result<String, _> = page.entries.iter().map(line).collect();
    lines.map_err(|e| e.to_string())
}
