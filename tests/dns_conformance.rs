//! What a DNS server must do to any client, over UDP and TCP, looked at from outside. The list at the
//! end of docs/dns-conformance.md is made of what is here: `UPDATE_DOCS=1 cargo test -p perigee --test
//! scenarios dns_conformance`.

mod edns;
mod messages;
mod subnet;
mod zone;

use std::{fmt::Write, net::SocketAddr, panic};

use crate::harness::{
    cdn::{Cdn, Plan},
    dns::{Ask, Message, PATIENCE, bytes_over_udp, connect, over_tcp, over_udp, receive, send},
    origin::Origin,
};

/// Where the list begins on its page.
const HEADING: &str = "## Looked at from outside";

/// One thing that must be true.
struct Check {
    /// Where it is said.
    rfc: &'static str,
    /// What must be true.
    what: &'static str,
    check: fn(&Target),
}

/// A server, and the transport by which it is asked.
#[derive(Clone, Copy)]
struct Target {
    server: SocketAddr,
    tcp: bool,
}

impl Target {
    fn ask(&self, query: &Ask) -> Message {
        if self.tcp {
            over_tcp(self.server, query)
        } else {
            over_udp(self.server, query)
        }
    }

    /// A query whose tail holds so many records of the additional section.
    fn with_additional(&self, query: &Ask, records: u8) -> Message {
        let mut octets = query.bytes();
        octets[11] = records;
        let received = if self.tcp {
            let mut connection = connect(self.server);
            send(&mut connection, &octets);
            receive(&mut connection)
        } else {
            bytes_over_udp(self.server, &octets, PATIENCE)
        };
        Message::read(&received.expect("an answer")).expect("one that reads")
    }
}

const SECTIONS: &[(&str, &[Check])] = &[
    ("Messages", messages::CHECKS),
    ("The zone", zone::CHECKS),
    ("EDNS", edns::CHECKS),
    ("Client Subnet", subnet::CHECKS),
];

/// A zone with something of everything.
fn plan(origin: String) -> Plan {
    Plan {
        pops: vec![("fra", 50.11, 8.68, 2), ("nyc", 40.71, -74.01, 2)],
        geodns: true,
        shields: 0,
        tables: format!(
            "{}\n[[dns.networks]]\nnetworks = [\"198.51.100.0/24\", \"2001:db8:49::/48\"]\npop = \"fra\"\n\
             [[dns.networks]]\nnetworks = [\"203.0.113.0/24\"]\npop = \"nyc\"\n",
            zone::RECORDS
        ),
        ..Plan::small(origin)
    }
}

async fn run(tcp: bool) {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start(plan(origin.url())).await;
    let target = Target {
        server: cdn.at("ns1"),
        tcp,
    };
    let over = if tcp { "TCP" } else { "UDP" };
    let failed = tokio::task::spawn_blocking(move || {
        let mut failed = Vec::new();
        for (section, checks) in SECTIONS {
            for check in *checks {
                let holds = panic::catch_unwind(|| (check.check)(&target)).is_ok();
                let verdict = if holds { "ok    " } else { "FAILED" };
                println!("{verdict} {over} {section}: {} ({})", check.what, check.rfc);
                if !holds {
                    failed.push(check.what);
                }
            }
        }
        failed
    })
    .await
    .unwrap();
    assert!(failed.is_empty(), "over {over}: {failed:#?}");
}

#[tokio::test]
async fn over_udp_every_item_of_the_list_holds() {
    run(false).await;
}

#[tokio::test]
async fn over_tcp_every_item_of_the_list_holds() {
    run(true).await;
}

#[test]
fn the_list_in_the_documentation_is_this_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/dns-conformance.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let before = written.split(HEADING).next().unwrap_or_default();
    let mut page = format!(
        "{before}{HEADING}\n\nEach line is checked against a running server, over UDP and over TCP, by a client that shares no\n\
         code with it: `cargo test -p perigee --test scenarios dns_conformance`.\n"
    );
    for (section, checks) in SECTIONS {
        write!(
            page,
            "\n### {section}\n\n| what is true | where it is said |\n|---|---|\n"
        )
        .unwrap();
        for check in *checks {
            writeln!(page, "| {} | {} |", check.what, check.rfc).unwrap();
        }
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
        return;
    }
    assert_eq!(written, page, "UPDATE_DOCS=1 makes it anew");
}
