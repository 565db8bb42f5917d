//! A body that is too large for one record, from memory to disk.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use perigee_http_cache::CacheKey;

use super::{log::Stretch, shared::Shared};
use crate::{
    Body,
    body::{Extent, Extents, Medium},
};

/// Bytes of a body that are in memory, those not counted that were given to the disk already.
pub(super) fn in_memory(body: &Body) -> u64 {
    let extents = body.extents().map_or(&[][..], Extents::as_slice).iter();
    let in_memory = extents.filter(|e| matches!(e.medium, Medium::Memory(_)));
    in_memory.map(|extent| extent.length).sum()
}

/// A body whose pieces are being written.
struct Pieces {
    shared: Arc<Shared>,
    hash: u64,
    key: CacheKey,
    /// The change that it is of.
    number: u64,
    extents: Mutex<Vec<Option<Extent>>>,
}

impl Shared {
    /// Queues the bytes of a body that are in memory, before the change that it is of. That has them
    /// on disk once all are written; if one is lost, the change is.
    pub(super) fn write_body(
        self: &Arc<Self>,
        hash: u64,
        key: &CacheKey,
        number: u64,
        body: &Body,
    ) -> bool {
        let (extents, pieces) = cut(body, self.log.max_stretch() as u64);
        let all = Arc::new(Pieces {
            shared: Arc::clone(self),
            hash,
            key: key.clone(),
            number,
            extents: Mutex::new(extents),
        });
        pieces.into_iter().all(|piece| {
            let all = Arc::clone(&all);
            let (index, start) = (piece.index, piece.start);
            let done = move |stretch| all.is_written(index, start, stretch);
            self.log.write(hash, piece.blocks, Box::new(done)).is_ok()
        })
    }
}

/// Bytes for one record.
struct Piece {
    /// Which of the extents it will be.
    index: usize,
    start: u64,
    blocks: Vec<Bytes>,
}

/// All extents of a body, `None` for each piece that is still in memory. A piece has `most` bytes.
fn cut(body: &Body, most: u64) -> (Vec<Option<Extent>>, Vec<Piece>) {
    let (mut extents, mut pieces) = (Vec::new(), Vec::new());
    for extent in body.extents().map_or(&[][..], Extents::as_slice) {
        let Medium::Memory(whole) = &extent.medium else {
            extents.push(Some(extent.clone()));
            continue;
        };
        let mut start = extent.start;
        while start < extent.end() {
            let end = start.saturating_add(most).min(extent.end());
            let mut within: Range<u64> = extent.within(&(start..end));
            let mut blocks = Vec::new();
            while let Some(block) = whole.chunk(within.clone()) {
                within.start += block.len() as u64;
                blocks.push(block);
            }
            pieces.push(Piece {
                index: extents.len(),
                start,
                blocks,
            });
            extents.push(None);
            start = end;
        }
    }
    (extents, pieces)
}

impl Pieces {
    fn is_written(&self, index: usize, start: u64, stretch: Option<Stretch>) {
        let (pending, hash, key) = (&self.shared.pending, self.hash, &self.key);
        let Some(stretch) = stretch else {
            pending.is_done(hash, key, self.number);
            return;
        };
        let mut extents = self.extents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(extent) = extents.get_mut(index) {
            *extent = Some(Extent::new(start, Medium::Disk(stretch)));
        }
        if extents.iter().all(Option::is_some) {
            let all = std::mem::take(&mut *extents)
                .into_iter()
                .flatten()
                .collect();
            let body = Body::kept(Extents::of(all));
            pending.is_moved(hash, key, self.number, body);
        }
    }
}
