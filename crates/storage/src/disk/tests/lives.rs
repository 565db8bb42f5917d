//! What is done at random, and how the process ends at random, against a simple map: of a disk, and
//! of what stands on one.

use std::time::SystemTime;

use bytes::Bytes;
use proptest::{collection, prelude::*, test_runner::TestRunner};

use super::kit::*;
use crate::{
    Disk, Purge, Revision, Store, Stored, Target, Variants, disk::log::tests::ram::Faults,
};

/// A store that stands on a disk.
pub(crate) trait OnDisk: Store {
    fn on_disk(&self) -> &Disk;

    /// What is above the disk forgets a key.
    fn evict(&self, path: &str);
}

const KEYS: usize = 4;

fn path(key: usize) -> String {
    format!("/{key}/a")
}

#[derive(Clone, Debug)]
enum Step {
    Put {
        key: usize,
        language: usize,
        tag: usize,
        length: usize,
        /// So many purges ago it was asked for.
        late: usize,
    },
    Freshen {
        key: usize,
        variant: prop::sample::Index,
    },
    Remove {
        key: usize,
        variant: prop::sample::Index,
    },
    Purge {
        what: What,
        soft: bool,
    },
    Evict(usize),
    Flush,
    Sweep,
}

/// What is purged, by number.
#[derive(Clone, Copy, Debug)]
enum What {
    Key(usize),
    Prefix(usize),
    Tag(usize),
    Group(usize),
    Host,
    Everything,
}

impl What {
    fn target(self) -> Target {
        match self {
            What::Key(number) => Target::Key(key(&path(number))),
            What::Prefix(number) => Target::Prefix(format!("a.test/{number}/").into()),
            What::Tag(number) => Target::Tag {
                host: None,
                tag: label(number).into(),
            },
            What::Group(number) => Target::Group {
                origin: key("/").origin().into(),
                group: label(number).into(),
            },
            What::Host => Target::Host("A.test".into()),
            What::Everything => Target::Everything,
        }
    }

    fn is_about(self, key: usize, entry: &Entry) -> bool {
        match self {
            What::Key(number) | What::Prefix(number) => number == key,
            What::Tag(number) | What::Group(number) => number == entry.tag,
            What::Host | What::Everything => true,
        }
    }
}

fn label(number: usize) -> String {
    format!("label-{number}")
}

/// How a process ends.
#[derive(Clone, Debug)]
enum End {
    Stop,
    /// It is killed.
    Kill,
    /// The power goes, and of what was not synced every page with this chance out of 256 is lost.
    PowerLoss(u8),
}

#[derive(Clone, Debug)]
struct Life {
    steps: Vec<Step>,
    end: End,
    /// So many writes go well, and then none does.
    good_writes: Option<u64>,
    /// It begins before what is on disk is known.
    is_cold: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![
        3 => 0..3000_usize,
        1 => 60_000..70_000_usize,
        1 => 0..1_500_000_usize
    ];
    let late = prop_oneof![3 => Just(0), 1 => 0..3_usize];
    let index = any::<prop::sample::Index>;
    let what = prop_oneof![
        4 => (0..KEYS).prop_map(What::Key),
        1 => (0..KEYS).prop_map(What::Prefix),
        2 => (0..3_usize).prop_map(What::Tag),
        2 => (0..3_usize).prop_map(What::Group),
        1 => Just(What::Host),
        1 => Just(What::Everything),
    ];
    prop_oneof![
        6 => (0..KEYS, 0..2_usize, 0..3_usize, length, late).prop_map(
            |(key, language, tag, length, late)| Step::Put { key, language, tag, length, late }
        ),
        2 => (0..KEYS, index()).prop_map(|(key, variant)| Step::Freshen { key, variant }),
        1 => (0..KEYS, index()).prop_map(|(key, variant)| Step::Remove { key, variant }),
        3 => (what, any::<bool>()).prop_map(|(what, soft)| Step::Purge { what, soft }),
        2 => (0..KEYS).prop_map(Step::Evict),
        1 => Just(Step::Flush),
        1 => Just(Step::Sweep),
    ]
}

fn life(has_faults: bool) -> impl Strategy<Value = Life> {
    let end = match has_faults {
        false => prop_oneof![Just(End::Stop), Just(End::Kill)].boxed(),
        true => prop_oneof![
            Just(End::Stop),
            Just(End::Kill),
            any::<u8>().prop_map(End::PowerLoss)
        ]
        .boxed(),
    };
    let good_writes = match has_faults {
        false => Just(None).boxed(),
        true => prop::option::of(0..40_u64).boxed(),
    };
    let is_cold = prop_oneof![Just(false), Just(has_faults)];
    let steps = collection::vec(step(), 0..16);
    (steps, end, good_writes, is_cold).prop_map(|(steps, end, good_writes, is_cold)| Life {
        steps,
        end,
        good_writes,
        is_cold,
    })
}

/// What purges have made of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Fresh,
    Stale,
    Gone,
}

/// One stored response.
#[derive(Clone, Debug)]
struct Entry {
    mark: String,
    language: usize,
    tag: usize,
    body: Bytes,
    fate: Fate,
}

impl Entry {
    fn purge(&mut self, key: usize, what: What, soft: bool) {
        if what.is_about(key, self) {
            self.fate = self.fate.max(if soft { Fate::Stale } else { Fate::Gone });
        }
    }

    fn head(&self) -> std::sync::Arc<perigee_http_cache::StoredHead> {
        let language = ["en", "de"][self.language];
        head_labelled(language, &self.mark, self.body.len(), &label(self.tag))
    }

    /// Whether this is it, and as fresh.
    fn is(&self, stored: &Stored) -> bool {
        let is_fresh = stored.head.ttl(SystemTime::now()) > 0;
        etag(stored) == self.mark && is_fresh == (self.fate == Fate::Fresh)
    }
}

/// What one key has, newest first.
type State = Vec<Entry>;

/// One key.
#[derive(Debug)]
struct Known {
    now: State,
    /// What it had since all was written: what a kill may leave of it.
    since_flush: Vec<State>,
    /// All that it ever had: what the loss of power may bring back.
    ever: State,
}

impl Default for Known {
    fn default() -> Self {
        Known {
            now: Vec::new(),
            since_flush: vec![Vec::new()],
            ever: Vec::new(),
        }
    }
}

impl Known {
    fn put(&mut self, entry: Entry) {
        self.now.retain(|other| other.language != entry.language);
        self.now.insert(0, entry.clone());
        self.ever.push(entry);
        self.since_flush.push(self.now.clone());
    }

    fn is_flushed(&mut self) {
        self.since_flush = vec![self.now.clone()];
    }

    fn purge(&mut self, key: usize, what: What, soft: bool) {
        for state in self.since_flush.iter_mut().chain([&mut self.now]) {
            let each = state.iter_mut();
            each.for_each(|entry| entry.purge(key, what, soft));
            state.retain(|entry| entry.fate != Fate::Gone);
        }
        let each = self.ever.iter_mut();
        each.for_each(|entry| entry.purge(key, what, soft));
    }

    /// What was put there once, was not purged since, and is found now.
    fn found(&self, stored: &Stored) -> &Entry {
        let mark = etag(stored);
        let known = self.ever.iter().find(|entry| entry.mark == mark);
        let entry = known.expect("it was stored under this key");
        assert!(entry.fate != Fate::Gone, "{mark} was purged");
        let is_fresh = stored.head.ttl(SystemTime::now()) > 0;
        assert!(!is_fresh || entry.fate == Fate::Fresh, "{mark} is stale");
        entry
    }
}

/// The simple map.
#[derive(Debug, Default)]
struct Model {
    keys: [Known; KEYS],
    marks: usize,
    /// Those of this life.
    purges: Vec<(What, bool)>,
    /// Whether nothing may be lost but by a kill.
    is_exact: bool,
}

impl Model {
    fn mark(&mut self) -> String {
        self.marks += 1;
        self.marks.to_string()
    }

    fn take(&mut self, store: &impl OnDisk, step: &Step) {
        match *step {
            Step::Put {
                key,
                language,
                tag,
                length,
                late,
            } => {
                let mark = self.mark();
                let entry = Entry {
                    body: bytes(self.marks as u64, length),
                    mark,
                    language,
                    tag,
                    fate: Fate::Fresh,
                };
                self.put(store, key, late, entry);
            }
            Step::Freshen { key, variant } => {
                let found = lookup(store, &path(key));
                if !found.is_empty() {
                    self.freshen(store, key, variant.get(&found));
                }
            }
            Step::Remove { key, variant } => {
                let found = lookup(store, &path(key));
                if !found.is_empty() {
                    self.remove(store, key, variant.get(&found));
                }
            }
            Step::Purge { what, soft } => self.purge(store, what, soft),
            Step::Evict(key) => store.evict(&path(key)),
            Step::Flush => {
                store.on_disk().flush();
                self.keys.iter_mut().for_each(Known::is_flushed);
            }
            Step::Sweep => {
                store.sweep(100);
            }
        }
    }

    fn put(&mut self, store: &impl OnDisk, key: usize, late: usize, mut entry: Entry) {
        let late = late.min(self.purges.len());
        for (what, soft) in &self.purges[self.purges.len() - late..] {
            entry.purge(key, *what, *soft);
        }
        let asked = Revision::new(store.purges().now().number() - late as u64);
        let is_stored = store_as_of(store, &path(key), entry.head(), &entry.body, asked);
        if entry.fate == Fate::Gone {
            assert!(!is_stored, "{} was purged", entry.mark);
            return;
        }
        assert!(is_stored || !self.is_exact, "{} is not stored", entry.mark);
        self.keys[key].put(entry);
    }

    fn freshen(&mut self, store: &impl OnDisk, at: usize, old: &Stored) {
        let mut entry = self.keys[at].found(old).clone();
        entry.mark = self.mark();
        entry.tag = (entry.tag + 1) % 3;
        entry.fate = Fate::Fresh;
        let new = old.freshened(entry.head(), store.purges().now());
        wait(store.freshen(&key(&path(at)), old, new).get());
        self.keys[at].put(entry);
    }

    fn remove(&mut self, store: &impl OnDisk, at: usize, old: &Stored) {
        wait(store.remove(&key(&path(at)), old).get());
        let (known, mark) = (&mut self.keys[at], etag(old));
        known.now.retain(|entry| entry.mark != mark);
        known.since_flush.push(known.now.clone());
        let left = lookup(store, &path(at));
        assert!(left.iter().all(|stored| etag(stored) != mark));
    }

    fn purge(&mut self, store: &impl OnDisk, what: What, soft: bool) {
        let target = what.target();
        let purged = wait(
            store
                .purge(&Purge { target, soft }, SystemTime::now())
                .get(),
        );
        self.purges.push((what, soft));
        assert!(purged.unwritten.is_none() || !self.is_exact);
        if purged.unwritten.is_none() {
            let keys = self.keys.iter_mut().enumerate();
            keys.for_each(|(key, known)| known.purge(key, what, soft));
        }
    }

    /// Whether what is found is what the map has.
    fn check(&self, store: &impl OnDisk) {
        for (key, known) in self.keys.iter().enumerate() {
            let found = lookup(store, &path(key));
            if self.is_exact {
                assert!(
                    is(&known.now, &found),
                    "{key}: {found:?} is not {:?}",
                    known.now
                );
            } else {
                found.iter().for_each(|stored| {
                    let _ = known.found(stored);
                });
            }
        }
    }

    /// Whether each body is that which was stored.
    fn check_bodies(&self, store: &impl OnDisk) {
        for (key, known) in self.keys.iter().enumerate() {
            for stored in lookup(store, &path(key)).iter() {
                let entry = known.found(stored);
                let is_part = stored.head.held().is_some();
                assert!(!is_part || !self.is_exact, "{} is a part", entry.mark);
                // What is left of a body may begin anywhere.
                let rest = &entry.body[stored.head.body_start() as usize..];
                match read(stored) {
                    Ok(body) if is_part => assert!(rest.starts_with(&body), "{}", entry.mark),
                    Ok(body) => assert!(body == rest, "{} has other bytes", entry.mark),
                    Err(error) => assert!(!self.is_exact, "{}: {error}", entry.mark),
                }
            }
        }
    }

    /// Whether what a restart finds is what the process left, or had on its way to disk; from now on
    /// the map has that.
    fn restarted(&mut self, store: &impl OnDisk, was_killed: bool) {
        for (key, known) in self.keys.iter_mut().enumerate() {
            let found = lookup(store, &path(key));
            let states = match was_killed {
                true => &known.since_flush[..],
                false => std::slice::from_ref(&known.now),
            };
            if self.is_exact {
                let state = states.iter().rev().find(|state| is(state, &found));
                let state = state.unwrap_or_else(|| panic!("{key}: {found:?} none of {states:?}"));
                known.now = state.clone();
            } else {
                known.now = found.iter().map(|one| known.found(one).clone()).collect();
            }
            known.is_flushed();
        }
        self.check_bodies(store);
    }
}

fn is(state: &State, found: &Variants) -> bool {
    let pairs = || state.iter().zip(found.iter());
    state.len() == found.len() && pairs().all(|(entry, stored)| entry.is(stored))
}

fn live<S: OnDisk>(lives: &[Life], has_faults: bool, seed: u64, start: &impl Fn(&Machine) -> S) {
    let mut random = fastrand::Rng::with_seed(seed);
    // So much that nothing has to go, unless things may go wrong anyway.
    let mut machine = Machine::new(if has_faults { 32 << 20 } else { 160 << 20 });
    machine.config.segment = 8 << 20;
    let mut model = Model {
        is_exact: !has_faults,
        ..Model::default()
    };
    let mut was_killed = false;
    for life in lives {
        let store = start(&machine);
        model.purges.clear();
        if !life.is_cold {
            until_loaded(&store);
            model.restarted(&store, was_killed);
        }
        machine.ram.set(Faults {
            good_writes: life.good_writes,
            ..Faults::default()
        });
        for step in &life.steps {
            model.take(&store, step);
            model.check(&store);
        }
        model.check_bodies(&store);
        if !matches!(life.end, End::Stop) {
            machine.ram.kill();
        }
        drop(store);
        if let End::PowerLoss(chance) = life.end {
            machine.ram.lose(|| random.u8(..) < chance);
        }
        machine.ram.revive();
        was_killed = !matches!(life.end, End::Stop);
    }
    let store = start(&machine);
    until_loaded(&store);
    model.restarted(&store, was_killed);
}

fn until_loaded(store: &impl OnDisk) {
    while store.on_disk().is_loading() {
        std::thread::yield_now();
    }
}

fn run<S: OnDisk>(has_faults: bool, cases: u32, start: &impl Fn(&Machine) -> S) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let lives = collection::vec(life(has_faults), 1..4);
    let result = TestRunner::new(config).run(&(lives, any::<u64>()), |(lives, seed)| {
        live(&lives, has_faults, seed, start);
        Ok(())
    });
    result.unwrap();
}

/// What is stored and not purged is there after a restart, to the byte; after a kill what was
/// written, or anything that it became since; and what was purged never is.
pub(crate) fn agrees_with_a_map<S: OnDisk>(start: impl Fn(&Machine) -> S) {
    run(false, 24, &start);
}

/// On a disk that fails, and when the power goes: what is found was stored so, and was not purged.
pub(crate) fn what_is_found_was_stored<S: OnDisk>(start: impl Fn(&Machine) -> S) {
    run(true, 16, &start);
}
