//! What a hit costs when two threads ask at the same time:
//! `cargo run --release -p perigee-storage --example same_hits`.
//!
//! One thread, then two that ask for one object, then two that ask for one each; in batches, with some other
//! work between two hits. CPU times are of a thread. As long as other programs want the same cores, the two
//! meet less often than they would.

use std::{
    hint::black_box,
    sync::{Arc, Barrier},
    thread,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use perigee_http_cache::{CacheKey, Policy, RequestHead, ResponseHead, Scheme, StoredHead, Times};
use perigee_storage::{MOST_PURGES, Memory, MemoryConfig, Purges, Store};

const HITS: usize = 1_000_000;

/// As many as are timed at once.
const ROUND: usize = 3_200;

fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

fn head() -> Arc<StoredHead> {
    let now = SystemTime::now();
    let fields = [("cache-control", "max-age=86400"), ("etag", "\"33a64d\"")];
    let fields =
        fields.map(|(name, value)| (name.parse().expect("one"), value.parse().expect("one")));
    let request = RequestHead {
        method: &Method::GET,
        headers: &HeaderMap::new(),
    };
    let response = ResponseHead {
        status: StatusCode::OK,
        headers: &HeaderMap::from_iter(fields),
    };
    let times = Times {
        requested: now,
        received: now,
    };
    StoredHead::new(&request, response, &Policy::default(), times).into()
}

/// What a hit takes, in nanoseconds, `work` included.
fn hits(store: &Memory, key: &CacheKey, batch: usize, work: usize) -> f64 {
    let (mut text, mut other) = (Vec::with_capacity(64 << 10), vec![1_u64; 512]);
    let (mut done, mut spent) = (0, Duration::ZERO);
    while done < HITS {
        let begun = cpu();
        for number in 0..ROUND {
            if number % batch == 0 {
                text.clear();
            }
            store.at_once(key.as_str().as_bytes(), &mut |hits| {
                let hit = hits.iter().next().expect("one");
                text.extend_from_slice(hit.head().lines());
                text.extend_from_slice(hit.in_place(0..u64::MAX).expect("it is small"));
                true
            });
            for place in other.iter_mut().take(work) {
                *place = place.wrapping_mul(3);
            }
            black_box((&text, &other));
        }
        spent += cpu() - begun;
        done += ROUND;
    }
    spent.as_nanos() as f64 / done as f64
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    let store = Memory::new(MemoryConfig::default(), Arc::new(Purges::new(MOST_PURGES)));
    let keys = ["/a", "/b"].map(|path| CacheKey::new(Scheme::Http, "127.0.0.1:8080", path));
    for key in &keys {
        runtime.block_on(async {
            let now = store.purges().now();
            let mut fill = store.fill(key, head(), Some(1024), now);
            let body = Bytes::from(vec![b'x'; 1024]);
            fill.write(body).await.expect("it is kept");
            fill.commit().expect("it is whole");
        });
    }
    let (store, [one, other]) = (&store, &keys);
    let both = |second: &CacheKey, batch, work| {
        let ready = Barrier::new(2);
        let ask = |key| {
            ready.wait();
            hits(store, key, batch, work)
        };
        thread::scope(|scope| {
            let first = scope.spawn(|| ask(one));
            let second = ask(second);
            first.join().map_or(second, |first| first.max(second))
        })
    };
    println!(
        "| in batches of | other work | one thread, ns | two, one object | two, an object each |"
    );
    println!("|---|---|---|---|---|");
    for (batch, work) in [(1, 0), (16, 0), (1, 200), (16, 200)] {
        let alone = hits(store, one, batch, work);
        let (same, own) = (both(one, batch, work), both(other, batch, work));
        println!("| {batch} | {work} | {alone:.0} | {same:.0} | {own:.0} |");
    }
}
