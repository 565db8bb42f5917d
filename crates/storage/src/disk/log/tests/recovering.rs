//! Whatever was done to the files: what is found is what was written. One body for the property
//! test here and for the fuzz target.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, mpsc},
    time::Duration,
};

use bytes::Bytes;

use super::{
    log::{
        Found, KeyChange, Log, LogConfig, MAX_STRETCH, NewKey, Place, Recovery, Stretch, Written,
    },
    ram::{Faults, Ram},
};

/// Reads instructions off the input; zeros behind its end.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }
}

/// What was written at a place.
struct Wrote {
    key_hash: u64,
    revision: u64,
    /// Empty if it is bytes of a body alone.
    payload: Vec<u8>,
    body: Bytes,
}

/// A disk, and what is known to have been written to it.
struct Model {
    ram: Ram,
    log: Option<Log>,
    wrote: BTreeMap<Place, Wrote>,
    /// Whether bytes that were written were changed or lost.
    is_damaged: bool,
    count: u64,
}

/// Writes, kills, damages and recovers as the input says.
pub(super) fn recovering(input: &[u8]) {
    let mut input = Input(input);
    let mut model = Model {
        ram: Ram::default(),
        log: None,
        wrote: BTreeMap::new(),
        is_damaged: false,
        count: 0,
    };
    model.start();
    while !input.0.is_empty() {
        match input.byte() % 16 {
            0..=3 => model.write_key(input.number() % 3000, 0),
            4..=6 => model.write_key(1 + input.number() % 300, 2 * input.number()),
            7 | 8 => model.write_stretch(1 + 3 * input.number()),
            9 => model.restart(|_| {}),
            10 => model.restart(Ram::kill),
            11 => {
                let good_writes = Some((input.byte() % 8).into());
                model.ram.set(Faults {
                    good_writes,
                    ..Faults::default()
                });
            }
            12 => {
                let mut random = fastrand::Rng::with_seed(input.number() as u64);
                model.damage(|ram| ram.lose(|| random.bool()));
            }
            13 => {
                let (n, at, flip) = (input.byte(), input.number(), input.byte());
                model.change(n, |bytes| {
                    // Anywhere, or near the end, where the footer is.
                    let at = if flip & 1 == 0 {
                        at * 4
                    } else {
                        bytes.len().saturating_sub(at)
                    };
                    bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= flip);
                });
            }
            14 => {
                let (n, length) = (input.byte(), 4 * input.number());
                model.change(n, |bytes| bytes.truncate(length));
            }
            _ => {
                let (n, at) = (input.byte(), 4 * input.number());
                let raw = std::mem::take(&mut input.0);
                model.change(n, |bytes| {
                    for (old, new) in bytes.iter_mut().skip(at).zip(raw) {
                        *old = *new;
                    }
                });
            }
        }
    }
    model.restart(|_| {});
    model.restart(|_| {});
}

impl Model {
    fn start(&mut self) {
        let config = LogConfig {
            folder: PathBuf::from("/store"),
            size: 2 << 20,
            segment: 300_000,
            queue: 16 << 20,
            readmit: 0,
            pause: Duration::ZERO..Duration::ZERO,
        };
        let (log, _) = Log::open(config, Arc::new(self.ram.clone())).unwrap();
        log.start(Box::new(())).unwrap();
        self.log = Some(log);
    }

    /// Ends the process, after `before`, and starts it anew.
    fn restart(&mut self, before: impl FnOnce(&Ram)) {
        before(&self.ram);
        self.log = None;
        self.ram.revive();
        self.start();
        self.check();
    }

    /// The process is killed, and something happens to the disk.
    fn damage(&mut self, damage: impl FnOnce(&Ram)) {
        self.is_damaged = true;
        self.restart(|ram| {
            ram.kill();
            damage(ram);
        });
    }

    fn change(&mut self, n: u8, change: impl FnOnce(&mut Vec<u8>)) {
        self.damage(|ram| ram.change(usize::from(n % 4), change));
    }

    fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    fn bytes(&mut self, length: usize) -> Bytes {
        self.count += 1;
        let mut random = fastrand::Rng::with_seed(self.count);
        let mut bytes = vec![0; length];
        random.fill(&mut bytes);
        bytes.into()
    }

    fn write_stretch(&mut self, length: usize) {
        let body = self.bytes(length.min(MAX_STRETCH));
        let (tell, told) = mpsc::channel::<Option<Stretch>>();
        let done = Box::new(move |stretch| tell.send(stretch).unwrap());
        let key_hash = self.count;
        if self.log().write(key_hash, blocks(&body), done).is_err() {
            return;
        }
        let Some(stretch) = told.recv().unwrap() else {
            return;
        };
        let wrote = Wrote {
            key_hash,
            revision: 0,
            payload: Vec::new(),
            body,
        };
        self.wrote.insert(stretch.place(), wrote);
    }

    fn write_key(&mut self, payload: usize, body: usize) {
        let (payload, body) = (self.bytes(payload + 1).to_vec(), self.bytes(body));
        let wrote = Wrote {
            key_hash: self.count % 5,
            revision: self.count,
            payload: payload.clone(),
            body: body.clone(),
        };
        let (tell, told) = mpsc::channel();
        let change = Change {
            payload,
            revision: wrote.revision,
            body,
            tell,
        };
        let log = self.log();
        if log.append_key(wrote.key_hash, 0, Box::new(change)).is_ok()
            && let Some(written) = told.recv().unwrap()
        {
            self.wrote.insert(written.place, wrote);
        }
    }

    /// What is found is what was written; and all that was, unless bytes were damaged.
    fn check(&self) {
        let mut found = Vec::new();
        let recovery: Recovery = self.log().recover(|key| found.push(key));
        assert!(self.is_damaged || recovery.damaged == 0);
        assert!(found.is_sorted_by(|a, b| a.place > b.place), "newest first");
        for found in &found {
            self.check_key(found);
        }
        for (place, wrote) in &self.wrote {
            self.check_place(*place, wrote, &found);
        }
    }

    fn check_key(&self, found: &Found) {
        let wrote = self.wrote.get(&found.place);
        let Ok(record) = self.log().read_key(found.place, found.length) else {
            assert!(self.is_damaged);
            return;
        };
        // It may have been written without being told so: killed in between. Not in this test.
        let wrote = wrote.unwrap();
        assert_eq!(record.payload, wrote.payload);
        assert_eq!(found.key_hash, wrote.key_hash);
        assert_eq!(found.revision, wrote.revision);
        assert_eq!(record.blocks.unwrap().concat(), wrote.body);
    }

    fn check_place(&self, place: Place, wrote: &Wrote, found: &[Found]) {
        let length = wrote.body.len() as u32;
        let Some(stretch) = self.log().stretch(place, length) else {
            // Evicted.
            return;
        };
        let is_found = || found.iter().any(|found| found.place == place);
        assert!(self.is_damaged || wrote.payload.is_empty() || is_found());
        let mut at = 0;
        while at < u64::from(length) {
            let Ok(bytes) = stretch.read(at) else {
                assert!(self.is_damaged);
                return;
            };
            assert!(wrote.body[at as usize..].starts_with(&bytes) && !bytes.is_empty());
            at += bytes.len() as u64;
        }
    }
}

struct Change {
    payload: Vec<u8>,
    revision: u64,
    body: Bytes,
    tell: mpsc::Sender<Option<Written>>,
}

impl KeyChange for Change {
    fn make(&mut self, _: Place) -> Option<NewKey> {
        Some(NewKey {
            payload: self.payload.clone(),
            revision: self.revision,
            blocks: blocks(&self.body),
        })
    }

    fn written(self: Box<Self>, at: Option<Written>) {
        self.tell.send(at).unwrap();
    }
}

fn blocks(body: &Bytes) -> Vec<Bytes> {
    let blocks = body.chunks(64 << 10);
    blocks.map(|block| body.slice_ref(block)).collect()
}
