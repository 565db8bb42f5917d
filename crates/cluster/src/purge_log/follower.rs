//! Follows the logs of others: what to carry out, and whether what is stored may be trusted. Pure:
//! no IO, no clock.
//!
//! **In touch.** A keeper is caught up with when a page of its log ends where the log does, as of
//! the moment that it was asked for. The node is in touch while it has caught up, within
//! `out_of_touch`, with `needed` of the keepers that count. Then every purge that they carried out
//! longer ago than that has been carried out here. Out of touch, what was received longer ago than
//! `out_of_touch` must be validated before it is used; only the node's own clock counts for that, so
//! that it does not matter how the clocks of two nodes differ.
//!
//! **Holes.** A page that does not go on where the cursor was (a log that was cut, one with another
//! id after a restart without a disk, one that is read for the first time) leaves unknown what stood
//! in between. Enough others that have no hole and are asked after it was found have it, for whoever
//! purges tells all keepers and they follow each other: the new log is read from its beginning. If
//! none is left that could, all that was received before now must be validated: the *floor*, which
//! is kept over restarts as the cursors are. The node then needs nothing of what stood in the hole.
//! A start is the same, but that all that logs still have is read, for something may have been
//! received and purged since; and the floor is the start, unless one of them has dropped entries.
//! Until the first keepers are caught up with, nothing received before the start is trusted.
//!
//! **What is carried out.** An entry that is not in the node's own log, and nothing else that was
//! purged by it; it is logged then as having come late (`again_by`), for whoever has fetched from
//! here meanwhile may have refilled with what was purged. Who does fetch from the keeper of such an
//! entry carries it out again. An edge that does so for a shield logs it late in turn, for its
//! peers that keep copies of what it owns; one that does so for a peer does not: copies go no
//! further. So each entry is logged by each node a bounded number of times, and the thing ends.
//!
//! The races, one by one:
//!
//! - *An edge refills from a shield that does not know of the purge yet.* The shield learns of it by
//!   following, logs it late, and the edge carries it out again: what it refilled with was asked for
//!   before that. A shield that is out of touch validates what it held before it answers.
//! - *A node learns of a purge by a log before another one that it fetches from is told.* Where the log is
//!   one of nodes, those are told at the same time, and whoever acknowledged has carried it out after all
//!   of them. Where it is in etcd, a purge that somebody was not told is written there once more when all
//!   others have it, as having come late.
//! - *A purge during a fill.* The fill carries the revision from before it was sent, and loses
//!   against every purge after that, also one that is carried out again (`perigee_storage::Purges`).
//! - *A node dies in between.* What it had carried out is in its journal, and in its log if it has a
//!   disk; its cursors are written after what they stand for. What it had not, it reads from others
//!   before anything from before its start is trusted again.
//! - *A shield starts anew with an empty memory.* Its log has another id: a hole, see above. A purge
//!   that it alone had carried out is lost with it, and so is who refilled from it; whoever purged
//!   was told that all others had not acknowledged.
//! - *Two purge at once.* Purges only take away; in whichever order a node carries them out, what was
//!   asked for before each is gone after it. Ids differ, and so nothing is taken for the other.
//! - *A log overflows.* The page does not begin where the cursor was: a hole.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime},
};

use super::{Cursor, Page, PurgeEntry, PurgeLog};
use crate::NodeName;

/// One moment by both clocks: the one that may be set, and the one that may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time of day.
    pub wall: SystemTime,
    /// A clock that only goes forward, though it may stand still while the machine sleeps.
    pub steady: Instant,
}

impl Moment {
    /// This one.
    pub fn now() -> Self {
        Moment {
            wall: SystemTime::now(),
            steady: Instant::now(),
        }
    }

    /// Whether it is at most so long ago, by both clocks.
    fn is_within(self, window: Duration, now: Moment) -> bool {
        let steady = now.steady.saturating_duration_since(self.steady) <= window;
        // A wall clock that was set back says nothing.
        let wall = now.wall.duration_since(self.wall);
        steady && wall.is_ok_and(|ago| ago <= window)
    }
}

/// Somebody whose log is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Who.
    pub name: NodeName,
    /// Whether to be in touch with it counts.
    pub counts: bool,
    /// Whether this node stores what it fetches from there.
    pub refills: Refills,
}

/// Whether a node stores what it fetches from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refills {
    /// Never.
    No,
    /// Copies of what that node owns, which go no further.
    Copies,
    /// What others may fetch from here.
    Content,
}

/// What to do about an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carry {
    /// It is to be carried out.
    pub entry: PurgeEntry,
    /// And written down as having come late.
    pub log: bool,
}

/// What a page comes to: carry out, then [`Follower::done`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What to carry out, in order.
    pub carry: Vec<Carry>,
    keeper: NodeName,
    asked: Option<Cursor>,
    sent: Moment,
    cursor: Cursor,
    head: u64,
    hole: Option<Hole>,
}

/// How far what is stored may be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// In touch until then; later, what was received longer than `out_of_touch` ago is to be
    /// validated. `None`: it is out of touch.
    pub until: Option<SystemTime>,
    /// What was received before that is to be validated, in touch or not.
    pub floor: Option<SystemTime>,
}

/// See the module's head.
#[derive(Debug)]
pub struct Follower {
    keepers: BTreeMap<NodeName, Kept>,
    needed: usize,
    out_of_touch: Duration,
    started: Moment,
    /// Since the start it was in touch once.
    synced: bool,
    floor: Option<SystemTime>,
}

/// What is known of one keeper.
#[derive(Debug)]
struct Kept {
    who: Followed,
    cursor: Option<Cursor>,
    /// Asked for then, its log ended at the cursor.
    caught_up: Option<Moment>,
    /// The last time that it was heard, or found not to answer.
    tried: Option<Moment>,
    hole: Option<Hole>,
}

/// Something of a log that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole {
    /// When it was found.
    found: Moment,
    /// Where what is still kept of the log begins, if that was not read.
    skipped: Option<u64>,
    /// Whether the log has dropped entries: some of them may have come since the start.
    has_lost: bool,
}

impl Follower {
    /// A follower that starts now with these cursors and this floor of its last life. Nobody to
    /// follow: it is always in touch.
    pub fn new(
        out_of_touch: Duration,
        started: Moment,
        floor: Option<SystemTime>,
        cursors: impl IntoIterator<Item = (NodeName, Cursor)>,
    ) -> Self {
        let kept = |(name, cursor): (NodeName, Cursor)| {
            let who = Followed {
                name: name.clone(),
                counts: false,
                refills: Refills::No,
            };
            (name, Kept::new(who, Some(cursor)))
        };
        Follower {
            keepers: cursors.into_iter().map(kept).collect(),
            needed: 1,
            out_of_touch,
            started,
            synced: false,
            floor,
        }
    }

    /// Whom to follow from now on, and with how many of those that count it must be in touch. What
    /// is known of those who stay is kept.
    pub fn follow(&mut self, all: Vec<Followed>, needed: usize) {
        let mut before = std::mem::take(&mut self.keepers);
        for who in all {
            let kept = match before.remove(&who.name) {
                Some(kept) => Kept { who, ..kept },
                None => Kept::new(who, None),
            };
            self.keepers.insert(kept.who.name.clone(), kept);
        }
        let counting = self.counting().count();
        self.needed = needed.clamp(1, counting.max(1));
    }

    /// The cursor in a keeper's log.
    pub fn cursor(&self, keeper: &NodeName) -> Option<&Cursor> {
        self.keepers.get(keeper)?.cursor.as_ref()
    }

    /// All cursors, for the next life.
    pub fn cursors(&self) -> impl Iterator<Item = (&NodeName, &Cursor)> {
        let kept = self.keepers.iter();
        // What stood in the hole is unknown as long as it is not closed.
        let sound = kept.filter(|(_, kept)| kept.hole.is_none());
        sound.filter_map(|(name, kept)| Some((name, kept.cursor.as_ref()?)))
    }

    /// The floor, for the next life.
    pub fn floor(&self) -> Option<SystemTime> {
        self.floor
    }

    /// What a page comes to that was asked for at that moment with that cursor. `None`: the keeper is
    /// not followed any more, or the cursor has been moved meanwhile.
    pub fn read(
        &self,
        keeper: &NodeName,
        (asked, sent): (Option<Cursor>, Moment),
        (page, now): (Page, Moment),
        own: &PurgeLog,
    ) -> Option<Step> {
        let kept = self.keepers.get(keeper)?;
        if kept.cursor != asked {
            return None;
        }
        let head = page.head;
        let is_whole = page.whole || !kept.who.counts;
        let skips = !is_whole && self.synced && !self.is_in_touch_without(keeper, now);
        let hole = (!is_whole).then_some(Hole {
            found: now,
            skipped: skips.then_some(page.from),
            has_lost: page.from > 0,
        });
        let (cursor, entries) = match skips {
            // The floor will be above all of it, or another one has it.
            true => {
                let cursor = Cursor {
                    log: page.log,
                    position: head,
                };
                (cursor, Vec::new())
            }
            false => (page.end(), page.entries),
        };
        let carry = |entry: PurgeEntry| {
            let is_new = !own.has(&entry.id);
            let refills = match entry.again_by {
                Some(_) => kept.who.refills,
                None => Refills::No,
            };
            let again = refills != Refills::No;
            let log = is_new || refills == Refills::Content;
            (is_new || again).then_some(Carry { entry, log })
        };
        Some(Step {
            carry: entries.into_iter().filter_map(carry).collect(),
            keeper: keeper.clone(),
            asked,
            sent,
            cursor,
            head,
            hole: hole.or(kept.hole.filter(|_| is_whole)),
        })
    }

    /// A step's entries are carried out, and written down.
    pub fn done(&mut self, step: Step, now: Moment) {
        let kept = self.keepers.get_mut(&step.keeper);
        if let Some(kept) = kept.filter(|kept| kept.cursor == step.asked) {
            let is_at_end = step.cursor.position >= step.head;
            kept.caught_up = is_at_end.then_some(step.sent);
            kept.cursor = Some(step.cursor);
            kept.hole = step.hole;
            kept.tried = Some(now);
        }
        self.settle(now);
    }

    /// A keeper did not answer.
    pub fn failed(&mut self, keeper: &NodeName, now: Moment) {
        if let Some(kept) = self.keepers.get_mut(keeper) {
            kept.tried = Some(now);
        }
        self.settle(now);
    }

    /// How far what is stored may be trusted now.
    pub fn touch(&self, now: Moment) -> Touch {
        let needs_none = self.counting().next().is_none();
        let until = match needs_none {
            true => Some(now.wall + FOREVER),
            false => self.since(now, |kept| kept.hole.is_none()),
        };
        match until.filter(|_| self.synced || needs_none) {
            Some(until) => Touch {
                until: Some(until),
                floor: self.floor,
            },
            None => Touch {
                until: None,
                floor: match self.synced {
                    true => self.floor,
                    false => self.floor.max(Some(self.started.wall)),
                },
            },
        }
    }

    /// Closes holes, by others or by the floor.
    fn settle(&mut self, now: Moment) {
        let found = self.holes().map(|hole| hole.found.steady).max();
        let is_later = |kept: &Kept| kept.caught_up.map(|asked| asked.steady) > found;
        let closes = |kept: &Kept| kept.hole.is_none() && is_later(kept);
        if self.since(now, |kept| kept.hole.is_none()).is_some() {
            self.synced = true;
            if self.since(now, closes).is_none() {
                return;
            }
            for kept in self.keepers.values_mut() {
                let Some(hole) = kept.hole.take() else {
                    continue;
                };
                // It is read after all.
                if let (Some(cursor), Some(begins)) = (&mut kept.cursor, hole.skipped) {
                    cursor.position = begins;
                    kept.caught_up = None;
                }
            }
        } else if self.since(now, |_| true).is_some() && self.all_tried() {
            let was_synced = std::mem::replace(&mut self.synced, true);
            let has_lost = self.holes().any(|hole| hole.has_lost);
            let floor = match was_synced || has_lost {
                true => now.wall,
                false => self.started.wall,
            };
            self.floor = self.floor.max(Some(floor));
            for kept in self.keepers.values_mut() {
                kept.hole = None;
            }
        }
    }

    /// Whether everybody was heard, or found not to answer, since the last hole was found, or has a hole,
    /// too, and can close none: nobody is left who could.
    fn all_tried(&self) -> bool {
        let found = self.holes().map(|hole| hole.found.steady).max();
        let is_tried = |kept: &Kept| {
            let tried = kept.tried.map(|tried| tried.steady) >= found;
            tried || kept.hole.is_some()
        };
        self.counting().all(is_tried)
    }

    /// Those of the logs that count.
    fn holes(&self) -> impl Iterator<Item = Hole> {
        self.counting().filter_map(|kept| kept.hole)
    }

    /// Until when it is in touch with enough of these, if it is.
    fn since(&self, now: Moment, of: impl Fn(&Kept) -> bool) -> Option<SystemTime> {
        let mut times: Vec<Moment> = self
            .counting()
            .filter(|kept| of(kept))
            .filter_map(|kept| kept.caught_up)
            .filter(|time| time.is_within(self.out_of_touch, now))
            .collect();
        times.sort_unstable_by_key(|time| std::cmp::Reverse(time.wall));
        let oldest = times.get(self.needed.saturating_sub(1))?;
        Some(oldest.wall + self.out_of_touch)
    }

    fn is_in_touch_without(&self, keeper: &NodeName, now: Moment) -> bool {
        let is_sound = |kept: &Kept| kept.hole.is_none() && kept.who.name != *keeper;
        self.since(now, is_sound).is_some()
    }

    fn counting(&self) -> impl Iterator<Item = &Kept> {
        self.keepers.values().filter(|kept| kept.who.counts)
    }
}

/// So long that a node that follows nobody need not think of it again.
const FOREVER: Duration = Duration::from_secs(3_600 * 24 * 365 * 100);

impl Kept {
    fn new(who: Followed, cursor: Option<Cursor>) -> Self {
        Kept {
            who,
            cursor,
            caught_up: None,
            tried: None,
            hole: None,
        }
    }
}

#[cfg(test)]
mod tests;
