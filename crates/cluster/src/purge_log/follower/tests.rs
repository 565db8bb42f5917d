use std::collections::{HashMap, HashSet, hash_map::Entry};

use proptest::prelude::*;

use super::*;

const WINDOW: Duration = Duration::from_secs(10);

/// Moments by their seconds.
struct Clock(Moment);

impl Clock {
    fn new() -> Self {
        Clock(Moment::now())
    }

    fn at(&self, seconds: u64) -> Moment {
        let since = Duration::from_secs(seconds);
        Moment {
            wall: self.0.wall + since,
            steady: self.0.steady + since,
        }
    }
}

fn shield(name: &str) -> Followed {
    Followed {
        name: name.into(),
        counts: true,
        refills: Refills::Content,
    }
}

fn entry(id: &str) -> PurgeEntry {
    PurgeEntry {
        id: id.into(),
        at: 0,
        order: "{}".into(),
        again_by: None,
    }
}

/// A follower with its own log, and the logs of others.
struct World {
    clock: Clock,
    follower: Follower,
    own: PurgeLog,
    logs: HashMap<&'static str, PurgeLog>,
    carried: Vec<String>,
}

impl World {
    fn new(names: &[&'static str], cursors: &[(&str, &str, u64)]) -> Self {
        let clock = Clock::new();
        let cursors = cursors.iter().map(|(name, log, position)| {
            let cursor = Cursor {
                log: (*log).into(),
                position: *position,
            };
            (NodeName::from(*name), cursor)
        });
        let mut follower = Follower::new(WINDOW, clock.at(0), None, cursors);
        follower.follow(names.iter().map(|name| shield(name)).collect(), 1);
        let log = |name: &&'static str| (*name, PurgeLog::new(format!("log of {name}"), 100));
        World {
            clock,
            follower,
            own: PurgeLog::new("own".into(), 100),
            logs: names.iter().map(log).collect(),
            carried: Vec::new(),
        }
    }

    fn purge(&self, name: &'static str, id: &str) {
        self.logs[name].append(entry(id));
    }

    fn restart(&mut self, name: &'static str, id: &str) {
        self.logs.insert(name, PurgeLog::new(id.into(), 100));
    }

    /// Asks and carries out, once.
    fn read(&mut self, name: &'static str, seconds: u64) {
        let (node, at) = (NodeName::from(name), self.clock.at(seconds));
        let asked = self.follower.cursor(&node).cloned();
        let page = self.logs[name].page(asked.as_ref());
        let step = self
            .follower
            .read(&node, (asked, at), (page, at), &self.own);
        let step = step.unwrap();
        for carry in &step.carry {
            self.carried.push(carry.entry.id.clone());
            if carry.log {
                self.own.append(carry.entry.clone());
            }
        }
        self.follower.done(step, at);
    }

    fn fail(&mut self, name: &str, seconds: u64) {
        let at = self.clock.at(seconds);
        self.follower.failed(&name.into(), at);
    }

    fn touch(&self, seconds: u64) -> Touch {
        self.follower.touch(self.clock.at(seconds))
    }

    fn in_touch(&self, until: u64, floor: Option<u64>) -> Touch {
        Touch {
            until: Some(self.clock.at(until).wall),
            floor: floor.map(|floor| self.clock.at(floor).wall),
        }
    }

    fn out_of_touch(&self, floor: Option<u64>) -> Touch {
        Touch {
            until: None,
            floor: floor.map(|floor| self.clock.at(floor).wall),
        }
    }
}

#[test]
fn who_follows_nobody_is_always_in_touch() {
    let world = World::new(&[], &[]);
    let touch = world.touch(1_000_000);
    assert!(touch.until > Some(world.clock.at(2_000_000).wall));
    assert_eq!(touch.floor, None);
}

#[test]
fn nothing_from_before_the_start_is_trusted_until_all_is_read() {
    let mut world = World::new(&["a"], &[("a", "log of a", 1)]);
    for id in ["1", "2", "3"] {
        world.purge("a", id);
    }
    assert_eq!(world.touch(1), world.out_of_touch(Some(0)));
    world.read("a", 2);
    assert_eq!(world.carried, ["2", "3"]);
    assert_eq!(world.touch(2), world.in_touch(12, None));
}

#[test]
fn a_keeper_that_falls_silent_is_believed_for_a_while() {
    let mut world = World::new(&["a"], &[("a", "log of a", 0)]);
    world.read("a", 5);
    world.fail("a", 7);
    assert_eq!(world.touch(15), world.in_touch(15, None));
    assert_eq!(world.touch(16), world.out_of_touch(None));
    world.purge("a", "1");
    world.read("a", 3_600);
    assert_eq!(world.carried, ["1"]);
    assert_eq!(world.touch(3_600), world.in_touch(3_610, None));
}

#[test]
fn neither_clock_alone_keeps_it_in_touch() {
    let mut world = World::new(&["a"], &[("a", "log of a", 0)]);
    world.read("a", 5);
    let (early, late) = (world.clock.at(6), world.clock.at(60));
    for (wall, steady) in [
        (early.wall, late.steady),
        (late.wall, early.steady),
        (world.clock.at(4).wall, early.steady),
    ] {
        assert_eq!(world.follower.touch(Moment { wall, steady }).until, None);
    }
}

#[test]
fn a_start_without_cursors_sets_the_floor_once_all_were_asked() {
    let mut world = World::new(&["a", "b"], &[]);
    world.purge("a", "1");
    world.read("a", 1);
    // The other one may know more.
    assert_eq!(world.touch(1), world.out_of_touch(Some(0)));
    world.fail("b", 2);
    assert_eq!(world.touch(2), world.in_touch(11, Some(0)));
    assert_eq!(world.carried, ["1"], "it may have come since the start");
    world.purge("a", "2");
    world.read("a", 3);
    assert_eq!(world.carried, ["1", "2"]);
}

/// Neither log can close the hole of the other, so that nothing comes of asking either of them again.
#[test]
fn a_start_without_cursors_needs_to_ask_each_but_once() {
    let mut world = World::new(&["a", "b"], &[]);
    world.purge("b", "1");
    world.read("a", 1);
    assert_eq!(world.touch(1), world.out_of_touch(Some(0)));
    world.read("b", 2);
    assert_eq!(world.touch(2), world.in_touch(12, Some(0)));
    assert_eq!(world.carried, ["1"]);
}

/// What was dropped may have come after the start, and what was received before it since the start.
#[test]
fn a_start_without_cursors_trusts_nothing_from_before_it_read_logs_that_have_dropped_entries() {
    let mut world = World::new(&["a", "b"], &[]);
    for id in 0..101 {
        world.purge("a", &id.to_string());
    }
    world.read("a", 2);
    world.read("b", 3);
    assert_eq!(world.touch(3), world.in_touch(13, Some(3)));
    assert_eq!(world.carried.len(), 100);
}

#[test]
fn a_shield_that_starts_anew_is_a_hole_that_another_one_closes() {
    let cursors = [("a", "log of a", 0), ("b", "log of b", 0)];
    let mut world = World::new(&["a", "b"], &cursors);
    world.read("a", 1);
    world.read("b", 1);
    world.restart("a", "another");
    world.purge("a", "1");
    world.read("a", 2);
    assert_eq!(world.touch(2), world.in_touch(11, None));
    assert_eq!(
        world.carried,
        ["1"],
        "the new log is read from its beginning"
    );
    world.read("b", 3);
    world.read("a", 4);
    assert_eq!(world.touch(4), world.in_touch(14, None));
}

/// What was dropped may have come to both after the other one was asked.
#[test]
fn a_hole_is_closed_by_who_is_asked_after_it_was_found() {
    let cursors = [("a", "log of a", 0), ("b", "log of b", 0)];
    let mut world = World::new(&["a", "b"], &cursors);
    world.read("a", 1);
    world.read("b", 1);
    for name in ["a", "b"] {
        world.purge(name, "1");
    }
    world.restart("a", "another");
    world.read("a", 2);
    assert_eq!(world.touch(2), world.in_touch(11, None));
    world.read("a", 12);
    assert_eq!(world.touch(12), world.out_of_touch(None));
    world.read("b", 13);
    assert_eq!(world.carried, ["1"]);
    assert_eq!(world.touch(13), world.in_touch(23, None));
}

#[test]
fn a_hole_is_closed_by_who_comes_back_later() {
    let cursors = [("a", "log of a", 0), ("b", "log of b", 0)];
    let mut world = World::new(&["a", "b"], &cursors);
    world.read("a", 1);
    world.restart("a", "another");
    world.purge("a", "1");
    world.purge("b", "2");
    world.read("a", 101);
    assert_eq!(world.touch(101), world.out_of_touch(None));
    world.read("b", 102);
    assert_eq!(world.touch(102), world.in_touch(112, None));
    world.read("a", 103);
    assert_eq!(world.carried, ["2", "1"]);
}

#[test]
fn a_start_with_a_cursor_in_a_log_that_is_gone_trusts_nothing_from_before_it() {
    let cursors = [("a", "log of a", 0), ("b", "log of b", 0)];
    let mut world = World::new(&["a", "b"], &cursors);
    world.restart("a", "another");
    world.purge("a", "1");
    world.read("a", 1);
    assert_eq!(world.touch(1), world.out_of_touch(Some(0)));
    world.fail("b", 1);
    assert_eq!(world.touch(1), world.in_touch(11, Some(0)));
    assert_eq!(world.carried, ["1"]);
}

#[test]
fn a_page_that_was_asked_for_before_the_cursor_moved_is_of_no_use() {
    let cursors = [("a", "log of a", 0), ("b", "log of b", 0)];
    let mut world = World::new(&["a", "b"], &cursors);
    world.read("a", 1);
    world.restart("a", "another");
    world.purge("a", "1");
    world.read("a", 101);
    let (node, at) = (NodeName::from("a"), world.clock.at(1));
    let asked = world.follower.cursor(&node).cloned();
    let page = world.logs["a"].page(asked.as_ref());
    world.read("b", 102);
    let step = world
        .follower
        .read(&node, (asked, at), (page, at), &world.own);
    assert_eq!(step, None);
}

#[test]
fn a_log_that_overflowed_is_a_hole() {
    let mut world = World::new(&["a"], &[("a", "log of a", 0)]);
    world.read("a", 1);
    for id in 0..101 {
        world.purge("a", &id.to_string());
    }
    world.read("a", 2);
    assert_eq!(world.touch(2), world.in_touch(12, Some(2)));
}

#[test]
fn it_is_in_touch_with_as_many_as_it_needs() {
    let cursors = ["a", "b", "c"].map(|name| (name, name, 0));
    let mut world = World::new(&["a", "b", "c"], &cursors);
    for name in ["a", "b", "c"] {
        world.restart(name, name);
    }
    let all = ["a", "b", "c"].map(shield).to_vec();
    world.follower.follow(all, 2);
    world.read("a", 1);
    assert_eq!(world.touch(1), world.out_of_touch(Some(0)));
    world.read("b", 3);
    assert_eq!(world.touch(3), world.in_touch(11, None));
    world.read("c", 4);
    assert_eq!(world.touch(4), world.in_touch(13, None));
}

#[test]
fn what_came_late_by_who_is_fetched_from_is_carried_out_again() {
    let mut world = World::new(&["a"], &[("a", "log of a", 0)]);
    let copies = Followed {
        name: "peer".into(),
        counts: false,
        refills: Refills::Copies,
    };
    let stranger = Followed {
        name: "stranger".into(),
        counts: false,
        refills: Refills::No,
    };
    world
        .follower
        .follow(vec![shield("a"), copies, stranger], 1);
    world.own.append(entry("1"));
    let late = PurgeEntry {
        again_by: Some("it".into()),
        ..entry("1")
    };
    for (name, again) in [("a", Some(true)), ("peer", Some(false)), ("stranger", None)] {
        let node = NodeName::from(name);
        let asked = world.follower.cursor(&node).cloned();
        let log = PurgeLog::new("log of a".into(), 10);
        log.append(late.clone());
        log.append(entry("1"));
        let (page, at) = (log.page(asked.as_ref()), world.clock.at(1));
        let step = world
            .follower
            .read(&node, (asked, at), (page, at), &world.own);
        let carry: Vec<bool> = step.unwrap().carry.iter().map(|carry| carry.log).collect();
        assert_eq!(carry, Vec::from_iter(again), "{name}");
    }
}

#[test]
fn who_stays_keeps_its_cursor_and_who_leaves_does_not_count() {
    let mut world = World::new(&["a", "b"], &[("a", "log of a", 0), ("b", "log of b", 0)]);
    world.read("a", 1);
    world.follower.follow(vec![shield("b")], 1);
    assert_eq!(world.touch(1).until, None);
    world.read("b", 1);
    assert_eq!(world.touch(1), world.in_touch(11, None));
}

/// What happens to a node and the two keepers that it follows.
#[derive(Clone, Debug)]
enum Event {
    /// Somebody purges: at these keepers, and here.
    Purge { keepers: [bool; 2], here: bool },
    /// The node asks a keeper.
    Read(usize),
    /// A keeper does not answer.
    Fail(usize),
    /// A keeper starts with an empty memory.
    Restart(usize),
    /// Keepers read each other.
    Gossip,
    /// The node starts anew, with what it wrote down.
    Here,
    /// Time goes on.
    Wait(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (any::<[bool; 2]>(), any::<bool>()).prop_map(|(keepers, here)| Event::Purge { keepers, here }),
        6 => (0..2_usize).prop_map(Event::Read),
        1 => (0..2_usize).prop_map(Event::Fail),
        1 => (0..2_usize).prop_map(Event::Restart),
        2 => Just(Event::Gossip),
        1 => Just(Event::Here),
        3 => (0..15_u64).prop_map(Event::Wait),
    ];
    proptest::collection::vec(event, 1..60)
}

const NAMES: [&str; 2] = ["a", "b"];

proptest! {
    /// Whatever happens: while it is in touch, each purge that both keepers carried out longer than the
    /// window ago was carried out here, or is below the floor: what was received before it is validated.
    /// (What was received after it from a keeper that came late is purged again once that is read.)
    #[test]
    fn in_touch_means_that_no_purge_is_unknown(events in events(), capacity in 2..20_usize) {
        let mut world = World::new(&NAMES, &[]);
        for name in NAMES {
            world.logs.insert(name, PurgeLog::new(format!("{name}0"), capacity));
        }
        let (mut now, mut count) = (0, 0_u64);
        // When each purge came to a keeper that has not started anew since.
        let mut held: [HashMap<String, u64>; 2] = Default::default();
        let mut purged: HashMap<String, u64> = HashMap::new();
        let mut here: HashSet<String> = HashSet::new();
        for event in events {
            count += 1;
            let id = count.to_string();
            match event {
                Event::Purge { keepers, here: is_here } => {
                    purged.insert(id.clone(), now);
                    for (n, name) in NAMES.iter().enumerate().filter(|(n, _)| keepers[*n]) {
                        world.logs[name].append(entry(&id));
                        held[n].insert(id.clone(), now);
                    }
                    if is_here {
                        world.own.append(entry(&id));
                        here.insert(id);
                    }
                }
                Event::Read(n) => world.read(NAMES[n], now),
                Event::Fail(n) => world.fail(NAMES[n], now),
                Event::Restart(n) => {
                    // The other one was in touch with it, or it learns of all from that.
                    let log = PurgeLog::new(format!("{}{count}", NAMES[n]), capacity);
                    held[n].clear();
                    world.logs.insert(NAMES[n], log);
                }
                Event::Gossip => {
                    for n in 0..2 {
                        // What the other one has dropped cannot be read there.
                        for entry in world.logs[NAMES[1 - n]].entries() {
                            if let Entry::Vacant(new) = held[n].entry(entry.id.clone()) {
                                new.insert(now);
                                world.logs[NAMES[n]].append(entry);
                            }
                        }
                    }
                }
                Event::Here => {
                    let cursors: Vec<_> = world
                        .follower
                        .cursors()
                        .map(|(name, cursor)| (name.clone(), cursor.clone()))
                        .collect();
                    let (floor, at) = (world.follower.floor(), world.clock.at(now));
                    world.follower = Follower::new(WINDOW, at, floor, cursors);
                    world.follower.follow(NAMES.map(shield).to_vec(), 2);
                    world.own = PurgeLog::new("own".into(), 100);
                }
                Event::Wait(seconds) => now += seconds,
            }
            here.extend(world.carried.drain(..));
            let touch = world.touch(now);
            let Some(until) = touch.until.filter(|until| *until >= world.clock.at(now).wall) else {
                continue;
            };
            prop_assert!(until <= world.clock.at(now + 10).wall);
            let both: Vec<_> = held[0].iter().filter(|(id, _)| held[1].contains_key(*id)).collect();
            for (id, at) in both {
                let other = held[1][id];
                // Known to both keepers for longer than the window.
                let is_old = now > 10 + (*at).max(other);
                let below = touch.floor >= Some(world.clock.at(purged[id]).wall);
                prop_assert!(!is_old || here.contains(id) || below, "{id} at {now}");
            }
        }
    }
}
