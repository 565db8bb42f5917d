//! A real edge, in the one thread there is.

use std::{net::SocketAddr, path::Path};

use perigee_edge::Edge;
use prometheus_client::registry::Registry;
use tokio::runtime::{Builder, Runtime};

use crate::origin;

pub(crate) const HOST: &str = "www.example.com";

/// A runtime, an origin, and an edge in front of it with all defaults but one: no other thread serves connections, since
/// Valgrind stops all threads while one waits at `io_uring`.
pub(crate) struct Running {
    pub(crate) runtime: Runtime,
    pub(crate) address: SocketAddr,
    _edge: Edge,
}

pub(crate) fn start() -> Running {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (edge, address) = runtime.block_on(async {
        let text = file(origin::start().await);
        let document = perigee_config::parse(&text, Path::new("cdn.toml")).expect("is right");
        let config = document.edge("edge-1", &|_| None).expect("is whole");
        let edge = Edge::start(config, &mut Registry::default(), None).await;
        let edge = edge.expect("starts");
        let address = edge.addresses()[0];
        (edge, address)
    });
    Running {
        runtime,
        address,
        _edge: edge,
    }
}

fn file(origin: SocketAddr) -> String {
    format!(
        r#"
[[pops]]
name = "home"
latitude = 50.11
longitude = 8.68

[[edges]]
name = "edge-1"
pop = "home"
listen = ["127.0.0.1:0"]

[limits]
io_uring_after = 0

[[services]]
name = "site"
hosts = ["{HOST}"]
origins = ["http://{origin}"]
"#
    )
}
