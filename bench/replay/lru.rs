//! Least recently used.

use super::{Peer, queue::Queue};

pub(crate) struct Lru<'a> {
    sizes: &'a [u64],
    capacity: u64,
    queue: Queue,
}

impl<'a> Lru<'a> {
    pub(crate) fn new(capacity: u64, sizes: &'a [u64]) -> Self {
        Lru {
            sizes,
            capacity,
            queue: Queue::new(sizes.len()),
        }
    }
}

impl Peer for Lru<'_> {
    fn ask(&mut self, object: u32) -> bool {
        let size = self.sizes[object as usize];
        let hit = self.queue.has(object);
        if hit {
            self.queue.remove(object, size);
        } else if size > self.capacity {
            return false;
        }
        while self.queue.bytes + size > self.capacity
            && let Some(last) = self.queue.back()
        {
            self.queue.remove(last, self.sizes[last as usize]);
        }
        self.queue.push(object, size);
        hit
    }
}
