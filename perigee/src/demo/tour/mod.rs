//! The tour: takes the steps of the demo by itself, tells what was asked and what came back, and
//! checks it.

mod cache_status;
mod caching;
mod dns;
mod drain;
mod failover;
mod purge;
mod saving;
mod teller;

use std::{
    net::{IpAddr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use serde_json::Value;

use self::{cache_status::Entry, teller::Teller};
use super::{
    children::{Children, Launch},
    http::{self, Ask, Reply},
    plan::{HOST, Plan, PlannedNode},
};
use crate::{admin::AdminClient, commands::Outcome, style::Style};

const DNS_TIMEOUT: Duration = Duration::from_secs(2);
const ADMIN_TIMEOUT: Duration = Duration::from_secs(5);

/// What a step needs.
struct Tour<'a> {
    plan: &'a Plan,
    children: &'a mut Children,
    launch: Launch<'a>,
    teller: Teller,
}

#[derive(Clone, Copy)]
enum Step {
    Places,
    MissThenHit,
    NotModified,
    Part,
    Herd,
    Everyone,
    Purge,
    Drain,
    EdgeDies,
    RegionDies,
}

/// The steps in their order: the last ones leave a region without edges.
const STEPS: [Step; 10] = [
    Step::Places,
    Step::MissThenHit,
    Step::NotModified,
    Step::Part,
    Step::Herd,
    Step::Everyone,
    Step::Purge,
    Step::Drain,
    Step::EdgeDies,
    Step::RegionDies,
];

impl Step {
    async fn take(self, tour: &mut Tour<'_>) -> Result<(), String> {
        match self {
            Step::Places => dns::places(tour).await,
            Step::MissThenHit => caching::miss_then_hit(tour).await,
            Step::NotModified => caching::not_modified(tour).await,
            Step::Part => caching::part(tour).await,
            Step::Herd => saving::herd(tour).await,
            Step::Everyone => saving::everyone(tour).await,
            Step::Purge => purge::everywhere(tour).await,
            Step::Drain => drain::edge(tour).await,
            Step::EdgeDies => failover::edge(tour).await,
            Step::RegionDies => failover::region(tour).await,
        }
    }
}

/// Takes all steps. A failure exit if one did not show what it says.
pub(super) async fn run(
    plan: &Plan,
    children: &mut Children,
    launch: Launch<'_>,
    style: Style,
) -> Outcome {
    let teller = Teller::new(style);
    let mut tour = Tour {
        plan,
        children,
        launch,
        teller,
    };
    for step in STEPS {
        // One that breaks off does not keep the next ones from showing what they can.
        if let Err(why) = step.take(&mut tour).await {
            tour.teller.broke(&why);
        }
    }
    match tour.teller.summary() {
        0 => Ok(ExitCode::SUCCESS),
        _ => Ok(ExitCode::FAILURE),
    }
}

impl Tour<'_> {
    /// Asks an edge for a path of the service.
    async fn get(
        &self,
        edge: &PlannedNode,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Reply, String> {
        let port = edge.address.port();
        http::ask(Ask {
            method: ::http::Method::GET,
            address: edge.address,
            host: &format!("{HOST}:{port}"),
            path,
            fields,
        })
        .await
        .map_err(|why| format!("GET {path} from {}: {why}", edge.name))
    }

    /// The addresses that the DNS answers to a client, in the order of the answer.
    async fn resolve(&self, prefix: &str) -> Result<Vec<IpAddr>, String> {
        let client = prefix.parse().map_err(|e| format!("{prefix}: {e}"))?;
        let server = self.plan.dns();
        let answer = perigee_geodns::query(server, HOST, "A", Some(client), DNS_TIMEOUT, false)
            .await
            .map_err(|e| e.to_string())?;
        let addresses = answer.answers.iter().map(|record| record.data.parse());
        addresses
            .collect::<Result<_, _>>()
            .map_err(|e| format!("not an address: {e}"))
    }

    /// The edge that has this address.
    fn edge_at(&self, ip: IpAddr) -> Option<&PlannedNode> {
        self.plan.edges().find(|edge| edge.address.ip() == ip)
    }

    /// The names of the edges that have these addresses.
    fn names(&self, addresses: &[IpAddr]) -> Vec<String> {
        let name = |ip: &IpAddr| {
            self.edge_at(*ip)
                .map_or(ip.to_string(), |edge| edge.name.clone())
        };
        addresses.iter().map(name).collect()
    }

    fn edge(&self, name: &str) -> Result<PlannedNode, String> {
        let edge = self.plan.edges().find(|edge| edge.name == name);
        edge.cloned()
            .ok_or_else(|| format!("there is no edge {name}"))
    }

    /// How many requests have reached the origin.
    async fn origin_count(&self) -> Result<u64, String> {
        let origin = self.plan.origin().ok_or("the origin is not one of ours")?;
        let status: Value = admin(origin.admin)
            .status()
            .await
            .map_err(|e| e.to_string())?;
        let count = status.get("answered").and_then(Value::as_u64);
        count.ok_or_else(|| "the origin does not say what it answered".into())
    }
}

fn admin(address: SocketAddr) -> AdminClient {
    AdminClient {
        address,
        token: None,
        timeout: ADMIN_TIMEOUT,
    }
}

/// The entries of a reply's Cache-Status, the tier nearest to the origin first.
fn entries(reply: &Reply) -> Vec<Entry> {
    cache_status::parse(&reply.field("cache-status"))
}
