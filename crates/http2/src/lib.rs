//! HTTP/2 as bytes: frames (RFC 9113 section 6) and header blocks (HPACK, RFC 7541) are read, and
//! written. Pure: no IO, no clock, no state but that of header compression.
//!
//! What is read is judged here as far as one frame, or one list of fields, tells whether it is
//! well-formed; what depends on the streams that there are is the server's.

mod fields;
mod frame;
pub mod hpack;
mod settings;
pub mod write;

pub use fields::{Fields, Malformed, Request};
pub use frame::{Fault, Frame, HEAD, Head, MAX_LENGTH, PREFACE, Reason, read};
pub use settings::Settings;
