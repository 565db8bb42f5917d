//! What is asked of the system.

use std::{io, ptr::NonNull};

/// How large the pages are to be that the system puts at reserved addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// As small as they are: each can be given back by itself.
    Small,
    /// As large as there are (2 MiB mostly), so that addresses are translated faster.
    Large,
}

impl Size {
    #[cfg(target_os = "linux")]
    fn advice(self) -> rustix::mm::Advice {
        match self {
            Size::Small => rustix::mm::Advice::LinuxNoHugepage,
            Size::Large => rustix::mm::Advice::LinuxHugepage,
        }
    }
}

/// Reserves addresses, which take no memory until they are written.
#[cfg(target_os = "linux")]
pub(crate) fn reserve(length: usize, size: Size) -> io::Result<NonNull<u8>> {
    use rustix::mm::{MapFlags, ProtFlags, madvise, mmap_anonymous};

    let prot = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: a new mapping, at addresses that nothing is at; what is advised concerns it alone.
    let base = unsafe {
        let base = mmap_anonymous(std::ptr::null_mut(), length, prot, flags)?;
        // It does without where there are no large ones.
        let _ = madvise(base, length, size.advice());
        base
    };
    NonNull::new(base.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn reserve(_: usize, _: Size) -> io::Result<NonNull<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Has the pages at reserved addresses be of another size from now on.
#[cfg(target_os = "linux")]
pub(crate) fn advise(start: NonNull<u8>, length: usize, size: Size) -> io::Result<()> {
    // SAFETY: what is advised changes no byte and no address.
    unsafe { rustix::mm::madvise(start.as_ptr().cast(), length, size.advice())? };
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn advise(_: NonNull<u8>, _: usize, _: Size) -> io::Result<()> {
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
