//! Who belongs to the CDN, of what etcd tells. Pure: time is passed in.
//!
//! A node that is not registered any more is not forgotten at once. When its lease ends, it has half
//! a lease to come back; where etcd was away and is read anew, a whole one. While less than half of
//! the nodes that are known are registered, it is more likely that etcd has lost them than that they
//! are gone, so they are kept for as long as [`Patience::keep_missing`]: probes say which of them answer.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use perigee_health::{PanicShare, is_believed};

use super::Registration;
use crate::NodeName;

/// The share of the known nodes that must be registered for the absence of the others to be believed.
const BELIEVED: PanicShare = PanicShare(0.5);

/// How long nodes are kept that are not registered any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// The lease that nodes register under.
    pub(super) lease: Duration,
    /// While most of them are missing.
    pub(super) keep_missing: Duration,
}

/// The nodes that are known.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    patience: Patience,
    /// This node; it never misses itself.
    own: Option<NodeName>,
    known: BTreeMap<NodeName, Known>,
}

#[derive(Clone, Debug)]
struct Known {
    registration: Registration,
    missing: Option<Missing>,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    since: Instant,
    /// When to forget it, if its absence is believed.
    until: Instant,
}

impl Roster {
    /// Knows these, as if they were registered, until etcd is read.
    pub(super) fn new(patience: Patience, own: Option<NodeName>, seed: Vec<Registration>) -> Self {
        let mut roster = Roster {
            patience,
            own,
            known: BTreeMap::new(),
        };
        for registration in seed {
            roster.put(registration);
        }
        roster
    }

    /// A node is registered, or says something new.
    pub(super) fn put(&mut self, registration: Registration) {
        let name = registration.member.node.name.clone();
        let known = Known {
            registration,
            missing: None,
        };
        self.known.insert(name, known);
    }

    /// A node's record is gone: at once if it said that it leaves.
    pub(super) fn gone(&mut self, name: &NodeName, now: Instant) {
        let half = self.patience.lease / 2;
        self.miss(name, now, half);
    }

    /// These are all that are registered now.
    pub(super) fn list(&mut self, registered: Vec<Registration>, now: Instant) {
        let lease = self.patience.lease;
        let names: Vec<_> = self.known.keys().cloned().collect();
        for name in names {
            let is_there = |r: &Registration| r.member.node.name == name;
            if !registered.iter().any(is_there) {
                self.miss(&name, now, lease);
            }
        }
        for registration in registered {
            self.put(registration);
        }
    }

    fn miss(&mut self, name: &NodeName, now: Instant, patience: Duration) {
        if self.own.as_ref() == Some(name) {
            return;
        }
        let Some(known) = self.known.get_mut(name) else {
            return;
        };
        let patience = match known.registration.news.draining {
            true => Duration::ZERO,
            false => patience,
        };
        known.missing.get_or_insert(Missing {
            since: now,
            until: now + patience,
        });
    }

    /// Forgets who has been missing for long enough.
    pub(super) fn settle(&mut self, now: Instant) {
        let believed = self.is_believed();
        let keep = self.patience.keep_missing;
        self.known.retain(|_, known| match known.missing {
            None => true,
            Some(missing) if believed => now < missing.until,
            Some(missing) => now < missing.since + keep,
        });
    }

    /// When somebody is forgotten next, if nothing else happens.
    pub(super) fn due(&self) -> Option<Instant> {
        let believed = self.is_believed();
        let missing = self.known.values().filter_map(|known| known.missing);
        let due = |missing: Missing| match believed {
            true => missing.until,
            false => missing.since + self.patience.keep_missing,
        };
        missing.map(due).min()
    }

    fn is_believed(&self) -> bool {
        let registered = self.known.values().filter(|k| k.missing.is_none()).count();
        // Who has said goodbye is not missed.
        let total = self.known.values().filter(|k| !k.has_left()).count();
        is_believed(registered, total, BELIEVED)
    }

    /// Who belongs to the CDN, by name.
    pub(super) fn nodes(&self) -> Vec<Registration> {
        let known = self.known.values();
        known.map(|known| known.registration.clone()).collect()
    }

    /// Who is kept though it is not registered.
    pub(super) fn missing(&self) -> Vec<NodeName> {
        let missing = self.known.iter().filter(|(_, k)| k.missing.is_some());
        missing.map(|(name, _)| name.clone()).collect()
    }
}

impl Known {
    fn has_left(&self) -> bool {
        self.missing.is_some() && self.registration.news.draining
    }
}

#[cfg(test)]
mod tests {
    use super::{super::record::tests::registration, *};

    const LEASE: Duration = Duration::from_secs(10);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn roster(names: &[&str]) -> Roster {
        let patience = Patience {
            lease: LEASE,
            keep_missing: HOUR,
        };
        Roster::new(patience, None, all(names))
    }

    fn all(names: &[&str]) -> Vec<Registration> {
        names.iter().map(|name| registration(name, 8080)).collect()
    }

    fn names(roster: &Roster) -> Vec<String> {
        let nodes = roster.nodes().into_iter();
        nodes.map(|r| r.member.node.name.to_string()).collect()
    }

    #[test]
    fn who_does_not_come_back_is_forgotten() {
        let (mut roster, now) = (roster(&["a", "b", "c"]), Instant::now());
        roster.gone(&"b".into(), now);
        roster.settle(now);
        assert_eq!(names(&roster), ["a", "b", "c"]);
        assert_eq!(roster.missing(), ["b".into()]);
        let due = roster.due().expect("somebody is missing");
        assert_eq!(due, now + LEASE / 2);
        roster.settle(due);
        assert_eq!(names(&roster), ["a", "c"]);
        assert_eq!(roster.due(), None);
    }

    #[test]
    fn who_comes_back_was_never_away() {
        let (mut roster, now) = (roster(&["a", "b"]), Instant::now());
        roster.gone(&"b".into(), now);
        roster.put(registration("b", 8080));
        roster.settle(now + HOUR);
        assert_eq!(names(&roster), ["a", "b"]);
    }

    #[test]
    fn who_says_goodbye_is_forgotten_at_once() {
        let (mut roster, now) = (roster(&["a", "b", "c"]), Instant::now());
        for name in ["a", "b", "c"] {
            let mut leaving = registration(name, 8080);
            leaving.news.draining = true;
            roster.put(leaving);
            roster.gone(&name.into(), now);
            roster.settle(now);
        }
        assert_eq!(names(&roster), [""; 0]);
    }

    #[test]
    fn when_most_are_missing_they_are_kept_and_one_by_one_makes_no_difference() {
        let (mut roster, now) = (roster(&["a", "b", "c", "d", "e"]), Instant::now());
        for (n, name) in (0..).zip(["a", "b", "c", "d"]) {
            roster.gone(&name.into(), now + n * LEASE / 10);
            roster.settle(now + n * LEASE / 10);
        }
        assert_eq!(names(&roster).len(), 5);
        roster.settle(now + HOUR / 2);
        assert_eq!(names(&roster).len(), 5);
        // Two come back, so that the other two are believed to be gone.
        roster.put(registration("a", 8080));
        roster.put(registration("b", 8080));
        roster.settle(now + HOUR / 2);
        assert_eq!(names(&roster), ["a", "b", "e"]);
    }

    #[test]
    fn most_are_not_kept_for_ever() {
        let (mut roster, now) = (roster(&["a", "b", "c"]), Instant::now());
        roster.list(all(&["a"]), now);
        assert_eq!(roster.due(), Some(now + HOUR));
        roster.settle(now + HOUR);
        assert_eq!(names(&roster), ["a"]);
    }

    #[test]
    fn an_etcd_that_has_lost_all_empties_nothing() {
        let (mut roster, now) = (roster(&["a", "b", "c"]), Instant::now());
        roster.list(Vec::new(), now);
        roster.settle(now + LEASE * 2);
        assert_eq!(names(&roster), ["a", "b", "c"]);
    }

    #[test]
    fn after_etcd_was_away_they_have_a_lease_to_register_again() {
        let (mut roster, now) = (roster(&["a", "b", "c"]), Instant::now());
        roster.list(all(&["a", "b"]), now);
        roster.settle(now + LEASE / 2);
        assert_eq!(names(&roster), ["a", "b", "c"]);
        roster.list(all(&["a", "b"]), now + LEASE / 2);
        roster.settle(now + LEASE);
        assert_eq!(names(&roster), ["a", "b"]);
    }

    #[test]
    fn a_node_never_misses_itself() {
        let mut roster = roster(&["a", "b", "c"]);
        roster.own = Some("a".into());
        let now = Instant::now();
        roster.gone(&"a".into(), now);
        roster.list(all(&["b", "c"]), now);
        roster.settle(now + HOUR * 2);
        assert_eq!(names(&roster), ["a", "b", "c"]);
    }
}
