//! What the store on disk costs: `cargo run --release -p perigee-storage --example disk_store [FOLDER]`.
//!
//! Stores 1,000,000 objects of 1 KiB, starts anew and waits until all are known, and looks up and
//! reads objects that are in the page cache. CPU times are of the thread that does.

use std::{
    future::poll_fn,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use perigee_http_cache::{CacheKey, Policy, RequestHead, ResponseHead, Scheme, StoredHead, Times};
use perigee_storage::{Disk, DiskConfig, MOST_PURGES, Store};

const KEYS: usize = 1_000_000;

const FIELDS: [(&str, &str); 12] = [
    ("date", "Tue, 14 Nov 2023 22:13:20 GMT"),
    ("content-type", "text/html; charset=utf-8"),
    ("content-length", "1024"),
    ("cache-control", "public, max-age=3600"),
    ("etag", "\"33a64df551425fcc55e4d42a148795d9f25f89d4\""),
    ("last-modified", "Mon, 13 Nov 2023 22:13:20 GMT"),
    ("x-frame-options", "DENY"),
    ("vary", "accept-encoding"),
    ("server", "nginx"),
    ("strict-transport-security", "max-age=31536000"),
    ("x-content-type-options", "nosniff"),
    ("surrogate-key", "article-1 section-news"),
];

fn head() -> Arc<StoredHead> {
    let fields = FIELDS.map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    });
    let now = SystemTime::now();
    let head = StoredHead::new(
        &RequestHead {
            method: &Method::GET,
            headers: &HeaderMap::new(),
        },
        ResponseHead {
            status: StatusCode::OK,
            headers: &HeaderMap::from_iter(fields),
        },
        &Policy::default(),
        Times {
            requested: now,
            received: now,
        },
    );
    Arc::new(head)
}

fn key(number: usize) -> CacheKey {
    CacheKey::new(Scheme::Https, "www.example.org", &format!("/{number}"))
}

fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

async fn store(disk: &Disk, number: usize, head: &Arc<StoredHead>, body: &Bytes) {
    let (length, asked) = (body.len() as u64, disk.purges().now());
    let mut fill = disk.fill(&key(number), Arc::clone(head), Some(length), asked);
    fill.write(body.clone()).await.expect("it is kept");
    fill.commit().expect("it is whole");
}

async fn measure(disk: &Disk, what: &str, from: usize, count: usize) {
    for round in ["cold", "warm"] {
        let (begun, mut bytes) = (cpu(), 0);
        for number in 0..count {
            let stored = disk.lookup(&key(from + number)).get().await;
            let mut reader = stored[0].body.read();
            while let Some(chunk) = poll_fn(|cx| reader.poll_chunk(cx)).await {
                bytes += chunk.expect("it is whole").len();
            }
        }
        let each = (cpu() - begun) / count as u32;
        println!("{what}, {round}: {each:?} of CPU for a lookup and all bytes ({bytes} in all)");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let given = std::env::args().nth(1).map(PathBuf::from);
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = given.unwrap_or_else(|| temporary.path().to_owned());
    let config = DiskConfig::new(folder.join("store"), 8 << 30);
    let open = || Disk::open(&config, MOST_PURGES, SystemTime::now()).expect("it opens");
    let (head, small, large) = (
        head(),
        Bytes::from(vec![7; 1024]),
        Bytes::from(vec![7; 64 << 10]),
    );

    let disk = open();
    let begun = Instant::now();
    for number in 0..KEYS {
        store(&disk, number, &head, &small).await;
        if number % 10_000 == 0 {
            disk.flush();
        }
    }
    disk.flush();
    println!("stored {KEYS} in {:?}", begun.elapsed());
    for number in 0..2000 {
        store(&disk, KEYS + number, &head, &large).await;
    }
    drop(disk);

    let begun = Instant::now();
    let disk = open();
    println!("open after {:?}", begun.elapsed());
    while disk.is_loading() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let stats = disk.stats().disk.expect("it is one");
    println!(
        "{} keys known after {:?}, in {} bytes of memory each; {} bytes on disk each",
        stats.keys,
        begun.elapsed(),
        stats.index_bytes / stats.keys,
        stats.bytes / stats.keys,
    );
    measure(&disk, "1 KiB", 0, 100_000).await;
    measure(&disk, "64 KiB", KEYS, 2000).await;
}
