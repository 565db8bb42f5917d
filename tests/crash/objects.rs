//! What the origin has: many objects, each of which has versions.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;

use crate::harness::{
    client::Answer,
    origin::{Asked, Origin},
    pattern::{first_wrong, pattern},
};

/// How many there are.
pub(crate) const OBJECTS: usize = 300;

/// Objects that share a tag.
const TAGS: usize = 10;

/// The versions of each object.
#[derive(Debug, Default)]
struct Versions {
    /// What the origin has now.
    current: AtomicU64,
    /// What the last acknowledged purge left valid: nothing older may be served any more.
    valid_from: AtomicU64,
}

/// What the origin has.
#[derive(Clone, Debug)]
pub(crate) struct Objects(Arc<Vec<Versions>>);

impl Objects {
    pub(crate) fn new() -> Self {
        let versions = (0..OBJECTS).map(|_| Versions::default());
        Objects(Arc::new(versions.collect()))
    }

    /// An origin that has them.
    pub(crate) async fn origin(&self) -> Origin {
        let objects = self.clone();
        Origin::start(move |asked| {
            let objects = objects.clone();
            async move { objects.respond(&asked) }
        })
        .await
    }

    /// All objects with this tag have new content now.
    pub(crate) fn change(&self, tag: usize) {
        for versions in self.tagged(tag) {
            versions.current.fetch_add(1, SeqCst);
        }
    }

    /// The same, of one object.
    pub(crate) fn change_one(&self, object: usize) {
        self.0[object].current.fetch_add(1, SeqCst);
    }

    /// A purge of this tag, sent after the change, was acknowledged.
    pub(crate) fn purged(&self, tag: usize) {
        for versions in self.tagged(tag) {
            versions.purged();
        }
    }

    /// The same, of one object.
    pub(crate) fn purged_one(&self, object: usize) {
        self.0[object].purged();
    }

    /// What a request that begins now must not be answered with: anything older.
    pub(crate) fn valid_from(&self, object: usize) -> u64 {
        self.0[object].valid_from.load(SeqCst)
    }

    fn tagged(&self, tag: usize) -> impl Iterator<Item = &Versions> {
        self.0.iter().skip(tag).step_by(TAGS)
    }

    fn respond(&self, asked: &Asked) -> Response<Full<Bytes>> {
        let object: usize = asked.path.trim_start_matches("/o/").parse().unwrap();
        let version = self.0[object].current.load(SeqCst);
        let (length, seed) = (length(object), seed(object, version));
        let response = Response::builder()
            .header("cache-control", "max-age=86400")
            .header("surrogate-key", tag(object % TAGS))
            .header("version", version)
            .header("etag", etag(object, version));
        let range = wanted(asked, object, version, length);
        let response = match &range {
            None => response,
            Some((from, to)) => {
                let said = format!("bytes {from}-{}/{length}", to - 1);
                let partial = StatusCode::PARTIAL_CONTENT;
                response.status(partial).header("content-range", said)
            }
        };
        let (from, to) = range.unwrap_or((0, length));
        let body = pattern(seed, from, (to - from) as usize);
        response.body(Full::new(body)).unwrap()
    }

    /// Judges an answer to a request that began when `valid_from` was the oldest valid version.
    pub(crate) fn check(&self, object: usize, valid_from: u64, answer: &Answer) {
        let version: u64 = answer.field("version").parse().unwrap();
        assert!(
            version >= valid_from,
            "object {object}: version {version} was purged, {valid_from} is the oldest valid"
        );
        let from = match answer.status {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT => first_position(&answer.field("content-range")),
            status => panic!("object {object}: {status}"),
        };
        let wrong = first_wrong(seed(object, version), from, &answer.body);
        let how = answer.cache_status();
        assert_eq!(wrong, None, "object {object}: a wrong byte at; {how}");
        if answer.status == StatusCode::OK {
            assert_eq!(answer.body.len() as u64, length(object), "object {object}");
        }
    }
}

impl Versions {
    fn purged(&self) {
        self.valid_from.store(self.current.load(SeqCst), SeqCst);
    }
}

pub(crate) fn path(object: usize) -> String {
    format!("/o/{object}")
}

pub(crate) fn tag(tag: usize) -> String {
    format!("tag-{tag}")
}

/// Many small ones, some that fill several blocks, few that memory does not take.
pub(crate) fn length(object: usize) -> u64 {
    let spread = (object as u64).wrapping_mul(7919) % 1000;
    match object % 20 {
        0 => 1_500_000 + spread * 1000,
        1..=4 => 100_000 + spread * 200,
        5 => spread % 3,
        _ => 100 + spread * 30,
    }
}

fn seed(object: usize, version: u64) -> u64 {
    (object as u64) << 32 | version
}

fn etag(object: usize, version: u64) -> String {
    format!("\"{object}-{version}\"")
}

/// The bytes that are asked for, unless the whole is to be sent.
fn wanted(asked: &Asked, object: usize, version: u64, length: u64) -> Option<(u64, u64)> {
    let condition = asked.field("if-range");
    if !condition.is_empty() && condition != etag(object, version) {
        return None;
    }
    let (first, last) = asked
        .field("range")
        .strip_prefix("bytes=")?
        .split_once('-')?;
    let first: u64 = first.parse().ok()?;
    let end = last
        .parse()
        .map_or(length, |last: u64| (last + 1).min(length));
    (first < end).then_some((first, end))
}

fn first_position(content_range: &str) -> u64 {
    let digits = content_range.trim_start_matches("bytes ");
    digits.split('-').next().unwrap().parse().unwrap()
}
