//! What the load of edges changes in the answers. Pure.
//!
//! Each edge decides by itself which share of its clients it gives away (`perigee_health::Spill`), and
//! says so in its readiness. A name server remembers nothing of it: what all of them read is the same,
//! so what they answer is the same, also after a restart.

mod config;
mod given;
mod spilled;

pub use config::LoadConfig;
pub(crate) use given::{Given, watch};
pub(crate) use spilled::{Spilled, spilled_by, until_next_moment};

#[cfg(test)]
mod simulation;
