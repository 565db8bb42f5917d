//! Which edges a client is told, and in which order. Pure.

mod choose;

pub use choose::Client;
pub(crate) use choose::{Candidate, Chosen, choose, locate, rank};
