//! What is asked of the system.

use std::{io, ptr::NonNull};

/// Reserves addresses, which take no memory until they are written, in pages as small as they are: so each can
/// be given back by itself.
#[cfg(target_os = "linux")]
pub(crate) fn reserve(length: usize) -> io::Result<NonNull<u8>> {
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};

    let prot = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: a new mapping, at addresses that nothing is at; what is advised concerns it alone.
    let base = unsafe {
        let base = mmap_anonymous(std::ptr::null_mut(), length, prot, flags)?;
        // A system that has no large ones does not know this.
        let _ = madvise(base, length, Advice::LinuxNoHugepage);
        base
    };
    NonNull::new(base.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn reserve(_: usize) -> io::Result<NonNull<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Has the system put memory behind reserved addresses now, zeros, in large pages where it has such. On
/// Linux 5.14 or later.
///
/// # Safety
/// They are reserved.
#[cfg(target_os = "linux")]
pub(crate) unsafe fn populate(start: NonNull<u8>, length: usize) -> io::Result<()> {
    use rustix::mm::{Advice, madvise};

    let start = start.as_ptr().cast();
    // SAFETY: as of the caller. What is there stays as it is.
    unsafe {
        // A system that has no large ones does not know this.
        let _ = madvise(start, length, Advice::LinuxHugepage);
        madvise(start, length, Advice::LinuxPopulateWrite)?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(crate) unsafe fn populate(_: NonNull<u8>, _: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Gives the pages of reserved addresses back, which stay reserved.
///
/// # Safety
/// They are whole pages that were reserved, and nothing refers to what is there.
#[cfg(target_os = "linux")]
pub(crate) unsafe fn give_back(start: NonNull<u8>, length: usize) -> io::Result<()> {
    use rustix::mm::{Advice, madvise};

    // SAFETY: as of the caller.
    unsafe { madvise(start.as_ptr().cast(), length, Advice::LinuxDontNeed)? };
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(crate) unsafe fn give_back(_: NonNull<u8>, _: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Gives the addresses back.
///
/// # Safety
/// All that one call reserved, and nothing refers to what is there.
#[cfg(target_os = "linux")]
pub(crate) unsafe fn release(start: NonNull<u8>, length: usize) {
    // SAFETY: as of the caller.
    let released = unsafe { rustix::mm::munmap(start.as_ptr().cast(), length) };
    debug_assert!(released.is_ok());
}

#[cfg(not(target_os = "linux"))]
pub(crate) unsafe fn release(_: NonNull<u8>, _: usize) {}
