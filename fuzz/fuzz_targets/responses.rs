//! Any bytes as what an origin sends over HTTP/1.1: heads, framing and bodies, however they are cut.

#![no_main]

#[path = "../../crates/upstream/src/http1/framing.rs"]
mod framing;
#[path = "../../crates/upstream/src/http1/response.rs"]
#[allow(
    dead_code,
    reason = "the client is crate-private, and the target runs one body of its tests"
)]
mod response;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| response::bodies::cut(bytes));
