//! A role as a process: started, watched, reloaded, drained.

mod drain;
mod edge;
mod from_file;
mod geodns;
mod process;
mod reload;
mod shield;
mod signals;
mod sources;
mod standalone;

use std::{net::SocketAddr, time::Duration};

use perigee_edge::DrainReport;

use crate::admin::{Answer, Managed};

pub(crate) use drain::{DrainOrder, DrainStatus, Draining, Phase, Terms};
pub(crate) use from_file::{MEMORY, run_edge, run_geodns, run_shield};
pub(crate) use process::{Process, Settings};
pub(crate) use standalone::run_standalone;

/// A running role.
pub(crate) trait Role: Managed {
    /// The addresses it serves on.
    fn addresses(&self) -> Vec<SocketAddr>;
    /// Says from now on to other nodes whether it drains.
    fn leave(&self, leaving: bool);
    /// Closes each connection with its next answer from now on, or keeps them alive again.
    fn turn_away(&self, away: bool);
    /// Lets nobody in any more, and what is under way finish until `deadline`.
    fn stop(&self, deadline: Duration) -> Answer<'_, DrainReport>;
}
