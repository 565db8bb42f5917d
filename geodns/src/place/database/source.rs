//! The octets of a database: in memory, or mapped from the file.

use std::{fs, io, path::Path};

use maxminddb::Mmap;

/// Where the octets of a database are.
pub(super) enum Source {
    Memory(Vec<u8>),
    Mapped(Mmap),
}

impl AsRef<[u8]> for Source {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        match self {
            Source::Memory(bytes) => bytes,
            Source::Mapped(map) => map,
        }
    }
}

impl Source {
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        fs::read(path).map(Source::Memory)
    }

    /// Maps a file. Pages come into memory as they are looked at, and only for as long as this mapping
    /// lives.
    #[expect(
        unsafe_code,
        reason = "a mapped file is memory that others can change; see the comment"
    )]
    pub(super) fn map(file: &fs::File) -> io::Result<Self> {
        // A file without octets cannot be mapped everywhere, and is no database anyway.
        if file.metadata()?.len() == 0 {
            return Ok(Source::Memory(Vec::new()));
        }
        // SAFETY: the octets must not change, nor the file become shorter, for as long as the
        // mapping lives. Nobody can promise that of a file but its owner: mapping is therefore a
        // choice (`databases_mapped`), which is off by default, and whose documentation says that
        // such a file may only be replaced by renaming another one over it. The mapping then goes
        // on with the old file, which the kernel keeps for as long as it is mapped.
        unsafe { Mmap::map(file) }.map(Source::Mapped)
    }
}
