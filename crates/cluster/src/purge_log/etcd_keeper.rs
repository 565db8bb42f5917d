//! A log of purges in etcd: `purges/head` says which log it is and how long, `purges/log/ID/N` are its
//! entries. Who finds some missing, or another log, has a gap. Each read is linearizable: it is true of a moment after it was asked, whichever member
//! of etcd answers, so that a node that is cut off with one of them does not count as in touch.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{Cursor, Keeper, PAGE_ENTRIES, Page, PurgeEntry, Reading, new_id};
use crate::{
    NodeName,
    etcd::{Etcd, EtcdError, Written},
};

/// By what its cursor is kept. No node has such a name.
const NAME: &str = "(etcd)";
/// Writers that may come first before one gives up.
const TRIES: usize = 100;
/// Entries between two times that old ones are taken out.
const TRIM_EVERY: u64 = 64;

/// The log that etcd keeps.
pub struct EtcdKeeper {
    name: NodeName,
    etcd: Arc<Etcd>,
    prefix: String,
}

impl EtcdKeeper {
    /// The log under this prefix, which ends with a slash.
    pub fn new(etcd: Arc<Etcd>, prefix: &str) -> Self {
        EtcdKeeper {
            name: NAME.into(),
            etcd,
            prefix: prefix.to_owned(),
        }
    }

    /// Puts an entry at the end, and keeps at least so many. May put it there twice if etcd's answer is
    /// lost on its way: readers know it by its id.
    ///
    /// # Errors
    /// A text that says why it is not there.
    pub async fn append(&self, entry: &PurgeEntry, keep: u64) -> Result<Cursor, String> {
        let value = serde_json::to_vec(entry).map_err(|error| error.to_string())?;
        for _ in 0..TRIES {
            let (revision, mut head) = self.head().await?;
            head.position += 1;
            let key = self.entry_key(&head.log, head.position);
            let end = serde_json::to_vec(&head).map_err(|error| error.to_string())?;
            let puts = [(self.head_key(), end), (key, value.clone())];
            let written = self.etcd.put_all_if(&puts, revision).await;
            if let Written::Done(_) = written.map_err(words)? {
                self.trim(&head, keep).await;
                return Ok(head);
            }
        }
        Err("others write to the log of purges all the time".to_owned())
    }

    /// The same once more, for those who have carried it out before some node had that they fetch from.
    ///
    /// # Errors
    /// A text that says why it is not there.
    pub async fn append_again(&self, entry: &PurgeEntry, keep: u64) -> Result<Cursor, String> {
        let again = PurgeEntry {
            again_by: Some(NAME.to_owned()),
            ..entry.clone()
        };
        self.append(&again, keep).await
    }

    async fn trim(&self, head: &Cursor, keep: u64) {
        let old = head.position.saturating_sub(keep);
        if old == 0 || !head.position.is_multiple_of(TRIM_EVERY) {
            return;
        }
        let (first, end) = (self.entry_key(&head.log, 0), self.entry_key(&head.log, old));
        if let Err(error) = self.etcd.delete_range(&first, &end).await {
            tracing::debug!("old purges stay in etcd for now: {error}");
        }
    }

    /// Takes out what is left of logs of before.
    async fn clear_others(&self, log: &str) {
        let all = self.log_key();
        // Ids are hexadecimal: `~` is behind all of them.
        let ranges = [
            (all.clone(), format!("{all}{log}/")),
            (format!("{all}{log}0"), format!("{all}~")),
        ];
        for (first, end) in ranges {
            if let Err(error) = self.etcd.delete_range(&first, &end).await {
                tracing::debug!("old logs of purges stay in etcd: {error}");
            }
        }
    }

    /// The end of the log, and the revision at which it was written. A log that is not there is begun.
    async fn head(&self) -> Result<(i64, Cursor), String> {
        let key = self.head_key();
        for _ in 0..TRIES {
            let (_, there) = self.etcd.get(&key).await.map_err(words)?;
            if let Some(there) = there {
                let head = serde_json::from_slice(&there.value);
                let head = head.map_err(|error| format!("{key} does not parse: {error}"))?;
                return Ok((there.mod_revision, head));
            }
            let log = new_id()?;
            let head = Cursor { log, position: 0 };
            let value = serde_json::to_vec(&head).map_err(|error| error.to_string())?;
            let begun = self.etcd.put_if(&key, &value, 0, 0).await;
            if let Written::Done(_) = begun.map_err(words)? {
                self.clear_others(&head.log).await;
            }
        }
        Err(format!("{key} does not stay"))
    }

    /// What came after a cursor, at most a page of it. All that was lost of the log is taken as lost
    /// before what is there.
    async fn page(&self, after: Option<&Cursor>, head: Cursor) -> Result<Page, String> {
        let same = after.filter(|after| after.log == head.log && after.position <= head.position);
        let from = same.map_or(0, |after| after.position);
        let first = self.entry_key(&head.log, from.saturating_add(1));
        let end = self.entry_key(&head.log, u64::MAX);
        let limit = u32::try_from(PAGE_ENTRIES).unwrap_or(u32::MAX);
        let found = self.etcd.list_range(&first, &end, limit).await;
        let found = found.map_err(words)?.entries;
        let number = |key: &str| key.rsplit('/').next().and_then(|n| n.parse::<u64>().ok());
        let last = found.last().and_then(|entry| number(&entry.key));
        let last = last.unwrap_or(from);
        let last = match found.len() < PAGE_ENTRIES {
            true => last.max(head.position),
            false => last,
        };
        let entries = found.iter().map(|entry| {
            let parsed = serde_json::from_slice::<PurgeEntry>(&entry.value);
            parsed.map_err(|error| format!("{} does not parse: {error}", entry.key))
        });
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let from = last.saturating_sub(entries.len() as u64);
        Ok(Page {
            // Who has no cursor may hold what was purged in an earlier log.
            whole: same.is_some_and(|after| after.position == from),
            head: head.position.max(last),
            log: head.log,
            from,
            entries,
        })
    }

    async fn read_page(&self, after: Option<&Cursor>, wait: Duration) -> Result<Page, String> {
        let (revision, head) = self.head().await?;
        if after != Some(&head) {
            return self.page(after, head).await;
        }
        let news = async {
            let mut watch = self.etcd.watch(&self.head_key(), revision + 1).await?;
            watch.next().await
        };
        match timeout(wait, news).await {
            // It was heard when the question came, and the answer is of then.
            Err(_) => self.page(after, head).await,
            Ok(Ok(_) | Err(EtcdError::Compacted)) => {
                let (_, head) = self.head().await?;
                self.page(after, head).await
            }
            Ok(Err(error)) => Err(words(error)),
        }
    }

    fn head_key(&self) -> String {
        format!("{}purges/head", self.prefix)
    }

    fn log_key(&self) -> String {
        format!("{}purges/log/", self.prefix)
    }

    /// Keys of entries stand in their order.
    fn entry_key(&self, log: &str, position: u64) -> String {
        format!("{}{log}/{position:020}", self.log_key())
    }
}

#[allow(clippy::needless_pass_by_value)] // The shape of `map_err`.
fn words(error: EtcdError) -> String {
    error.to_string()
}

impl Keeper for EtcdKeeper {
    fn name(&self) -> &NodeName {
        &self.name
    }

    fn read<'a>(&'a self, after: Option<&'a Cursor>, wait: Duration) -> Reading<'a> {
        Box::pin(self.read_page(after, wait))
    }
}

impl fmt::Debug for EtcdKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdKeeper")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EtcdConfig, test_etcd::EtcdServer};

    const NO_WAIT: Duration = Duration::ZERO;
    const LONG: Duration = Duration::from_secs(60);

    fn keeper(server: &EtcdServer) -> EtcdKeeper {
        let urls = server.urls();
        let etcd = Etcd::new(EtcdConfig {
            endpoints: urls.iter().map(|url| url.parse().expect("a URL")).collect(),
            user: None,
            ca: None,
            timeout: Duration::from_secs(5),
        });
        EtcdKeeper::new(Arc::new(etcd.expect("a client")), "/perigee/test/")
    }

    fn entry(n: u64) -> PurgeEntry {
        PurgeEntry {
            id: format!("id-{n}"),
            at: n,
            order: r#"{"all":true}"#.to_owned(),
            again_by: None,
        }
    }

    fn ids(page: &Page) -> Vec<&str> {
        page.entries.iter().map(|entry| entry.id.as_str()).collect()
    }

    #[tokio::test]
    async fn what_is_appended_is_read_in_order_and_waited_for() {
        let Some(server) = EtcdServer::start() else {
            return;
        };
        let keeper = keeper(&server);
        let empty = keeper.read(None, NO_WAIT).await.expect("reads");
        // Nobody knows what was in a log of before.
        assert!(!empty.whole && empty.entries.is_empty() && empty.head == 0);
        let end = empty.end();
        let (came, appended) = tokio::join!(keeper.read(Some(&end), LONG), async {
            // Two writers at once: none is lost, and none overwritten.
            let (one, two) = (entry(1), entry(2));
            let (a, b) = tokio::join!(keeper.append(&one, 10), keeper.append(&two, 10));
            [a.expect("appends").position, b.expect("appends").position]
        });
        let came = came.expect("reads");
        assert!(came.whole && came.from == 0 && !came.entries.is_empty());
        assert!(appended == [1, 2] || appended == [2, 1]);
        let rest = keeper.read(Some(&end), NO_WAIT).await.expect("reads");
        assert_eq!((rest.entries.len(), rest.head, rest.whole), (2, 2, true));
        let at = rest.end();
        let nothing = keeper.read(Some(&at), NO_WAIT).await.expect("reads");
        assert_eq!((nothing.end(), nothing.whole), (at.clone(), true));
        keeper.append(&entry(3), 10).await.expect("appends");
        server.compact();
        let third = keeper.read(Some(&at), NO_WAIT).await.expect("reads");
        assert_eq!((ids(&third), third.from), (vec!["id-3"], 2));
    }

    #[tokio::test]
    async fn who_comes_too_late_is_told_that_something_is_unknown() {
        let Some(mut server) = EtcdServer::start() else {
            return;
        };
        let keeper = keeper(&server);
        let begin = keeper.read(None, NO_WAIT).await.expect("reads").end();
        for n in 1..=TRIM_EVERY {
            keeper.append(&entry(n), 3).await.expect("appends");
        }
        for late in [Some(&begin), None] {
            let page = keeper.read(late, NO_WAIT).await.expect("reads");
            assert_eq!((page.whole, page.from), (false, TRIM_EVERY - 4));
            assert_eq!((page.entries.len(), page.head), (4, TRIM_EVERY));
        }
        // An etcd that has lost all keeps another log.
        server.kill(0);
        server.restart_empty(0);
        // A connection from before may be tried first.
        let other = loop {
            if let Ok(other) = keeper.read(Some(&begin), NO_WAIT).await {
                break other;
            }
        };
        assert!(!other.whole && other.log != begin.log);
        server.kill(0);
        assert!(keeper.read(Some(&begin), NO_WAIT).await.is_err());
    }

    #[tokio::test]
    async fn entries_that_are_deleted_are_a_gap_wherever_they_stood() {
        let Some(server) = EtcdServer::start() else {
            return;
        };
        let keeper = keeper(&server);
        let begin = keeper.read(None, NO_WAIT).await.expect("reads").end();
        for n in 1..=6 {
            keeper.append(&entry(n), 10).await.expect("appends");
        }
        let at = |position| Cursor {
            position,
            ..begin.clone()
        };
        let delete = async |position| {
            let key = keeper.entry_key(&begin.log, position);
            let end = keeper.entry_key(&begin.log, position + 1);
            let deleted = keeper.etcd.delete_range(&key, &end).await;
            deleted.expect("deletes");
        };
        let read = async |from: u64| {
            let page = keeper.read(Some(&at(from)), NO_WAIT).await.expect("reads");
            assert_eq!((page.head, page.end().position), (6, 6));
            (page.whole, page.entries.len())
        };
        assert_eq!(read(0).await, (true, 6));
        delete(3).await;
        assert_eq!(read(0).await, (false, 5));
        assert_eq!(read(3).await, (true, 3));
        delete(6).await;
        assert_eq!(read(3).await, (false, 2));
        assert_eq!(read(6).await, (true, 0));
        // The log is another one without its head, and nothing of the old one is in it.
        let (key, end) = (keeper.head_key(), format!("{}~", keeper.head_key()));
        keeper.etcd.delete_range(&key, &end).await.expect("deletes");
        let other = keeper.read(Some(&at(6)), NO_WAIT).await.expect("reads");
        assert!(!other.whole && other.log != begin.log);
        assert_eq!((other.entries.len(), other.head), (0, 0));
        keeper.append_again(&entry(7), 10).await.expect("appends");
        let news = keeper.read(Some(&other.end()), NO_WAIT).await;
        let news = news.expect("reads");
        assert!(news.whole && news.entries[0].again_by.is_some());
        let (all, end) = (keeper.log_key(), format!("{}~", keeper.log_key()));
        let left = keeper.etcd.list_range(&all, &end, 0).await;
        assert_eq!(left.expect("lists").entries.len(), 1);
    }
}
