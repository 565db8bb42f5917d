//! The table beside a list of all purges that is read from end to end.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use perigee_http_cache::{KeyPolicy, Policy, RequestHead, ResponseHead, Scheme, Times};
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

const HOSTS: [&str; 5] = ["a.test", "a.test:8080", "b.test", "a.test:80", "[::1]:443"];
const PATHS: [&str; 8] = ["/", "/a", "/a?q", "/a?r", "/a/b", "/a/bc", "/ab", "/b"];
const LABELS: [&str; 3] = ["x", "y", "z"];

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn key(scheme: usize, host: &str, path: &str) -> CacheKey {
    let folded = KeyPolicy {
        fold_schemes: true,
        ..KeyPolicy::default()
    };
    match scheme {
        0 => CacheKey::new(Scheme::Http, host, path),
        1 => CacheKey::new(Scheme::Https, host, path),
        _ => folded.key(Scheme::Http, host, path),
    }
}

fn head(tags: &[&str], groups: &[&str]) -> StoredHead {
    let mut fields = HeaderMap::new();
    let groups: Vec<String> = groups.iter().map(|group| format!("\"{group}\"")).collect();
    fields.insert("cache-tag", HeaderValue::from_str(&tags.join(",")).unwrap());
    fields.insert(
        "cache-groups",
        HeaderValue::from_str(&groups.join(",")).unwrap(),
    );
    let times = Times {
        requested: at(0),
        received: at(0),
    };
    let request = RequestHead {
        method: &Method::GET,
        headers: &HeaderMap::new(),
    };
    let response = ResponseHead {
        status: StatusCode::OK,
        headers: &fields,
    };
    StoredHead::new(&request, response, &Policy::default(), times)
}

/// The host of a key, and the ports that it may be asked for at.
fn host_and_ports(key: &CacheKey) -> (String, Vec<String>) {
    let (scheme, host) = key.origin().split_once("://").unwrap();
    let cut = host.rfind(':').filter(|_| !host.ends_with(']'));
    let ports = |ports: &[&str]| ports.iter().map(|&port| port.to_owned()).collect();
    match cut {
        Some(cut) => (host[..cut].to_owned(), ports(&[&host[cut + 1..]])),
        None if scheme == "http" => (host.to_owned(), ports(&["80"])),
        None if scheme == "https" => (host.to_owned(), ports(&["443"])),
        None => (host.to_owned(), ports(&["80", "443"])),
    }
}

/// Whether a purge is about a response, by the words of [`Target`].
fn is_meant(target: &Target, key: &CacheKey, head: &StoredHead) -> bool {
    let (host, ports) = host_and_ports(key);
    match target {
        Target::Key(other) => other == key,
        Target::Prefix(text) => key
            .as_str()
            .split_once("://")
            .unwrap()
            .1
            .starts_with(&**text),
        Target::Host(other) => {
            let other = other.to_lowercase();
            other == host || ports.iter().any(|port| format!("{host}:{port}") == other)
        }
        Target::Tag { host: other, tag } => {
            let is_of_host = other.as_ref().is_none_or(|other| **other == *host);
            is_of_host && head.tags().any(|it| *it == **tag)
        }
        Target::Group { origin, group } => {
            **origin == *key.origin() && head.groups().any(|it| *it == **group)
        }
        Target::Everything => true,
    }
}

#[derive(Debug, Default)]
struct Model(Vec<(Purge, SystemTime)>);

impl Model {
    fn verdict(&self, key: &CacheKey, head: &StoredHead, since: usize) -> Verdict {
        let since = self.0.iter().skip(since);
        let meant: Vec<_> = since
            .filter(|(p, _)| is_meant(&p.target, key, head))
            .collect();
        match meant.first() {
            _ if meant.iter().any(|(purge, _)| !purge.soft) => Verdict::Gone,
            Some((_, at)) => Verdict::Stale(*at),
            None => Verdict::Holds,
        }
    }
}

fn any_key() -> impl Strategy<Value = CacheKey> {
    (0..3_usize, select(&HOSTS[..]), select(&PATHS[..]))
        .prop_map(|(scheme, host, path)| key(scheme, host, path))
}

fn any_head() -> impl Strategy<Value = StoredHead> {
    let labels = || vec(select(&LABELS[..]), 0..3);
    (labels(), labels()).prop_map(|(tags, groups)| head(&tags, &groups))
}

fn any_target() -> impl Strategy<Value = Target> {
    let label = || select(&LABELS[..]).prop_map(Arc::from);
    let bare = select(&["a.test", "b.test", "[::1]"][..]);
    let prefix = (any_key(), any::<proptest::sample::Index>()).prop_map(|(key, cut)| {
        let text = key.as_str().split_once("://").unwrap().1;
        Target::Prefix(text[..=cut.index(text.len())].into())
    });
    prop_oneof![
        4 => any_key().prop_map(Target::Key),
        4 => prefix,
        2 => select(&["A.test", "a.test:80", "a.test:443", "a.test:8080", "[::1]", "[::1]:443"][..])
            .prop_map(|host| Target::Host(host.into())),
        3 => (proptest::option::of(bare), label()).prop_map(|(host, tag)| {
            let host = host.map(Arc::from);
            Target::Tag { host, tag }
        }),
        3 => (any_key(), label()).prop_map(|(key, group)| {
            let origin = key.origin().into();
            Target::Group { origin, group }
        }),
        1 => Just(Target::Everything),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Note(Purge, u64),
    Ask(CacheKey, Box<StoredHead>, proptest::sample::Index),
    Forget(proptest::sample::Index),
}

fn any_step() -> impl Strategy<Value = Step> {
    let purge = (any_target(), any::<bool>()).prop_map(|(target, soft)| Purge { target, soft });
    let since = || any::<proptest::sample::Index>();
    prop_oneof![
        6 => (purge, 0..9_u64).prop_map(|(purge, at)| Step::Note(purge, at)),
        8 => (any_key(), any_head(), since())
            .prop_map(|(key, head, since)| Step::Ask(key, Box::new(head), since)),
        1 => since().prop_map(Step::Forget),
    ]
}

proptest! {
    #[test]
    fn agrees_with_a_list_of_all_purges(most in 1..40_usize, steps in vec(any_step(), 0..120)) {
        let (purges, mut model) = (Purges::new(most), Model::default());
        for step in steps {
            match step {
                Step::Note(purge, seconds) => {
                    let revision = purges.note(&purge, at(seconds));
                    model.0.push((purge, at(seconds)));
                    prop_assert_eq!(revision.number(), model.0.len() as u64);
                    prop_assert_eq!(purges.now(), revision);
                    prop_assert!(purges.stats().known <= most as u64);
                }
                Step::Ask(key, head, since) => {
                    let since = since.index(model.0.len() + 1);
                    let revision = Revision::new(since as u64);
                    let verdict = purges.verdict(&key, Some(&head), revision);
                    let expected = model.verdict(&key, &head, since);
                    if revision >= purges.stats().floor {
                        prop_assert_eq!(verdict, expected, "{} {:?}", key, since);
                    } else {
                        prop_assert_eq!(verdict, Verdict::Gone);
                    }
                    // Who knows less says no less.
                    let unknown = purges.verdict(&key, None, revision);
                    prop_assert!(verdict == Verdict::Holds || unknown != Verdict::Holds);
                    let by_key = purges.key_was_purged(&key, revision);
                    prop_assert!(!by_key || verdict != Verdict::Holds);
                    prop_assert!(!by_key || purges.path_was_purged(&key, revision));
                }
                Step::Forget(revision) => {
                    let revision = revision.index(model.0.len() + 1) as u64;
                    purges.forget_before(Revision::new(revision));
                    prop_assert_eq!(purges.now().number(), model.0.len() as u64);
                }
            }
        }
    }
}

fn of(path: &str) -> CacheKey {
    key(0, "a.test", path)
}

#[test]
fn a_purge_is_about_what_was_asked_for_before_it() {
    let (purges, head) = (Purges::new(10), head(&["x"], &[]));
    let before = purges.now();
    let tag = Target::Tag {
        host: None,
        tag: "x".into(),
    };
    let revision = purges.note(&Purge::hard(tag), at(1));
    assert_eq!((before, revision), (Revision::new(0), Revision::new(1)));
    assert_eq!(purges.verdict(&of("/"), Some(&head), before), Verdict::Gone);
    assert_eq!(
        purges.verdict(&of("/"), Some(&head), revision),
        Verdict::Holds
    );
    assert!(!purges.key_was_purged(&of("/"), before));
    assert_eq!(
        purges.verdict(&of("/"), None, before),
        Verdict::Gone,
        "it may have the tag"
    );
}

#[test]
fn of_what_is_not_known_yet_only_purges_of_its_host_and_origin_count() {
    let purges = Purges::new(10);
    let group = |origin: &str| Target::Group {
        origin: origin.into(),
        group: "x".into(),
    };
    let tag = |host: &str| Target::Tag {
        host: Some(host.into()),
        tag: "x".into(),
    };
    purges.note(&Purge::hard(group("http://b.test")), at(1));
    purges.note(&Purge::hard(tag("b.test:8080")), at(1));
    let start = Revision::default();
    assert_eq!(purges.verdict(&of("/"), None, start), Verdict::Holds);
    let other = key(0, "b.test", "/");
    assert_eq!(purges.verdict(&other, None, start), Verdict::Gone);
    assert!(!purges.key_was_purged(&other, start));
    let head = head(&["x"], &[]);
    assert_eq!(
        purges.verdict(&other, Some(&head), start),
        Verdict::Gone,
        "on all ports"
    );
}

#[test]
fn a_path_is_purged_with_any_of_its_queries() {
    let purges = Purges::new(10);
    purges.note(&Purge::key(of("/a?q")), at(1));
    let start = Revision::default();
    assert!(purges.path_was_purged(&of("/a?r"), start));
    assert!(purges.path_was_purged(&of("/a"), start));
    assert!(!purges.path_was_purged(&of("/a/"), start));
    assert!(!purges.path_was_purged(&of("/a"), purges.now()));
}

#[test]
fn stale_is_since_the_first_of_several() {
    let purges = Purges::new(10);
    for seconds in [5, 6, 7] {
        purges.note(&Purge::soft(Target::Everything), at(seconds));
    }
    let verdict = |since| purges.verdict(&of("/"), None, Revision::new(since));
    assert_eq!(verdict(0), Verdict::Stale(at(5)));
    assert_eq!(verdict(2), Verdict::Stale(at(7)));
    purges.note(&Purge::hard(Target::Everything), at(8));
    assert_eq!(verdict(2), Verdict::Gone);
    assert_eq!(purges.stats().known, 0, "nothing before it need be known");
}

#[test]
fn what_is_forgotten_counts_as_gone_for_who_was_not_checked() {
    let purges = Purges::new(10);
    for n in 0..4 {
        purges.note(&Purge::key(of(&format!("/{n}"))), at(1));
    }
    purges.forget_before(Revision::new(2));
    let verdict = |since| purges.verdict(&of("/x"), None, Revision::new(since));
    assert_eq!((verdict(1), verdict(2)), (Verdict::Gone, Verdict::Holds));
    let stats = purges.stats();
    assert_eq!(
        (stats.known, stats.floor, stats.lost),
        (2, Revision::new(2), 0)
    );
}

#[test]
fn too_many_make_older_ones_gone_and_repeated_ones_do_not() {
    let purges = Purges::new(100);
    for _ in 0..1000 {
        for n in 0..50 {
            purges.note(&Purge::key(of(&format!("/{n}"))), at(1));
        }
    }
    let stats = purges.stats();
    assert_eq!((stats.lost, stats.floor.number()), (0, 0), "{stats:?}");
    assert_eq!(
        purges.verdict(&of("/x"), None, Revision::default()),
        Verdict::Holds
    );
    for n in 0..101 {
        purges.note(&Purge::key(of(&format!("/new-{n}"))), at(1));
    }
    let stats = purges.stats();
    assert!(stats.lost > 0 && stats.known <= 100, "{stats:?}");
    assert_eq!(
        purges.verdict(&of("/x"), None, Revision::default()),
        Verdict::Gone
    );
    assert_eq!(purges.verdict(&of("/x"), None, stats.floor), Verdict::Holds);
}

/// The table has room for no more than it knows: what is forgotten leaves nothing behind.
#[test]
fn nothing_stays_of_what_is_forgotten() {
    let purges = Purges::new(1000);
    for n in 0..300 {
        let key = of(&format!("/{n}"));
        purges.note(
            &Purge {
                target: Target::Key(key.clone()),
                soft: n % 3 == 0,
            },
            at(n),
        );
        let prefix = Target::Prefix(format!("a.test/{n}").into());
        purges.note(&Purge::soft(prefix), at(n));
        let group = Target::Group {
            origin: key.origin().into(),
            group: format!("{n}").into(),
        };
        purges.note(&Purge::hard(group), at(n));
    }
    purges.forget_before(purges.now());
    let table = purges.read();
    assert!(table.is_empty(), "{table:?}");
}

/// One thread purges while others look: who begins after the answer sees it.
#[test]
fn a_purge_holds_for_who_begins_after_it() {
    let purges = Arc::new(Purges::new(1000));
    let (sender, receiver) = std::sync::mpsc::channel();
    let shared = Arc::clone(&purges);
    let looking = std::thread::spawn(move || {
        for (before, key) in receiver {
            assert_eq!(shared.verdict(&key, None, before), Verdict::Gone);
        }
    });
    for n in 0..5000 {
        let (before, key) = (purges.now(), of(&format!("/{n}")));
        purges.note(&Purge::key(key.clone()), at(1));
        sender.send((before, key)).unwrap();
    }
    drop(sender);
    looking.join().unwrap();
}
