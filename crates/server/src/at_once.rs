//! The door for requests that can be answered at once: the head is read where it stands, nothing
//! of it is copied, and the answer is written into the connection's own buffer. Whatever is not
//! answered so goes to [`crate::Handler::handle`] as if there were no door.

use std::time::SystemTime;

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

/// Where an answer goes that is there.
#[derive(Debug)]
pub struct Reply<'a> {
    /// The time, which is looked at once for all that came together.
    pub now: SystemTime,
    /// Its field lines are appended here, names in lower case and each ended by CRLF, Date among them; not
    /// those for framing and the connection, which are the server's. What is appended without an answer is
    /// dropped.
    pub text: &'a mut Vec<u8>,
    /// Content that is small may be appended, too, where there is this: it comes before that, and is told
    /// the length. So the content is copied once. It is [`Content::Written`] then.
    pub end_head: Option<EndHead>,
}

/// Ends a head that is followed by content of this length.
pub type EndHead = fn(u64, &mut Vec<u8>);

/// An answer that is there.
#[derive(Debug)]
pub struct AtOnce<B> {
    /// The status; final.
    pub status: StatusCode,
    /// The value of Content-Length, where there is to be one, as there must be with a [`Content::Body`].
    pub length: Option<u64>,
    /// What follows the head.
    pub content: Content<B>,
    /// Whether this is the answer to everybody who asks in the very same bytes at the same time. Those who do so
    /// together, over public connections without TLS, have it without being asked about one by one, and
    /// [`crate::Handler::again`] is told how many they were. Only where nothing follows the head, or it is written.
    pub for_all: bool,
}

/// The content of an answer that is there.
#[derive(Debug)]
pub enum Content<B> {
    /// None: to HEAD, or a 304.
    Empty,
    /// All of it, so many bytes, is behind the head in [`Reply::text`].
    Written(u64),
    /// All of it.
    Bytes(Bytes),
    /// As it is read. In a box, so that all others are small where they are handed on.
    Body(Box<B>),
}
