//! What the log does with files, behind a trait, so that tests can make it fail.

mod real;

pub(crate) use real::RealFiles;

use std::{
    fmt::Debug,
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::Arc,
};

/// What one write takes at most (IOV_MAX).
const MAX_PARTS: usize = 1024;

/// A place for files.
pub(crate) trait Files: Debug + Send + Sync {
    /// Makes a folder, and those that it is in, if they are not there.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;

    /// Takes a lock that goes with what is returned, or with the process.
    /// [`io::ErrorKind::WouldBlock`] if another has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;

    /// The files of a folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<Listed>>;

    /// All bytes of a small file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Writes a small file in one step: after a crash, it is there as a whole or not at all.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Makes a new file with room for `length` bytes.
    fn create(&self, path: &Path, length: u64) -> io::Result<Arc<dyn File>>;

    /// Opens a file: to write, too, where that is allowed.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Removes a file. Who has it open reads on.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// A file of a folder.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) path: PathBuf,
    pub(crate) length: u64,
}

/// An open file. Reads and writes may come from many threads.
pub(crate) trait File: Debug + Send + Sync {
    /// Reads what is there, as far as it goes. May block.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The same, of the page cache alone. Less than was asked for, or
    /// [`io::ErrorKind::WouldBlock`]: the rest must be read from the disk.
    fn read_cached_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes some of these bytes, in order; says how many.
    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize>;

    /// Waits until all that was written is on the disk.
    fn sync(&self) -> io::Result<()>;

    /// Cuts the file.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Bytes that it has.
    fn length(&self) -> io::Result<u64>;

    /// Whether nobody will find it any more: it was removed, or its folder was.
    fn is_removed(&self) -> io::Result<bool>;
}

/// Held while it lives.
pub(crate) trait Lock: Debug + Send + Sync {}

/// Reads as much as there is, up to the whole of `into`.
pub(crate) fn read_full(file: &dyn File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match file.read_at(&mut into[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all of it, however many writes it takes.
pub(crate) fn write_full(
    file: &dyn File,
    mut parts: &mut [IoSlice<'_>],
    mut offset: u64,
) -> io::Result<()> {
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        let some = &parts[..parts.len().min(MAX_PARTS)];
        match file.write_at(some, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                offset += written as u64;
                IoSlice::advance_slices(&mut parts, written);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
