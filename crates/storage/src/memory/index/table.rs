//! Where the entries of a shard are, by their hashes. A lookup mostly touches one line of the processor's
//! cache here, and nearly all that it goes on to look at is what it looks for.

use crate::memory::heap::At;

/// Places in a line of the cache.
const SLOTS: usize = 8;

/// A slot where nothing was, and one that something has left which may have others behind it. All else is a
/// tag, and behind that a place.
const EMPTY: u64 = 0;
const LEFT: u64 = 1;
const FIRST_PLACE: u32 = 2;

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line([u64; SLOTS]);

/// An open table: what finds its line full is in one of the next ones.
#[derive(Debug, Default)]
pub(super) struct Table {
    lines: Vec<Line>,
    len: usize,
    left: usize,
}

/// What a look at all slots of a line has found, without a branch for each.
#[derive(Debug, Default)]
struct Seen {
    /// A bit for each slot that has the tag, or is empty or left and the tag is zero.
    same: u32,
    /// What belongs into the line is in none behind it.
    is_end: bool,
}

const NO_LINE: Line = Line([EMPTY; SLOTS]);

impl Seen {
    fn of(line: &Line, tag: u32) -> Seen {
        let mut seen = Seen::default();
        for (place, slot) in line.0.iter().enumerate() {
            seen.same |= u32::from((*slot >> 32) as u32 == tag) << place;
            seen.is_end |= *slot == EMPTY;
        }
        seen
    }

    /// The next slot that has the tag.
    fn next(&mut self) -> Option<usize> {
        let place = self.same.trailing_zeros() as usize;
        self.same &= self.same.wrapping_sub(1);
        (place < SLOTS).then_some(place)
    }
}

fn written(tag: u32, at: At) -> u64 {
    u64::from(tag) << 32 | u64::from(at.number() + FIRST_PLACE)
}

fn read(slot: u64) -> Option<(u32, At)> {
    let number = (slot as u32).checked_sub(FIRST_PLACE)?;
    Some(((slot >> 32) as u32, At::numbered(number)))
}

impl Table {
    /// Bytes that it takes.
    pub(super) fn weight(&self) -> u64 {
        (self.lines.capacity() * size_of::<Line>()) as u64
    }

    /// Slots are numbered below this. What is in one stays there until it is removed, or the table is
    /// made anew.
    pub(super) fn slots(&self) -> usize {
        self.lines.len() * SLOTS
    }

    /// What is in a slot.
    pub(super) fn get(&self, slot: usize) -> Option<At> {
        read(*self.slot(slot)?).map(|(_, at)| at)
    }

    fn slot(&self, slot: usize) -> Option<&u64> {
        self.lines.get(slot / SLOTS)?.0.get(slot % SLOTS)
    }

    fn slot_mut(&mut self, slot: usize) -> Option<&mut u64> {
        self.lines.get_mut(slot / SLOTS)?.0.get_mut(slot % SLOTS)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = At> {
        self.all().map(|(_, at)| at)
    }

    fn all(&self) -> impl Iterator<Item = (u32, At)> {
        self.lines.iter().flat_map(|line| line.0).filter_map(read)
    }

    /// The slot in which something with this tag is that is meant.
    pub(super) fn find(&self, tag: u32, mut is_meant: impl FnMut(At) -> bool) -> Option<usize> {
        let mut number = self.first(tag);
        for _ in 0..self.lines.len() {
            let line = &self.lines.get(number)?.0;
            for (at, slot) in line.iter().enumerate() {
                if (slot >> 32) as u32 == tag
                    && let Some((_, place)) = read(*slot)
                    && is_meant(place)
                {
                    return Some(number * SLOTS + at);
                }
            }
            if line.contains(&EMPTY) {
                return None;
            }
            number = if number + 1 < self.lines.len() {
                number + 1
            } else {
                0
            };
        }
        None
    }

    /// The slots in which something with this tag is.
    pub(super) fn with_tag(&self, tag: u32) -> impl Iterator<Item = (usize, At)> {
        let mut lines = self.lines_from(tag);
        let mut at = (0, &NO_LINE);
        let mut seen = Seen::default();
        std::iter::from_fn(move || {
            loop {
                while let Some(place) = seen.next() {
                    let (number, line) = at;
                    if let Some((_, found)) = line.0.get(place).and_then(|slot| read(*slot)) {
                        return Some((number * SLOTS + place, found));
                    }
                }
                if seen.is_end {
                    return None;
                }
                at = lines.next()?;
                seen = Seen::of(at.1, tag);
            }
        })
    }

    /// The line where a tag belongs.
    fn first(&self, tag: u32) -> usize {
        ((u64::from(tag) * self.lines.len() as u64) >> 32) as usize
    }

    /// All lines, from that on where a tag belongs.
    fn lines_from(&self, tag: u32) -> impl Iterator<Item = (usize, &Line)> {
        let first = self.first(tag);
        let (before, behind) = self.lines.split_at(first);
        let behind = (first..).zip(behind);
        behind.chain(before.iter().enumerate())
    }

    /// Puts a place under a tag. Says whether the table was made anew.
    pub(super) fn insert(&mut self, tag: u32, at: At) -> bool {
        let is_full = (self.len + self.left + 1) * 16 > self.slots() * 13;
        if is_full {
            self.rebuild();
        }
        self.insert_new(tag, at);
        is_full
    }

    fn insert_new(&mut self, tag: u32, at: At) {
        let is_free = |slot: &u64| *slot < u64::from(FIRST_PLACE);
        let mut lines = self.lines_from(tag);
        let free = lines.find_map(|(number, line)| {
            let at = line.0.iter().position(is_free)?;
            Some(number * SLOTS + at)
        });
        drop(lines);
        let Some(slot) = free.and_then(|free| self.slot_mut(free)) else {
            return;
        };
        let was_left = std::mem::replace(slot, written(tag, at)) == LEFT;
        self.left -= usize::from(was_left);
        self.len += 1;
    }

    /// What is in a slot is somewhere else now.
    pub(super) fn set(&mut self, slot: usize, at: At) {
        if let Some(slot) = self.slot_mut(slot)
            && let Some((tag, _)) = read(*slot)
        {
            *slot = written(tag, at);
        }
    }

    /// Empties a slot. Says whether the table was made anew.
    pub(super) fn remove(&mut self, slot: usize) -> bool {
        let Some(line) = self.lines.get_mut(slot / SLOTS) else {
            return false;
        };
        // Nobody goes past a line that has an empty slot.
        let ends_here = line.0.contains(&EMPTY);
        let Some(slot) = line.0.get_mut(slot % SLOTS) else {
            return false;
        };
        if read(*slot).is_none() {
            return false;
        }
        *slot = if ends_here { EMPTY } else { LEFT };
        self.left += usize::from(!ends_here);
        self.len -= 1;
        // What a much fuller table has taken goes back.
        let is_sparse = self.slots() > 64 && self.len < self.slots() / 4;
        if is_sparse {
            self.rebuild();
        }
        is_sparse
    }

    /// Two thirds full.
    fn rebuild(&mut self) {
        let lines = (self.len + 1) * 3 / 2 / SLOTS + 1;
        let lines = vec![Line([EMPTY; SLOTS]); lines];
        let old = std::mem::take(self);
        self.lines = lines;
        old.all().for_each(|(tag, at)| self.insert_new(tag, at));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u32),
        Remove(usize),
        Move(usize, u32),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        // Many tags are the same, or belong to the same line.
        let tag = prop_oneof![any::<u32>(), 0..4_u32, (u32::MAX - 3)..=u32::MAX];
        let step = prop_oneof![
            3 => tag.prop_map(Step::Insert),
            2 => any::<usize>().prop_map(Step::Remove),
            1 => (any::<usize>(), any::<u32>()).prop_map(|(n, at)| Step::Move(n, at / 2)),
        ];
        prop::collection::vec(step, 1..400)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        /// It has what a list has; and what is in a slot stays in it unless it says otherwise.
        #[test]
        fn agrees_with_a_list(steps in steps()) {
            let mut table = Table::default();
            let mut list: Vec<(u32, u32)> = Vec::new();
            for (n, step) in steps.into_iter().enumerate() {
                let slots = |table: &Table| {
                    (0..table.slots()).map(|slot| table.get(slot)).collect::<Vec<_>>()
                };
                let before = slots(&table);
                let mut changed = 1;
                let mut is_new = false;
                match step {
                    Step::Insert(tag) => {
                        is_new = table.insert(tag, At::numbered(n as u32));
                        list.push((tag, n as u32));
                    }
                    Step::Remove(which) if !list.is_empty() => {
                        let (tag, at) = list.swap_remove(which % list.len());
                        let mut same = table.with_tag(tag);
                        let (slot, _) = same.find(|(_, is)| is.number() == at).unwrap();
                        drop(same);
                        is_new = table.remove(slot);
                    }
                    Step::Move(which, to) if !list.is_empty() => {
                        let which = which % list.len();
                        let (tag, at) = list[which];
                        let mut same = table.with_tag(tag);
                        let (slot, _) = same.find(|(_, is)| is.number() == at).unwrap();
                        drop(same);
                        let to = to / 1000 * 1000 + n as u32;
                        table.set(slot, At::numbered(to));
                        list[which].1 = to;
                    }
                    _ => changed = 0,
                }
                if !is_new {
                    let after = slots(&table);
                    prop_assert_eq!(before.len(), after.len());
                    let differ = before.iter().zip(&after).filter(|(a, b)| a != b).count();
                    prop_assert!(differ <= changed);
                }
                let mut all: Vec<_> = table.all().map(|(tag, at)| (tag, at.number())).collect();
                let mut expected = list.clone();
                all.sort_unstable();
                expected.sort_unstable();
                prop_assert_eq!(&all, &expected);
                prop_assert_eq!(table.len, list.len());
                for &(tag, _) in &list {
                    let found = table.with_tag(tag).map(|(slot, at)| {
                        assert_eq!(table.get(slot), Some(at));
                        at.number()
                    });
                    let mut found: Vec<_> = found.collect();
                    let same = list.iter().filter(|(other, _)| *other == tag);
                    let mut same: Vec<_> = same.map(|(_, at)| *at).collect();
                    found.sort_unstable();
                    same.sort_unstable();
                    prop_assert_eq!(found, same);
                }
            }
        }
    }

    #[test]
    fn it_is_neither_too_full_nor_too_empty() {
        let mut table = Table::default();
        assert_eq!(table.weight(), 0);
        for n in 0..100_000_u32 {
            table.insert(n.wrapping_mul(0x9E37_79B9), At::numbered(n));
        }
        let each = table.weight() as f64 / 100_000.0;
        assert!((9.8..=12.5).contains(&each), "{each} bytes each");
        for n in 0..100_000_u32 {
            let (slot, _) = table.with_tag(n.wrapping_mul(0x9E37_79B9)).next().unwrap();
            table.remove(slot);
        }
        assert!(table.weight() <= 1024);
    }

    /// What comes and goes does not fill it with what was left.
    #[test]
    fn what_goes_makes_room() {
        let mut table = Table::default();
        let tag = |n: u32| n.wrapping_mul(0x9E37_79B9);
        for n in 0..200_000_u32 {
            table.insert(tag(n), At::numbered(n));
            if n >= 1000 {
                let (slot, _) = table.with_tag(tag(n - 1000)).next().unwrap();
                table.remove(slot);
            }
        }
        assert!(table.weight() <= 16 << 10, "{}", table.weight());
        let lines = |n| {
            table
                .lines_from(tag(n))
                .position(|(_, line)| line.0.contains(&EMPTY))
        };
        let most = (199_000..200_000).filter_map(lines).max().unwrap();
        assert!(most <= 24, "{most} lines are looked at");
    }
}
