//! Files in memory, that fail as they are told to.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, ErrorKind, IoSlice},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::log::files::{File, Files, Listed, Lock};

/// What is lost at once when the power goes.
const PAGE: usize = 4 << 10;

/// A disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ram {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug, Default)]
struct Disk {
    files: BTreeMap<PathBuf, Arc<Mutex<Content>>>,
    locks: BTreeSet<PathBuf>,
    faults: Faults,
    syncs: u64,
}

#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    /// Pages written since the last sync.
    unsynced: BTreeSet<usize>,
}

/// What goes wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Everything that would change something fails: the process was killed at this moment.
    pub(crate) dead: bool,
    /// Nothing can be made, written or removed.
    pub(crate) read_only: bool,
    /// Bytes that all files may have.
    pub(crate) capacity: Option<u64>,
    /// So many writes go well, and then none does. The one that fails first writes a part.
    pub(crate) good_writes: Option<u64>,
    /// Bytes that one write takes.
    pub(crate) short_writes: Option<usize>,
    /// No read goes well.
    pub(crate) bad_reads: bool,
    /// The page cache is empty.
    pub(crate) uncached: bool,
    /// No sync goes well.
    pub(crate) bad_syncs: bool,
}

impl Ram {
    pub(crate) fn set(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// The process dies here: the log may be dropped after this, and changes nothing.
    pub(crate) fn kill(&self) {
        self.lock().faults.dead = true;
    }

    /// It is started anew.
    pub(crate) fn revive(&self) {
        let mut disk = self.lock();
        disk.faults = Faults::default();
        disk.locks.clear();
    }

    /// The folder is removed, with all that is in it.
    pub(crate) fn vanish(&self) {
        let mut disk = self.lock();
        disk.files.clear();
        disk.locks.clear();
    }

    /// The power goes: some pages that were not synced are lost.
    pub(crate) fn lose(&self, mut is_lost: impl FnMut() -> bool) {
        for file in self.lock().files.values() {
            let mut content = lock(file);
            for page in std::mem::take(&mut content.unsynced) {
                let range = page * PAGE..((page + 1) * PAGE).min(content.bytes.len());
                if is_lost() && !range.is_empty() {
                    content.bytes[range].fill(0);
                }
            }
        }
    }

    /// Changes the bytes of the `n`th segment, counted from the oldest.
    pub(crate) fn change(&self, n: usize, change: impl FnOnce(&mut Vec<u8>)) {
        let disk = self.lock();
        let is_segment = |path: &Path| path.to_string_lossy().contains("segment-");
        let mut segments = disk.files.iter().filter(|(path, _)| is_segment(path));
        if let Some((_, file)) = segments.nth(n) {
            change(&mut lock(file).bytes);
        }
    }

    /// Puts a file in place.
    pub(crate) fn put(&self, path: &Path, bytes: &[u8]) {
        let content = Content {
            bytes: bytes.to_vec(),
            unsynced: BTreeSet::new(),
        };
        self.lock()
            .files
            .insert(path.to_owned(), Arc::new(Mutex::new(content)));
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().used()
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        lock(&self.disk)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_room() -> io::Error {
    ErrorKind::StorageFull.into()
}

impl Disk {
    fn used(&self) -> u64 {
        self.files
            .values()
            .map(|file| lock(file).bytes.len() as u64)
            .sum()
    }

    fn may_change(&self) -> io::Result<()> {
        match &self.faults {
            faults if faults.dead => Err(io::Error::other("dead")),
            faults if faults.read_only => Err(ErrorKind::ReadOnlyFilesystem.into()),
            _ => Ok(()),
        }
    }

    /// How many of so many bytes one write takes.
    fn write(&mut self, length: usize) -> io::Result<usize> {
        self.may_change()?;
        match &mut self.faults.good_writes {
            Some(0) => return Err(io::Error::other("bad sector")),
            Some(left) => *left -= 1,
            None => {}
        }
        let fails_next = self.faults.good_writes == Some(0);
        let most = self.faults.short_writes.unwrap_or(usize::MAX);
        let most = if fails_next { length / 2 } else { most };
        Ok(length.min(most.max(1)))
    }
}

impl Files for Ram {
    fn make_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let mut disk = self.lock();
        disk.may_change()?;
        if !disk.locks.insert(path.to_owned()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Held {
            ram: self.clone(),
            path: path.to_owned(),
        }))
    }

    fn list(&self, _: &Path) -> io::Result<Vec<Listed>> {
        let disk = self.lock();
        let listed = disk.files.iter().map(|(path, file)| Listed {
            path: path.clone(),
            length: lock(file).bytes.len() as u64,
        });
        Ok(listed.collect())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let disk = self.lock();
        let file = disk.files.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(lock(file).bytes.clone())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.lock().may_change()?;
        self.put(path, bytes);
        Ok(())
    }

    fn create(&self, path: &Path, length: u64) -> io::Result<Arc<dyn File>> {
        let disk = self.lock();
        disk.may_change()?;
        if disk.locks.is_empty() {
            return Err(ErrorKind::NotFound.into());
        }
        if disk
            .faults
            .capacity
            .is_some_and(|all| disk.used() + length > all)
        {
            return Err(no_room());
        }
        drop(disk);
        self.put(path, &vec![0; length as usize]);
        self.open(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let disk = self.lock();
        let content = disk.files.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(Arc::new(RamFile {
            ram: self.clone(),
            content: Arc::clone(content),
        }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.lock();
        disk.may_change()?;
        disk.files.remove(path);
        Ok(())
    }
}

#[derive(Debug)]
struct Held {
    ram: Ram,
    path: PathBuf,
}

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        self.ram.lock().locks.remove(&self.path);
    }
}

#[derive(Debug)]
struct RamFile {
    ram: Ram,
    content: Arc<Mutex<Content>>,
}

impl File for RamFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.ram.lock().faults.bad_reads {
            return Err(io::Error::other("bad sector"));
        }
        let content = lock(&self.content);
        let there = content.bytes.get(offset as usize..).unwrap_or_default();
        let read = there.len().min(into.len());
        into[..read].copy_from_slice(&there[..read]);
        Ok(read)
    }

    fn read_cached_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.ram.lock().faults.uncached {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.read_at(into, offset)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let taken = self.ram.lock().write(bytes.len())?;
        let mut content = lock(&self.content);
        let range = offset as usize..offset as usize + taken;
        if content.bytes.len() < range.end {
            content.bytes.resize(range.end, 0);
        }
        content
            .unsynced
            .extend(range.start / PAGE..=(range.end - 1) / PAGE);
        content.bytes[range].copy_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.ram.lock();
        disk.may_change()?;
        if disk.faults.bad_syncs {
            return Err(io::Error::other("bad sector"));
        }
        disk.syncs += 1;
        lock(&self.content).unsynced.clear();
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.ram.lock().may_change()?;
        lock(&self.content).bytes.truncate(length as usize);
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(lock(&self.content).bytes.len() as u64)
    }

    fn is_removed(&self) -> io::Result<bool> {
        // The disk has a reference of its own to what can be found.
        Ok(Arc::strong_count(&self.content) == 1)
    }
}
