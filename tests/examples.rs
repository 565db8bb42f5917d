//! Every file of examples/ is started, on addresses of this test's own, and asked something.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::Path,
    time::{Duration, SystemTime},
};

use perigee_config::{Document, NodeSummary};
use perigee_edge::Role;
use tempfile::TempDir;

use crate::harness::{
    client::get,
    net::Net,
    process::{Process, command, finish},
    wait,
};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
const SECRET: &str = "a secret that is as long as it must be";

/// Puts an address of `net` in the place of each loopback address, the same one each time.
fn moved_to(net: Net, text: &str) -> String {
    let mut places: BTreeMap<Ipv4Addr, u8> = BTreeMap::new();
    let is_address_byte = |c: char| c.is_ascii_digit() || c == '.';
    let mut moved = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("127.") {
        moved.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(|c| !is_address_byte(c)).unwrap_or(rest.len());
        let is_network = rest[end..].starts_with('/');
        match rest[..end].parse() {
            Ok(address) if !is_network => {
                let next = places.len() as u8 + 1;
                let host = *places.entry(address).or_insert(next);
                moved.push_str(&net.ip(host).to_string());
            }
            _ => moved.push_str(&rest[..end]),
        }
        rest = &rest[end..];
    }
    moved + rest
}

/// A copy of the folder, so that nothing is written into the repository.
fn copy(from: &Path, to: &Path, net: Net) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target, net);
        } else if target.extension().is_some_and(|e| e == "toml") {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            std::fs::write(&target, moved_to(net, &text)).unwrap();
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
            // What has not changed for a day is fresh for a while.
            let copied = std::fs::File::options().append(true).open(&target).unwrap();
            copied
                .set_modified(SystemTime::now() - Duration::from_secs(86_400))
                .unwrap();
        }
    }
}

fn start(file: &Path, node: &NodeSummary) -> Process {
    let (role, name) = (node.role.as_str(), node.name.as_str());
    let args = [role, "--config", file.to_str().unwrap(), "--node", name];
    let mut command = command(&args);
    command
        .env("PERIGEE_SECRET", SECRET)
        .env("PERIGEE_ADMIN_TOKEN", SECRET);
    Process::with(name, file.parent().unwrap(), &mut command)
}

async fn until_healthy(process: &mut Process, node: &NodeSummary) {
    let admin = node.admin;
    wait::until(&format!("{} is healthy", node.name), || {
        assert!(process.is_running(), "{}", process.stderr());
        async move {
            let answer = get(admin, "localhost", "/health").try_send().await.ok()?;
            answer.status.is_success().then_some(())
        }
    })
    .await;
}

/// What every example can be asked, whatever else it shows; an edge where it serves clients.
async fn ask(document: &Document, node: &NodeSummary, host: &str) {
    let name = &node.name;
    match node.role {
        Role::Edge => {
            let edge = document.edge(name.as_str(), &|_| Some(SECRET.to_owned()));
            let address = edge.unwrap().tier.listen[0];
            let answer = get(address, host, "/").send().await;
            assert_eq!(answer.status.as_u16(), 200, "{name}: {answer:?}");
            let again = get(address, host, "/").send().await;
            assert!(again.cache_status().contains("; hit"), "{name}: {again:?}");
        }
        Role::Shield => {
            // Refused, or hung up on where nodes come by TLS.
            let answer = get(node.tier_address, host, "/").try_send().await;
            let refused = answer.as_ref().is_ok_and(|it| it.status.as_u16() == 403);
            assert!(refused || answer.is_err(), "{name}: {answer:?}");
        }
        Role::GeoDns => {
            let client = Some("203.0.113.0/24".parse().unwrap());
            let timeout = Duration::from_secs(5);
            let asked = perigee_geodns::query(node.tier_address, host, "A", client, timeout, false);
            let answer = asked.await.unwrap();
            assert!(!answer.answers.is_empty(), "{name}: {answer:?}");
        }
    }
}

async fn runs(example: &str, host: &str) {
    let folder = TempDir::new().unwrap();
    let net = Net::new();
    copy(Path::new(EXAMPLES), folder.path(), net);
    crate::tls::write_certificate(folder.path(), "tls-cert.pem", "tls-key.pem", &["localhost"]);
    let file = folder.path().join(example);
    let document = Document::load(&file).unwrap();
    let nodes = document.nodes();
    let (config, certs) = (file.to_str().unwrap(), folder.path().join("certs"));
    let certs = certs.to_str().unwrap();
    let args = ["tier-certs", "--config", config, "--out", certs];
    let (code, out, error) = finish(&mut command(&args));
    assert_eq!(code, 0, "{out}{error}");
    if document.signed_zone().is_some() {
        let (code, out, error) = finish(&mut command(&["dnssec", "init", "--config", config]));
        assert_eq!(code, 0, "{out}{error}");
    }
    let (code, out, error) = finish(&mut command(&["check", config]));
    assert_eq!(code, 0, "{out}{error}");
    let mut processes: Vec<_> = nodes.iter().map(|node| start(&file, node)).collect();
    for (process, node) in processes.iter_mut().zip(&nodes) {
        until_healthy(process, node).await;
    }
    for node in &nodes {
        ask(&document, node, host).await;
    }
}

#[tokio::test]
async fn minimal() {
    runs("minimal.toml", "localhost").await;
}

#[tokio::test]
async fn laptop() {
    runs("laptop.toml", "www.cdn.example").await;
}

#[tokio::test]
async fn policies() {
    runs("policies.toml", "www.cdn.example").await;
}

#[tokio::test]
async fn geodns() {
    runs("geodns.toml", "www.cdn.example").await;
}

#[tokio::test]
async fn tls() {
    runs("tls.toml", "localhost").await;
}

#[tokio::test]
async fn production() {
    runs("production.toml", "www.cdn.example").await;
}

#[test]
fn every_example_is_run_here() {
    let here = include_str!("examples.rs");
    for entry in std::fs::read_dir(EXAMPLES).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".toml") {
            let run = format!("runs(\"{name}\"");
            assert!(here.contains(&run), "examples/{name} is not run");
        }
    }
}
