//! A real edge, in the one thread there is.

use std::{net::SocketAddr, path::Path};

use perigee_edge::Edge;
use prometheus_client::registry::Registry;
use tokio::runtime::{Builder, Runtime};

use crate::origin;

pub(crate) const HOST: &str = "www.example.com";

/// A runtime, an origin, and an edge in front of it with all defaults but one: nothing is served by another thread.
pub(crate) struct Running {
    pub(crate) runtime: Runtime,
    pub(crate) address: SocketAddr,
    _edge: Edge,
}

pub(crate) fn start() -> Running {
    start_with(0)
}

/// The same, with this for `[limits] io_uring_after`.
pub(crate) fn start_with(io_uring_after: u32) -> Running {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (edge, address) = runtime.block_on(async {
        let text = file(origin::start().await, io_uring_after);
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

fn file(origin: SocketAddr, io_uring_after: u32) -> String {
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
io_uring_after = {io_uring_after}

[[services]]
name = "site"
hosts = ["{HOST}"]
origins = ["http://{origin}"]
"#
    )
}
