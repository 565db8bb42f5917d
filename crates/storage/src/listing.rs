//! Listing what is stored, a page at a time.
//!
//! Keys are listed in the order of their [`Place`], which their hash alone decides. It is the same
//! in memory and on disk, and does not change while other keys come and go. So whoever turns the
//! pages finds each key that stays once, and two tiers are listed as one by merging.

mod only;
mod place;
mod walk;

pub use only::Only;
pub use place::Cursor;
pub(crate) use place::Place;
pub(crate) use walk::{Nearest, Walk};

use std::time::SystemTime;

use perigee_http_cache::CacheKey;

use crate::Variants;

/// Keys on one page at most, whatever is asked for.
pub const MOST_ON_A_PAGE: usize = 1000;

/// Keys that are looked at for one page, so that a filter which few meet is no reason to look at
/// all that is stored at once.
pub(crate) const MOST_LOOKED_AT: usize = 2000;

/// Bytes of heads on one page, but for the last of them: heads may be large.
const MOST_BYTES: usize = 1 << 20;

/// What of a listing is wanted.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where the last page ended; `None`: from the beginning.
    pub after: Option<Cursor>,
    /// Keys wanted: from one to [`MOST_ON_A_PAGE`].
    pub most: usize,
    /// Which keys.
    pub only: Only,
    /// What time it is.
    pub now: SystemTime,
}

/// Some of what is stored.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The keys. There may be few or none though more come on the next page.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None`: this is the last one.
    pub next: Option<Cursor>,
}

/// A key, and what is stored under it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: CacheKey,
    /// Its stored responses, newest first, never none.
    pub variants: Variants,
    /// Where they are.
    pub tiers: Tiers,
    /// How often the key was looked up since it came into memory; `None` if it is not there.
    pub hits: Option<u64>,
}

/// A place that responses are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// `memory`
    Memory,
    /// `disk`
    Disk,
}

impl Tier {
    /// The tier's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::Memory => "memory",
            Tier::Disk => "disk",
        }
    }
}

/// The tiers that a key is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tiers {
    /// It is in memory.
    pub memory: bool,
    /// It is on disk, or about to be written.
    pub disk: bool,
}

impl Tiers {
    /// Memory alone.
    pub const MEMORY: Tiers = Tiers {
        memory: true,
        disk: false,
    };

    /// Whether this is one of them.
    pub fn has(self, tier: Tier) -> bool {
        match tier {
            Tier::Memory => self.memory,
            Tier::Disk => self.disk,
        }
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Tier> {
        let all = [Tier::Memory, Tier::Disk];
        all.into_iter().filter(move |tier| self.has(*tier))
    }
}

impl Ask {
    /// Puts those of the next keys on a page that are wanted.
    pub(crate) fn page(&self, walk: Walk<Entry>) -> Page {
        self.page_of(walk, Some)
    }

    /// The same of keys that are yet to be read; no more of them are than the page takes. What is
    /// gone by then stands on no page.
    pub(crate) fn page_of<T>(
        &self,
        walk: Walk<T>,
        mut read: impl FnMut(T) -> Option<Entry>,
    ) -> Page {
        let most = self.most.clamp(1, MOST_ON_A_PAGE);
        let mut page = Page::default();
        let (mut last, mut bytes) = (self.after, 0);
        let mut found = walk.found.into_iter().peekable();
        while let Some((place, key)) = found.next() {
            last = Some(Cursor::behind(place));
            let wanted = read(key).filter(|entry| self.only.meets(entry, self.now));
            if let Some(entry) = wanted {
                bytes += weight(&entry);
                page.entries.push(entry);
            }
            let is_full = page.entries.len() >= most || bytes >= MOST_BYTES;
            // A cursor cannot stand between keys of one place.
            if is_full && found.peek().is_some_and(|(next, _)| *next > place) {
                page.next = last;
                return page;
            }
        }
        page.next = last.filter(|_| !walk.is_end);
        page
    }
}

/// Bytes that an entry makes of a page, about.
fn weight(entry: &Entry) -> usize {
    let heads = entry.variants.iter().map(|stored| stored.head.weight());
    entry.key.as_str().len() + heads.sum::<usize>()
}

#[cfg(test)]
mod tests;
