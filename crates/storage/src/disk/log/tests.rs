//! The log as who uses it sees it.

mod kept;
mod kit;
