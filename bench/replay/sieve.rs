//! SIEVE (Zhang et al., NSDI 2024), by bytes.

use super::{Peer, queue::Queue};

pub(crate) struct Sieve<'a> {
    sizes: &'a [u64],
    capacity: u64,
    queue: Queue,
    visited: Vec<bool>,
    hand: Option<u32>,
}

impl<'a> Sieve<'a> {
    pub(crate) fn new(capacity: u64, sizes: &'a [u64]) -> Self {
        Sieve {
            sizes,
            capacity,
            queue: Queue::new(sizes.len()),
            visited: vec![false; sizes.len()],
            hand: None,
        }
    }

    fn evict(&mut self) -> bool {
        let Some(mut at) = self.hand.or_else(|| self.queue.back()) else {
            return false;
        };
        while std::mem::take(&mut self.visited[at as usize]) {
            let next = self.queue.newer(at).or_else(|| self.queue.back());
            at = next.unwrap_or(at);
        }
        self.hand = self.queue.newer(at);
        self.queue.remove(at, self.sizes[at as usize]);
        true
    }
}

impl Peer for Sieve<'_> {
    fn ask(&mut self, object: u32) -> bool {
        let size = self.sizes[object as usize];
        if self.queue.has(object) {
            self.visited[object as usize] = true;
            return true;
        }
        if size > self.capacity {
            return false;
        }
        while self.queue.bytes + size > self.capacity && self.evict() {}
        self.queue.push(object, size);
        false
    }
}
