//! One binary: the CDN that one person can run.
fn main() {}
