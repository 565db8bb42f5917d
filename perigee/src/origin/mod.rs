//! The origin of the demo: the sample site from memory, or a folder. It counts what reaches it.

mod counted;
mod role;
mod sample;
mod site;

pub(crate) use role::{OriginRole, Source};
