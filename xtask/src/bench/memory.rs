//! What an object of 1 KiB costs in memory over its body, in a cache that has many.

use super::{
    loads,
    pace::Pace,
    peers::Peer,
    results::Measured,
    servers::{Server, Terms},
    usage,
};

const OBJECTS: u64 = 100_000;
const BODY: u64 = 1024;
/// What it takes to serve at all is not what an object costs.
const BEFORE: u64 = 2_000;

/// Measures each server once, alone.
pub(super) fn measure(peers: &[Peer], terms: &Terms, pace: &Pace) -> Measured {
    let mut measured = Measured::new(0.0);
    let terms = &Terms {
        prefault: 0,
        ..terms.clone()
    };
    let caches = |peer: &&Peer| !matches!(peer, Peer::H2o | Peer::Floor);
    for peer in peers.iter().filter(caches) {
        if *peer == Peer::Haproxy {
            let why = "its cache has touched all of its memory when it has started";
            measured.lacks(&peer.name(), why.to_owned());
            continue;
        }
        match pace.check().and_then(|()| one(peer, terms, pace)) {
            Ok(value) => {
                super::say(&format!("  {:12} {value:9.0}", peer.name()));
                measured.push(&peer.name(), value);
            }
            Err(why) => measured.lacks(&peer.name(), why),
        }
    }
    measured.done()
}

fn one(peer: &Peer, terms: &Terms, pace: &Pace) -> Result<f64, String> {
    let server = Server::start(peer, terms)?;
    let fill = |target, objects| loads::fill(&server, target, objects, pace.share());
    fill("/1024/before/{}", BEFORE)?;
    let before = taken(&server);
    fill("/1024/kept/{}", OBJECTS)?;
    // Some take what is asked for again into another place; and all is to be there.
    let asked = super::check::asked(terms.origin)?;
    fill("/1024/kept/{}", OBJECTS)?;
    let again = super::check::asked(terms.origin)? - asked;
    let after = taken(&server);
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
