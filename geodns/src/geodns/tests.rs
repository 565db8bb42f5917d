//! A real name server on real sockets.

mod allocations;
mod conformance;
mod edges;
mod encrypted;
mod gdnsd;
mod guard;
mod knot;
mod life;
mod transfer;
mod wire;

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;
use prometheus_client::registry::Registry;

use super::*;
use crate::{Config, NameServer, QueryResponse, fixture, query};

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(10);

fn trust() -> Arc<Trust> {
    Trust::by_secret(b"sixteen bytes or more", "ns-1").unwrap()
}

fn start(config: Config) -> GeoDns {
    GeoDns::start(config, trust(), &mut Registry::default(), None).unwrap()
}

/// The same member of the CDN goes on with another configuration.
fn reload(geodns: &GeoDns, config: Config) -> Result<(), ReloadError> {
    let trust = Arc::clone(&geodns.shared.state().trust);
    geodns.reload(config, trust)
}

fn server(geodns: &GeoDns) -> SocketAddr {
    geodns.addresses()[0]
}

fn network(text: &str) -> Option<IpNet> {
    Some(text.parse().unwrap())
}

async fn ask(geodns: &GeoDns, name: &str, rtype: &str, client: Option<IpNet>) -> QueryResponse {
    query(server(geodns), name, rtype, client, PATIENCE, false)
        .await
        .unwrap()
}

async fn addresses(geodns: &GeoDns, client: &str) -> Vec<String> {
    let response = ask(geodns, "www.cdn.example", "A", network(client)).await;
    let mut addresses: Vec<String> = response.answers.into_iter().map(|r| r.data).collect();
    addresses.sort();
    addresses
}

/// Waits until clients there are answered this.
async fn until_answered(geodns: &GeoDns, client: &str, expected: &[&str]) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let answered = addresses(geodns, client).await;
        if answered == expected {
            return;
        }
        let late = tokio::time::Instant::now() > deadline;
        assert!(!late, "still {answered:?}: {:?}", geodns.status());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A config in which `www.cdn.example` is a name server with this many addresses: more than a service may
/// have.
fn many_addresses(count: u8) -> Config {
    let mut config = fixture::config();
    config.services.clear();
    config.name_servers[0] = NameServer {
        name: "www.cdn.example".to_owned(),
        addresses: (0..count).map(|n| [192, 0, 2, n].into()).collect(),
    };
    config
}
