//! A GeoDNS node's configuration.

mod dnssec;
mod encrypted;
mod guard;

pub use dnssec::SignedZone;

use std::net::IpAddr;

use perigee_geodns::{Config, EdgeAddress, Network, Place, PlaceConfig, Pop, Role, Service};

use super::{AccessLog, BuildError, Env, common::node_name, policies};
use crate::{
    Document,
    at::At,
    sections::{self, Dns},
    units::{Degrees, Name},
};

impl Document {
    /// The configuration of the GeoDNS node of this name. What it proves itself with to the edges is
    /// had with [`Document::trust`].
    ///
    /// # Errors
    /// [`BuildError`] if no GeoDNS node has this name, or an environment variable is not set.
    pub fn geodns(&self, name: &str, env: Env<'_>) -> Result<Config, BuildError> {
        let node = self.find(name, Some(Role::GeoDns))?;
        let no_zone = || BuildError("a GeoDNS node needs a zone in [dns]".to_owned());
        let dns = &self.file.dns.as_ref().ok_or_else(no_zone)?.value;
        Ok(Config {
            node: node_name(&node),
            version: self.version(),
            listen: node.listen.iter().map(|address| address.0).collect(),
            zone: dns.zone.0.clone(),
            soa: dns.soa(self.serial(dns)),
            name_servers: self.file.name_servers(dns),
            services: self.dns_services(dns),
            pops: self.pops(),
            policies: policies::policies(dns),
            networks: dns
                .networks
                .iter()
                .flat_map(|network| places(network))
                .collect(),
            place: self.place(dns),
            view: self.file.health.build(),
            nsid: dns.nsid,
            query_log: dns.query_log.build(),
            load: dns.load.build(),
            measure: dns.measure(),
            limits: dns.limits.build(),
            contents: dns.contents(&self.folder),
            dnssec: dns.dnssec.as_ref().map(|dnssec| dnssec.build(&self.folder)),
            encrypted: self.encrypted(&node, dns),
            guard: self.guard(dns, env)?,
        })
    }

    /// Where name servers write queries down.
    pub fn query_log(&self) -> AccessLog {
        let dns = self.file.dns.as_ref();
        dns.map_or(AccessLog::Off, |dns| self.log_target(&dns.query_log.target))
    }

    fn place(&self, dns: &Dns) -> PlaceConfig {
        let databases = dns.database.iter().chain(&dns.databases);
        PlaceConfig {
            databases: databases.map(|path| path.from(&self.folder)).collect(),
            mapped: dns.databases_mapped,
            networks_file: dns.networks_file.as_ref().map(|p| p.from(&self.folder)),
            latency_file: dns.latency_file.as_ref().map(|p| p.from(&self.folder)),
            client_subnet: dns
                .client_subnet
                .as_ref()
                .map(|networks| networks.iter().map(|network| network.0).collect()),
            unknown: dns.unknown.as_ref().and_then(|unknown| {
                place(unknown.pop.as_ref(), unknown.latitude, unknown.longitude)
            }),
        }
    }

    /// The serial number of the zone: without one that is written, the time of the text.
    fn serial(&self, dns: &Dns) -> u32 {
        let time = || self.published.unwrap_or_else(|| self.version_number());
        dns.soa.serial.map_or_else(time, |serial| serial.as_u32())
    }

    fn dns_services(&self, dns: &Dns) -> Vec<Service> {
        let services = self.file.services.iter().flat_map(|service| {
            let names = self.file.dns_names(service).into_iter();
            names.map(move |(name, _)| (name, service))
        });
        services
            .map(|(name, service)| Service {
                name,
                ttl: service.dns.ttl.unwrap_or(dns.ttl).0,
                answers: service.dns.answers.unwrap_or(dns.answers).as_usize(),
                policy: service
                    .dns
                    .policy
                    .as_ref()
                    .or(dns.policy.as_ref())
                    .map(|name| name.0.clone()),
                rotate: service.dns.rotate,
            })
            .collect()
    }

    fn pops(&self) -> Vec<Pop> {
        let edges: Vec<_> = self.edge_addresses().collect();
        let pop = |pop: &sections::Pop| Pop {
            name: pop.name.0.as_str().into(),
            latitude: pop.latitude.0,
            longitude: pop.longitude.0,
            edges: edges
                .iter()
                .filter(|edge| {
                    edge.node
                        .pop
                        .as_ref()
                        .is_some_and(|name| name.as_str() == pop.name.0)
                })
                .cloned()
                .collect(),
        };
        self.file.pops.iter().map(pop).collect()
    }

    fn edge_addresses(&self) -> impl Iterator<Item = EdgeAddress> {
        let told = self.file.nodes().map(|node| node.told());
        // Edges come first among the nodes.
        self.edge_nodes().zip(told).map(|(node, told)| EdgeAddress {
            node,
            ipv4: told.iter().find_map(|ip| match ip {
                IpAddr::V4(v4) => Some(*v4),
                IpAddr::V6(_) => None,
            }),
            ipv6: told.iter().find_map(|ip| match ip {
                IpAddr::V6(v6) => Some(*v6),
                IpAddr::V4(_) => None,
            }),
        })
    }
}

/// One entry of the file tells the place of several networks.
fn places(network: &sections::Network) -> Vec<Network> {
    let place = place(network.pop.as_ref(), network.latitude, network.longitude);
    let Some(place) = place else {
        return Vec::new();
    };
    let known = |network: ipnet::IpNet| Network {
        network,
        place: place.clone(),
    };
    network.networks.iter().map(|net| known(net.0)).collect()
}

/// At a PoP, or at a point.
fn place(
    pop: Option<&At<Name>>,
    latitude: Option<Degrees<90>>,
    longitude: Option<Degrees<180>>,
) -> Option<Place> {
    match (pop, latitude, longitude) {
        (Some(pop), ..) => Some(Place::Pop(pop.0.as_str().into())),
        (None, Some(latitude), Some(longitude)) => Some(Place::Point(latitude.0, longitude.0)),
        _ => None,
    }
}
