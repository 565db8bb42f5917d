//! Which URLs may be answered from what is stored for another one (No-Vary-Search).
//!
//! A response is stored under its own URL, always. One that carries No-Vary-Search leaves two
//! notes besides: the rule of its path, that of the last response with one; and, for the form that
//! its query has under this rule, the key that it is stored under. A request that finds nothing
//! under its own URL goes by them, and the stored response is then asked itself whether it answers
//! this query too: so a note that is out of date is of no use and does no harm.
//!
//! Both notes are bounded in number, the least used go first, and a node that has none of them
//! looks for none.

use std::{
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use moka::{policy::EvictionPolicy, sync::Cache};
use perigee_http_cache::{CacheKey, SearchVariance, StoredHead};

/// Forms of a query whose stored response is known, over all paths, for each path whose rule is.
const FORMS_PER_PATH: u64 = 16;

/// A URL longer than this has no form: it would have to be kept.
const LONGEST: usize = 2048;

/// Bytes of text that count as one note; one with more counts as several.
const ONE_NOTE: usize = 512;

/// The notes of one node.
#[derive(Debug)]
pub(crate) struct Searches {
    /// Whether there ever was one.
    any: AtomicBool,
    /// By origin and path.
    rules: Cache<Box<str>, Rule>,
    /// By rule and form.
    forms: Cache<(u64, Box<str>), CacheKey>,
    ids: AtomicU64,
}

/// The rule of a path. Its number is part of what forms are known by: those of a rule that another
/// one has taken the place of are never found again.
#[derive(Clone, Debug)]
struct Rule {
    id: u64,
    variance: Arc<SearchVariance>,
}

impl Searches {
    /// For so many forms at once.
    pub(crate) fn new(forms: u64) -> Self {
        Searches {
            any: AtomicBool::new(false),
            rules: bounded(forms / FORMS_PER_PATH, rule_text),
            forms: bounded(forms, form_text),
            ids: AtomicU64::new(0),
        }
    }
}

// The cache hands its own types out.
#[allow(clippy::borrowed_box)]
fn rule_text(path: &Box<str>, rule: &Rule) -> usize {
    path.len() + rule.variance.weight()
}

fn form_text((_, form): &(u64, Box<str>), key: &CacheKey) -> usize {
    form.len() + key.as_str().len()
}

/// At most so many notes, whose texts have this length in bytes.
fn bounded<K, V>(most: u64, text: fn(&K, &V) -> usize) -> Cache<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    let notes = move |key: &K, value: &V| {
        let notes = text(key, value).div_ceil(ONE_NOTE);
        u32::try_from(notes.max(1)).unwrap_or(u32::MAX)
    };
    Cache::builder()
        .max_capacity(most)
        .weigher(notes)
        .eviction_policy(EvictionPolicy::lru())
        .build()
}

impl Searches {
    /// Notes what a response to this URL says; where it says nothing, nothing is noted.
    pub(crate) fn learn(&self, key: &CacheKey, variance: Option<&SearchVariance>) {
        let Some(variance) = variance else { return };
        if key.as_str().len() > LONGEST {
            return;
        }
        let (path, _) = key.split_query();
        let same = |rule: Rule| *rule.variance == *variance;
        if !self.rules.get(path).is_some_and(same) {
            let rule = Rule {
                id: self.ids.fetch_add(1, Relaxed),
                variance: Arc::new(variance.clone()),
            };
            self.rules.insert(path.into(), rule);
            self.any.store(true, Relaxed);
        }
    }

    /// Notes that a response to this URL is stored.
    pub(crate) fn stored(&self, key: &CacheKey, head: &StoredHead) {
        self.learn(key, head.search());
        if head.search().is_some()
            && let Some(form) = self.form(key)
        {
            self.forms.insert(form, key.clone());
        }
    }

    /// The key of a stored response that may answer this URL.
    pub(crate) fn same_as(&self, key: &CacheKey) -> Option<CacheKey> {
        let same = self.forms.get(&self.form(key)?)?;
        (same != *key).then_some(same)
    }

    /// The same for all URLs that may be answered alike: what the ring places them by.
    pub(crate) fn place(&self, key: &CacheKey) -> Option<u64> {
        // The number of a rule is this node's own.
        let (_, form) = self.form(key)?;
        Some(key.with_query(&form).stable_hash())
    }

    /// This URL is made invalid: so is what would have answered it.
    pub(crate) fn purge(&self, key: &CacheKey) -> Option<CacheKey> {
        let same = self.forms.remove(&self.form(key)?)?;
        (same != *key).then_some(same)
    }

    fn form(&self, key: &CacheKey) -> Option<(u64, Box<str>)> {
        if !self.any.load(Relaxed) || key.as_str().len() > LONGEST {
            return None;
        }
        let (path, query) = key.split_query();
        let rule = self.rules.get(path)?;
        Some((rule.id, rule.variance.canonical(query).into()))
    }
}

/// Whether a response that is stored under `key` answers `url` too, by its own account.
pub(crate) fn answers(head: &StoredHead, key: &CacheKey, url: &CacheKey) -> bool {
    let ((path, query), (other, asked)) = (key.split_query(), url.split_query());
    head.search().is_some_and(|variance| {
        path == other && variance.canonical(query) == variance.canonical(asked)
    })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use http::{HeaderMap, HeaderValue, Method, StatusCode};
    use perigee_http_cache::{Policy, RequestHead, ResponseHead, Scheme, Times};

    use super::*;

    fn key(target: &str) -> CacheKey {
        CacheKey::new(Scheme::Http, "a.test", target)
    }

    fn head(no_vary_search: &'static str) -> StoredHead {
        let mut headers = HeaderMap::new();
        headers.insert("no-vary-search", HeaderValue::from_static(no_vary_search));
        let now = SystemTime::now();
        StoredHead::new(
            &RequestHead {
                method: &Method::GET,
                headers: &HeaderMap::new(),
            },
            ResponseHead {
                status: StatusCode::OK,
                headers: &headers,
            },
            &Policy::default(),
            Times {
                requested: now,
                received: now,
            },
        )
    }

    #[test]
    fn a_url_that_is_the_same_to_the_response_finds_it() {
        let searches = Searches::new(64);
        assert_eq!(searches.same_as(&key("/p?utm=1")), None);
        searches.stored(&key("/p?utm=1&id=5"), &head("params=(\"utm\")"));
        let found = searches.same_as(&key("/p?id=5"));
        assert_eq!(found, Some(key("/p?utm=1&id=5")));
        assert_eq!(searches.same_as(&key("/p?id=6")), None);
        assert_eq!(searches.same_as(&key("/q?id=5")), None);
        assert_eq!(searches.same_as(&key("/p?utm=1&id=5")), None, "its own");
        let place = |target| searches.place(&key(target));
        assert_eq!(place("/p?id=5"), place("/p?id=5&utm=2"));
        assert_ne!(place("/p?id=5"), place("/p?id=6"));
        assert_eq!(place("/q"), None);
    }

    #[test]
    fn the_stored_response_has_the_last_word() {
        let (first, other) = (key("/p?utm=1&id=5"), key("/p?id=5"));
        assert!(answers(&head("params=(\"utm\")"), &first, &other));
        assert!(!answers(&head("params=(\"id\")"), &first, &other));
        assert!(!answers(&head(""), &first, &other));
        assert!(!answers(&head("params"), &first, &key("/q")));
    }

    #[test]
    fn a_new_rule_forgets_what_was_noted_under_the_old_one() {
        let searches = Searches::new(64);
        let (old, new) = (head("params=(\"utm\")"), head("params=(\"utm\" \"x\")"));
        searches.stored(&key("/p?utm=1"), &old);
        searches.stored(&key("/p?x=1"), &new);
        assert_eq!(searches.same_as(&key("/p")), Some(key("/p?x=1")));
        // Back again: what was noted before is not believed any more.
        searches.learn(&key("/p?x=1"), old.search());
        assert_eq!(searches.same_as(&key("/p")), None);
    }

    #[test]
    fn a_purge_of_one_url_reaches_what_would_have_answered_it() {
        let searches = Searches::new(64);
        searches.stored(&key("/p?utm=1"), &head("params"));
        assert_eq!(searches.purge(&key("/p?utm=2")), Some(key("/p?utm=1")));
        assert_eq!(searches.same_as(&key("/p")), None);
        assert_eq!(searches.purge(&key("/p")), None);
    }

    #[test]
    fn a_query_without_bounds_is_not_kept() {
        let searches = Searches::new(64);
        searches.stored(&key("/p"), &head("params, except=(\"a\")"));
        let long = format!("/p?x={}", "x".repeat(LONGEST));
        assert_eq!(searches.same_as(&key(&long)), None);
    }

    #[test]
    fn as_many_forms_are_known_as_there_is_room_for() {
        let noted = |room| {
            let searches = Searches::new(room);
            for n in 0..100 {
                searches.stored(&key(&format!("/p?a={n}&b")), &head("params=(\"b\")"));
            }
            searches.forms.run_pending_tasks();
            searches.forms.entry_count()
        };
        assert_eq!((noted(0), noted(32), noted(1000)), (0, 32, 100));
    }

    #[test]
    fn what_is_long_counts_for_several_and_what_is_too_long_is_not_noted() {
        let searches = Searches::new(320);
        let (response, long) = (head("params=(\"utm\")"), "x".repeat(1000));
        for n in 0..500 {
            searches.stored(&key(&format!("/{n}?{long}")), &response);
        }
        let path = "y".repeat(LONGEST);
        searches.stored(&key(&format!("/{path}")), &response);
        searches.rules.run_pending_tasks();
        searches.forms.run_pending_tasks();
        assert_eq!(searches.forms.entry_count(), 320 / 4, "2,000 bytes each");
        assert_eq!(searches.rules.entry_count(), 320 / 16);
        assert!(searches.rules.iter().all(|(path, _)| path.len() < LONGEST));
    }
}
