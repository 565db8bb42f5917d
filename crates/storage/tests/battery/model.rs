//! Operations at random, against a map.

use std::{collections::HashMap, time::SystemTime};

use bytes::Bytes;
use perigee_http_cache::CacheKey;
use perigee_storage::{Fill, Purge, Revision, Store, Target};
use proptest::{collection, prelude::*, test_runner::TestRunner};

use crate::{
    purging::{group, prefix, tag},
    support::*,
};

const LANGUAGES: [&str; 3] = ["en", "de", "fr"];

#[derive(Clone, Debug)]
enum Step {
    /// Begins a fill of a key and language, and writes this many bytes.
    Begin {
        key: usize,
        language: usize,
        group: usize,
        length: usize,
        is_stated: bool,
        /// So many purges ago it was asked for.
        late: usize,
    },
    /// Commits one of the fills begun.
    Commit(prop::sample::Index),
    /// Drops one of them.
    Abandon(prop::sample::Index),
    Freshen {
        key: usize,
        variant: prop::sample::Index,
    },
    Purge {
        what: What,
        soft: bool,
    },
}

/// What is purged, by number.
#[derive(Clone, Copy, Debug)]
enum What {
    Key(usize),
    Prefix(usize),
    Group(usize),
    Tag(usize),
    Everything,
}

impl What {
    fn target(self) -> Target {
        match self {
            What::Key(number) => Target::Key(path_key(number)),
            What::Prefix(number) => prefix(&format!("/{number}")),
            What::Group(number) => group(LABELS[number]),
            What::Tag(number) => tag(LABELS[number]),
            What::Everything => Target::Everything,
        }
    }

    fn is_about(self, key: usize, entry: &Entry) -> bool {
        match self {
            What::Key(number) | What::Prefix(number) => number == key,
            What::Group(number) | What::Tag(number) => entry.is_in(number),
            What::Everything => true,
        }
    }
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        4 => (0..3_usize).prop_map(What::Key),
        1 => (0..3_usize).prop_map(What::Prefix),
        2 => (0..4_usize).prop_map(What::Group),
        2 => (0..4_usize).prop_map(What::Tag),
        1 => Just(What::Everything),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![0..200_usize, 65_530..65_540_usize, 0..200_000_usize];
    let late = prop_oneof![3 => Just(0), 1 => 0..3_usize];
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (0..3_usize, 0..3_usize, 0..3_usize, length, any::<bool>(), late).prop_map(
            |(key, language, group, length, is_stated, late)| {
                Step::Begin { key, language, group, length, is_stated, late }
            }
        ),
        4 => index().prop_map(Step::Commit),
        1 => index().prop_map(Step::Abandon),
        2 => (0..3_usize, index()).prop_map(|(key, variant)| Step::Freshen { key, variant }),
        2 => (what(), any::<bool>()).prop_map(|(what, soft)| Step::Purge { what, soft }),
    ]
}

/// One stored response, as the model sees it.
#[derive(Clone, Debug)]
struct Entry {
    language: usize,
    /// It is in the group of this number and in the one after, and has such tags.
    group: usize,
    mark: String,
    body: Bytes,
    fate: Fate,
}

/// What purges have made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Fresh,
    Stale,
    Gone,
}

const LABELS: [&str; 4] = ["g0", "g1", "g2", "g3"];

impl Entry {
    fn is_in(&self, group: usize) -> bool {
        group == self.group || group == self.group + 1
    }

    fn head(&self) -> std::sync::Arc<perigee_http_cache::StoredHead> {
        let (one, other) = (LABELS[self.group], LABELS[self.group + 1]);
        let groups = format!("\"{one}\", \"{other}\"");
        let tags = format!("{one} {other}");
        let labels = [("cache-groups", &*groups), ("surrogate-key", &*tags)];
        head_of(LANGUAGES[self.language], &self.mark, &labels)
    }

    fn purge(&mut self, key: usize, (what, soft): (What, bool)) {
        if what.is_about(key, self) {
            self.fate = self.fate.max(if soft { Fate::Stale } else { Fate::Gone });
        }
    }
}

struct Begun {
    key: usize,
    fill: Fill,
    entry: Entry,
}

#[derive(Default)]
struct Model {
    stored: HashMap<usize, Vec<Entry>>,
    begun: Vec<Begun>,
    marks: usize,
    purges: Vec<(What, bool)>,
}

impl Model {
    fn new_mark(&mut self) -> String {
        self.marks += 1;
        self.marks.to_string()
    }

    /// Newest first, one per language.
    fn put(&mut self, key: usize, entry: Entry) {
        let variants = self.stored.entry(key).or_default();
        variants.retain(|other| other.language != entry.language);
        variants.insert(0, entry);
    }

    async fn take(&mut self, step: Step, store: &dyn Store) {
        match step {
            Step::Begin {
                key,
                language,
                group,
                length,
                is_stated,
                late,
            } => {
                let mut entry = Entry {
                    language,
                    group,
                    mark: self.new_mark(),
                    body: bytes(length),
                    fate: Fate::Fresh,
                };
                let asked = self.purges.len().saturating_sub(late);
                for purge in &self.purges[asked..] {
                    entry.purge(key, *purge);
                }
                let stated = is_stated.then_some(length as u64);
                let head = entry.head();
                // All purges so far have numbers in a row, up to the last.
                let since = (self.purges.len() - asked) as u64;
                let asked = Revision::new(store.purges().now().number() - since);
                let mut fill = store.fill(&path_key(key), head, stated, asked);
                write(&mut fill, &entry.body, 9000).await.unwrap();
                self.begun.push(Begun { key, fill, entry });
            }
            Step::Commit(index) => {
                if self.begun.is_empty() {
                    return;
                }
                let begun = self.begun.swap_remove(index.index(self.begun.len()));
                begun.fill.commit().unwrap();
                if begun.entry.fate != Fate::Gone {
                    self.put(begun.key, begun.entry);
                }
            }
            Step::Abandon(index) => {
                if !self.begun.is_empty() {
                    self.begun.swap_remove(index.index(self.begun.len()));
                }
            }
            Step::Freshen { key, variant } => {
                let variants = store.lookup(&path_key(key)).get().await;
                if variants.is_empty() {
                    return;
                }
                let index = variant.index(variants.len());
                let mut entry = self.stored[&key][index].clone();
                entry.mark = self.new_mark();
                entry.group = (entry.group + 1) % 3;
                entry.fate = Fate::Fresh;
                let old = &variants[index];
                let new = freshened(store, old, entry.head());
                store.freshen(&path_key(key), old, new).get().await;
                self.put(key, entry);
            }
            Step::Purge { what, soft } => {
                let target = what.target();
                let purged = purge(store, Purge { target, soft }).await;
                let touched = self.purge(what, soft);
                assert_eq!(purged.keys.unwrap_or(touched), touched);
                assert_eq!(purged.revision, store.purges().now());
            }
        }
    }

    /// Keys that it was about.
    fn purge(&mut self, what: What, soft: bool) -> u64 {
        self.purges.push((what, soft));
        for begun in &mut self.begun {
            begun.entry.purge(begun.key, (what, soft));
        }
        let mut touched = 0;
        self.stored.retain(|key, variants| {
            let is_meant = variants.iter().any(|entry| what.is_about(*key, entry));
            touched += u64::from(is_meant);
            let each = variants.iter_mut();
            each.for_each(|entry| entry.purge(*key, (what, soft)));
            variants.retain(|entry| entry.fate != Fate::Gone);
            !variants.is_empty()
        });
        touched
    }

    async fn check(&self, store: &dyn Store) {
        for key in 0..3 {
            let shown = shown(store, &path_key(key)).await;
            let found = store.lookup(&path_key(key)).get().await;
            let expected = self.stored.get(&key).map(Vec::as_slice).unwrap_or_default();
            let marks: Vec<_> = expected.iter().map(|entry| entry.mark.as_str()).collect();
            assert_eq!(found.iter().map(mark).collect::<Vec<_>>(), marks);
            // What is shown at once is what a lookup finds.
            if let Some(shown) = shown {
                let of = |stored: &perigee_storage::Stored| (stored.id, mark(stored).to_owned());
                assert_eq!(shown, found.iter().map(of).collect::<Vec<_>>());
            }
            let now = SystemTime::now();
            for (stored, entry) in found.iter().zip(expected) {
                assert_eq!(stored.head.ttl(now) > 0, entry.fate == Fate::Fresh);
                assert!(read(stored.body.read()).await.unwrap() == entry.body);
            }
        }
        for begun in &self.begun {
            assert_eq!(begun.fill.is_kept(), begun.entry.fate != Fate::Gone);
        }
    }
}

fn path_key(number: usize) -> CacheKey {
    key(&format!("/{number}"))
}

pub(crate) fn agrees_with_a_map(make: Make) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let steps = collection::vec(step(), 0..60);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(64));
    let result = runner.run(&steps, |steps| {
        runtime.block_on(async {
            let store = make(ROOMY);
            let mut model = Model::default();
            for step in steps {
                model.take(step, &*store).await;
                model.check(&*store).await;
            }
        });
        Ok(())
    });
    result.unwrap();
}
