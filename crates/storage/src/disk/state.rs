//! The state of a key as it is to be written: its stored responses, and where their bodies are.

use std::sync::Arc;

use bytes::Bytes;
use perigee_http_cache::{CacheKey, StoredHead};

use super::{
    holes,
    log::{NewKey, Place},
    record::{self, Run, Variant},
};
use crate::{
    Stored,
    body::{Extent, Extents, Medium},
};

/// The revision of a record that says that there is nothing of its key.
pub(super) const NOTHING: u64 = u64::MAX;

/// Stands for the bytes of the record itself, until it is known how many these are.
const OWN: u32 = 0;

/// What is to be written at one place.
pub(super) struct State {
    at: Place,
    variants: Vec<Variant<Arc<StoredHead>>>,
    /// The bodies that are in memory: they are written with it.
    blocks: Vec<Bytes>,
    length: usize,
    /// Bytes of bodies that there is room for.
    most: usize,
}

impl State {
    /// Of these stored responses. What is neither in memory nor, as `is_there` says, still on disk
    /// is left out, and so is what of the bodies in memory is more than `most` bytes.
    pub(super) fn of(
        stored: Vec<Stored>,
        at: Place,
        most: usize,
        is_there: impl Fn(Place) -> bool,
    ) -> State {
        let mut state = State {
            at,
            variants: Vec::with_capacity(stored.len()),
            blocks: Vec::new(),
            length: 0,
            most,
        };
        for stored in stored {
            let extents = stored.body.extents().map_or(&[][..], Extents::as_slice);
            let extents = extents.iter().filter(|extent| extent.length > 0);
            let extents: Vec<&Extent> = extents.collect();
            let runs = extents.iter();
            let runs: Vec<Run> = runs.filter_map(|e| state.run(e, &is_there)).collect();
            let left = runs
                .iter()
                .map(|run| run.start..run.start.saturating_add(run.length));
            let Some(head) = holes::over(stored.head, left, extents.len()) else {
                continue;
            };
            state.variants.push(Variant {
                id: stored.id,
                checked: stored.checked,
                head,
                runs,
            });
        }
        state
    }

    fn run(&mut self, extent: &Extent, is_there: &impl Fn(Place) -> bool) -> Option<Run> {
        let (start, length) = (extent.start, extent.length);
        match extent.medium.settled() {
            Medium::Disk(stretch) => {
                let place = stretch.place();
                is_there(place).then_some(Run {
                    start,
                    length,
                    skip: u32::try_from(extent.skip()).ok()?,
                    of: u32::try_from(stretch.length()).ok()?,
                    place,
                })
            }
            Medium::Memory(whole) => {
                let skip = self.length;
                let after = skip.checked_add(usize::try_from(length).ok()?)?;
                if after > self.most {
                    return None;
                }
                let mut wanted = extent.within(&(start..extent.end()));
                while let Some(block) = whole.chunk(wanted.clone()) {
                    wanted.start += block.len() as u64;
                    self.blocks.push(block);
                }
                self.length = after;
                Some(Run {
                    start,
                    length,
                    skip: skip as u32,
                    of: OWN,
                    place: self.at,
                })
            }
            // Never, when settled.
            Medium::Spooled(_) => None,
        }
    }

    /// Whether there is no stored response.
    pub(super) fn is_empty(&self) -> bool {
        self.variants.is_empty()
    }

    /// As bytes.
    pub(super) fn written_down(mut self, key: &CacheKey) -> NewKey {
        let length = self.length as u32;
        let runs = self
            .variants
            .iter_mut()
            .flat_map(|variant| &mut variant.runs);
        runs.filter(|run| run.of == OWN)
            .for_each(|run| run.of = length);
        let checked = self.variants.iter().map(|variant| variant.checked.number());
        NewKey {
            revision: checked.min().unwrap_or(NOTHING),
            payload: record::encode(key.as_str(), &self.variants),
            blocks: self.blocks,
        }
    }
}

/// Says of whatever key it is written under that there is nothing of it.
pub(super) fn nothing() -> NewKey {
    NewKey {
        revision: NOTHING,
        payload: record::encode::<StoredHead>("", &[]),
        blocks: Vec::new(),
    }
}
