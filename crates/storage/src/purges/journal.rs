//! Purges on disk, so that what is stored there does not come back when a node starts anew.
//!
//! ```text
//! purges.journal:  header | slot | slot | ...      64 bytes each, so that none stands in two sectors
//! header:          magic, version, floor, secret of the names, checksum
//! slot:            a purge: revision, time, kind, hash of what it names, checksum
//! ```
//!
//! A purge is acknowledged once its slot is synced (fdatasync). Those that come together are written
//! together, by a thread of their own. When most slots are superfluous the file is written anew,
//! and takes the place of the old one in one step.
//!
//! What does not verify was damaged, or is of another version: then everything that was stored
//! before counts as gone, for a purge of it may be lost. Only a slot at the end that is cut off, or
//! that is zero, is one that was being written when the node ended: nobody was told that it holds.
//!
//! Each start goes on with a revision above all that were ever given out, also by a journal that is
//! lost: see [`first_revision`].

mod slots;
mod writer;

pub(super) use writer::{All, Journal};

use std::{
    io::ErrorKind,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{names::Names, table::Table};
use crate::disk::log::Files;

use slots::{Header, SLOT, Slot};

/// Revisions for each millisecond since [`BEGINNING`]: on average, more than are given out.
const BY_TIME: u64 = 1 << 10;

/// Revisions that each start skips: more than purges could not be written.
const BY_START: u64 = 1 << 20;

/// 2020-01-01. So that revisions are exact in JSON, where numbers have 53 bits.
const BEGINNING: Duration = Duration::from_secs(1_577_836_800);

/// What was in a journal.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) table: Table,
    /// The revision that the node goes on with.
    pub(super) now: u64,
    /// Why all that was stored before counts as gone, if it does.
    pub(super) damage: Option<&'static str>,
}

/// Reads a journal that may be anything, or not be there: then, too, all that was stored before
/// counts as gone.
pub(super) fn replay(files: &dyn Files, path: &Path, most: usize, at: SystemTime) -> Replayed {
    match files.read(path) {
        Ok(bytes) => read(&bytes, most, at),
        Err(error) if error.kind() == ErrorKind::NotFound => nothing(at, None),
        Err(_) => nothing(at, Some("it cannot be read")),
    }
}

fn nothing(at: SystemTime, damage: Option<&'static str>) -> Replayed {
    let now = first_revision(0, at);
    Replayed {
        table: Table::of(Names::default(), now),
        now,
        damage,
    }
}

pub(super) fn read(bytes: &[u8], most: usize, at: SystemTime) -> Replayed {
    let Some(header) = Header::decode(bytes) else {
        let is_new = bytes.is_empty();
        return nothing(at, (!is_new).then_some("its header does not verify"));
    };
    let mut records = Vec::new();
    let mut damage = None;
    let slots = bytes.get(SLOT..).unwrap_or_default();
    for (n, slot) in slots.chunks(SLOT).enumerate() {
        match Slot::decode(slot, n, &header) {
            Slot::Purge(record) => records.push(record),
            Slot::Unfinished if is_zero(slots.get((n + 1) * SLOT..).unwrap_or_default()) => break,
            Slot::Unfinished | Slot::Damaged => {
                damage = Some("a purge in it does not verify");
                break;
            }
        }
    }
    // Those that came together may stand in any order.
    records.sort_unstable_by_key(|record| record.revision);
    records.dedup_by_key(|record| record.revision);
    let last = records.last().map_or(0, |record| record.revision);
    let now = first_revision(last.max(header.floor), at);
    if damage.is_some() {
        return Replayed {
            table: Table::of(Names::default(), now),
            now,
            damage,
        };
    }
    let names = Names {
        secret: header.secret,
    };
    let mut table = Table::of(names, header.floor);
    for record in records {
        table.note(record);
        table.keep_at_most(most);
    }
    Replayed { table, now, damage }
}

/// The revision that a start goes on with: above the last one that is known and those that could
/// not be written, and above all that were ever given out under a journal that is lost. (Had the
/// clock been set back since then, what was stored says that it was checked later than now, and is
/// gone for that.)
fn first_revision(last: u64, at: SystemTime) -> u64 {
    let beginning = UNIX_EPOCH + BEGINNING;
    let age = at.duration_since(beginning).unwrap_or_default();
    let by_time = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    let by_time = by_time.saturating_mul(BY_TIME);
    last.saturating_add(BY_START).max(by_time)
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests;
