//! Which nodes the demo has, where they are, and the file that says so. Pure.

use std::{fmt::Write, net::Ipv4Addr, net::SocketAddr};

/// The zone: a name that is never in the real DNS (RFC 6761 section 6.2).
pub(crate) const ZONE: &str = "cdn.test";
/// The one service.
pub(crate) const HOST: &str = "www.cdn.test";
/// For how many seconds an answer of the DNS may be kept: short, so that a drain is.
pub(crate) const TTL: u64 = 2;
/// The variable that the nodes find their secret in.
pub(crate) const SECRET_VARIABLE: &str = "PERIGEE_DEMO_SECRET";

/// A place where edges stand.
#[derive(Debug, PartialEq)]
pub(crate) struct Region {
    pub(crate) pop: &'static str,
    pub(crate) city: &'static str,
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
}

/// The regions, in the order of the file.
pub(crate) const REGIONS: [Region; 3] = [
    Region {
        pop: "na",
        city: "New York",
        latitude: 40.71,
        longitude: -74.01,
    },
    Region {
        pop: "eu",
        city: "Frankfurt",
        latitude: 50.11,
        longitude: 8.68,
    },
    Region {
        pop: "asia",
        city: "Tokyo",
        latitude: 35.68,
        longitude: 139.69,
    },
];
const EDGES_PER_REGION: u8 = 2;
const SHIELDS: u8 = 2;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Origin,
    Shield,
    Edge(&'static Region),
    GeoDns,
}

impl Kind {
    /// As the subcommand is called.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Origin => "origin",
            Kind::Shield => "shield",
            Kind::Edge(_) => "edge",
            Kind::GeoDns => "geodns",
        }
    }
}

/// A node of the demo.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlannedNode {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Where it serves.
    pub(crate) address: SocketAddr,
    /// Where its admin API is.
    pub(crate) admin: SocketAddr,
}

/// Where the content comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    /// A process of the demo serves it.
    Ours,
    /// An app that runs already.
    App(http::Uri),
}

/// The ports that the demo may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) serve: u16,
    pub(crate) admin: u16,
    pub(crate) dns: u16,
    /// Only 127.0.0.1 is local: nodes differ by port, counted up from these.
    pub(crate) one_address: bool,
}

/// The whole demo.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) nodes: Vec<PlannedNode>,
    pub(crate) content: Content,
    pub(crate) one_address: bool,
}

impl Plan {
    /// Lays the nodes out. The error says which ports do not fit.
    pub(crate) fn new(content: Content, ports: Ports) -> Result<Self, String> {
        let mut nodes = Vec::new();
        let mut add = |name: String, kind: Kind, ip: [u8; 4]| {
            let (address, admin) = places(nodes.len(), ip, kind, ports)?;
            nodes.push(PlannedNode {
                name,
                kind,
                address,
                admin,
            });
            Some(())
        };
        let mut lay_out = || {
            add("geodns".into(), Kind::GeoDns, [127, 0, 0, 1])?;
            for (region, third) in REGIONS.iter().zip(1..) {
                for fourth in 1..=EDGES_PER_REGION {
                    let name = format!("{}-{fourth}", region.pop);
                    add(name, Kind::Edge(region), [127, 0, third, fourth])?;
                }
            }
            for fourth in 1..=SHIELDS {
                add(
                    format!("shield-{fourth}"),
                    Kind::Shield,
                    [127, 0, 10, fourth],
                )?;
            }
            if content == Content::Ours {
                add("origin".into(), Kind::Origin, [127, 0, 20, 1])?;
            }
            Some(())
        };
        lay_out()
            .ok_or("the ports run past 65535: choose lower ones with --port and --admin-port")?;
        let one_address = ports.one_address;
        Ok(Plan {
            nodes,
            content,
            one_address,
        })
    }

    /// The name server.
    pub(crate) fn dns(&self) -> SocketAddr {
        let server = self.nodes.iter().find(|node| node.kind == Kind::GeoDns);
        server.map_or(SocketAddr::from(([127, 0, 0, 1], 53)), |node| node.address)
    }

    /// The edges, region by region.
    pub(crate) fn edges(&self) -> impl Iterator<Item = &PlannedNode> {
        self.nodes
            .iter()
            .filter(|node| matches!(node.kind, Kind::Edge(_)))
    }

    /// The edges of one region.
    pub(crate) fn edges_in(&self, pop: &str) -> Vec<&PlannedNode> {
        let here = |node: &&PlannedNode| matches!(node.kind, Kind::Edge(r) if r.pop == pop);
        self.nodes.iter().filter(here).collect()
    }

    /// The origin, if it is a process of the demo.
    pub(crate) fn origin(&self) -> Option<&PlannedNode> {
        self.nodes.iter().find(|node| node.kind == Kind::Origin)
    }

    /// The text of the file that the nodes read.
    pub(crate) fn config(&self) -> String {
        let mut text = format!(
            "# The CDN of `perigee demo`. This file goes when the demo ends; while it runs, the nodes\n\
             # take changes that are saved here.\n\n\
             [cdn]\nsecret_env = \"{SECRET_VARIABLE}\"\n\n\
             [dns]\nzone = \"{ZONE}\"\nttl = \"{TTL}s\"\ndatabase = \"places.mmdb\"\n\n\
             [[services]]\nname = \"www\"\nhosts = [\"*\"]\norigins = [{}]\n\n\
             [storage]\nmemory = \"64MiB\"\n\n\
             [shutdown]\ndeadline = \"10s\"\n\n\
             [log]\naccess = \"stdout\"\nlevel = \"info\"\n",
            self.origin_entry()
        );
        // Writing to a string does not fail.
        for region in &REGIONS {
            let Region {
                pop,
                city,
                latitude,
                longitude,
            } = region;
            let _ = write!(
                text,
                "\n[[pops]] # {city}\nname = \"{pop}\"\nlatitude = {latitude}\nlongitude = {longitude}\n"
            );
        }
        for node in &self.nodes {
            let PlannedNode {
                name,
                kind,
                address,
                admin,
            } = node;
            let table = match kind {
                Kind::Edge(region) => format!("[[edges]]\npop = \"{}\"", region.pop),
                Kind::Shield => "[[shields]]".to_owned(),
                Kind::GeoDns => "[[geodns]]".to_owned(),
                Kind::Origin => continue,
            };
            let _ = write!(
                text,
                "\n{table}\nname = \"{name}\"\nlisten = [\"{address}\"]\nadmin = \"{admin}\"\n"
            );
        }
        text
    }

    fn origin_entry(&self) -> String {
        match (&self.content, self.origin()) {
            (Content::App(url), _) => {
                // Apps on a developer's machine often refuse hosts that they do not know.
                let host = url.authority().map_or("", |authority| authority.as_str());
                format!(
                    "{{ url = {}, host = {} }}",
                    quoted(&url.to_string()),
                    quoted(host)
                )
            }
            (Content::Ours, Some(origin)) => format!("\"http://{}\"", origin.address),
            (Content::Ours, None) => String::new(),
        }
    }
}

/// Where the node of this number serves, and where its admin API is.
fn places(
    number: usize,
    ip: [u8; 4],
    kind: Kind,
    ports: Ports,
) -> Option<(SocketAddr, SocketAddr)> {
    let step = if ports.one_address {
        u16::try_from(number).ok()?
    } else {
        0
    };
    let ip = if ports.one_address {
        Ipv4Addr::LOCALHOST
    } else {
        Ipv4Addr::from(ip)
    };
    let serve = match kind {
        Kind::GeoDns => ports.dns,
        _ => ports.serve.checked_add(step)?,
    };
    let admin = ports.admin.checked_add(step)?;
    Some(((ip, serve).into(), (ip, admin).into()))
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, path::Path};

    use perigee_config::parse;

    use super::*;

    fn plan(content: Content, one_address: bool) -> Plan {
        let ports = Ports {
            serve: 8080,
            admin: 9090,
            dns: 5300,
            one_address,
        };
        Plan::new(content, ports).expect("fits")
    }

    fn app() -> Content {
        Content::App(http::Uri::from_static("http://127.0.0.1:3000/base"))
    }

    #[test]
    fn every_address_is_used_once() {
        for one_address in [false, true] {
            let plan = plan(Content::Ours, one_address);
            let all = plan
                .nodes
                .iter()
                .flat_map(|node| [node.address, node.admin]);
            let different: HashSet<_> = all.clone().collect();
            assert_eq!(different.len(), all.count());
            assert_eq!(plan.nodes.len(), 10);
        }
    }

    #[test]
    fn the_file_is_right() {
        let env = |name: &str| (name == SECRET_VARIABLE).then(|| "0123456789abcdef".repeat(2));
        for content in [Content::Ours, app()] {
            for one_address in [false, true] {
                let plan = plan(content.clone(), one_address);
                let text = plan.config();
                let document = parse(&text, Path::new("cdn.toml"))
                    .unwrap_or_else(|problems| panic!("{}", problems[0]));
                assert_eq!(document.nodes().len(), 9);
                let edge = document.edge("eu-2", &env).expect("an edge");
                assert_eq!(edge.peers.len(), 2);
                assert_eq!(edge.shields.len(), 2);
                assert!(edge.tier.services[0].hosts.iter().any(|host| host == HOST));
                document.shield("shield-1", &env).expect("a shield");
                let geodns = document.geodns("geodns", &env).expect("a name server");
                assert_eq!(geodns.listen, [plan.dns()]);
            }
        }
    }

    #[test]
    fn an_app_is_asked_under_its_own_name() {
        let plan = plan(app(), false);
        assert!(plan.origin().is_none());
        assert!(
            plan.config().contains("host = \"127.0.0.1:3000\""),
            "{}",
            plan.config()
        );
    }

    #[test]
    fn ports_that_run_over_are_refused() {
        let ports = Ports {
            serve: 65_535,
            admin: 9090,
            dns: 5300,
            one_address: true,
        };
        let error = Plan::new(Content::Ours, ports).expect_err("too high");
        assert!(error.contains("--port"), "{error}");
    }
}
