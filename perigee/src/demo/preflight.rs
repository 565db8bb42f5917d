//! What can be known to be in the way before anything is started.

use std::{
    io::ErrorKind,
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

/// Whether all addresses can be had; the error names those that cannot, and what to do.
pub(super) fn check_addresses(plan: &Plan) -> Result<(), String> {
    let mut lines = Vec::new();
    for node in &plan.nodes {
        let (serve_option, is_dns) = match node.kind {
            Kind::GeoDns => ("--dns-port", true),
            _ => ("--port", false),
        };
        let serve = try_tcp(node.address).and_then(|()| {
            if is_dns {
                try_udp(node.address)
            } else {
                Ok(())
            }
        });
        let tries = [
            (node.address, serve, serve_option),
            (node.admin, try_tcp(node.admin), "--admin-port"),
        ];
        for (address, tried, option) in tries {
            if let Err(why) = tried {
                let name = &node.name;
                lines.push(format!(
                    "  {address}  for {name}: {why}; choose another with {option} PORT"
                ));
            }
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    let more = lines.len().saturating_sub(4);
    lines.truncate(4);
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    let lines = lines.join("\n");
    Err(format!(
        "not all addresses are free; is another demo running?\n{lines}"
    ))
}

fn try_tcp(address: SocketAddr) -> Result<(), String> {
    TcpListener::bind(address).map(drop).map_err(|e| why(&e))
}

fn try_udp(address: SocketAddr) -> Result<(), String> {
    UdpSocket::bind(address).map(drop).map_err(|e| why(&e))
}

fn why(error: &std::io::Error) -> String {
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
        let line = format!("127.0.0.1:{dns}  for geodns: taken; choose another with --dns-port");
        assert!(error.contains(&line), "{error}");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = check_folder(Path::new("/nowhere")).expect_err("is missing");
        assert_eq!(error, "there is no folder /nowhere");
    }
}
