//! Single values by the rules of the file, for command lines that take the same ones.

use std::{net::SocketAddr, time::Duration};

use crate::{
    AccessLog,
    sections::{DiskSize, MemorySize},
    units::{AccessLogTarget, Address, Bytes, Lifetime, Scalar},
};

/// An IP address and a port.
///
/// # Errors
/// What was expected.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    Address::from_text(text).map(|address| address.0)
}

/// A length of time that may be zero.
///
/// # Errors
/// What was expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    Lifetime::from_text(text).map(|lifetime| lifetime.0)
}

/// A number of bytes that is enough for a memory.
///
/// # Errors
/// What was expected.
pub fn memory_size(text: &str) -> Result<u64, String> {
    size(text).map(|size: MemorySize| size.0)
}

/// A number of bytes that is enough for a disk.
///
/// # Errors
/// What was expected.
pub fn disk_size(text: &str) -> Result<u64, String> {
    size(text).map(|size: DiskSize| size.0)
}

/// In the file a plain number is none of text.
fn size<const MIN: u64, const MAX: u64>(text: &str) -> Result<Bytes<MIN, MAX>, String> {
    text.parse()
        .map_or_else(|_| Bytes::from_text(text), Bytes::from_whole)
}

/// Where the access log goes; the path of a file has a dot or a slash in it.
///
/// # Errors
/// What was expected.
pub fn access_log(text: &str) -> Result<AccessLog, String> {
    AccessLogTarget::from_text(text).map(|target| match target {
        AccessLogTarget::Stdout => AccessLog::Stdout,
        AccessLogTarget::Stderr => AccessLog::Stderr,
        AccessLogTarget::Off => AccessLog::Off,
        AccessLogTarget::File(path) => AccessLog::File(path.into()),
    })
}

/// What to write for text that may have been meant as an origin, and is neither a URL nor a path
/// that begins with `./`, `../` or `/`.
pub fn origin_hint(text: &str) -> Option<String> {
    crate::units::origin_hint(text)
}
