//! S3-FIFO (Yang et al., SOSP 2023), by bytes: a tenth is the small queue, and as many bytes as the
//! main queue has are remembered of what has left the small one.

use super::{Peer, queue::Queue};

pub(crate) struct S3Fifo<'a> {
    sizes: &'a [u64],
    capacity: u64,
    small: Queue,
    main: Queue,
    ghost: Queue,
    /// Hits since it came or was looked at, up to 3.
    hits: Vec<u8>,
}

impl<'a> S3Fifo<'a> {
    pub(crate) fn new(capacity: u64, sizes: &'a [u64]) -> Self {
        let queue = || Queue::new(sizes.len());
        S3Fifo {
            sizes,
            capacity,
            small: queue(),
            main: queue(),
            ghost: queue(),
            hits: vec![0; sizes.len()],
        }
    }

    fn evict(&mut self) {
        if self.small.bytes >= self.capacity / 10 || self.main.len == 0 {
            self.evict_small();
        } else {
            self.evict_main();
        }
    }

    fn evict_small(&mut self) {
        while let Some(last) = self.small.back() {
            let size = self.sizes[last as usize];
            self.small.remove(last, size);
            if self.hits[last as usize] > 1 {
                self.hits[last as usize] = 0;
                self.main.push(last, size);
                if self.main.bytes > self.capacity / 10 * 9 {
                    self.evict_main();
                    return;
                }
            } else {
                self.remember(last, size);
                return;
            }
        }
    }

    fn evict_main(&mut self) {
        while let Some(last) = self.main.back() {
            let size = self.sizes[last as usize];
            self.main.remove(last, size);
            match self.hits[last as usize].checked_sub(1) {
                Some(fewer) => {
                    self.hits[last as usize] = fewer;
                    self.main.push(last, size);
                }
                None => return,
            }
        }
    }

    fn remember(&mut self, object: u32, size: u64) {
        self.ghost.push(object, size);
        while self.ghost.bytes > self.capacity / 10 * 9
            && let Some(last) = self.ghost.back()
        {
            self.ghost.remove(last, self.sizes[last as usize]);
        }
    }
}

impl Peer for S3Fifo<'_> {
    fn ask(&mut self, object: u32) -> bool {
        let size = self.sizes[object as usize];
        if self.small.has(object) || self.main.has(object) {
            let hits = &mut self.hits[object as usize];
            *hits = (*hits + 1).min(3);
            return true;
        }
        if size > self.capacity {
            return false;
        }
        while self.small.bytes + self.main.bytes + size > self.capacity {
            self.evict();
        }
        self.hits[object as usize] = 0;
        if self.ghost.has(object) {
            self.ghost.remove(object, size);
            self.main.push(object, size);
        } else {
            self.small.push(object, size);
        }
        false
    }
}
