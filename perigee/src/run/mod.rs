//! A role as a process: started, watched, reloaded, drained.

mod edge;
mod from_file;
mod geodns;
mod process;
mod reload;
mod shield;
mod signals;
mod standalone;

use std::{net::SocketAddr, time::Duration};

use perigee_edge::DrainReport;

use crate::admin::{Answer, Managed};

pub(crate) use from_file::{run_edge, run_geodns, run_shield};
pub(crate) use process::{Process, Settings};
pub(crate) use standalone::run_standalone;

/// A running role.
pub(crate) trait Role: Managed {
    /// The addresses it serves on.
    fn addresses(&self) -> Vec<SocketAddr>;
    /// Says that it stops, serves on for `grace`, then lets what is under way finish until
    /// `deadline` after that.
    fn drain(&self, grace: Duration, deadline: Duration) -> Answer<'_, DrainReport>;
}
