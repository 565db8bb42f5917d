//! The disk tier: responses that outlive the process.
//!
//! | file | concern |
//! |---|---|
//! | `above` | the tier above, which has what is here in memory |
//! | `log` | records in segments: written, read, found again, evicted; what is in them it does not know |
//! | `record` | the state of one key as bytes |
//! | `index` | where the newest record of each key is |
//! | `pending` | changes that are not written yet, and are visible all the same |
//! | `change`, `state` | what may happen to a key; what is written of it then |
//! | `forgotten` | what must not come back, as what was to take its place was not written |
//! | `write`, `pieces` | changes, and large bodies, on their way to disk |
//! | `read`, `list` | looking up, and listing |
//! | `holes` | what is left of a body when a segment has gone |
//! | `load` | finding what is there at start |
//! | `readmit` | what stays when a segment has to go |
//! | `store` | all of it as a [`crate::Store`] |

mod above;
mod change;
mod config;
mod forgotten;
mod holes;
mod index;
mod list;
mod load;
pub(crate) mod log;
mod pending;
mod pieces;
mod read;
mod readmit;
mod record;
mod shared;
mod state;
mod store;
mod write;

pub(crate) use above::Above;
pub use config::DiskConfig;
pub(crate) use list::Found;
pub use log::OpenError as DiskError;
pub use store::Disk;

#[cfg(test)]
pub(crate) mod tests;
