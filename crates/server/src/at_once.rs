//! The door for requests that can be answered at once: the head is read where it stands, nothing
//! of it is copied, and the answer is written into the connection's own buffer. Whatever is not
//! answered so goes to [`crate::Handler::handle`] as if there were no door.

use bytes::Bytes;
use http::StatusCode;
use httparse::Header;

/// A GET or HEAD without content, that wants nothing of its connection: no upgrade, no
/// `Connection: close`, no Expect. It has passed the same guards as every request.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// HEAD rather than GET.
    pub is_head: bool,
    /// The value of Host, or of `:authority`.
    pub host: &'a str,
    /// Path and query, as they came: origin-form (RFC 9112 section 3.2.1).
    pub target: &'a str,
    /// All its fields but Host; names in any case.
    pub fields: &'a [Header<'a>],
}

/// An answer that is there.
#[derive(Debug)]
pub struct AtOnce<B> {
    /// The status; final.
    pub status: StatusCode,
    /// The value of Content-Length, where there is to be one, as there must be with a [`Content::Body`].
    pub length: Option<u64>,
    /// What follows the head.
    pub content: Content<B>,
}

/// The content of an answer that is there.
#[derive(Debug)]
pub enum Content<B> {
    /// None: to HEAD, or a 304.
    Empty,
    /// All of it.
    Bytes(Bytes),
    /// As it is read.
    Body(B),
}
