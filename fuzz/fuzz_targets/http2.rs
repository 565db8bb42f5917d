//! Any bytes as HTTP/2 frames, and as header blocks of one connection.

#![no_main]

#[path = "../../crates/http2/tests/wire/bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bodies::frames(bytes);
    bodies::blocks(bytes);
});
