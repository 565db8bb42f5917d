//! Everything an answer is made from, as it is at one moment. Immutable.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use perigee_cluster::{NodeHealth, NodeName, PopName};
use perigee_health::is_believed;
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    config::{Config, EdgeAddress, Pop},
    dnssec::Signer,
    load::{Spilled, spilled_by},
    place::{Direction, Latencies, Places, Point},
    query_log::QueryLogConfig,
    zone::Zone,
};

/// Everything an answer is made from: the zone, the places, the PoPs and the health of their
/// edges. Built anew when any of it changes.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) zone: Arc<Zone>,
    pub(crate) places: Arc<Places>,
    /// What edges have measured.
    pub(crate) measured: Arc<Latencies>,
    /// Signs the zone, if it is signed.
    pub(crate) signer: Option<Arc<Signer>>,
    /// In the order of the configuration.
    pub(crate) pops: Vec<PopState>,
    /// Whether the health of edges is believed, or so many look down that it is not.
    pub(crate) believed: bool,
    /// What PoPs give away that have too much to do; nothing while health is not believed.
    pub(crate) spilled: Spilled,
    has_ipv4: bool,
    has_ipv6: bool,
    /// The largest answer over UDP, in bytes.
    pub(crate) max_udp_payload: u16,
    /// What the server is called, for those who ask (RFC 5001), if they may know.
    pub(crate) nsid: Option<NodeName>,
    pub(crate) query_log: QueryLogConfig,
    /// How long a TCP connection may be idle, in units of 100 ms (RFC 7828).
    pub(crate) tcp_keepalive: u16,
}

/// A PoP and the state of its edges.
#[derive(Debug)]
pub(crate) struct PopState {
    pub(crate) name: PopName,
    /// What chance is derived from where weights choose, and by what it is counted: the same on every
    /// name server of the CDN.
    pub(crate) seed: u64,
    pub(crate) point: Option<Point>,
    /// The same, as it is compared.
    pub(crate) direction: Option<Direction>,
    pub(crate) edges: Vec<EdgeState>,
}

/// An edge and its state.
#[derive(Debug)]
pub(crate) struct EdgeState {
    pub(crate) name: NodeName,
    /// Its part in the order of edges: the same on every name server of the CDN.
    pub(crate) seed: u64,
    pub(crate) address: EdgeAddress,
    pub(crate) up: bool,
    /// Up, and not draining.
    pub(crate) usable: bool,
    /// When it last answered, it drained.
    pub(crate) draining: bool,
    /// The share of what it takes that it had to do when it last answered.
    pub(crate) load: Option<f64>,
}

/// An address family, as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

/// How good an edge must be to be answered. The later ones are tried when the earlier ones
/// leave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standard {
    /// Up and not draining.
    Usable,
    /// Up.
    Up,
    /// It has not said that it drains.
    Staying,
    /// Any at all.
    Any,
}

impl Snapshot {
    /// A snapshot of these. Edges that `health` does not know are taken to be up.
    pub fn new(
        config: &Config,
        zone: Arc<Zone>,
        places: Arc<Places>,
        health: &[NodeHealth],
    ) -> Self {
        let health: HashMap<&NodeName, &NodeHealth> =
            health.iter().map(|h| (&h.node.name, h)).collect();
        let pops: Vec<PopState> = config
            .pops
            .iter()
            .map(|pop| PopState::new(pop, &health))
            .collect();
        let edges = || pops.iter().flat_map(|pop| &pop.edges);
        let up = edges().filter(|edge| edge.up).count();
        let has = |family| edges().any(|edge| edge.address(family).is_some());
        let (has_ipv4, has_ipv6) = (has(Family::V4), has(Family::V6));
        let believed = is_believed(up, edges().count(), config.view.panic);
        let spilled = config.pops.iter().map(|pop| {
            let edges = pop.edges.iter().map(|edge| &edge.node.name);
            let known = edges.filter_map(|name| health.get(name).copied());
            let share = if believed { spilled_by(known) } else { 0.0 };
            (&pop.name, share)
        });
        Snapshot {
            spilled: Spilled::new(spilled, config.load.turn),
            zone,
            places,
            measured: Arc::default(),
            signer: None,
            believed,
            has_ipv4,
            has_ipv6,
            max_udp_payload: config.limits.max_udp_payload.max(512),
            nsid: config.nsid.then(|| config.node.clone()),
            query_log: config.query_log,
            tcp_keepalive: keepalive(config.limits.tcp_idle_timeout),
            pops,
        }
    }

    /// The same, signed as the configuration says with keys that are active at `now`.
    ///
    /// # Errors
    /// If a key cannot be used, or there is none.
    pub fn signed_as(self, config: &Config, now: SystemTime) -> Result<Self, String> {
        let load = |dnssec| Signer::load(dnssec, &config.zone, None, now).map(Arc::new);
        let signer = config.dnssec.as_ref().map(load).transpose()?;
        Ok(self.signed(signer))
    }

    /// The same, signed by this one.
    pub(crate) fn signed(mut self, signer: Option<Arc<Signer>>) -> Self {
        self.signer = signer;
        self
    }

    /// The same, with what edges have measured.
    pub(crate) fn measured(self, measured: Arc<Latencies>) -> Self {
        Snapshot { measured, ..self }
    }

    /// As it is at this moment, to the minute.
    pub(crate) fn at(self, now: SystemTime) -> Self {
        let spilled = self.spilled.at(now);
        Snapshot { spilled, ..self }
    }

    /// Whether any edge of the CDN has an address of this family.
    pub(crate) fn has_family(&self, family: Family) -> bool {
        match family {
            Family::V4 => self.has_ipv4,
            Family::V6 => self.has_ipv6,
        }
    }

    /// What to ask of edges, best first.
    pub(crate) fn standards(&self) -> &'static [Standard] {
        if self.believed {
            &[Standard::Usable, Standard::Up, Standard::Any]
        } else {
            // What an edge has said of itself holds, whatever is to be thought of silence.
            &[Standard::Staying, Standard::Any]
        }
    }
}

fn keepalive(idle: Duration) -> u16 {
    u16::try_from(idle.as_millis() / 100).unwrap_or(u16::MAX)
}

impl PopState {
    fn new(pop: &Pop, health: &HashMap<&NodeName, &NodeHealth>) -> Self {
        let edges = pop.edges.iter().map(|edge| {
            let known = health.get(&edge.node.name);
            EdgeState {
                name: edge.node.name.clone(),
                seed: xxh3_64(edge.node.name.as_str().as_bytes()),
                address: edge.clone(),
                up: known.is_none_or(|h| h.up),
                usable: known.is_none_or(|h| h.is_usable()),
                draining: known.is_some_and(|h| h.is_draining()),
                load: known.and_then(|h| Some(h.readiness.as_ref()?.load)),
            }
        });
        let point = Point::new(pop.latitude, pop.longitude);
        PopState {
            name: pop.name.clone(),
            seed: xxh3_64(pop.name.as_str().as_bytes()),
            point,
            direction: point.map(Point::direction),
            edges: edges.collect(),
        }
    }

    /// The edges that are good enough.
    pub(crate) fn edges(&self, standard: Standard) -> impl Iterator<Item = &EdgeState> {
        self.edges.iter().filter(move |edge| edge.meets(standard))
    }
}

impl EdgeState {
    /// Whether it is good enough.
    pub(crate) fn meets(&self, standard: Standard) -> bool {
        match standard {
            Standard::Usable => self.usable,
            Standard::Up => self.up,
            Standard::Staying => !self.draining,
            Standard::Any => true,
        }
    }

    pub(crate) fn address(&self, family: Family) -> Option<IpAddr> {
        match family {
            Family::V4 => self.address.ipv4.map(IpAddr::V4),
            Family::V6 => self.address.ipv6.map(IpAddr::V6),
        }
    }
}
