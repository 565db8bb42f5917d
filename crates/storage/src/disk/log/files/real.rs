//! Files of the operating system.

use std::{
    fs,
    io::{self, IoSlice, IoSliceMut, Write},
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
    sync::Arc,
};

use rustix::{
    fs::{FallocateFlags, FlockOperation, fallocate, flock},
    io::{Errno, ReadWriteFlags, preadv2, pwritev},
};

use super::{File, Files, Listed, Lock};

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RealFiles;

impl Files for RealFiles {
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let file = options().create(true).truncate(false).open(path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(file))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Listed>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            // One that has gone meanwhile is none.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_file() {
                files.push(Listed {
                    path: entry.path(),
                    length: metadata.len(),
                });
            }
        }
        Ok(files)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let new = path.with_extension("new");
        let mut file = fs::File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        match path.parent() {
            Some(folder) => fs::File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }

    fn create(&self, path: &Path, length: u64) -> io::Result<Arc<dyn File>> {
        let file = options().create_new(true).open(path)?;
        let made = match fallocate(&file, FallocateFlags::empty(), 0, length) {
            // Not every file system can: then the room is found as it is written to.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(length),
            made => made.map_err(io::Error::from),
        };
        if let Err(error) = made {
            // It is empty: of no use to anybody, should it stay.
            let _ = fs::remove_file(path);
            return Err(error);
        }
        Ok(Arc::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = options().open(path);
        let file = file.or_else(|error| match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                fs::File::open(path)
            }
            _ => Err(error),
        });
        Ok(Arc::new(file?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

fn options() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true);
    options
}

impl Lock for fs::File {}

impl File for fs::File {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, into, offset)
    }

    fn read_cached_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let into = &mut [IoSliceMut::new(into)];
        match preadv2(self, into, offset, ReadWriteFlags::NOWAIT) {
            // Not every file system can tell.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::AGAIN) => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            read => Ok(read?),
        }
    }

    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        Ok(pwritev(self, parts, offset)?)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn is_removed(&self) -> io::Result<bool> {
        Ok(self.metadata()?.nlink() == 0)
    }
}
