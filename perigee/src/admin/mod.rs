//! The admin API of a node, and who calls it.

mod cache;
mod client;
mod guard;
mod managed;
mod router;
mod server;

pub(crate) use client::{AdminClient, CallError};
pub(crate) use guard::Guard;
pub(crate) use managed::{Answer, Managed, NotDone};
pub(crate) use server::{Admin, bind};

#[cfg(test)]
mod tests;
