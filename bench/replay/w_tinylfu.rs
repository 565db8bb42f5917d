//! W-TinyLFU (Einziger, Friedman, Manes 2017) with the size-aware admission of its authors
//! (Einziger, Eytan, Friedman, Manes 2022: aggregated victims): a newcomer must have been asked for
//! more often than all those together that must make room for it.

use super::{Peer, queue::Queue};

pub(crate) struct WTinyLfu<'a> {
    sizes: &'a [u64],
    /// Of the window, of the main space, and of its protected part.
    limits: [u64; 3],
    window: Queue,
    probation: Queue,
    protected: Queue,
    sketch: Sketch,
}

impl<'a> WTinyLfu<'a> {
    pub(crate) fn new(capacity: u64, sizes: &'a [u64]) -> Self {
        let queue = || Queue::new(sizes.len());
        let main = capacity - capacity / 100;
        let mean = sizes.iter().sum::<u64>() / sizes.len() as u64;
        WTinyLfu {
            sizes,
            limits: [capacity / 100, main, main / 5 * 4],
            window: queue(),
            probation: queue(),
            protected: queue(),
            sketch: Sketch::new((capacity / mean.max(1)) as usize),
        }
    }

    fn size(&self, object: u32) -> u64 {
        self.sizes[object as usize]
    }

    fn touch(&mut self, object: u32) {
        let size = self.size(object);
        if self.window.has(object) {
            self.window.remove(object, size);
            self.window.push(object, size);
            return;
        }
        if self.protected.has(object) {
            self.protected.remove(object, size);
        } else {
            self.probation.remove(object, size);
        }
        self.protected.push(object, size);
        while self.protected.bytes > self.limits[2]
            && let Some(last) = self.protected.back()
        {
            let size = self.size(last);
            self.protected.remove(last, size);
            self.probation.push(last, size);
        }
    }

    /// Lets what has left the window into the main space, if it is worth more than its victims.
    /// Else it stays out, and they have another turn.
    fn admit(&mut self, object: u32) {
        let size = self.size(object);
        if size > self.limits[1] {
            return;
        }
        let own = self.sketch.estimate(object);
        let (mut victims, mut worth) = (Vec::new(), 0);
        let mut room = self.limits[1] - self.probation.bytes - self.protected.bytes;
        while room < size && worth < own {
            let Some((victim, queue)) = self.take_victim() else {
                break;
            };
            worth += self.sketch.estimate(victim);
            room += self.size(victim);
            victims.push((victim, queue));
        }
        if room >= size && (victims.is_empty() || worth < own) {
            self.probation.push(object, size);
            return;
        }
        for (victim, is_protected) in victims {
            let size = self.size(victim);
            match is_protected {
                true => self.protected.push(victim, size),
                false => self.probation.push(victim, size),
            }
        }
    }

    /// The next one that would go, and whether it was protected.
    fn take_victim(&mut self) -> Option<(u32, bool)> {
        let (queue, is_protected) = match self.probation.len {
            0 => (&mut self.protected, true),
            _ => (&mut self.probation, false),
        };
        let victim = queue.back()?;
        queue.remove(victim, self.sizes[victim as usize]);
        Some((victim, is_protected))
    }
}

impl Peer for WTinyLfu<'_> {
    fn ask(&mut self, object: u32) -> bool {
        self.sketch.count(object);
        if [&self.window, &self.probation, &self.protected]
            .iter()
            .any(|queue| queue.has(object))
        {
            self.touch(object);
            return true;
        }
        let size = self.size(object);
        self.window.push(object, size);
        while self.window.bytes > self.limits[0]
            && let Some(last) = self.window.back()
        {
            let size = self.size(last);
            self.window.remove(last, size);
            self.admit(last);
        }
        false
    }
}

/// How often objects were asked for lately: a count-min sketch, halved from time to time.
struct Sketch {
    counters: Vec<u8>,
    counted: usize,
    period: usize,
}

impl Sketch {
    fn new(entries: usize) -> Self {
        let entries = entries.max(64).next_power_of_two();
        Sketch {
            counters: vec![0; 16 * entries],
            counted: 0,
            period: 10 * entries,
        }
    }

    fn places(&self, object: u32) -> [usize; 4] {
        let mask = self.counters.len() / 4 - 1;
        std::array::from_fn(|row| {
            let mut rng = super::rng::Rng::new(u64::from(object) << 2 | row as u64);
            (rng.next() as usize & mask) * 4 + row
        })
    }

    fn estimate(&self, object: u32) -> u64 {
        let counters = self.places(object).map(|place| self.counters[place]);
        u64::from(counters.into_iter().min().unwrap_or(0))
    }

    fn count(&mut self, object: u32) {
        let least = self.estimate(object) as u8;
        if least < 15 {
            for place in self.places(object) {
                if self.counters[place] == least {
                    self.counters[place] += 1;
                }
            }
        }
        self.counted += 1;
        if self.counted >= self.period {
            self.counted /= 2;
            for counter in &mut self.counters {
                *counter /= 2;
            }
        }
    }
}
