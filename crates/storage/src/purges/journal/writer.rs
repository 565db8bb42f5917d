//! The thread that writes the journal.

use std::{
    io::{self, IoSlice},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{self, Receiver, Sender},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::slots::{Header, SLOT, Slot};
use crate::{
    disk::log::{File, Files, write_full},
    purges::{names::Names, table::Record},
};

/// With so many slots a file is not worth writing anew.
const FEW: usize = 1024;

/// After a failure, how long the disk is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// All that a journal need have.
#[derive(Debug)]
pub(in crate::purges) struct All {
    pub(in crate::purges) names: Names,
    pub(in crate::purges) floor: u64,
    pub(in crate::purges) records: Vec<Record>,
}

/// Why a purge is not on the disk; `None`: it is.
pub(in crate::purges) type Unwritten = Option<String>;

#[derive(Debug)]
struct Job {
    /// One purge more; `None`: whatever is not there yet.
    record: Option<Record>,
    /// All that are known, this one too, if the file is to be written anew.
    all: Option<All>,
    /// Who waits for it.
    done: oneshot::Sender<Unwritten>,
}

/// A journal that is being written.
#[derive(Debug)]
pub(in crate::purges) struct Journal {
    jobs: Mutex<Option<Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    state: Arc<State>,
}

/// What others may know of the writer.
#[derive(Debug, Default)]
struct State {
    /// Slots of the file.
    slots: AtomicUsize,
    /// The last failure, if the file does not have all that it should.
    failed: Mutex<Option<Instant>>,
}

impl State {
    fn failed(&self) -> Option<Instant> {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, failed: Option<Instant>) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }
}

impl Journal {
    /// Writes to a file, which begins as `all`.
    ///
    /// # Errors
    /// The process may have no more threads.
    pub(in crate::purges) fn start(
        files: Arc<dyn Files>,
        path: PathBuf,
        all: All,
    ) -> io::Result<Journal> {
        let (sender, receiver) = mpsc::channel();
        let state = Arc::<State>::default();
        let mut writer = Writer {
            files,
            path,
            file: None,
            state: Arc::clone(&state),
        };
        let run = move || {
            // If it fails, the first purge tells.
            let _ = writer.write(Some(&all), &[]);
            drop(all);
            writer.run(&receiver);
        };
        let thread = std::thread::Builder::new().name("perigee-purges".to_owned());
        Ok(Journal {
            jobs: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread.spawn(run)?)),
            state,
        })
    }

    /// Whether the file is to be written anew, if so many purges need be known: it is long, or does
    /// not have all.
    pub(in crate::purges) fn wants_all(&self, known: usize) -> bool {
        match self.state.failed() {
            Some(failed) => failed.elapsed() >= PAUSE,
            None => self.state.slots.load(Relaxed) > (2 * known).max(FEW),
        }
    }

    /// Whether the file does not have all that it should.
    pub(in crate::purges) fn is_behind(&self) -> bool {
        self.state.failed().is_some()
    }

    /// Begins to write; the answer comes when it is on the disk, or cannot be written.
    pub(in crate::purges) fn write(
        &self,
        record: Option<Record>,
        all: Option<All>,
    ) -> oneshot::Receiver<Unwritten> {
        let (done, waiting) = oneshot::channel();
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jobs) = &*jobs {
            // A thread that is gone gives no answer: that is one, too.
            let _ = jobs.send(Job { record, all, done });
        }
        waiting
    }
}

#[cfg(test)]
impl Journal {
    /// Nothing is queued while this is held.
    pub(super) fn hold(&self) -> impl Drop + use<'_> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let jobs = self.jobs.get_mut().unwrap_or_else(PoisonError::into_inner);
        jobs.take();
        let thread = self.thread.get_mut();
        if let Some(thread) = thread.unwrap_or_else(PoisonError::into_inner).take() {
            // One that panicked has ended already.
            let _ = thread.join();
        }
    }
}

struct Writer {
    files: Arc<dyn Files>,
    path: PathBuf,
    /// `None`: there is none that has all that it should.
    file: Option<Open>,
    state: Arc<State>,
}

struct Open {
    file: Arc<dyn File>,
    header: Header,
    /// Slots that it has.
    slots: usize,
}

impl Writer {
    fn run(&mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            // All that have come meanwhile are synced at once.
            let (mut all, mut records, mut waiting) = (None, Vec::new(), Vec::new());
            for job in std::iter::once(first).chain(jobs.try_iter()) {
                records.extend(job.record);
                // The last one has the most.
                all = job.all.or(all);
                waiting.push(job.done);
            }
            let written = self.write(all.as_ref(), &records);
            for waiting in waiting {
                // Who has gone need not be told.
                let _ = waiting.send(written.as_ref().err().map(ToString::to_string));
            }
        }
    }

    fn write(&mut self, all: Option<&All>, records: &[Record]) -> io::Result<()> {
        let was_behind = self.file.is_none();
        let written = self.try_write(all, records);
        match &written {
            Ok(()) => self.state.set(None),
            Err(error) => {
                // What it has behind its last slot by now is unknown.
                self.file = None;
                // Between two looks at the disk there is nothing new.
                if all.is_some() || !was_behind {
                    self.state.set(Some(Instant::now()));
                }
                if !was_behind {
                    let path = self.path.display();
                    tracing::warn!(%path, %error, "purges cannot be written: they hold until a restart");
                }
            }
        }
        let slots = self.file.as_ref().map_or(0, |open| open.slots);
        self.state.slots.store(slots, Relaxed);
        written
    }

    fn try_write(&mut self, all: Option<&All>, records: &[Record]) -> io::Result<()> {
        let mut last = 0;
        if let Some(all) = all {
            match begin(&*self.files, &self.path, all) {
                Ok(open) => {
                    self.file = Some(open);
                    last = all.records.last().map_or(0, |record| record.revision);
                }
                // There may be room for what is new.
                Err(_) if self.file.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        let Some(open) = &mut self.file else {
            return Err(io::Error::other("an earlier write has failed"));
        };
        let records: Vec<_> = records.iter().filter(|it| it.revision > last).collect();
        append(open, &records)
    }
}

/// Puts a new file in the place of the old one.
fn begin(files: &dyn Files, path: &std::path::Path, all: &All) -> io::Result<Open> {
    let header = Header {
        floor: all.floor,
        secret: all.names.secret,
    };
    let mut bytes = header.encode().to_vec();
    for (n, record) in all.records.iter().enumerate() {
        bytes.extend_from_slice(&Slot::encode(record, n, &header));
    }
    files.write(path, &bytes)?;
    Ok(Open {
        file: files.open(path)?,
        header,
        slots: all.records.len(),
    })
}

fn append(open: &mut Open, records: &[&Record]) -> io::Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    if open.file.is_removed()? {
        let error = "it was removed while the node runs";
        return Err(io::Error::new(io::ErrorKind::NotFound, error));
    }
    let mut bytes = Vec::with_capacity(records.len() * SLOT);
    for (n, record) in records.iter().enumerate() {
        bytes.extend_from_slice(&Slot::encode(record, open.slots + n, &open.header));
    }
    let offset = ((open.slots + 1) * SLOT) as u64;
    write_full(&*open.file, &mut [IoSlice::new(&bytes)], offset)?;
    open.file.sync()?;
    open.slots += records.len();
    Ok(())
}
