//! The access log, and the query log of name servers, off the request path: a bounded queue, and one thread that writes.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use perigee_edge::{AccessLog, AccessRecord};
use perigee_geodns::{LoggedQuery, QueryLog};
use prometheus_client::{metrics::counter::Counter, registry::Registry};

use super::{line, query_line};
use crate::cli::AccessLogTarget;

/// Records that may wait to be written; more are dropped and counted.
const QUEUE: usize = 8_192;
/// Bytes gathered before a write.
const BUFFER: usize = 64 << 10;

enum Message {
    Record(Box<AccessRecord>),
    Query(Box<LoggedQuery>),
    /// Look whether to open the file anew.
    Wake,
    /// Write all, and say so.
    Flush(SyncSender<()>),
}

/// The handle that requests write to.
pub(crate) struct AccessLogWriter {
    queue: SyncSender<Message>,
    /// Whether to open the file anew: it may have been moved away.
    reopen: Arc<AtomicBool>,
    dropped: Counter,
    drop_was_told: AtomicBool,
}

/// Why the log cannot be opened: names the file.
#[derive(Debug)]
pub(crate) struct OpenError(PathBuf, io::Error);

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot write the access log {}: {}",
            self.0.display(),
            self.1
        )
    }
}

impl AccessLogWriter {
    /// Opens the log and starts its thread; `None` if it is off.
    pub(crate) fn start(
        target: &AccessLogTarget,
        node: &str,
        registry: &mut Registry,
    ) -> Result<Option<Arc<Self>>, OpenError> {
        let Some(sink) = Sink::open(target)? else {
            return Ok(None);
        };
        let (queue, messages) = sync_channel(QUEUE);
        let log = AccessLogWriter::new(queue, registry);
        let node = node.to_owned();
        let reopen = Arc::clone(&log.reopen);
        let writer = Writer { sink, node, reopen };
        let writer = move || writer.run(&messages);
        thread::Builder::new()
            .name("access-log".into())
            .spawn(writer)
            .map_err(|e| OpenError("thread".into(), e))?;
        Ok(Some(Arc::new(log)))
    }

    fn new(queue: SyncSender<Message>, registry: &mut Registry) -> Self {
        let dropped = Counter::default();
        registry.register(
            "perigee_access_log_dropped",
            "Records dropped because the access log could not keep up",
            dropped.clone(),
        );
        AccessLogWriter {
            queue,
            reopen: Arc::default(),
            dropped,
            drop_was_told: AtomicBool::new(false),
        }
    }

    /// Opens the file anew, after it was moved away.
    pub(crate) fn reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
        // With a full queue the writer is awake.
        let _ = self.queue.try_send(Message::Wake);
    }

    /// Waits until what was handed over is written, but no longer than a second.
    pub(crate) fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if self.queue.try_send(Message::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(Duration::from_secs(1));
        }
    }
}

impl AccessLog for AccessLogWriter {
    fn write(&self, record: AccessRecord) {
        self.put(Message::Record(Box::new(record)));
    }
}

impl QueryLog for AccessLogWriter {
    fn tell(&self, query: LoggedQuery) {
        self.put(Message::Query(Box::new(query)));
    }
}

impl AccessLogWriter {
    /// Hands a line over, or drops it.
    fn put(&self, line: Message) {
        match self.queue.try_send(line) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped.inc();
                if !self.drop_was_told.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "the access log cannot keep up: records are dropped; \
                         perigee_access_log_dropped counts them"
                    );
                }
            }
        }
    }
}

enum Sink {
    Stdout,
    Stderr,
    File(PathBuf, File),
}

impl Sink {
    fn open(target: &AccessLogTarget) -> Result<Option<Self>, OpenError> {
        Ok(Some(match target {
            AccessLogTarget::Off => return Ok(None),
            AccessLogTarget::Stdout => Sink::Stdout,
            AccessLogTarget::Stderr => Sink::Stderr,
            AccessLogTarget::File(path) => match append_to(path) {
                Ok(file) => Sink::File(path.clone(), file),
                Err(error) => return Err(OpenError(path.clone(), error)),
            },
        }))
    }

    fn reopen(&mut self) {
        if let Sink::File(path, file) = self {
            match append_to(path) {
                Ok(opened) => *file = opened,
                Err(error) => {
                    let path = path.display();
                    tracing::error!(%path, %error, "cannot open the access log anew");
                }
            }
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Sink::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                out.flush()
            }
            Sink::Stderr => io::stderr().lock().write_all(bytes),
            Sink::File(_, file) => file.write_all(bytes),
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

struct Writer {
    sink: Sink,
    node: String,
    reopen: Arc<AtomicBool>,
}

impl Writer {
    fn run(mut self, messages: &Receiver<Message>) {
        let mut buffer = Vec::with_capacity(BUFFER);
        let mut failed = false;
        while let Ok(first) = messages.recv() {
            let mut next = Some(first);
            let mut waiting = Vec::new();
            while let Some(message) = next {
                if self.reopen.swap(false, Ordering::Relaxed) {
                    self.empty(&mut buffer, &mut failed);
                    self.sink.reopen();
                }
                match message {
                    Message::Record(record) => line::append(&mut buffer, &self.node, &record),
                    Message::Query(query) => query_line::append(&mut buffer, &self.node, &query),
                    Message::Flush(done) => waiting.push(done),
                    Message::Wake => {}
                }
                if buffer.len() >= BUFFER {
                    self.empty(&mut buffer, &mut failed);
                }
                next = messages.try_recv().ok();
            }
            self.empty(&mut buffer, &mut failed);
            for done in waiting {
                let _ = done.send(());
            }
        }
    }

    fn empty(&mut self, buffer: &mut Vec<u8>, failed: &mut bool) {
        if buffer.is_empty() {
            return;
        }
        match self.sink.write_all(buffer) {
            Ok(()) => *failed = false,
            Err(error) if !*failed => {
                *failed = true;
                tracing::error!(%error, "the access log cannot be written");
            }
            Err(_) => {}
        }
        buffer.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{super::line::tests::record, *};

    #[test]
    fn records_reach_the_file_and_the_file_can_be_moved() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("access.log");
        let target = AccessLogTarget::File(path.clone());
        let log = AccessLogWriter::start(&target, "a", &mut Registry::default());
        let log = log.expect("opens").expect("is on");
        log.write(record("http://a.example/1"));
        log.flush();
        let moved = folder.path().join("access.log.1");
        std::fs::rename(&path, &moved).expect("moves");
        log.reopen();
        log.write(record("http://a.example/2"));
        log.flush();
        let before = std::fs::read_to_string(&moved).expect("reads");
        let after = std::fs::read_to_string(&path).expect("reads");
        assert!(
            before.contains("/1") && before.lines().count() == 1,
            "{before}"
        );
        assert!(
            after.contains("/2") && after.lines().count() == 1,
            "{after}"
        );
    }

    #[test]
    fn a_full_queue_does_not_keep_the_file_from_being_opened_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("access.log");
        let target = AccessLogTarget::File(path.clone());
        let sink = Sink::open(&target).expect("opens").expect("is on");
        let (queue, messages) = sync_channel(1);
        let log = AccessLogWriter::new(queue, &mut Registry::default());
        log.write(record("http://a.example/"));
        std::fs::rename(&path, folder.path().join("moved")).expect("moves");
        log.reopen();
        let (node, reopen) = ("a".to_owned(), Arc::clone(&log.reopen));
        drop(log);
        Writer { sink, node, reopen }.run(&messages);
        let text = std::fs::read_to_string(&path).expect("is there anew");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (queue, messages) = sync_channel(1);
        let log = AccessLogWriter::new(queue, &mut Registry::default());
        for _ in 0..3 {
            log.write(record("http://a.example/"));
        }
        assert_eq!(log.dropped.get(), 2);
        assert!(matches!(messages.try_recv(), Ok(Message::Record(_))));
    }

    /// Whoever answers queries goes on, however long the writer takes.
    #[test]
    fn queries_that_find_the_queue_full_are_dropped_and_counted() {
        let mut registry = Registry::default();
        let (queue, messages) = sync_channel(QUEUE);
        let log = AccessLogWriter::new(queue, &mut registry);
        let query = LoggedQuery {
            at: std::time::UNIX_EPOCH,
            transport: "udp",
            source: "192.0.2.0/24".parse().expect("a network"),
            client: None,
            name: "www.cdn.example.".to_owned(),
            rtype: Some(1),
            rcode: "NOERROR",
            pop: None,
            scope: 0,
            bytes: 40,
        };
        for _ in 0..QUEUE + 5 {
            log.tell(query.clone());
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("encodes");
        assert!(
            text.contains("perigee_access_log_dropped_total 5\n"),
            "{text}"
        );
        assert_eq!(messages.try_iter().count(), QUEUE);
        log.tell(query);
        assert_eq!(messages.try_iter().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let target = AccessLogTarget::File("/nowhere/access.log".into());
        let error = AccessLogWriter::start(&target, "a", &mut Registry::default());
        let error = error.err().expect("fails").to_string();
        assert!(error.contains("/nowhere/access.log"), "{error}");
    }
}
