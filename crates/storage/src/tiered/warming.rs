//! Bytes that come into memory because they are asked for again.

use std::{
    collections::HashSet,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use perigee_http_cache::CacheKey;
use tokio::runtime::Handle;

use super::both::Both;
use crate::{
    Body, Pages, ReadError, Store, Stored, StoredId,
    body::{Assembly, Extent, Extents, Medium, Part, Whole},
};

/// Bodies that are read at once; others wait until they are asked for once more.
const MOST: usize = 32;

/// Bodies that are being read into memory.
#[derive(Debug, Default)]
pub(super) struct Warming(Mutex<HashSet<StoredId>>);

impl Warming {
    /// Whether this one is to be read now.
    fn begin(&self, id: StoredId) -> bool {
        let mut under_way = self.lock();
        under_way.len() < MOST && under_way.insert(id)
    }

    fn end(&self, id: StoredId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<StoredId>> {
        // A panic leaves a set of ids.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Both {
    /// These are in memory, and are asked for again: so is worth it to have the bytes of one of them
    /// there too. They are read in the background.
    pub(super) fn warm(self: &Arc<Self>, key: &CacheKey, variants: &[Stored]) {
        let is_cold = |stored: &&Stored| stored.body.is_cold();
        let Some(cold) = variants.iter().find(is_cold) else {
            return;
        };
        let length = cold.body.length().unwrap_or(u64::MAX);
        if length > self.memory().max_length() || !self.warming.begin(cold.id) {
            return;
        }
        let (id, both, key, cold) = (cold.id, Arc::clone(self), key.clone(), cold.clone());
        let warmed = async move {
            both.read(&key, &cold, length).await;
            both.warming.end(cold.id);
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(warmed)),
            Err(_) => self.warming.end(id),
        }
    }

    async fn read(&self, key: &CacheKey, cold: &Stored, length: u64) {
        let Some(_claim) = self.memory().claim(length) else {
            return;
        };
        // What cannot be read is noted where it is: the next lookup does not find it.
        if let Ok(body) = in_memory(&cold.body, self.memory().pages()).await {
            self.warmed(key, cold.id, &Body::kept(body));
        }
    }
}

/// The same body, all of its bytes in memory.
async fn in_memory(body: &Body, pages: Option<&Arc<Pages>>) -> Result<Extents, ReadError> {
    let mut warm = Vec::new();
    for extent in body.extents().map_or(&[][..], Extents::as_slice) {
        warm.push(match extent.medium {
            Medium::Memory(_) => extent.clone(),
            Medium::Disk(_) | Medium::Spooled(_) => {
                let whole = whole(body, extent, pages.cloned()).await?;
                Extent::new(extent.start, Medium::Memory(whole))
            }
        });
    }
    Ok(Extents::of(warm))
}

async fn whole(
    body: &Body,
    extent: &Extent,
    pages: Option<Arc<Pages>>,
) -> Result<Whole, ReadError> {
    let mut reader = body.read_range(extent.start..extent.end());
    let mut assembly = Assembly::new(Some(extent.length), pages);
    let mut blocks = Vec::new();
    while let Some(chunk) = poll_fn(|cx| reader.poll_chunk(cx)).await {
        let mut chunk = chunk?;
        while let Some(part) = assembly.take_from(&mut chunk) {
            if let Part::Block(block) = part {
                blocks.push(block);
            }
        }
    }
    blocks.extend(assembly.finish(Bytes::new()));
    let whole = Whole::new(blocks);
    match whole.length() == extent.length {
        true => Ok(whole),
        false => Err(ReadError::Damaged),
    }
}
