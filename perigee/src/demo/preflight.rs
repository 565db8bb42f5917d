//! What can be known to be in the way before anything is started.

use std::{
    collections::{BTreeSet, HashMap},
    io::{self, ErrorKind},
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    path::Path,
};

use super::plan::{Kind, Plan};

/// Whether more of 127.0.0.0/8 than 127.0.0.1 is local: on Linux it is, elsewhere mostly not.
pub(super) fn has_many_addresses() -> bool {
    TcpListener::bind((Ipv4Addr::new(127, 0, 20, 1), 0)).is_ok()
}

/// Whether this is a folder; the error says what it is instead.
pub(super) fn check_folder(folder: &Path) -> Result<(), String> {
    let shown = folder.display();
    match std::fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(format!("{shown} is not a folder")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(format!("there is no folder {shown}"))
        }
        Err(error) => Err(format!("cannot look into {shown}: {error}")),
    }
}

/// Most addresses that are named.
const NAMED: usize = 4;

/// Whether all addresses can be had at once; the error names those that cannot, and what to do.
pub(super) fn check_addresses(plan: &Plan) -> Result<(), String> {
    check_distinct(plan)?;
    let mut held = Vec::new();
    let mut refused = Vec::new();
    let mut options = BTreeSet::new();
    for node in &plan.nodes {
        let option = option(node.kind);
        let udp = if node.kind == Kind::GeoDns {
            try_udp(node.address)
        } else {
            Ok(())
        };
        for (address, option, udp) in [
            (node.address, option, udp),
            (node.admin, "--admin-port", Ok(())),
        ] {
            match TcpListener::bind(address).and_then(|listener| udp.map(|()| listener)) {
                Ok(listener) => held.push(listener),
                Err(error) => {
                    refused.push(format!("  {address} for {}: {}", node.name, why(&error)));
                    options.insert(option);
                }
            }
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    let more = refused.len().saturating_sub(NAMED);
    refused.truncate(NAMED);
    if more > 0 {
        refused.push(format!("  and {more} more"));
    }
    let options: Vec<_> = options.into_iter().collect();
    Err(format!(
        "not all addresses are free; is another demo running?\n{}\nChoose other ports with {}.",
        refused.join("\n"),
        options.join(", ")
    ))
}

/// The option that says the port on which such a node serves.
fn option(kind: Kind) -> &'static str {
    match kind {
        Kind::GeoDns => "--dns-port",
        _ => "--port",
    }
}

/// Whether the plan gives no address to two; the error names the options that do.
fn check_distinct(plan: &Plan) -> Result<(), String> {
    let mut users = HashMap::new();
    for node in &plan.nodes {
        for (address, option) in [
            (node.address, option(node.kind)),
            (node.admin, "--admin-port"),
        ] {
            if let Some(other) = users.insert(address, option) {
                return Err(format!(
                    "{other} and {option} must differ: both say {address}"
                ));
            }
        }
    }
    Ok(())
}

fn try_udp(address: SocketAddr) -> io::Result<()> {
    UdpSocket::bind(address).map(drop)
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => "taken".into(),
        ErrorKind::PermissionDenied => "not allowed".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::plan::{Content, Ports},
        *,
    };

    #[test]
    fn a_taken_port_is_named_with_its_option() {
        let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
        let dns = taken.local_addr().expect("has an address").port();
        let ports = Ports {
            serve: 1,
            admin: 1,
            dns,
            one_address: false,
        };
        let mut plan = Plan::new(Content::Ours, ports).expect("fits");
        plan.nodes.retain(|node| node.kind == Kind::GeoDns);
        plan.nodes[0].admin.set_port(0);
        let error = check_addresses(&plan).expect_err("is taken");
        let line = format!("127.0.0.1:{dns} for geodns: taken\n");
        assert!(error.contains(&line), "{error}");
        assert!(error.ends_with("with --dns-port."), "{error}");
    }

    #[test]
    fn one_port_for_two_things_is_noticed() {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
        let port = free.local_addr().expect("has an address").port();
        drop(free);
        let ports = Ports {
            serve: 1,
            admin: port,
            dns: port,
            one_address: false,
        };
        let plan = Plan::new(Content::Ours, ports).expect("fits");
        let error = check_addresses(&plan).expect_err("is taken by itself");
        let says = format!("--dns-port and --admin-port must differ: both say 127.0.0.1:{port}");
        assert_eq!(error, says);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = check_folder(Path::new("/nowhere")).expect_err("is missing");
        assert_eq!(error, "there is no folder /nowhere");
    }
}
