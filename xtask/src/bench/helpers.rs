//! What a bench needs beside the servers, as processes of their own, so that each may be put on a core.

mod floor;
mod generator;
mod handshakes;
mod origin;
mod pattern;
mod serving;

use clap::Subcommand;

pub(crate) use generator::Generate;
pub(crate) use handshakes::{Handshakes, client};
pub(crate) use pattern::byte_at;

#[derive(Debug, Subcommand)]
pub(crate) enum Helper {
    /// Answers every `/SIZE/NAME` with so many bytes that may be kept for a day.
    Origin {
        /// Where it listens.
        port: u16,
    },
    /// Answers as an origin does, out of a table of whole responses: the least that a server can do.
    Floor {
        /// Where it listens.
        port: u16,
    },
    /// Sends requests over HTTP/1.1.
    Generate(Generate),
    /// Sets up TLS, asks for one object, and closes.
    Handshakes(Handshakes),
}

pub(crate) fn run(helper: &Helper) -> Result<(), String> {
    match helper {
        Helper::Origin { port } => serving::run(*port, origin::Origin::new()),
        Helper::Floor { port } => serving::run(*port, floor::Floor::default()),
        Helper::Generate(plan) => generator::run(plan),
        Helper::Handshakes(plan) => handshakes::run(plan),
    }
    .map_err(|error| error.to_string())
}
