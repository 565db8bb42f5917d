//! What is remembered of keys that are not kept.

use super::heat::{Heat, Moment};

/// Places for one key; as many as are in one line of the processor's cache.
const WAYS: usize = 8;

/// The heat of keys that were evicted, or not let in, for when they are asked for again. The
/// coolest of eight makes room.
///
/// A key is known by its hash alone. Who is taken for another one is kept a while for nothing, or
/// evicted too early.
#[derive(Debug)]
pub(super) struct Ghosts {
    sets: Box<[[Ghost; WAYS]]>,
}

/// Nobody, if the tag is 0.
#[derive(Clone, Copy, Debug, Default)]
struct Ghost {
    tag: u32,
    heat: Heat,
}

impl Ghosts {
    /// In so many bytes, about.
    pub(super) fn new(bytes: u64) -> Self {
        let sets = bytes / size_of::<[Ghost; WAYS]>() as u64;
        let sets = usize::try_from(sets).unwrap_or(usize::MAX).max(1);
        Ghosts {
            sets: vec![Default::default(); sets].into_boxed_slice(),
        }
    }

    /// Bytes that it takes.
    pub(super) fn weight(&self) -> u64 {
        size_of_val(&*self.sets) as u64
    }

    /// The heat of a key that is back; it is forgotten here.
    pub(super) fn take(&mut self, hash: u64) -> Option<Heat> {
        let tag = tag(hash);
        let set = self.set(hash)?;
        let found = set.iter_mut().find(|ghost| ghost.tag == tag)?;
        Some(std::mem::take(found).heat)
    }

    /// Remembers a key.
    pub(super) fn put(&mut self, hash: u64, heat: Heat, now: Moment) {
        let new = Ghost {
            tag: tag(hash),
            heat,
        };
        let Some(set) = self.set(hash) else { return };
        let Some((first, others)) = set.split_first_mut() else {
            return;
        };
        let mut place = first;
        for ghost in others {
            if place.tag == 0 || place.tag == new.tag {
                break;
            }
            if ghost.tag == 0 || ghost.tag == new.tag || ghost.heat.is_below(place.heat, now) {
                place = ghost;
            }
        }
        *place = new;
    }

    fn set(&mut self, hash: u64) -> Option<&mut [Ghost; WAYS]> {
        // The upper half of the product is even over all sets, however many there are.
        let at =
            (u128::from(hash.wrapping_mul(0x9E37_79B9_7F4A_7C15)) * self.sets.len() as u128) >> 64;
        self.sets.get_mut(at as usize)
    }
}

fn tag(hash: u64) -> u32 {
    (hash as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(half_lives: u64) -> Moment {
        Moment::of(half_lives << 32)
    }

    #[test]
    fn who_is_back_is_known_once() {
        let mut ghosts = Ghosts::new(4096);
        let heat = Heat::first(moment(3)).again(moment(3));
        ghosts.put(7, heat, moment(3));
        assert_eq!(ghosts.take(8), None);
        assert_eq!(ghosts.take(7), Some(heat));
        assert_eq!(ghosts.take(7), None);
    }

    #[test]
    fn the_coolest_makes_room() {
        let mut ghosts = Ghosts::new(0);
        for n in 1..=100 {
            // Every tenth is hotter than those that come after it.
            let at = if n % 10 == 0 { 100 + n } else { n };
            ghosts.put(n, Heat::first(moment(at)), moment(200));
        }
        let known: Vec<_> = (1..=100).filter(|n| ghosts.take(*n).is_some()).collect();
        assert_eq!(known.len(), WAYS);
        assert!(
            known.iter().filter(|n| *n % 10 == 0).count() >= WAYS - 1,
            "{known:?}"
        );
    }

    #[test]
    fn one_key_has_one_place() {
        let mut ghosts = Ghosts::new(0);
        for n in 0..3 {
            ghosts.put(7, Heat::first(moment(n)), moment(n));
        }
        assert_eq!(ghosts.take(7), Some(Heat::first(moment(2))));
        assert_eq!(ghosts.take(7), None);
    }

    #[test]
    fn it_takes_the_bytes_it_may() {
        assert_eq!(Ghosts::new(1 << 20).weight(), 1 << 20);
        let mut ghosts = Ghosts::new(1 << 20);
        for n in 0..(1 << 17) {
            let hash = 0xD6E8_FEB8_6659_FD93_u64.wrapping_mul(n);
            ghosts.put(hash, Heat::first(moment(n)), moment(n));
        }
        let used = ghosts.sets.iter().flatten().filter(|ghost| ghost.tag != 0);
        assert!(used.count() > (1 << 17) * 8 / 10, "evenly spread");
    }
}
