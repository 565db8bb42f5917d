//! Delivery services and nodes, as edges and shields take them.

use perigee_edge::{EndpointConfig, EndpointLimits, Node, ServiceConfig, Target};

use super::common::{node_name, pop_name};
use crate::{
    Document,
    sections::{NodeRef, Service, Weight},
    units::{Origin, OriginTarget},
};

impl Document {
    /// All delivery services.
    pub fn services(&self) -> Vec<ServiceConfig> {
        self.file
            .services
            .iter()
            .map(|service| self.service(service))
            .collect()
    }

    fn service(&self, service: &Service) -> ServiceConfig {
        let implied = self.file.dns_names(service).into_iter();
        let mut hosts: Vec<String> = implied.map(|(name, _)| name).collect();
        for host in &service.hosts {
            if !hosts.contains(&host.0) {
                hosts.push(host.0.clone());
            }
        }
        let limits = service.origin_limits.build();
        let is_folder = |origin: &Origin| matches!(origin.target, OriginTarget::Folder(_));
        let files = service.origins.iter().all(is_folder);
        ServiceConfig {
            name: service.name.0.clone(),
            hosts,
            origins: service
                .origins
                .iter()
                .map(|origin| self.endpoint(origin, &limits))
                .collect(),
            pool: service.origin_pool.build(),
            policy: service.cache.build(files),
            rules: service.cache.rules(files),
            max_request_body: service.max_request_body.0,
            request_fields: service.request_fields.build(),
            cache_status: service.cache_status.build(),
        }
    }

    fn endpoint(&self, origin: &Origin, limits: &EndpointLimits) -> EndpointConfig {
        let target = match &origin.target {
            OriginTarget::Folder(path) => Target::Folder(self.folder.join(path)),
            OriginTarget::Url {
                base,
                host,
                sni,
                ca,
            } => Target::Url {
                base: base.clone(),
                host: host.clone(),
                sni: sni.clone(),
                ca_file: ca.as_ref().map(|path| self.folder.join(path)),
            },
        };
        EndpointConfig {
            name: origin.name.clone(),
            target,
            limits: limits.clone(),
        }
    }

    /// All edges, as other nodes see them, in the order of the file.
    pub fn edge_nodes(&self) -> impl Iterator<Item = Node> {
        let weights = self.file.edges.iter().map(|edge| edge.weight);
        self.of_role(perigee_edge::Role::Edge, weights)
    }

    /// All shields, as other nodes see them, in the order of the file.
    pub fn shield_nodes(&self) -> impl Iterator<Item = Node> {
        let weights = self.file.shields.iter().map(|shield| shield.weight);
        self.of_role(perigee_edge::Role::Shield, weights)
    }

    fn of_role(
        &self,
        role: perigee_edge::Role,
        weights: impl Iterator<Item = Weight>,
    ) -> impl Iterator<Item = Node> {
        let nodes = self.file.nodes().filter(move |node| node.role == role);
        nodes
            .zip(weights)
            .map(|(node, weight)| as_seen(&node, weight))
    }
}

fn as_seen(node: &NodeRef<'_>, weight: Weight) -> Node {
    Node {
        name: node_name(node),
        role: node.role,
        pop: pop_name(node),
        address: node.tier_address().0,
        weight: weight.as_u32(),
    }
}
