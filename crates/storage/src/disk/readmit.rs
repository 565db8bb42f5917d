//! The oldest segment goes: what of it was asked for since it was written is written anew.

use std::{
    collections::HashMap,
    sync::{Arc, Weak, atomic::Ordering::Relaxed},
};

use bytes::Bytes;
use perigee_http_cache::CacheKey;

use super::{
    above::Above,
    log::{BLOCK, Keeper, Leaving, MAX_STRETCH, Readmission, Stretch, Written},
    read::Record,
    record,
    shared::Shared,
    state::State,
    write::REWRITE,
};
use crate::{
    Body, Stored,
    body::{Extent, Extents, Medium, Whole},
};

/// Bytes of a body up to which they are written with the state of their key.
const WITH_STATE: u64 = 64 << 10;

/// Keeps what is asked for.
pub(super) struct Readmit(pub(super) Weak<Shared>);

/// A key that was asked for, and has something in the segment that goes.
struct Wanted {
    hash: u64,
    at: Written,
    uses: u8,
    /// Bytes of records of it that go.
    bytes: u64,
    /// Where the first of them is.
    first: u32,
}

impl Keeper for Readmit {
    fn evicting(&mut self, leaving: &Leaving, room: &mut Readmission<'_>) {
        let Some(shared) = self.0.upgrade() else {
            return;
        };
        for wanted in chosen(wanted(&shared, leaving), room.left()) {
            // What there is no room for goes.
            let _ = shared.readmit(&wanted, leaving.segment, room);
        }
        let mut gone = 0;
        for record in leaving.records.iter().filter(|record| record.is_key) {
            gone += u64::from(shared.index.remove_at(record.key_hash, record.place));
        }
        if leaving.records.is_empty() {
            gone += shared.index.remove_before(leaving.segment + 1);
        }
        shared.counters.evicted.fetch_add(gone, Relaxed);
        shared.is_gone(leaving.segment);
        shared.purges.catch_up();
    }

    fn evicted(&mut self, segment: u64) {
        if let Some(above) = self.0.upgrade().and_then(|shared| shared.above()) {
            above.let_go(&|stretch| stretch.place().segment == segment);
        }
    }

    fn mounted(&mut self) {
        let Some(shared) = self.0.upgrade() else {
            return;
        };
        shared.purges.catch_up();
        shared.index.forget_all();
        shared.forgotten.shut_out(&shared.index);
        if let Some(above) = shared.above() {
            above.let_go(&|_| true);
        }
        if let Err(error) = shared.start_loading() {
            tracing::warn!(%error, "what is on disk cannot be looked for: it is not used");
        }
    }
}

/// The keys that were asked for.
fn wanted(shared: &Shared, leaving: &Leaving) -> Vec<Wanted> {
    let above = shared.above();
    let mut wanted: HashMap<u64, Wanted> = HashMap::new();
    for record in &leaving.records {
        let Some((at, uses)) = shared.index.peek(record.key_hash) else {
            continue;
        };
        // An older state of a key is of no use. Bytes of a body may be, wherever the state is.
        let is_old = record.is_key && at.place != record.place && record.length <= REWRITE;
        let was_asked_for = |above: &Arc<dyn Above>| above.was_asked_for(record.key_hash);
        let uses = match uses {
            0 => u8::from(above.as_ref().is_some_and(was_asked_for)),
            uses => uses,
        };
        if uses == 0 || is_old {
            continue;
        }
        let entry = wanted.entry(record.key_hash).or_insert(Wanted {
            hash: record.key_hash,
            at,
            uses,
            bytes: 0,
            first: record.place.offset,
        });
        entry.bytes += u64::from(record.length);
    }
    wanted.into_values().collect()
}

/// Those that there is room for: what was asked for most often goes first. In the order in which
/// they are on disk.
fn chosen(mut wanted: Vec<Wanted>, room: u64) -> Vec<Wanted> {
    wanted.sort_unstable_by_key(|wanted| (std::cmp::Reverse(wanted.uses), wanted.first));
    let mut left = room;
    wanted.retain(|wanted| {
        let fits = wanted.bytes <= left;
        left -= if fits { wanted.bytes } else { 0 };
        fits
    });
    wanted.sort_unstable_by_key(|wanted| wanted.first);
    wanted
}

impl Shared {
    /// Writes the state of a key anew, and those bytes of its bodies that are in the segment.
    fn readmit(&self, wanted: &Wanted, segment: u64, room: &mut Readmission<'_>) -> Option<()> {
        let record = self.log.read_key(wanted.at.place, 0);
        let record = match record {
            Ok(record) => record,
            Err(damaged) => {
                self.is_lost(wanted.hash, wanted.at.place, damaged);
                return None;
            }
        };
        let key = CacheKey::from_text(record::key_of(&record.payload)?);
        let Ok(Record::State(stored)) = self.state(&key, wanted.at.place, record) else {
            return None;
        };
        let mut stored = match self.pending.of(wanted.hash, &key).is_empty() {
            true => self.judged(&key, stored),
            false => stored,
        };
        let moves = |stored: &Stored| extents(&stored.body).iter().any(|e| is_in(e, segment));
        if wanted.at.place.segment != segment && !stored.iter().any(moves) {
            return None;
        }
        for stored in &mut stored {
            stored.body = self.moved(wanted.hash, &stored.body, segment, room)?;
        }
        let state = State::of(stored, room.place()?, self.log.max_stretch(), |place| {
            place.segment != segment && self.log.has(place)
        });
        if state.is_empty() {
            return None;
        }
        let new = state.written_down(&key);
        let at = room.append_key(wanted.hash, &new)?;
        self.note_checked(at.place, new.revision);
        // On the writer's thread: no other record of the key was written meanwhile.
        if self.index.remove_at(wanted.hash, wanted.at.place) {
            self.index.insert(wanted.hash, at);
        }
        Some(())
    }

    /// A body, those of its bytes that are in the segment being written anew, or in memory to be
    /// written with the state. `None`: they could not be.
    fn moved(
        &self,
        hash: u64,
        body: &Body,
        segment: u64,
        room: &mut Readmission<'_>,
    ) -> Option<Body> {
        let going = extents(body).iter().filter(|e| is_in(e, segment));
        let going: u64 = going.map(|extent| extent.length).sum();
        let mut moved = Vec::new();
        for extent in extents(body) {
            match &extent.medium {
                Medium::Disk(stretch) if is_in(extent, segment) => {
                    let within = extent.within(&(extent.start..extent.end()));
                    let blocks = blocks(stretch, within)?;
                    let medium = match going <= WITH_STATE {
                        true => Medium::Memory(Whole::new(blocks)),
                        false => Medium::Disk(room.write(hash, &blocks)?),
                    };
                    moved.push(Extent::new(extent.start, medium));
                }
                _ => moved.push(extent.clone()),
            }
        }
        Some(Body::kept(Extents::of(moved)))
    }
}

fn extents(body: &Body) -> &[Extent] {
    body.extents().map_or(&[], Extents::as_slice)
}

fn is_in(extent: &Extent, segment: u64) -> bool {
    matches!(&extent.medium, Medium::Disk(stretch) if stretch.place().segment == segment)
}

/// These bytes of a stretch, in blocks. `None` if they cannot be read.
fn blocks(stretch: &Stretch, within: std::ops::Range<u64>) -> Option<Vec<Bytes>> {
    let mut all = Vec::with_capacity((within.end - within.start) as usize);
    while within.start + (all.len() as u64) < within.end {
        let bytes = stretch.read(within.start + all.len() as u64).ok()?;
        let left = (within.end - within.start) as usize - all.len();
        if bytes.is_empty() {
            return None;
        }
        all.extend_from_slice(&bytes[..bytes.len().min(left)]);
    }
    debug_assert!(all.len() <= MAX_STRETCH);
    let mut all = Bytes::from(all);
    let mut blocks = Vec::new();
    while !all.is_empty() {
        blocks.push(all.split_to(all.len().min(BLOCK)));
    }
    Some(blocks)
}
