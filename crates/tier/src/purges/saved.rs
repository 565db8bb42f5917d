//! What a node keeps of purges beside what is stored on its disk.
//!
//! `purges.log` has a header and then the entries of the log, each a line of JSON; it is written
//! anew at each start, and when it has grown to several times what the log keeps. `purges.followed`
//! has the cursors in the logs of others and the floor, and is replaced whole. What cannot be read
//! is as if it were not there: then others cannot go on in this log, and this node trusts nothing
//! from before its start.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use perigee_cluster::{Cursor, NodeName, PurgeEntry, PurgeLog};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::task::spawn_blocking;

const LOG: &str = "purges.log";
const FOLLOWED: &str = "purges.followed";

/// Former lives that cursors may be of.
const MOST_FORMER: usize = 16;

/// The files grow to so many times what the log keeps.
const SLACK: usize = 4;

/// The first line of the log's file.
#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    id: String,
    /// The ends of the logs of former lives.
    former: Vec<Cursor>,
    /// Entries that came before those of the file.
    from: u64,
}

const VERSION: u32 = 1;

/// How far the logs of others were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Followings {
    /// Milliseconds since 1970.
    pub(super) floor: Option<u64>,
    cursors: BTreeMap<String, Cursor>,
}

impl Followings {
    pub(super) fn of<'a>(
        cursors: impl Iterator<Item = (&'a NodeName, &'a Cursor)>,
        floor: Option<u64>,
    ) -> Self {
        let cursors = cursors.map(|(name, cursor)| (name.to_string(), cursor.clone()));
        Followings {
            floor,
            cursors: cursors.collect(),
        }
    }

    pub(super) fn cursors(&self) -> impl Iterator<Item = (NodeName, Cursor)> {
        let cursors = self.cursors.iter();
        cursors.map(|(name, cursor)| (name.as_str().into(), cursor.clone()))
    }
}

/// The files of a node that runs.
#[derive(Debug)]
pub(super) struct Saved {
    folder: PathBuf,
    former: Vec<Cursor>,
    /// `None`: it cannot be written, and is not there.
    file: Option<File>,
    lines: usize,
    capacity: usize,
    kept: Followings,
}

/// Opens what is in this folder for a life with this id. Blocks.
pub(super) fn open(folder: &Path, id: String, capacity: usize) -> (PurgeLog, Followings, Saved) {
    let path = folder.join(LOG);
    let (former, entries) = match fs::read(&path) {
        Ok(bytes) => left(&bytes, capacity),
        Err(_) => (Vec::new(), Vec::new()),
    };
    let followings = fs::read(folder.join(FOLLOWED)).ok();
    let followings: Followings = followings
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let log = PurgeLog::going_on(id, former.clone(), entries, capacity);
    let mut saved = Saved {
        folder: folder.to_owned(),
        former,
        file: None,
        lines: 0,
        capacity,
        kept: followings.clone(),
    };
    match write_anew(folder, &header(&log, &saved.former), &log.entries()) {
        Ok(file) => (saved.file, saved.lines) = (Some(file), log.entries().len()),
        Err(why) => saved.give_up(&why),
    }
    (log, followings, saved)
}

/// The ends of former lives, the last one last, and the last entries.
fn left(bytes: &[u8], capacity: usize) -> (Vec<Cursor>, Vec<PurgeEntry>) {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let header = lines.next().and_then(line::<Header>);
    let Some(header) = header.filter(|header| header.version == VERSION) else {
        return (Vec::new(), Vec::new());
    };
    let mut entries: Vec<PurgeEntry> = lines.by_ref().map_while(line).collect();
    // The last line may have been cut off as it was written, and nobody has seen it then. In the
    // middle there lacks what others have seen: they must not take the rest for all that came.
    if lines.next().is_some() {
        return (Vec::new(), Vec::new());
    }
    let mut former = header.former;
    former.push(Cursor {
        log: header.id,
        position: header.from.saturating_add(entries.len() as u64),
    });
    former.drain(..former.len().saturating_sub(MOST_FORMER));
    entries.drain(..entries.len().saturating_sub(capacity));
    (former, entries)
}

fn line<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    serde_json::from_slice(line.strip_suffix(b"\n")?).ok()
}

fn header(log: &PurgeLog, former: &[Cursor]) -> Header {
    Header {
        version: VERSION,
        id: log.id().to_owned(),
        former: former.to_vec(),
        from: log.head().saturating_sub(log.entries().len() as u64),
    }
}

fn write_anew(folder: &Path, header: &Header, entries: &[PurgeEntry]) -> io::Result<File> {
    let mut text = serde_json::to_vec(header)?;
    text.push(b'\n');
    for entry in entries {
        text.extend(serde_json::to_vec(entry)?);
        text.push(b'\n');
    }
    replace(folder, LOG, &text)?;
    OpenOptions::new().append(true).open(folder.join(LOG))
}

/// Whole or not at all.
fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let new = folder.join(format!("{name}.new"));
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(new, folder.join(name))?;
    // Or the old one is there again after a power failure, with what came since in none.
    File::open(folder)?.sync_all()
}

impl Saved {
    /// Appends an entry that is not in the log yet.
    pub(super) async fn append(&mut self, entry: &PurgeEntry, log: &PurgeLog) {
        let Some(mut file) = self.file.take() else {
            return;
        };
        let is_long = self.lines >= self.capacity.saturating_mul(SLACK);
        let anew = is_long.then(|| (header(log, &self.former), log.entries()));
        let (folder, entry) = (self.folder.clone(), entry.clone());
        let lines = match &anew {
            Some((_, entries)) => entries.len(),
            None => self.lines,
        };
        let written = spawn_blocking(move || {
            if let Some((header, entries)) = anew {
                file = write_anew(&folder, &header, &entries)?;
            }
            let mut line = serde_json::to_vec(&entry)?;
            line.push(b'\n');
            file.write_all(&line)?;
            file.sync_data()?;
            io::Result::Ok(file)
        });
        let written = written.await;
        match written.unwrap_or_else(|why| Err(io::Error::other(why))) {
            Ok(file) => (self.file, self.lines) = (Some(file), lines + 1),
            Err(why) => self.give_up(&why),
        }
    }

    /// Keeps how far the logs of others were read.
    pub(super) async fn keep(&mut self, followings: Followings) {
        if followings == self.kept {
            return;
        }
        let (folder, text) = (self.folder.clone(), serde_json::to_vec(&followings));
        let written = spawn_blocking(move || replace(&folder, FOLLOWED, &text?));
        let written = written.await;
        match written.unwrap_or_else(|why| Err(io::Error::other(why))) {
            Ok(()) => self.kept = followings,
            // The next life reads again what it has read, or trusts less.
            Err(why) => {
                tracing::warn!(%why, "how far the purges of others were read cannot be written");
            }
        }
    }

    /// A log that lacks something must not be gone on with.
    fn give_up(&mut self, why: &io::Error) {
        let path = self.folder.join(LOG);
        let path_shown = path.display();
        tracing::warn!(path = %path_shown, %why, "the log of purges cannot be written: others cannot go on in it after a restart");
        // If that fails, too, there is nothing left to try.
        let _ = fs::remove_file(&path);
        self.file = None;
    }
}

#[cfg(test)]
mod tests;
