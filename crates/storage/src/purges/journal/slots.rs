//! What stands in a journal, byte by byte. All numbers are little-endian.

use std::time::{Duration, UNIX_EPOCH};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::purges::{
    names::{Kind, Name},
    table::Record,
};

/// Bytes of the header, and of each slot.
pub(super) const SLOT: usize = 64;

/// Where the checksum of either begins.
const CHECKSUM: usize = SLOT - 8;

const MAGIC: [u8; 8] = *b"PRGPURGE";

/// What the names, the slots and the header are made by.
const VERSION: u64 = 1;

/// The front of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// All that was checked before this revision is gone.
    pub(super) floor: u64,
    /// What names are made by.
    pub(super) secret: [u64; 2],
}

impl Header {
    pub(super) fn encode(&self) -> [u8; SLOT] {
        let [one, other] = self.secret;
        let mut bytes = of_numbers(&[u64::from_le_bytes(MAGIC), VERSION, self.floor, one, other]);
        seal(&mut bytes, 0);
        bytes
    }

    /// `None` if it is damaged, or of another version.
    pub(super) fn decode(bytes: &[u8]) -> Option<Header> {
        let bytes = bytes.get(..SLOT)?;
        let is_ours = number(bytes, 0) == u64::from_le_bytes(MAGIC) && number(bytes, 1) == VERSION;
        (is_ours && is_sealed(bytes, 0)).then(|| Header {
            floor: number(bytes, 2),
            secret: [number(bytes, 3), number(bytes, 4)],
        })
    }

    /// A slot verifies at its own place in its own journal alone.
    fn salt(&self, n: usize) -> u64 {
        let [one, other] = self.secret;
        one ^ other.rotate_left(32) ^ (n as u64 + 1)
    }
}

/// What is found in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Purge(Record),
    /// It was being written.
    Unfinished,
    Damaged,
}

impl Slot {
    /// The `n`th slot of the journal with this header.
    pub(super) fn encode(record: &Record, n: usize, header: &Header) -> [u8; SLOT] {
        let Record {
            revision,
            at,
            soft,
            name,
        } = record;
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let flags = u64::from(*soft) | u64::from(name.wide.is_some()) << 1;
        let mut bytes = of_numbers(&[
            *revision,
            u64::try_from(at.as_nanos()).unwrap_or(u64::MAX),
            name.kind as u64 | flags << 8,
            u64::from(name.length),
            name.hash,
            name.wide.unwrap_or_default(),
        ]);
        seal(&mut bytes, header.salt(n));
        bytes
    }

    pub(super) fn decode(bytes: &[u8], n: usize, header: &Header) -> Slot {
        if bytes.len() < SLOT || super::is_zero(bytes) {
            return Slot::Unfinished;
        }
        if !is_sealed(bytes, header.salt(n)) {
            return Slot::Damaged;
        }
        record(bytes).map_or(Slot::Damaged, Slot::Purge)
    }
}

fn record(bytes: &[u8]) -> Option<Record> {
    let (kind, flags) = (number(bytes, 2) & 0xff, number(bytes, 2) >> 8);
    Some(Record {
        revision: number(bytes, 0),
        at: UNIX_EPOCH.checked_add(Duration::from_nanos(number(bytes, 1)))?,
        soft: flags & 1 != 0,
        name: Name {
            kind: Kind::of(kind as u8)?,
            length: u32::try_from(number(bytes, 3)).ok()?,
            hash: number(bytes, 4),
            wide: (flags & 2 != 0).then_some(number(bytes, 5)),
        },
    })
}

fn of_numbers(numbers: &[u64]) -> [u8; SLOT] {
    let mut bytes = [0; SLOT];
    for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    bytes
}

/// The `n`th number; zero if there are not so many.
fn number(bytes: &[u8], n: usize) -> u64 {
    let number = bytes.get(n * 8..).and_then(|rest| rest.first_chunk());
    number.map_or(0, |number| u64::from_le_bytes(*number))
}

fn seal(bytes: &mut [u8; SLOT], salt: u64) {
    let (payload, checksum) = bytes.split_at_mut(CHECKSUM);
    checksum.copy_from_slice(&xxh3_64_with_seed(payload, salt).to_le_bytes());
}

fn is_sealed(bytes: &[u8], salt: u64) -> bool {
    let payload = bytes.get(..CHECKSUM).unwrap_or_default();
    xxh3_64_with_seed(payload, salt) == number(bytes, CHECKSUM / 8)
}
