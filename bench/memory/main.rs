//! What an object costs in memory over its body: 100,000 objects of 1 KiB in Perigee and in
//! whichever of nginx, Varnish and Apache Traffic Server this machine has.
//!
//! `cargo bench -p perigee --bench memory -- [OBJECTS] [BYTES] [SERVER]`

#![allow(missing_docs)]

mod load;
mod memory;
mod origin;
mod servers;

use std::net::SocketAddr;

use memory::Usage;
use servers::{Running, Server};

fn main() {
    // Cargo adds a flag of its own.
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args
        .iter()
        .map(String::as_str)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    let mut numbers = args.iter().filter_map(|arg| arg.parse().ok());
    let objects: u64 = numbers.next().unwrap_or(100_000);
    let bytes: u64 = numbers.next().unwrap_or(1024);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let origin = origin::start(bytes as usize).await;
        println!("{objects} objects of {bytes} B; bytes over the body for each object:\n");
        println!("| server | memory | files | how it was set up |\n|---|---|---|---|");
        let only = args.get(2);
        let is_meant = |server: &Server| only.is_none_or(|name| *name == server.name());
        for server in Server::ALL.into_iter().filter(is_meant) {
            match one(server, origin, objects, bytes).await {
                Ok(row) => println!("{row}"),
                Err(why) => println!("| {} | - | - | {why} |", server.name()),
            }
        }
    });
}

/// Starts a server, fills it, and says what that took.
async fn one(
    server: Server,
    origin: SocketAddr,
    objects: u64,
    bytes: u64,
) -> Result<String, String> {
    let running = Running::start(server, origin, objects * (bytes + 8192)).await?;
    // What it takes to serve at all is not what an object costs.
    load::fill(running.address, "warm", 2000).await?;
    let before = Usage::of(&running);
    load::fill(running.address, "kept", objects).await?;
    let kept = load::hits(running.address, "kept", objects).await?;
    let after = Usage::of(&running);
    let over = |after: u64, before: u64, body: u64| {
        (after as i64 - before as i64) / objects as i64 - body as i64
    };
    // Where the body is counts it.
    let in_memory = server.keeps_in_memory();
    let memory = over(
        after.memory,
        before.memory,
        if in_memory { bytes } else { 0 },
    );
    let files = match in_memory {
        true => "-".to_owned(),
        false => over(after.files, before.files, bytes).to_string(),
    };
    let setup = server.setup();
    let name = server.name();
    Ok(format!(
        "| {name} | {memory} | {files} | {setup}; {kept} hits when asked for again |"
    ))
}
