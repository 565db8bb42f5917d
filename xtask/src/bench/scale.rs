//! What a request costs when there is more of everything: objects, connections, delivery services, cores.

use super::{
    loads, memory,
    peers::Peer,
    results::{Measured, Results},
    servers::{Server, Terms},
};

const TARGET: &str = "/1024/hit";
/// Of the larger cache. Heads and index of a million objects fit, whatever they take.
const MEGABYTES: u64 = 6144;

/// Two ways to ask for the same, of which the second has more of something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) few: u64,
    pub(super) many: u64,
    has: fn(&Peer) -> bool,
}

pub(super) const SCALES: [Scale; 5] = [
    Scale {
        name: "objects",
        title: "cached objects of 1 KiB, asked for by chance",
        few: 1_000,
        many: 1_000_000,
        has: |peer| matches!(peer, Peer::Perigee(..) | Peer::Floor),
    },
    Scale {
        name: "idle",
        title: "open connections, of which the same 10 are busy",
        few: 10,
        many: 10_000,
        has: |peer| {
            matches!(
                peer,
                Peer::Perigee(..) | Peer::Floor | Peer::Nginx | Peer::Haproxy
            )
        },
    },
    Scale {
        name: "connections",
        title: "open connections, of which 10 are busy, all in turns",
        few: 10,
        many: 10_000,
        has: |peer| {
            matches!(
                peer,
                Peer::Perigee(..) | Peer::Floor | Peer::Nginx | Peer::Haproxy
            )
        },
    },
    Scale {
        name: "services",
        title: "delivery services, asked for by chance",
        few: 1,
        many: 1_000,
        has: |peer| matches!(peer, Peer::Perigee(..)),
    },
    Scale {
        name: "cores",
        title: "cores, batches of 16 requests",
        few: 1,
        many: 2,
        has: |peer| matches!(peer, Peer::Perigee(..) | Peer::Nginx | Peer::Haproxy),
    },
];

/// A server with so much of something, and how it is asked.
struct Side {
    server: Server,
    amount: u64,
    connections: usize,
    target: &'static str,
    options: Vec<String>,
    load_cores: &'static str,
}

impl Scale {
    pub(super) fn key(&self, amount: u64) -> String {
        format!("{}-{amount}", self.name)
    }

    /// Measures thousand requests for each CPU second, in turns.
    pub(super) fn measure(
        &self,
        (peers, terms): (&[Peer], &Terms),
        (rounds, seconds): (usize, u64),
        results: &mut Results,
    ) {
        let mut sides = Vec::new();
        for peer in peers.iter().filter(|peer| (self.has)(peer)) {
            for amount in [self.few, self.many] {
                match self.start(peer, terms, amount) {
                    Ok(side) => sides.push(side),
                    Err(why) => super::say(&format!("  {:12} {amount}: {why}", peer.name())),
                }
            }
        }
        for amount in [self.few, self.many] {
            let seconds = seconds as f64;
            results
                .rows
                .insert(self.key(amount), Measured::new(seconds));
        }
        for _ in 0..rounds {
            for side in &sides {
                let (name, amount) = (&side.server.name, side.amount);
                match side.turn(seconds as f64) {
                    Ok(value) => {
                        super::say(&format!("  {name:12} {amount:8} {value:9.2}"));
                        let measured = results.rows.entry(self.key(amount)).or_default();
                        measured.push(name, value);
                        measured.load = super::machine::load();
                    }
                    Err(why) => super::say(&format!("  {name:12} {amount:8} {why}")),
                }
            }
        }
    }

    /// Starts a server and has in it what is asked for.
    fn start(&self, peer: &Peer, terms: &Terms, amount: u64) -> Result<Side, String> {
        let mut terms = terms.clone();
        let (mut connections, mut target, mut load_cores) = (64, TARGET, super::load_core());
        let mut options = Vec::new();
        match self.name {
            "objects" => {
                terms.megabytes = MEGABYTES;
                target = "/1024/object/{}";
                options = vec!["--among".to_owned(), amount.to_string()];
            }
            "idle" | "connections" => {
                connections = amount as usize;
                options = vec!["--busy".to_owned(), "10".to_owned()];
                options.extend((self.name == "idle").then(|| "--same".to_owned()));
            }
            "services" => {
                terms.services = amount as usize;
                let host = "s{}.example.com".to_owned();
                options = vec![
                    "--among".to_owned(),
                    amount.to_string(),
                    "--host".to_owned(),
                    host,
                ];
            }
            _ => {
                options.extend(["--batch".to_owned(), "16".to_owned()]);
                if amount == 2 {
                    (terms.cores, load_cores) = ("0,1", "0,1");
                }
            }
        }
        let server = Server::start(peer, &terms)?;
        if self.name == "objects" {
            memory::fill(&server, target, amount)?;
        }
        let side = Side {
            server,
            amount,
            connections,
            target,
            options,
            load_cores,
        };
        // What is asked for is there then.
        side.turn(1.0)?;
        Ok(side)
    }
}

impl Side {
    fn turn(&self, seconds: f64) -> Result<f64, String> {
        let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        let asked = (&self.server, self.target);
        let done =
            loads::generate_open(self.load_cores, asked, self.connections, seconds, &options)?;
        Ok(done / 1e3)
    }
}
