//! The rows of the comparison: what is asked for, by whom, and how far ahead of the best peer Perigee
//! is to be.

use super::peers::Peer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Thousand requests for each CPU second of the server.
    Requests,
    /// Gigabytes for each CPU second of the server.
    Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// The same object again and again.
    Hit,
    /// The same, by who keeps up with the fastest.
    Keen,
    /// The same, by who has it.
    NotModified,
    /// A MiB of it.
    Range,
    /// Many objects that are there.
    Zipf,
    /// Another object each time.
    Miss,
    /// The same object, over 32 connections of HTTP/2 with 8 streams each.
    Http2,
    /// The same object, over HTTP/1.1 with TLS.
    Tls,
    /// The same object, over a new connection with TLS each time.
    Handshakes,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    pub(super) target: &'static str,
    pub(super) connections: usize,
    pub(super) load: Load,
    pub(super) unit: Unit,
    /// How many times what the best peer does, where that is to be something.
    pub(super) reach: Option<f64>,
}

const fn row(
    key: &'static str,
    title: &'static str,
    (target, connections): (&'static str, usize),
    load: Load,
    unit: Unit,
    reach: f64,
) -> Row {
    Row {
        key,
        title,
        target,
        connections,
        load,
        unit,
        reach: Some(reach),
    }
}

const KIB: (&str, usize) = ("/1024/hit", 64);
const KIB_64: (&str, usize) = ("/65536/hit", 64);
const MIB: (&str, usize) = ("/1048576/hit", 16);
const MIB_64: (&str, usize) = ("/67108864/hit", 8);

pub(super) const ROWS: [Row; 12] = {
    use Load::*;
    use Unit::*;
    [
        row("1k", "1 KiB hit, 64 connections", KIB, Keen, Requests, 1.6),
        Row {
            key: "1k-wrk",
            title: "the same, asked for by wrk",
            target: KIB.0,
            connections: KIB.1,
            load: Hit,
            unit: Requests,
            reach: None,
        },
        row("64k", "64 KiB hit", KIB_64, Hit, Requests, 1.1),
        row("1m", "1 MiB hit", MIB, Hit, Bytes, 1.0),
        row("64m", "64 MiB hit", MIB_64, Hit, Bytes, 1.0),
        row(
            "zipf",
            "Zipf 0.9 over 10,000 objects of 1 to 64 KiB",
            KIB,
            Zipf,
            Requests,
            1.3,
        ),
        row("miss", "miss, 1 KiB, stored", KIB, Miss, Requests, 1.0),
        row(
            "304",
            "304 to If-None-Match",
            KIB,
            NotModified,
            Requests,
            1.5,
        ),
        row(
            "h2",
            "1 KiB hit over TLS, HTTP/2, 32 x 8 streams",
            KIB,
            Http2,
            Requests,
            1.2,
        ),
        row(
            "tls1m",
            "1 MiB hit over TLS, HTTP/1.1",
            MIB,
            Tls,
            Bytes,
            1.2,
        ),
        row(
            "hs",
            "full TLS handshakes, ECDSA P-256",
            KIB,
            Handshakes,
            Requests,
            1.1,
        ),
        row(
            "range",
            "1 MiB range out of a 64 MiB object",
            MIB_64,
            Range,
            Bytes,
            1.0,
        ),
    ]
};

impl Row {
    pub(super) fn needs_tls(&self) -> bool {
        matches!(self.load, Load::Http2 | Load::Tls | Load::Handshakes)
    }

    /// Whether a server is in it: a server of files is no cache, and the floor knows no more than what
    /// it was asked before.
    pub(super) fn has(&self, peer: &Peer) -> bool {
        match peer {
            Peer::H2o => matches!(self.key, "1k" | "1k-wrk" | "1m" | "h2" | "tls1m"),
            Peer::Floor => matches!(
                self.load,
                Load::Hit | Load::Keen | Load::Zipf | Load::NotModified
            ),
            _ => !self.needs_tls() || peer.has_tls(),
        }
    }
}

/// What a server of files must have for its rows: target and size.
pub(super) fn files() -> [(&'static str, usize); 2] {
    [(KIB.0, 1 << 10), (MIB.0, 1 << 20)]
}

/// All targets of the Zipf row, as bench/load/zipf.lua asks for them.
pub(super) fn zipf() -> impl Iterator<Item = String> {
    (1..=10_000_u64).map(|object| {
        let size = 1024 + object * 7919 % 64_513;
        format!("/{size}/zipf/{object}")
    })
}
