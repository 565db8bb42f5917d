//! What an edge runs on until the next reload: services, who its peers and shields are, and how
//! to reach them. Immutable but for the health that its view keeps.

mod next_hop;
mod nodes;
mod upward;
mod watch;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::SystemTime,
};

use perigee_cluster::{Caller, Refused, Trust, View};
use perigee_proxy::{Metrics, NextHopStatus, Origination, Services};
use perigee_server::{CertStore, Client};
use perigee_tier::{Admission, Listeners, State, told};

use crate::Config;
use nodes::{Nodes, Reach};
use upward::Measured;

/// The state of one edge.
pub struct EdgeState {
    config: Config,
    services: Services,
    trust: Option<Arc<Trust>>,
    peers: Nodes,
    /// Those that are asked, group by group.
    shields: Vec<Nodes>,
    /// Which group is the nearest, where that is asked. The same over all reloads that leave the
    /// groups as they are.
    nearest: Arc<Mutex<Measured>>,
    view: Option<Arc<View>>,
    /// Whether this node drains. The same over all reloads.
    leaving: Arc<AtomicBool>,
    /// Requests of clients under way that it answers as the owner. The same over all reloads.
    own: Arc<AtomicU64>,
}

impl State for EdgeState {
    type Config = Config;

    const ROLE: &'static str = "edge";

    fn build(config: Config, metrics: &Metrics, before: Option<&Self>) -> Result<Self, String> {
        let services = before.map(|b| &b.services);
        let services = Services::build(config.tier.services.clone(), metrics, services)
            .map_err(|e| e.to_string())?;
        let trusted = before.and_then(|b| b.trust.as_ref());
        let trust = match &config.tier.trust {
            None => None,
            Some(trust) => Some(Trust::load(trust, trusted, SystemTime::now())?),
        };
        let to = Reach {
            limits: &config.tier_limits,
            trust: trust.as_deref(),
        };
        let old = before.map_or(&[][..], |b| std::slice::from_ref(&b.peers));
        let peers = Nodes::build(&config.peers, to, old)?;
        let old = before.map_or(&[][..], |b| &b.shields);
        let groups = config.shield_order.groups(&config.shields);
        let shields = groups.iter().map(|group| Nodes::build(group, to, old));
        let shields = shields.collect::<Result<Vec<_>, _>>()?;
        let nearest = before.filter(|b| upward::is_same(&b.shields, &shields));
        let nearest = nearest.map_or_else(
            || Arc::new(Mutex::new(Measured::new(shields.len()))),
            |b| Arc::clone(&b.nearest),
        );
        let view = watch::view(&config, trust.as_ref(), before);
        Ok(EdgeState {
            leaving: before.map_or_else(Arc::default, |b| Arc::clone(&b.leaving)),
            own: before.map_or_else(Arc::default, |b| Arc::clone(&b.own)),
            config,
            services,
            trust,
            peers,
            shields,
            nearest,
            view,
        })
    }

    fn tls(config: &Config) -> Result<Listeners, String> {
        let tls_listen = config.tls_listen.clone();
        let certs = match tls_listen.is_empty() {
            true => None,
            false => Some(CertStore::load(&config.certificates).map_err(|e| e.to_string())?),
        };
        Ok(Listeners {
            tls_listen,
            certs: certs.map(Arc::new),
        })
    }

    fn common(config: &Config) -> &perigee_tier::Config {
        &config.tier
    }

    fn config(&self) -> &Config {
        &self.config
    }

    fn services(&self) -> &Services {
        &self.services
    }

    fn trust(&self) -> Option<&Arc<Trust>> {
        self.trust.as_ref()
    }

    /// Anybody may ask an edge. Only what nodes say of a request is believed, and only with proof.
    fn admit(&self, caller: Result<Caller, Refused>, client: &Client) -> Admission {
        match caller {
            Ok(Caller::Stranger) => {
                Admission::Enter(Origination::of_connection(client.address.ip(), client.tls))
            }
            Ok(Caller::Node(markers)) => Admission::Enter(told(&markers)),
            Ok(Caller::Prober) => Admission::Probe,
            Err(Refused::Expired) => Admission::Refuse(EXPIRED),
            Err(Refused::Elsewhere) => Admission::Refuse(ELSEWHERE),
            Err(_) => Admission::Refuse("this proof of membership is not good"),
        }
    }

    fn leave(&self, leaving: bool) {
        self.leaving.store(leaving, Ordering::Relaxed);
    }

    fn next_hops(&self) -> Vec<NextHopStatus> {
        let nodes = self.view.as_ref().map(|view| view.nodes());
        let nodes = nodes
            .iter()
            .flat_map(|nodes| nodes.iter())
            .map(watch::status);
        nodes.chain(self.services.origin_status()).collect()
    }
}

const ELSEWHERE: &str = "nodes are not served at this address, but at those of `tier_listen`";
const EXPIRED: &str = "this proof of membership is too old or too new: do the clocks differ?";
