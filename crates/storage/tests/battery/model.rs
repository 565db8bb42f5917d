//! Operations at random, against a map.

use std::collections::HashMap;

use bytes::Bytes;
use perigee_http_cache::CacheKey;
use perigee_storage::{Fill, Purge, Store};
use proptest::{collection, prelude::*, test_runner::TestRunner};

use crate::{purging::group_of, support::*};

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
        key: usize,
    },
    PurgeGroup {
        group: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![0..200_usize, 65_530..65_540_usize, 0..200_000_usize];
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (0..3_usize, 0..3_usize, 0..3_usize, length, any::<bool>()).prop_map(
            |(key, language, group, length, is_stated)| {
                Step::Begin { key, language, group, length, is_stated }
            }
        ),
        4 => index().prop_map(Step::Commit),
        1 => index().prop_map(Step::Abandon),
        2 => (0..3_usize, index()).prop_map(|(key, variant)| Step::Freshen { key, variant }),
        1 => (0..3_usize).prop_map(|key| Step::Purge { key }),
        1 => (0..3_usize).prop_map(|group| Step::PurgeGroup { group }),
    ]
}

/// One stored response, as the model sees it.
#[derive(Clone, Debug)]
struct Entry {
    language: usize,
    /// It is in the group of this number and in the one after.
    group: usize,
    mark: String,
    body: Bytes,
}

const GROUPS: [&str; 4] = ["g0", "g1", "g2", "g3"];

impl Entry {
    fn is_in(&self, group: usize) -> bool {
        group == self.group || group == self.group + 1
    }

    fn head(&self) -> std::sync::Arc<perigee_http_cache::StoredHead> {
        let groups = format!("\"{}\", \"{}\"", GROUPS[self.group], GROUPS[self.group + 1]);
        head_in(LANGUAGES[self.language], &self.mark, &groups)
    }
}

struct Begun {
    key: usize,
    fill: Fill,
    entry: Entry,
    is_doomed: bool,
}

#[derive(Default)]
struct Model {
    stored: HashMap<usize, Vec<Entry>>,
    begun: Vec<Begun>,
    marks: usize,
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
            } => {
                let entry = Entry {
                    language,
                    group,
                    mark: self.new_mark(),
                    body: bytes(length),
                };
                let stated = is_stated.then_some(length as u64);
                let head = entry.head();
                let mut fill = store.fill(&path_key(key), head, stated);
                write(&mut fill, &entry.body, 9000).await.unwrap();
                self.begun.push(Begun {
                    key,
                    fill,
                    entry,
                    is_doomed: false,
                });
            }
            Step::Commit(index) => {
                if self.begun.is_empty() {
                    return;
                }
                let begun = self.begun.swap_remove(index.index(self.begun.len()));
                begun.fill.commit().unwrap();
                if !begun.is_doomed {
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
                let head = entry.head();
                store
                    .freshen(
                        &path_key(key),
                        &variants[index],
                        variants[index].freshened(head),
                    )
                    .get()
                    .await;
                self.put(key, entry);
            }
            Step::Purge { key } => {
                let removed = store.purge(&Purge::Key(path_key(key))).get().await;
                let was_there = self.stored.remove(&key).is_some();
                assert_eq!(removed, u64::from(was_there));
                for begun in self.begun.iter_mut().filter(|begun| begun.key == key) {
                    begun.is_doomed = true;
                }
            }
            Step::PurgeGroup { group } => {
                let removed = store.purge(&group_of(GROUPS[group])).get().await;
                let mut touched = 0;
                self.stored.retain(|_, variants| {
                    let before = variants.len();
                    variants.retain(|entry| !entry.is_in(group));
                    touched += u64::from(variants.len() < before);
                    !variants.is_empty()
                });
                assert_eq!(removed, touched);
                let begun = self.begun.iter_mut();
                for begun in begun.filter(|begun| begun.entry.is_in(group)) {
                    begun.is_doomed = true;
                }
            }
        }
    }

    async fn check(&self, store: &dyn Store) {
        for key in 0..3 {
            let found = store.lookup(&path_key(key)).get().await;
            let expected = self.stored.get(&key).map(Vec::as_slice).unwrap_or_default();
            let marks: Vec<_> = expected.iter().map(|entry| entry.mark.as_str()).collect();
            assert_eq!(found.iter().map(mark).collect::<Vec<_>>(), marks);
            for (stored, entry) in found.iter().zip(expected) {
                assert!(read(stored.body.read()).await.unwrap() == entry.body);
            }
        }
        let grouped: u64 = self
            .stored
            .values()
            .map(|variants| groups_in(variants))
            .sum();
        assert_eq!(store.stats().grouped, grouped);
        for begun in &self.begun {
            assert_eq!(begun.fill.is_kept(), !begun.is_doomed);
        }
    }
}

/// How many groups the responses of one key are in.
fn groups_in(variants: &[Entry]) -> u64 {
    let is_named = |group: &usize| variants.iter().any(|entry| entry.is_in(*group));
    (0..GROUPS.len()).filter(is_named).count() as u64
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
