//! What an object of 1 KiB costs in memory over its body, in a cache that has many.

use super::{
    loads,
    peers::Peer,
    results::Measured,
    servers::{Server, Terms},
    usage,
};

const OBJECTS: u64 = 100_000;
const BODY: u64 = 1024;
/// Connections over which a cache is filled.
const FILLERS: usize = 256;
/// What it takes to serve at all is not what an object costs.
const BEFORE: u64 = 2_000;

/// Measures each server once, alone.
pub(super) fn measure(peers: &[Peer], terms: &Terms) -> Measured {
    let mut measured = Measured::new(0.0);
    let caches = |peer: &&Peer| !matches!(peer, Peer::H2o | Peer::Floor);
    for peer in peers.iter().filter(caches) {
        match one(peer, terms) {
            Ok(value) => {
                super::say(&format!("  {:12} {value:9.0}", peer.name()));
                measured.push(&peer.name(), value);
            }
            Err(why) => {
                super::say(&format!("  {:12} {why}", peer.name()));
                measured.missing.insert(peer.name(), why);
            }
        }
    }
    measured.load = super::machine::load();
    measured
}

fn one(peer: &Peer, terms: &Terms) -> Result<f64, String> {
    let server = Server::start(peer, terms)?;
    fill(&server, "/1024/before/{}", BEFORE)?;
    let before = taken(&server);
    // Twice: some take what is asked for again into another place.
    for _ in 0..2 {
        fill(&server, "/1024/kept/{}", OBJECTS)?;
    }
    let asked = super::check::asked(terms.origin)?;
    let after = taken(&server);
    fill(&server, "/1024/kept/{}", OBJECTS)?;
    let again = super::check::asked(terms.origin)? - asked;
    if again > OBJECTS / 100 {
        return Err(format!("{again} of {OBJECTS} were not kept"));
    }
    Ok((after as f64 - before as f64) / OBJECTS as f64 - BODY as f64)
}

/// Memory, and blocks of files where the bodies are in these. (Traffic Server's cache file has all once
/// more; it is not counted.)
fn taken(server: &Server) -> u64 {
    match server.peer.keeps_in_memory() {
        true => server.memory(),
        false => server.memory() + usage::blocks(server.folder()),
    }
}

/// Asks for so many objects, each once.
pub(super) fn fill(server: &Server, target: &str, objects: u64) -> Result<(), String> {
    let each = objects.to_string();
    loads::generate(server.http, target, FILLERS, 0.0, &["--each", &each]).map(|_| ())
}
