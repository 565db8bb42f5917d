//! An object much larger than the memory of the edge: cached, cut into ranges, killed in the middle
//! and resumed. Every byte is checked where it arrives.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::{
    client::get,
    movie::{Film, Movie, Viewer},
    net::Net,
    process::Process,
    wait,
};

const HOST: &str = "www.cdn.test";
const MIB: u64 = 1 << 20;

/// How large all is, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) length: u64,
    pub(crate) memory: u64,
    /// What waits to be written.
    pub(crate) queue: u64,
    /// The origin sends no more than this before the fast reader has it.
    pub(crate) step: u64,
}

/// Seconds since the start, what was done then, and the memory of the edge (RSS) in MiB.
pub(crate) type Curve = Vec<(f64, &'static str, f64)>;

/// What was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Bytes that were there after the kill.
    pub(crate) resumed: u64,
    /// The memory of the edge.
    pub(crate) curve: Curve,
    /// Seconds and bytes that clients read in each phase.
    pub(crate) phases: Vec<(&'static str, f64, u64)>,
}

impl Seen {
    pub(crate) fn peak(&self) -> f64 {
        self.curve.iter().map(|(.., rss)| *rss).fold(0.0, f64::max)
    }
}

/// An edge with a disk that outlives it. Its origin may be faster than the disk, and is held back then.
struct Node {
    folder: TempDir,
    address: SocketAddr,
    admin: SocketAddr,
    process: Option<Process>,
}

impl Node {
    fn new(movie: &Movie, sizes: Sizes) -> Self {
        let (net, folder) = (Net::new(), TempDir::new().unwrap());
        let (address, admin) = (net.at(1, 8080), net.at(1, 9901));
        let (origin, disk) = (movie.url(), folder.path().join("disk"));
        let (disk, size) = (disk.display(), 2 * sizes.length);
        let Sizes { memory, queue, .. } = sizes;
        let text = format!(
            "[[pops]]\nname = \"p\"\nlatitude = 0\nlongitude = 0\n\n[dns]\nzone = \"cdn.test\"\n\n\
             [[services]]\nname = \"www\"\norigins = [\"{origin}\"]\n\n\
             [storage]\nmemory = {memory}\nwindow_patience = \"10m\"\n\n[storage.disk]\npath = \"{disk}\"\nsize = {size}\n\
             max_object_share = 0.9\nwrite_queue = {queue}\n\n[[edges]]\nname = \"one\"\npop = \"p\"\n\
             listen = [\"{address}\"]\nadmin = \"{admin}\"\n"
        );
        std::fs::write(folder.path().join("cdn.toml"), text).unwrap();
        Node {
            folder,
            address,
            admin,
            process: None,
        }
    }

    /// Starts it; gives its process id.
    async fn start(&mut self) -> u32 {
        let path = self.folder.path().join("cdn.toml");
        let args = ["edge", "--config", path.to_str().unwrap(), "--node", "one"];
        let mut process = Process::start("one", self.folder.path(), &args);
        let admin = self.admin;
        wait::until("the edge is ready", || {
            assert!(process.is_running(), "{}", process.stderr());
            async move {
                let answer = get(admin, "localhost", "/ready").try_send().await.ok()?;
                answer.status.is_success().then_some(())
            }
        })
        .await;
        let id = process.id();
        self.process = Some(process);
        id
    }

    /// It serves before it has looked for all that is on its disk.
    async fn until_loaded(&self) {
        wait::until("what is on the disk is known", || async {
            let ask = get(self.address, HOST, "/film").with("range", "bytes=0-0");
            let answer = ask.with("cache-control", "only-if-cached").send().await;
            answer.is_hit().then_some(())
        })
        .await;
    }

    /// What it has said.
    fn told(&self) -> String {
        let process = self.process.as_ref().unwrap();
        process.stdout() + &process.stderr()
    }

    fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    async fn view(&self, lines: &str) -> Viewer {
        Viewer::ask(self.address, HOST, "/film", lines).await
    }

    /// Reads a range to its end in a task of its own.
    async fn range(&self, first: u64, end: u64) -> JoinHandle<()> {
        let last = end - 1;
        let mut viewer = self.view(&format!("range: bytes={first}-{last}\r\n")).await;
        tokio::spawn(async move { assert_eq!(viewer.read_all().await, end) })
    }
}

/// Looks at the memory of the edge now and then.
struct Watch {
    doing: Arc<Mutex<(&'static str, Curve)>>,
    id: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Watch {
    fn begin(began: Instant) -> Self {
        let doing = Arc::new(Mutex::new(("start", Curve::new())));
        let id = Arc::new(AtomicU32::new(0));
        let (seen, of) = (Arc::clone(&doing), Arc::clone(&id));
        let task = tokio::spawn(async move {
            loop {
                if let Some(rss) = rss(of.load(SeqCst)) {
                    let mut seen = seen.lock().unwrap();
                    let doing = seen.0;
                    seen.1.push((began.elapsed().as_secs_f64(), doing, rss));
                }
                // Between two looks.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        Watch { doing, id, task }
    }

    fn doing(&self, what: &'static str) {
        self.doing.lock().unwrap().0 = what;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The memory of a process, in MiB.
fn rss(id: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024.0)
}

/// Lets the origin send up to `end`, step by step, as this reader reads.
async fn read_along(movie: &Movie, viewer: &mut Viewer, end: u64, step: u64) {
    while viewer.position < end {
        let next = end.min(viewer.position + step);
        movie.let_flow(next);
        viewer.read_to(next).await;
    }
}

pub(crate) async fn run(sizes: Sizes) -> Seen {
    let Sizes { length, step, .. } = sizes;
    let movie = Movie::start(Film::of(length)).await;
    let mut node = Node::new(&movie, sizes);
    let began = Instant::now();
    let watch = Watch::begin(began);
    let mut phases = Vec::new();
    watch.id.store(node.start().await, SeqCst);

    // A fast reader, one that lags, and a range, while one half comes.
    watch.doing("first half");
    let (half, from) = (length / 2, Instant::now());
    let (mut fast, mut slow) = (node.view("").await, node.view("").await);
    read_along(&movie, &mut fast, half / 2, step).await;
    slow.read_to(half / 8).await;
    let range = node.range(half / 4 + 7, half / 4 + 4 * MIB).await;
    read_along(&movie, &mut fast, half, step).await;
    range.await.unwrap();
    slow.read_to(half / 4).await;
    phases.push(("first half, fetched", from.elapsed().as_secs_f64(), half));
    assert_eq!(movie.asked().len(), 1);
    node.kill();
    drop((fast, slow));

    // What was there is not fetched again, and a range far ahead is fetched for itself.
    watch.id.store(node.start().await, SeqCst);
    watch.doing("second half");
    node.until_loaded().await;
    let from = Instant::now();
    let (mut fast, mut slow) = (node.view("").await, node.view("").await);
    fast.read_to(half / 2).await;
    let last = node.range(length - 4 * MIB, length).await;
    fast.read_to(half * 3 / 4).await;
    read_along(&movie, &mut fast, half + step, step).await;
    let resumed = resumed(&movie, length);
    read_along(&movie, &mut fast, length, step).await;
    last.await.unwrap();
    assert_eq!(fast.read_all().await, length);
    phases.push((
        "all, half of it fetched",
        from.elapsed().as_secs_f64(),
        length,
    ));

    watch.doing("from disk");
    let (from, asked) = (Instant::now(), movie.asked());
    assert_eq!(slow.read_all().await, length);
    phases.push((
        "who lagged, from disk",
        from.elapsed().as_secs_f64(),
        length,
    ));
    let from = Instant::now();
    let ranges = (1..8).map(|n| (n * length / 8 - MIB, n * length / 8 + MIB));
    for (first, end) in ranges {
        node.range(first, end).await.await.unwrap();
    }
    let mut again = [node.view("").await, node.view("").await];
    for viewer in &mut again {
        let (head, asked) = (&viewer.head, movie.asked());
        assert!(head.contains("; hit"), "{head}{asked:?}\n{}", node.told());
    }
    let again = again.map(|mut viewer| tokio::spawn(async move { viewer.read_all().await }));
    for viewer in again {
        assert_eq!(viewer.await.unwrap(), length);
    }
    phases.push((
        "two hits, from disk",
        from.elapsed().as_secs_f64(),
        2 * length,
    ));
    assert_eq!(movie.asked(), asked, "all of it was there");
    let curve = std::mem::take(&mut watch.doing.lock().unwrap().1);
    Seen {
        resumed,
        curve,
        phases,
    }
}

/// Where the fetch after the kill went on: each byte is asked for once, but for those that the kill
/// has cost.
fn resumed(movie: &Movie, length: u64) -> u64 {
    let asked = movie.asked();
    let (range, if_range) = &asked[1..]
        .iter()
        .find(|(range, _)| !range.contains(&format!("{}-", length - 4 * MIB)))
        .expect("what lacks is fetched");
    assert_eq!(if_range, "\"v1\"", "{asked:?}");
    let first = range.strip_prefix("bytes=").unwrap().split('-').next();
    first.unwrap().parse().unwrap()
}
