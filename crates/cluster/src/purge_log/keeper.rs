//! Who keeps a log of purges, and how it is read.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use http::StatusCode;

use super::{Cursor, PURGES_PATH, Page};
use crate::{Node, NodeName, Prober};

/// A page on its way, or why there is none.
pub type Reading<'a> = Pin<Box<dyn Future<Output = Result<Page, String>> + Send + 'a>>;

/// Who keeps a log of purges: a node, or a store of its own.
pub trait Keeper: fmt::Debug + Send + Sync + 'static {
    /// Its name, by which its cursor is kept.
    fn name(&self) -> &NodeName;

    /// What came after this cursor; `None`: after nothing. If there is nothing yet it answers when
    /// something comes, or after `wait` at the latest, that there is nothing: that it was heard is
    /// news, too. What it says must be true of a moment after it was asked.
    ///
    /// # Errors
    /// A text that says why it cannot be read.
    fn read<'a>(&'a self, after: Option<&'a Cursor>, wait: Duration) -> Reading<'a>;
}

/// An edge or shield that keeps a log.
#[derive(Debug)]
pub struct NodeKeeper {
    node: Node,
    prober: Arc<Prober>,
}

/// Bytes of a page at most: its orders, and the names around them.
const MAX_PAGE: usize = 4 << 20;

/// What an answer may take beyond the time that it waits for news.
const PATIENCE: Duration = Duration::from_secs(1);

impl NodeKeeper {
    /// This node, read with this prober.
    pub fn new(node: Node, prober: Arc<Prober>) -> Self {
        NodeKeeper { node, prober }
    }
}

impl Keeper for NodeKeeper {
    fn name(&self) -> &NodeName {
        &self.node.name
    }

    fn read<'a>(&'a self, after: Option<&'a Cursor>, wait: Duration) -> Reading<'a> {
        Box::pin(async move {
            let target = target(after, wait);
            let (node, timeout) = (&self.node, wait + PATIENCE);
            let (status, body) = self.prober.get(node, &target, MAX_PAGE, timeout).await?;
            match status {
                StatusCode::OK => serde_json::from_slice(&body)
                    .map_err(|why| format!("its log of purges does not parse: {why}")),
                other => Err(format!("answered {other} for its log of purges")),
            }
        })
    }
}

/// The path and query that ask for what came after this.
fn target(after: Option<&Cursor>, wait: Duration) -> String {
    let wait = wait.as_millis();
    match after {
        Some(Cursor { log, position }) => {
            format!("{PURGES_PATH}?log={log}&after={position}&wait={wait}")
        }
        None => format!("{PURGES_PATH}?wait={wait}"),
    }
}

/// What is asked of a log by a query: after which cursor, and how long to wait for news. What is
/// not understood is taken as not said.
pub fn asked(query: &str) -> (Option<Cursor>, Duration) {
    let (mut log, mut after, mut wait) = (None, None, Duration::ZERO);
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "log" => log = Some(value.to_owned()),
            "after" => after = value.parse().ok(),
            "wait" => wait = Duration::from_millis(value.parse().unwrap_or(0)),
            _ => {}
        }
    }
    let cursor = log.zip(after);
    let cursor = cursor.map(|(log, position)| Cursor { log, position });
    (cursor, wait.min(MAX_WAIT))
}

/// How long a keeper waits for news at most.
const MAX_WAIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_understood() {
        let cursor = Cursor {
            log: "a1-b2".into(),
            position: 7,
        };
        let query = |target: String| target.split_once('?').map(|(_, q)| q.to_owned()).unwrap();
        let (one, forever) = (Duration::from_secs(1), Duration::from_secs(3_600));
        assert_eq!(
            asked(&query(target(Some(&cursor), one))),
            (Some(cursor), one)
        );
        assert_eq!(asked(&query(target(None, forever))), (None, MAX_WAIT));
        for odd in ["", "log=a", "after=1", "log=a&after=x", "=&&?&wait=-1"] {
            assert_eq!(asked(odd), (None, Duration::ZERO), "{odd}");
        }
    }
}
