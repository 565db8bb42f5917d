//! What the tests of the log have in common.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use bytes::Bytes;
use tempfile::TempDir;

use super::super::*;

pub(super) fn config(folder: &TempDir) -> LogConfig {
    LogConfig {
        folder: folder.path().join("store"),
        size: 64 << 20,
        segment: 4 << 20,
        queue: 32 << 20,
        readmit: 1 << 20,
        pause: Duration::from_millis(1)..Duration::from_millis(20),
    }
}

/// A log that is being written.
pub(super) fn started(config: LogConfig) -> Log {
    started_with(config, Arc::new(RealFiles), Box::new(()))
}

pub(super) fn started_with(
    config: LogConfig,
    files: Arc<dyn Files>,
    keeper: Box<dyn Keeper>,
) -> Log {
    let (log, _) = Log::open(config, files).unwrap();
    log.start(keeper).unwrap();
    log
}

/// Bytes that differ from place to place, and from seed to seed.
pub(super) fn bytes(seed: u64, length: usize) -> Bytes {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bytes = vec![0; length];
    random.fill(&mut bytes);
    bytes.into()
}

/// In pieces of a block.
pub(super) fn blocks(mut body: Bytes) -> Vec<Bytes> {
    let mut blocks = Vec::new();
    while !body.is_empty() {
        blocks.push(body.split_to(BLOCK.min(body.len())));
    }
    blocks
}

pub(super) fn write(log: &Log, key_hash: u64, body: &Bytes) -> Option<Stretch> {
    let (tell, told) = mpsc::channel();
    let done = Box::new(move |stretch| tell.send(stretch).unwrap());
    log.write(key_hash, blocks(body.clone()), done).unwrap();
    told.recv().unwrap()
}

/// Writes a state that is known already.
pub(super) struct Plain {
    pub(super) new: Option<NewKey>,
    pub(super) tell: mpsc::Sender<Option<Written>>,
}

impl KeyChange for Plain {
    fn make(&mut self, _: Place) -> Option<NewKey> {
        let new = self.new.as_ref()?;
        Some(NewKey {
            payload: new.payload.clone(),
            blocks: new.blocks.clone(),
            ..*new
        })
    }

    fn written(self: Box<Self>, at: Option<Written>) {
        let _ = self.tell.send(at);
    }
}

pub(super) fn new_key(payload: &[u8], revision: u64, body: &Bytes) -> NewKey {
    NewKey {
        payload: payload.to_vec(),
        revision,
        blocks: blocks(body.clone()),
    }
}

pub(super) fn append(log: &Log, key_hash: u64, new: NewKey) -> Option<Written> {
    let (tell, told) = mpsc::channel();
    let new = Some(new);
    let change = Box::new(Plain { new, tell });
    log.append_key(key_hash, 0, change).unwrap();
    told.recv().unwrap()
}

/// All that the log finds.
pub(super) fn recovered(log: &Log) -> (Vec<Found>, Recovery) {
    let mut found = Vec::new();
    let recovery = log.recover(|record| found.push(record));
    (found, recovery)
}

/// A stretch's bytes, from the disk.
pub(super) fn read_all(stretch: &Stretch) -> Result<Bytes, Damaged> {
    let mut all = Vec::new();
    while (all.len() as u64) < stretch.length() {
        all.extend_from_slice(&stretch.read(all.len() as u64)?);
    }
    Ok(all.into())
}
