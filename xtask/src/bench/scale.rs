//! What a request costs when there is more of everything: objects, connections, delivery services, cores.

use super::{
    loads, machine,
    pace::{self, Pace},
    peers::Peer,
    results::Measured,
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

/// Objects that are asked for where it is the others that grow in number.
const ASKED: u64 = 1_000;

pub(super) const SCALES: [Scale; 6] = [
    Scale {
        name: "cached",
        title: "cached objects of 1 KiB, of which the same 1,000 are asked for",
        few: ASKED,
        many: 1_000_000,
        has: |peer| matches!(peer, Peer::Perigee(..) | Peer::Floor),
    },
    Scale {
        name: "objects",
        title: "cached objects of 1 KiB, all asked for alike",
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
        title: "delivery services, 1,000 objects in all, asked for by chance",
        few: 1,
        many: 1_000,
        has: |peer| matches!(peer, Peer::Perigee(..)),
    },
    Scale {
        name: "cores",
        title: "cores of the server, 64 connections",
        few: 1,
        many: 2,
        has: |peer| matches!(peer, Peer::Perigee(..) | Peer::Nginx | Peer::Haproxy),
    },
];

/// How often hosts and targets of a load differ, and how it is asked.
struct Ask {
    server: Terms,
    /// Objects that are there before.
    fill: Option<u64>,
    connections: usize,
    target: &'static str,
    options: Vec<String>,
    load_cores: &'static str,
}

/// A server with so much of something.
struct Side {
    server: Server,
    amount: u64,
    ask: Ask,
}

impl Scale {
    pub(super) fn key(&self, amount: u64) -> String {
        format!("{}-{amount}", self.name)
    }

    /// Measures thousand requests for each CPU second, in turns: with few, and with many.
    pub(super) fn measure(&self, peers: &[Peer], terms: &Terms, pace: &Pace) -> [Measured; 2] {
        let mut measured = [self.few, self.many].map(|_| Measured::new(pace.seconds as f64));
        let mut sides = Vec::new();
        for peer in peers.iter().filter(|peer| (self.has)(peer)) {
            for (amount, measured) in [self.few, self.many].into_iter().zip(&mut measured) {
                match self.start(peer, terms, amount, pace) {
                    Ok(side) => sides.push(side),
                    Err(why) => measured.lacks(&peer.name(), format!("{amount}: {why}")),
                }
            }
        }
        for round in 0..pace.rounds {
            if pace.is_over() {
                break;
            }
            pace::rotate(&mut sides, round);
            sides.retain(|side| {
                let (name, amount) = (&side.server.name, side.amount);
                let [few, many] = &mut measured;
                let measured = if amount == self.few { few } else { many };
                match pace::twice(|| side.turn(pace.seconds as f64)) {
                    Ok(value) => {
                        super::say(&format!("  {name:12} {amount:8} {value:9.2}"));
                        measured.push(name, value);
                        true
                    }
                    Err(why) => {
                        measured.lacks(name, format!("{amount}: {why}"));
                        false
                    }
                }
            });
        }
        measured.map(Measured::done)
    }

    /// Starts a server and has in it what is asked for.
    fn start(&self, peer: &Peer, terms: &Terms, amount: u64, pace: &Pace) -> Result<Side, String> {
        pace.check()?;
        let ask = self.ask(terms, amount)?;
        let server = Server::start(peer, &ask.server)?;
        if let Some(objects) = ask.fill {
            super::say(&format!("  {:12} {amount:8} is filled", server.name));
            loads::fill(&server, ask.target, objects, pace.share())?;
        }
        let side = Side {
            server,
            amount,
            ask,
        };
        // What is asked for is there then.
        side.turn(1.0)?;
        Ok(side)
    }

    fn ask(&self, terms: &Terms, amount: u64) -> Result<Ask, String> {
        let mut ask = Ask {
            server: terms.clone(),
            fill: None,
            connections: 64,
            target: TARGET,
            options: Vec::new(),
            load_cores: super::load_core(),
        };
        let options = |options: &[&str]| options.iter().map(|&o| o.to_owned()).collect();
        match self.name {
            "cached" | "objects" => {
                ask.server.megabytes = MEGABYTES;
                ask.server.prefault = MEGABYTES / 2;
                ask.target = "/1024/object/{}";
                ask.fill = Some(amount);
                let among = if self.name == "cached" { ASKED } else { amount };
                ask.options = options(&["--among", &among.to_string()]);
            }
            "idle" | "connections" => {
                machine::open_files(amount + 1_000)?;
                ask.connections = amount as usize;
                ask.options = match self.name {
                    "idle" => options(&["--busy", "10", "--same"]),
                    _ => options(&["--busy", "10"]),
                };
            }
            "services" => {
                // As many objects, of one service or of all.
                ask.server.services = amount as usize;
                (ask.target, ask.options) = match amount {
                    1 => ("/1024/service/{}", options(&["--host", "s0.example.com"])),
                    _ => (TARGET, options(&["--host", "s{}.example.com"])),
                };
                ask.options
                    .extend(options(&["--among", &ASKED.to_string()]));
            }
            _ => {
                // One beside that of the load, as in the table; and both, on which the load is then, too.
                machine::cores(amount as usize)?;
                if amount > 1 {
                    (ask.server.cores, ask.load_cores) = ("0,1", "0,1");
                }
            }
        }
        Ok(ask)
    }
}

impl Side {
    fn turn(&self, seconds: f64) -> Result<f64, String> {
        let ask = &self.ask;
        let options: Vec<&str> = ask.options.iter().map(String::as_str).collect();
        let asked = (&self.server, ask.target);
        let done = loads::generate_open(ask.load_cores, asked, ask.connections, seconds, &options)?;
        Ok(done / 1e3)
    }
}
