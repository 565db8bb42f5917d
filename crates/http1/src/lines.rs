//! The lines of a head or a trailer section (RFC 9112 sections 2.2 and 5).

use bytes::Bytes;
use httparse::Header;

/// Whether an empty line ends in here, written in whatever way.
pub fn has_end(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&b| b == b'\n') {
        rest = &rest[at + 1..];
        if rest.starts_with(b"\n") || rest.starts_with(b"\r\n") {
            return true;
        }
    }
    false
}

/// Whether every line ends in CRLF (RFC 9112 section 2.2): the parser takes a bare LF too. No line
/// begins with white space, so that a name stands at the beginning of each.
pub fn ends_in_crlf(fields: &[Header<'_>], bytes: &[u8]) -> bool {
    let lines = fields.iter().all(|field| {
        let at = offset(bytes, field.name.as_bytes());
        at == 0 || bytes[..at].ends_with(b"\r\n")
    });
    lines && (bytes.ends_with(b"\r\n\r\n") || bytes == b"\r\n")
}

/// Out of `shared`, which holds the same as `bytes`, what `part` is of these.
pub fn slice_of(shared: &Bytes, bytes: &[u8], part: &[u8]) -> Bytes {
    if part.is_empty() {
        return Bytes::new();
    }
    let at = offset(bytes, part);
    shared.slice(at..at + part.len())
}

/// Where a part of `bytes` begins in it.
fn offset(bytes: &[u8], part: &[u8]) -> usize {
    let offset = (part.as_ptr() as usize).wrapping_sub(bytes.as_ptr() as usize);
    offset.min(bytes.len())
}
