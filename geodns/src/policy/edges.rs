//! The edges of one PoP: which of them are told to a client, in which order.

use std::{
    net::IpAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{addresses::MOST, facts::Facts};
use crate::{
    snapshot::{Family, PopState, Standard},
    zone::ZoneService,
};

/// The coarsest prefixes by which the order of edges differs. A place may be known for a prefix
/// as short as 0, and one order for everybody would give all clients to the same few edges.
const ORDER_PREFIX_V4: u8 = 16;
const ORDER_PREFIX_V6: u8 = 32;

/// Edges of a PoP, by their place in it, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edges {
    list: [u16; MOST],
    length: u8,
}

/// Whether a PoP can serve a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Serves {
    Yes,
    OnlyTheOtherFamily,
    No,
}

/// The families are not treated alike. Where the best PoP has no IPv6, AAAA is NODATA even if
/// a farther one has: a client with both families would prefer the far PoP over IPv6 to the
/// near one over IPv4. Where the best PoP has no IPv4, A moves on to the next PoP that has:
/// a client without IPv6 could reach nothing otherwise, and one with both prefers the near
/// PoP's IPv6 anyway.
pub(super) fn serves(pop: &PopState, family: Family, standard: Standard) -> Serves {
    let has = |family| {
        let mut edges = pop.edges(standard);
        edges.any(|edge| edge.address(family).is_some())
    };
    if has(family) {
        Serves::Yes
    } else if family == Family::V6 && has(Family::V4) {
        Serves::OnlyTheOtherFamily
    } else {
        Serves::No
    }
}

/// The network of a client by which it is told from others; `None` for one that withholds itself.
pub(super) fn network(facts: &mut Facts<'_>) -> Option<u128> {
    facts.network(ORDER_PREFIX_V4, ORDER_PREFIX_V6)
}

impl Edges {
    pub(super) const NONE: Edges = Edges {
        list: [0; MOST],
        length: 0,
    };

    /// The best `most` edges of a PoP that are good enough and have an address of this family.
    ///
    /// By rendezvous hashing: each client network has its own order, which stays when edges come
    /// and go, so that caches stay warm. With `turn`, the order is another one each turn.
    pub(super) fn choose(
        pop: &PopState,
        family: Family,
        standard: Standard,
        service: &ZoneService,
        most: usize,
        turn: u64,
        facts: &mut Facts<'_>,
    ) -> Self {
        let fit = || {
            let edges = pop.edges.iter().enumerate();
            let fit = edges.filter(move |(_, edge)| edge.meets(standard));
            fit.filter_map(move |(at, edge)| Some((at, edge.seed, edge.address(family)?)))
        };
        let alone = fit().nth(1).is_none();
        let network = match facts.address() {
            // One edge has no order: the answer holds for as many as its PoP does.
            _ if alone => 0,
            Some(_) => network(facts).unwrap_or(0),
            None => 0,
        };
        let mut best = Best::new(most.min(MOST));
        for (at, edge, address) in fit() {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&edge.to_le_bytes());
            bytes[8..24].copy_from_slice(&network.to_le_bytes());
            bytes[24..].copy_from_slice(&turn.to_le_bytes());
            best.offer((xxh3_64_with_seed(&bytes, service.seed), address), at);
        }
        best.edges
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Their places in the PoP.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        let edges = self.list.iter().take(self.length.into());
        edges.map(|&edge| usize::from(edge))
    }

    /// In half the room, if the places are small enough; and how many they are.
    pub(super) fn narrowed(self) -> Option<([u8; MOST], u8)> {
        let fit = self.iter().all(|edge| edge <= u8::MAX.into());
        fit.then(|| (self.list.map(|edge| edge as u8), self.length))
    }

    /// Those that were made narrow.
    pub(super) fn widened(list: [u8; MOST], length: u8) -> Self {
        Edges {
            list: list.map(u16::from),
            length,
        }
    }
}

/// The lowest few, in order.
struct Best {
    keys: [(u64, IpAddr); MOST],
    edges: Edges,
    most: usize,
}

impl Best {
    fn new(most: usize) -> Self {
        Best {
            keys: [(u64::MAX, IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)); MOST],
            edges: Edges::NONE,
            most,
        }
    }

    fn offer(&mut self, key: (u64, IpAddr), edge: usize) {
        let length = usize::from(self.edges.length);
        let kept = self.keys.get(..length).unwrap_or_default();
        let at = kept.partition_point(|other| *other < key);
        let Ok(edge) = u16::try_from(edge) else {
            return;
        };
        if at >= self.most {
            return;
        }
        let length = (length + 1).min(self.most);
        self.keys[at..length].rotate_right(1);
        self.edges.list[at..length].rotate_right(1);
        self.keys[at] = key;
        self.edges.list[at] = edge;
        self.edges.length = u8::try_from(length).unwrap_or(u8::MAX);
    }
}

/// The number of the turn: another one each TTL.
pub(super) fn turn(now: SystemTime, ttl: u32) -> u64 {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    seconds / u64::from(ttl.max(1))
}
