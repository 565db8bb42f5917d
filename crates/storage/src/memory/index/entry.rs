//! What the index knows of one key: a few bytes in front of the response that is stored under it, so that
//! who asks for the one has the other.

use crate::{
    Revision,
    memory::{
        heap::{At, Heap, room},
        heat::Heat,
        held::{Held, View, with_holes},
        piece::{Piece, Seen},
    },
};

/// Bytes of an entry.
const ENTRY: usize = 24;

/// In what is written of [`Entry::hits`]: the responses are apart.
const IS_APART: u32 = 1 << 31;

/// What is known of a key.
#[derive(Clone, Copy, Debug)]
pub(in crate::memory) struct Entry {
    pub(super) hash: u64,
    /// Purges up to this one are not about any of its responses.
    pub(in crate::memory) checked: Revision,
    pub(super) heat: Heat,
    /// Lookups that have found it.
    pub(in crate::memory) hits: u32,
}

impl Entry {
    fn written(self, is_apart: bool) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..8].copy_from_slice(&self.hash.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.checked.number().to_le_bytes());
        bytes[16..20].copy_from_slice(&self.heat.written());
        let hits = self.hits.min(IS_APART - 1) | if is_apart { IS_APART } else { 0 };
        bytes[20..].copy_from_slice(&hits.to_le_bytes());
        bytes
    }

    fn read(bytes: [u8; ENTRY]) -> (Entry, bool) {
        let hits = u32::from_le_bytes(part(&bytes, 20));
        let entry = Entry {
            hash: u64::from_le_bytes(part(&bytes, 0)),
            checked: Revision::new(u64::from_le_bytes(part(&bytes, 8))),
            heat: Heat::read(part(&bytes, 16)),
            hits: hits & !IS_APART,
        };
        (entry, hits & IS_APART != 0)
    }
}

fn part<const N: usize>(bytes: &[u8; ENTRY], at: usize) -> [u8; N] {
    let part = bytes.get(at..).and_then(<[u8]>::first_chunk);
    part.copied().unwrap_or([0; N])
}

/// Entries and what is held of their keys: small responses behind their entries, all else apart.
#[derive(Debug)]
pub(super) struct Entries {
    heap: Heap,
    apart: Vec<Option<Apart>>,
    vacant: Vec<u32>,
}

/// Several responses, or a large one, and what they take, which would be long to count.
#[derive(Debug)]
struct Apart {
    held: Held,
    weight: u64,
}

impl Entries {
    pub(super) fn new(heap: Heap) -> Self {
        Entries {
            heap,
            apart: Vec::new(),
            vacant: Vec::new(),
        }
    }

    /// Bytes that it takes, without what hangs on the entries.
    pub(super) fn weight(&self) -> u64 {
        let apart = self.apart.capacity() * size_of::<Option<Apart>>();
        (apart + self.vacant.capacity() * size_of::<u32>()) as u64
    }

    /// Puts an entry and what is held of its key. `None` if there are too many.
    pub(super) fn put(&mut self, entry: Entry, held: Held) -> Option<At> {
        let held = match held {
            Held::One(piece) => match self.heap.put([&entry.written(false), piece.bytes()]) {
                Some(at) => {
                    piece.copied();
                    return Some(at);
                }
                None => Held::One(piece.staying()),
            },
            many => many,
        };
        let number = self.vacant.pop();
        let number = number.or_else(|| u32::try_from(self.apart.len()).ok())?;
        let at = self
            .heap
            .put([&entry.written(true), &number.to_le_bytes()])?;
        let weight = held.weight();
        let apart = Some(Apart { held, weight });
        match self.apart.get_mut(number as usize) {
            Some(place) => *place = apart,
            None => self.apart.push(apart),
        }
        Some(at)
    }

    pub(super) fn get(&self, at: At) -> Option<Found<'_>> {
        let (entry, rest) = self.heap.get(at).split_first_chunk()?;
        let (entry, is_apart) = Entry::read(*entry);
        let held = match is_apart {
            false => Place::Here(rest),
            true => Place::Apart(self.apart.get(number(rest)?)?.as_ref()?),
        };
        Some(Found { entry, held })
    }

    /// An entry will be read, and what is behind it.
    pub(super) fn prefetch(&self, at: At) {
        self.heap.prefetch(at);
    }

    /// What is known of a key will be read, and how long what is behind it is.
    pub(super) fn prefetch_entry(&self, at: At) {
        self.heap.prefetch_first(at);
    }

    /// Changes what is known of a key.
    pub(super) fn change(&mut self, at: At, change: impl FnOnce(&mut Entry)) {
        if let Some(bytes) = self.heap.get_mut(at).first_chunk_mut() {
            let (mut entry, is_apart) = Entry::read(*bytes);
            change(&mut entry);
            *bytes = entry.written(is_apart);
        }
    }

    /// Removes an entry. What was apart is handed back.
    pub(super) fn remove(&mut self, at: At) -> Option<Gone> {
        let Found { entry, held } = self.get(at)?;
        let count = self.get(at)?.view().count();
        let number = match held {
            Place::Here(_) => None,
            Place::Apart(_) => number(self.heap.get(at).get(ENTRY..)?),
        };
        self.heap.remove(at);
        let apart = number.and_then(|number| {
            self.vacant.extend(u32::try_from(number).ok());
            self.apart.get_mut(number)?.take()
        });
        if self.vacant.len() == self.apart.len() {
            (self.vacant, self.apart) = (Vec::new(), Vec::new());
        }
        Some(Gone {
            entry,
            count,
            _held: apart.map(|apart| apart.held),
        })
    }

    /// Has no more holes than there may be: what is moved for that is told, with its hash and where it was.
    pub(super) fn tidy(&mut self, mut moved: impl FnMut(u64, At, At)) {
        let Some(emptying) = self.heap.begin_emptying() else {
            return;
        };
        for (old, item) in emptying.left() {
            // What is taken out of a heap finds room in it.
            if let (Some(entry), Some(new)) = (item.first_chunk(), self.heap.put([item])) {
                moved(Entry::read(*entry).0.hash, old, new);
            }
        }
        self.heap.emptied(emptying);
    }
}

/// Which of those that are apart.
fn number(written: &[u8]) -> Option<usize> {
    let number = u32::from_le_bytes(*written.first_chunk()?);
    usize::try_from(number).ok()
}

/// An entry and what is held, looked at where they stand.
#[derive(Clone, Copy, Debug)]
pub(in crate::memory) struct Found<'a> {
    pub(in crate::memory) entry: Entry,
    held: Place<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Place<'a> {
    Here(&'a [u8]),
    Apart(&'a Apart),
}

impl<'a> Found<'a> {
    /// An entry, and a response that stood behind it.
    pub(super) fn of_small(entry: Entry, piece: &'a [u8]) -> Self {
        let held = Place::Here(piece);
        Found { entry, held }
    }

    /// The response behind the entry, if it is there.
    pub(super) fn small(&self) -> Option<&'a [u8]> {
        match self.held {
            Place::Here(piece) => Some(piece),
            Place::Apart(_) => None,
        }
    }

    /// Bytes of it, and of all that hangs on it.
    pub(super) fn weight(&self) -> u64 {
        match self.held {
            Place::Here(piece) => with_holes(room(ENTRY + piece.len()) as u64),
            Place::Apart(apart) => with_holes(room(ENTRY + 4) as u64) + apart.weight,
        }
    }

    pub(in crate::memory) fn view(&self) -> View<'a> {
        match self.held {
            Place::Here(piece) => View::One(Seen::of(piece)),
            Place::Apart(apart) => apart.held.view(),
        }
    }

    /// What is held, apart from where it stands.
    pub(in crate::memory) fn held(&self) -> Held {
        match self.held {
            Place::Here(piece) => Held::One(Piece::copy_of(Seen::of(piece))),
            Place::Apart(apart) => apart.held.clone(),
        }
    }
}

/// An entry that was removed. Whatever is large is let go of with it: so that is best done without a lock.
#[derive(Debug)]
pub(in crate::memory) struct Gone {
    pub(super) entry: Entry,
    /// How many responses.
    pub(in crate::memory) count: usize,
    _held: Option<Held>,
}
