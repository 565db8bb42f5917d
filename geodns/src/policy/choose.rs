//! Which edges a client is told: the nearest PoP that can serve it, and the order within.

use std::{
    net::IpAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use ipnet::IpNet;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    place::Point,
    place::{Located, LocatedPlace},
    snapshot::{Family, Snapshot, Standard},
    zone::ZoneService,
};

/// The coarsest prefixes by which the order of edges differs. A place may be known for a prefix
/// as short as 0, and one order for everybody would give all clients to the same few edges.
const ORDER_PREFIX_V4: u8 = 16;
const ORDER_PREFIX_V6: u8 = 32;

/// Who is asking, as far as may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// The network in the EDNS Client Subnet option (RFC 7871), longer than 0 bits.
    Subnet(IpNet),
    /// The source address of the query: the resolver's.
    Source(IpAddr),
    /// An EDNS Client Subnet option with a source prefix of 0: nothing may be used.
    Withheld,
}

/// A PoP, as a candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    /// Its place in the snapshot.
    pub(crate) pop: usize,
    /// Its distance from the client in kilometres, where both places are known.
    pub(crate) distance_km: Option<f64>,
}

/// What was chosen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chosen {
    /// The PoP, as its place in the snapshot; `None` if there is nothing to answer.
    pub(crate) pop: Option<usize>,
    /// The addresses, best first. Empty is NODATA.
    pub(crate) addresses: Vec<IpAddr>,
    /// The prefix length of the client's network for which this holds.
    pub(crate) scope: u8,
}

impl Client {
    /// The address that stands for the client.
    pub(crate) fn address(self) -> Option<IpAddr> {
        match self {
            Client::Subnet(network) => Some(network.addr()),
            Client::Source(address) => Some(address.to_canonical()),
            Client::Withheld => None,
        }
    }
}

/// What is known of the client. Nothing may be known of one that withholds itself.
pub(crate) fn locate(snapshot: &Snapshot, client: Client) -> Located {
    match client.address() {
        Some(address) => snapshot.places.locate(address),
        None => Located {
            place: LocatedPlace::Unknown,
            prefix: 0,
        },
    }
}

/// All PoPs, nearest first; in the order of the configuration where the place is not known and
/// between PoPs that are equally far.
pub(crate) fn rank(snapshot: &Snapshot, place: &LocatedPlace) -> Vec<Candidate> {
    let (at, from) = whereabouts(snapshot, place);
    let mut candidates: Vec<Candidate> = snapshot
        .pops
        .iter()
        .enumerate()
        .map(|(pop, state)| Candidate {
            pop,
            distance_km: from.zip(state.point).map(|(a, b)| a.distance_km(b)),
        })
        .collect();
    candidates.sort_by(|a, b| {
        let key = |c: &Candidate| (at != Some(c.pop), c.distance_km.unwrap_or(f64::INFINITY));
        let (a, b) = (key(a), key(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    candidates
}

/// The PoP a client was said to be at, and the point to measure from.
fn whereabouts(snapshot: &Snapshot, place: &LocatedPlace) -> (Option<usize>, Option<Point>) {
    match place {
        LocatedPlace::Unknown => (None, None),
        LocatedPlace::Network(_, point) | LocatedPlace::Database(point) => (None, Some(*point)),
        LocatedPlace::Pop(_, name) => {
            let at = snapshot.pops.iter().position(|pop| pop.name == *name);
            (at, at.and_then(|pop| snapshot.pops[pop].point))
        }
    }
}

/// The addresses of one family for a client, from the nearest PoP that can serve it.
///
/// The families are not treated alike. Where the nearest PoP has no IPv6, AAAA is NODATA even if
/// a farther one has: a client with both families would prefer the far PoP over IPv6 to the
/// near one over IPv4. Where the nearest PoP has no IPv4, A moves on to the next PoP that has:
/// a client without IPv6 could reach nothing otherwise, and one with both prefers the near
/// PoP's IPv6 anyway.
pub(crate) fn choose(
    snapshot: &Snapshot,
    service: &ZoneService,
    family: Family,
    client: Client,
    now: SystemTime,
) -> Chosen {
    if !snapshot.has_family(family) {
        return Chosen::nothing(0);
    }
    let located = locate(snapshot, client);
    let candidates = rank(snapshot, &located.place);
    for &standard in snapshot.standards() {
        for candidate in &candidates {
            match try_pop(snapshot, candidate.pop, family, standard) {
                Try::Serves(found) => {
                    return order(service, candidate.pop, found, client, located.prefix, now);
                }
                Try::ServesTheOtherFamily => return Chosen::nothing(located.prefix),
                Try::CannotServe => {}
            }
        }
    }
    Chosen::nothing(located.prefix)
}

enum Try {
    /// Addresses, and the seeds of their edges.
    Serves(Vec<(u64, IpAddr)>),
    ServesTheOtherFamily,
    CannotServe,
}

fn try_pop(snapshot: &Snapshot, pop: usize, family: Family, standard: Standard) -> Try {
    let pop = &snapshot.pops[pop];
    let found: Vec<(u64, IpAddr)> = pop
        .edges(standard)
        .filter_map(|edge| Some((edge.seed, edge.address(family)?)))
        .collect();
    if !found.is_empty() {
        return Try::Serves(found);
    }
    let mut edges = pop.edges(standard);
    if family == Family::V6 && edges.any(|edge| edge.address(Family::V4).is_some()) {
        return Try::ServesTheOtherFamily;
    }
    Try::CannotServe
}

/// Orders by rendezvous hashing: each client prefix has its own order, which stays when edges
/// come and go, so that caches stay warm. A client of whom nothing may be known gets another
/// order each TTL, so that not all of them land on one edge.
fn order(
    service: &ZoneService,
    pop: usize,
    mut found: Vec<(u64, IpAddr)>,
    client: Client,
    located: u8,
    now: SystemTime,
) -> Chosen {
    let (key, scope) = match client.address() {
        Some(address) if found.len() > 1 => order_key(address, located),
        Some(_) => (0, located),
        None => (rotation(now, service.ttl), 0),
    };
    found.sort_by_cached_key(|(edge, address)| {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&edge.to_le_bytes());
        bytes[8..].copy_from_slice(&key.to_le_bytes());
        (xxh3_64_with_seed(&bytes, service.seed), *address)
    });
    let addresses = found.into_iter().map(|(_, address)| address);
    Chosen {
        pop: Some(pop),
        addresses: addresses.take(service.answers).collect(),
        scope,
    }
}

/// The client's network that decides the order, and its length: that for which the place holds,
/// or a longer one.
fn order_key(address: IpAddr, located: u8) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => {
            let scope = located.clamp(ORDER_PREFIX_V4, 32);
            let kept = u32::MAX << (32 - u32::from(scope));
            (u128::from(v4.to_bits() & kept), scope)
        }
        IpAddr::V6(v6) => {
            let scope = located.clamp(ORDER_PREFIX_V6, 128);
            let kept = u128::MAX << (128 - u32::from(scope));
            (v6.to_bits() & kept, scope)
        }
    }
}

fn rotation(now: SystemTime, ttl: u32) -> u128 {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    u128::from(seconds / u64::from(ttl.max(1)))
}

impl Chosen {
    fn nothing(scope: u8) -> Self {
        Chosen {
            pop: None,
            addresses: Vec::new(),
            scope,
        }
    }
}
