//! Any octets as a DNS message, read and answered.

#![no_main]
#![allow(dead_code, reason = "the bodies are shared, and each target runs one of them")]

#[path = "../../crates/dns-wire/tests/messages/bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bodies::message(bytes);
});
