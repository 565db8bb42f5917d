//! Sequences of decide, receive and recover, with the invariants of a cache.

#![no_main]
#![allow(dead_code, reason = "the bodies are shared, and each target runs one of them")]

#[path = "../../crates/http-cache/tests/sequences/bodies.rs"]
mod bodies;
#[path = "../../crates/http-cache/tests/sequences/input.rs"]
mod input;
#[path = "../../crates/http-cache/tests/sequences/origin.rs"]
mod origin;
#[path = "../../crates/http-cache/tests/sequences/reference.rs"]
mod reference;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = bodies::sequence(bytes);
});
