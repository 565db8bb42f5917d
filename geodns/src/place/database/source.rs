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

    /// Maps a file. The kernel can take its pages back at any time, which are the file's own.
    #[expect(
        unsafe_code,
        reason = "a mapped file is memory that others can change; see the comment"
    )]
    pub(super) fn map(path: &Path) -> io::Result<Self> {
        let file = fs::File::open(path)?;
        // A file without octets cannot be mapped everywhere, and is no database anyway.
        if file.metadata()?.len() == 0 {
            return Ok(Source::Memory(Vec::new()));
        }
        // SAFETY: the octets must not change, nor the file become shorter, for as long as the
        // mapping lives, which is while the file is read. Nobody can promise that of a file but its
        // owner: mapping is therefore a choice (`databases_mapped`), which is off by default, and whose
        // documentation says that such a file may only be replaced by renaming another one over it.
        // The mapping then goes on with the old file, which the kernel keeps for as long.
        unsafe { Mmap::map(&file) }.map(Source::Mapped)
    }
}
