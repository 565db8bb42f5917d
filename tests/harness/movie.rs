//! A representation that is too large to have: each byte is computed of its position, where it is
//! sent and where it is read.

use std::{
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use super::wait;

/// Bytes that are computed at once.
const PIECE: usize = 64 << 10;

/// Fills `into` with the bytes of a version from this position on.
pub(crate) fn fill(version: u64, position: u64, into: &mut [u8]) {
    let mut index = position / 8;
    let mut skip = (position % 8) as usize;
    let mut rest = into;
    while !rest.is_empty() {
        let mixed = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ version;
        let word = (mixed ^ (mixed >> 29)).to_le_bytes();
        let count = (8 - skip).min(rest.len());
        let (now, later) = rest.split_at_mut(count);
        now.copy_from_slice(&word[skip..skip + count]);
        rest = later;
        index += 1;
        skip = 0;
    }
}

/// Whether these are the bytes of a version from this position on.
pub(crate) fn is_right(version: u64, position: u64, bytes: &[u8]) -> bool {
    let mut expected = vec![0; bytes.len()];
    fill(version, position, &mut expected);
    expected == bytes
}

/// What the origin has, and how it sends it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Film {
    pub(crate) version: u64,
    pub(crate) length: u64,
    pub(crate) cache_control: &'static str,
    /// Whether it says how long it is.
    pub(crate) states_length: bool,
    /// Whether it takes notice of Range.
    pub(crate) has_ranges: bool,
    /// Whether it has a strong validator.
    pub(crate) has_tag: bool,
}

impl Film {
    pub(crate) fn of(length: u64) -> Self {
        Film {
            version: 1,
            length,
            cache_control: "max-age=3600",
            states_length: true,
            has_ranges: true,
            has_tag: true,
        }
    }

    fn tag(&self) -> String {
        format!("\"v{}\"", self.version)
    }
}

/// A response of the origin.
#[derive(Debug)]
pub(crate) struct Showing {
    /// Range and If-Range of the request.
    pub(crate) range: String,
    pub(crate) if_range: String,
    /// Body bytes sent.
    sent: AtomicU64,
    /// Whether the connection was closed before its end.
    broken: AtomicBool,
}

impl Showing {
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(SeqCst)
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(SeqCst)
    }
}

/// A running origin.
#[derive(Debug)]
pub(crate) struct Movie {
    address: SocketAddr,
    film: Arc<Mutex<Film>>,
    showings: Arc<Mutex<Vec<Arc<Showing>>>>,
    limit: watch::Sender<u64>,
    task: JoinHandle<()>,
}

impl Movie {
    /// Sends nothing of a body until [`Movie::let_flow`].
    pub(crate) async fn start(film: Film) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let film = Arc::new(Mutex::new(film));
        let showings = Arc::<Mutex<Vec<_>>>::default();
        let (limit, limits) = watch::channel(0);
        let (all, now) = (Arc::clone(&showings), Arc::clone(&film));
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (all, now, limits) = (Arc::clone(&all), Arc::clone(&now), limits.clone());
                connections.spawn(async move { serve(stream, &now, &all, limits).await });
            }
        });
        Movie {
            address,
            film,
            showings,
            limit,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends of the complete representation what stands before this position, in each response.
    pub(crate) fn let_flow(&self, position: u64) {
        self.limit.send_replace(position);
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Film)) {
        change(&mut self.film.lock().unwrap());
    }

    /// All responses, oldest first.
    pub(crate) fn showings(&self) -> Vec<Arc<Showing>> {
        self.showings.lock().unwrap().clone()
    }

    /// Range and If-Range of all requests.
    pub(crate) fn asked(&self) -> Vec<(String, String)> {
        let pair = |it: &Arc<Showing>| (it.range.clone(), it.if_range.clone());
        self.showings().iter().map(pair).collect()
    }

    /// Waits until this response is over before its end.
    pub(crate) async fn until_broken(&self, index: usize) {
        wait::until("the fetch is given up", || async {
            self.showings()[index].is_broken().then_some(())
        })
        .await;
    }
}

impl Drop for Movie {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    film: &Mutex<Film>,
    showings: &Mutex<Vec<Arc<Showing>>>,
    limit: watch::Receiver<u64>,
) {
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    while !text.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece).await {
            Ok(length) if length > 0 => text.extend_from_slice(&piece[..length]),
            _ => return,
        }
    }
    let text = String::from_utf8(text).unwrap();
    let field = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let film = *film.lock().unwrap();
    let showing = Arc::new(Showing {
        range: field("range"),
        if_range: field("if-range"),
        sent: AtomicU64::new(0),
        broken: AtomicBool::new(false),
    });
    showings.lock().unwrap().push(Arc::clone(&showing));
    if film.has_tag && field("if-none-match") == film.tag() {
        let tag = film.tag();
        let cache_control = film.cache_control;
        let head = format!(
            "HTTP/1.1 304 Not Modified\r\netag: {tag}\r\ncache-control: {cache_control}\r\nconnection: close\r\n\r\n"
        );
        let _ = stream.write_all(head.as_bytes()).await;
        return;
    }
    let range = range_of(&film, &showing);
    let done = send(&mut stream, &film, range, &showing, limit).await;
    showing.broken.store(done.is_none(), SeqCst);
}

/// The bytes asked for; `None`: all.
fn range_of(film: &Film, showing: &Showing) -> Option<Range<u64>> {
    let holds = showing.if_range.is_empty() || showing.if_range == film.tag();
    let (first, last) = showing.range.strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    let end = last.parse().map_or(film.length, |last: u64| last + 1);
    (film.has_ranges && holds).then_some(first..end.min(film.length))
}

/// `None` if the other side has left before the end.
async fn send(
    stream: &mut TcpStream,
    film: &Film,
    range: Option<Range<u64>>,
    showing: &Showing,
    mut limit: watch::Receiver<u64>,
) -> Option<()> {
    let bytes = range.clone().unwrap_or(0..film.length);
    let mut head = match range {
        Some(_) => "HTTP/1.1 206 Partial Content\r\n",
        None => "HTTP/1.1 200 OK\r\n",
    }
    .to_owned();
    head += &format!(
        "cache-control: {}\r\nconnection: close\r\n",
        film.cache_control
    );
    if film.has_tag {
        head += &format!("etag: {}\r\n", film.tag());
    }
    if range.is_some() {
        let (first, last, length) = (bytes.start, bytes.end - 1, film.length);
        head += &format!("content-range: bytes {first}-{last}/{length}\r\n");
    }
    let is_chunked = !film.states_length && range.is_none();
    head += &match is_chunked {
        true => "transfer-encoding: chunked\r\n\r\n".to_owned(),
        false => format!("content-length: {}\r\n\r\n", bytes.end - bytes.start),
    };
    stream.write_all(head.as_bytes()).await.ok()?;
    let mut position = bytes.start;
    let mut piece = vec![0; PIECE];
    while position < bytes.end {
        let mut one = [0];
        let free = tokio::select! {
            limit = limit.wait_for(|limit| *limit > position) => *limit.ok()?,
            // Nothing more is to come: the other side has closed.
            _ = stream.read(&mut one) => return None,
        };
        let end = bytes.end.min(free).min(position + PIECE as u64);
        let length = (end - position) as usize;
        fill(film.version, position, &mut piece[..length]);
        if is_chunked {
            let size = format!("{length:x}\r\n");
            stream.write_all(size.as_bytes()).await.ok()?;
        }
        stream.write_all(&piece[..length]).await.ok()?;
        if is_chunked {
            stream.write_all(b"\r\n").await.ok()?;
        }
        position = end;
        showing.sent.store(position - bytes.start, SeqCst);
    }
    if is_chunked {
        stream.write_all(b"0\r\n\r\n").await.ok()?;
    }
    Some(())
}

/// A client that reads as far as it is told. Dropped, it leaves.
#[derive(Debug)]
pub(crate) struct Viewer {
    stream: TcpStream,
    /// The head of the response.
    pub(crate) head: String,
    /// Body bytes that came with it.
    early: Vec<u8>,
    version: u64,
    /// The next byte that it expects.
    pub(crate) position: u64,
    piece: Vec<u8>,
}

impl Viewer {
    /// Asks for it, with these further lines of a head.
    pub(crate) async fn ask(address: SocketAddr, host: &str, path: &str, lines: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // A body of unknown length is not chunked for HTTP/1.0.
        let ask = format!("GET {path} HTTP/1.0\r\nhost: {host}\r\n{lines}\r\n");
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let mut piece = vec![0; PIECE];
        let end = loop {
            let found = bytes.windows(4).position(|four: &[u8]| four == b"\r\n\r\n");
            if let Some(end) = found {
                break end + 4;
            }
            let length = stream.read(&mut piece).await.unwrap();
            assert!(length > 0, "closed within the head");
            bytes.extend_from_slice(&piece[..length]);
        };
        let early = bytes.split_off(end);
        let head = String::from_utf8(bytes).unwrap();
        let mut viewer = Viewer {
            stream,
            head,
            early,
            version: 1,
            position: 0,
            piece,
        };
        if let Some(said) = viewer.field("content-range") {
            let first = said
                .strip_prefix("bytes ")
                .unwrap()
                .split_once('-')
                .unwrap()
                .0;
            viewer.position = first.parse().unwrap();
        }
        if let Some(tag) = viewer.field("etag") {
            viewer.version = tag.trim_matches('"')[1..].parse().unwrap();
        }
        viewer
    }

    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_owned())
    }

    /// Reads what there is, and checks it; no more than `most`. None at the end.
    pub(crate) async fn read_some(&mut self, most: u64) -> Option<u64> {
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(PIECE);
        let length = if self.early.is_empty() {
            self.stream.read(&mut self.piece[..most]).await.unwrap_or(0)
        } else {
            let length = most.min(self.early.len());
            self.piece[..length].copy_from_slice(&self.early[..length]);
            self.early.drain(..length);
            length
        };
        let bytes = &self.piece[..length];
        assert!(
            is_right(self.version, self.position, bytes),
            "a wrong byte between {} and {}",
            self.position,
            self.position + length as u64
        );
        self.position += length as u64;
        (length > 0).then_some(length as u64)
    }

    /// Reads up to this position. Panics if it ends before.
    pub(crate) async fn read_to(&mut self, position: u64) {
        while self.position < position {
            let more = self.read_some(position - self.position).await;
            assert!(more.is_some(), "cut at {}", self.position);
        }
    }

    /// Reads to the end: where that is.
    pub(crate) async fn read_all(&mut self) -> u64 {
        while self.read_some(u64::MAX).await.is_some() {}
        self.position
    }
}
