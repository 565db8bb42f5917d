//! A list of objects that each can leave from the middle, weighed in bytes.

const NONE: u32 = u32::MAX;

/// Objects by number, the newest at the front.
pub(crate) struct Queue {
    /// Of each object that there is: towards the front, towards the back, whether it is in here.
    links: Vec<(u32, u32, bool)>,
    front: u32,
    back: u32,
    pub(crate) bytes: u64,
    pub(crate) len: usize,
}

impl Queue {
    pub(crate) fn new(objects: usize) -> Self {
        Queue {
            links: vec![(NONE, NONE, false); objects],
            front: NONE,
            back: NONE,
            bytes: 0,
            len: 0,
        }
    }

    pub(crate) fn has(&self, object: u32) -> bool {
        self.links[object as usize].2
    }

    pub(crate) fn push(&mut self, object: u32, size: u64) {
        self.links[object as usize] = (NONE, self.front, true);
        match self.front {
            NONE => self.back = object,
            front => self.links[front as usize].0 = object,
        }
        self.front = object;
        self.bytes += size;
        self.len += 1;
    }

    pub(crate) fn remove(&mut self, object: u32, size: u64) {
        let (newer, older, _) =
            std::mem::replace(&mut self.links[object as usize], (NONE, NONE, false));
        match newer {
            NONE => self.front = older,
            newer => self.links[newer as usize].1 = older,
        }
        match older {
            NONE => self.back = newer,
            older => self.links[older as usize].0 = newer,
        }
        self.bytes -= size;
        self.len -= 1;
    }

    pub(crate) fn back(&self) -> Option<u32> {
        (self.back != NONE).then_some(self.back)
    }

    /// The next newer one.
    pub(crate) fn newer(&self, object: u32) -> Option<u32> {
        let newer = self.links[object as usize].0;
        (newer != NONE).then_some(newer)
    }
}
