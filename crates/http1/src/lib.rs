//! What both ends of an HTTP/1.1 connection read alike (RFC 9112): the lines of a section of fields,
//! the chunked transfer coding, trailers. Pure: bytes in, pieces of a message out, the same however
//! the bytes are cut into reads. And the maps that fields are put in, which a thread keeps.

mod body;
mod chunked;
pub mod lines;
pub mod maps;
pub mod names;
pub mod trailers;

pub use body::{BadBody, Bounds, Decoded, Decoder};
pub use chunked::Chunked;
