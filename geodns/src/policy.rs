//! Which edges a client is told, and in which order. Pure.
//!
//! A policy is a list of rules. `chain` makes of it the PoPs for a client, best first; `choose` takes the
//! first of them that can serve; `edges` orders those of one PoP. What is looked up of the client on this
//! way goes through `facts`, which keeps the prefix for which all of it holds.

mod addresses;
mod chain;
mod choose;
mod client;
mod compiled;
mod config;
mod edges;
mod facts;
mod memo;

pub(crate) use chain::{Candidate, candidates};
pub(crate) use choose::{Chosen, choose};
pub use client::Client;
pub(crate) use compiled::{Policies, Policy};
pub use config::{Order, PolicyConfig, RuleConfig, When};
pub(crate) use facts::Facts;
pub(crate) use memo::Memo;

#[cfg(test)]
mod tests;
