//! Header compression (RFC 7541).

mod decode;
mod encode;
mod huffman;
mod integer;
mod statics;
mod table;

pub use decode::{Decoder, Unreadable};
pub use encode::Encoder;
