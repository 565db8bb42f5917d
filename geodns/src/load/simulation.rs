//! A CDN of three PoPs under a flash crowd, and when it loses edges: resolvers keep answers for a TTL,
//! edges are heard a probe later, and two name servers answer. Run with `--nocapture` for the timeline.

use std::time::{Duration, UNIX_EPOCH};

use perigee_cluster::PopName;
use perigee_health::{Spill, SpillConfig};

use super::{Spilled, spilled::tests::pick};

/// Seconds.
const TTL: u64 = 20;
/// Clients of each PoP; each is a prefix.
const CLIENTS: usize = 2_000;
const NAMES: [&str; 3] = ["fra", "ams", "waw"];
/// Kilometres on a line, which is enough of a map.
const PLACES: [f64; 3] = [0.0, 360.0, 900.0];
const EDGES: usize = 4;

struct World {
    now: u64,
    clients: Vec<Client>,
    /// By PoP and edge; `None` is dead.
    edges: Vec<Vec<Option<Edge>>>,
    /// What the two name servers know, by their last probe.
    name_servers: [Spilled; 2],
    /// How much more than usual the clients of each PoP want.
    crowd: [f64; 3],
    dice: u64,
    config: SpillConfig,
}

struct Client {
    home: usize,
    place: f64,
    at: usize,
    /// When the answer its resolver keeps has expired.
    expires: u64,
}

#[derive(Clone)]
struct Edge {
    spill: Spill,
    seen: Vec<f64>,
    /// Each counts its epochs from its own start.
    phase: u64,
}

/// One second, as it was.
#[derive(Clone, Debug)]
struct Tick {
    now: u64,
    loads: [f64; 3],
    shares: [f64; 3],
    away: f64,
}

impl World {
    /// All at home, each PoP at half of its capacity. `spread` is how far clients are from their PoP, in
    /// kilometres.
    fn new(spread: f64, config: SpillConfig) -> Self {
        let mut dice = 7;
        let mut clients = Vec::new();
        for (home, place) in PLACES.iter().enumerate() {
            for _ in 0..CLIENTS {
                let place = place + (roll(&mut dice) - 0.5) * 2.0 * spread;
                clients.push(Client {
                    home,
                    place,
                    at: home,
                    expires: (roll(&mut dice) * TTL as f64) as u64,
                });
            }
        }
        let edge = |n: usize| {
            Some(Edge {
                spill: Spill::default(),
                seen: Vec::new(),
                phase: n as u64,
            })
        };
        World {
            now: 0,
            clients,
            edges: vec![(0..EDGES).map(edge).collect(); 3],
            name_servers: [Spilled::default(), Spilled::default()],
            crowd: [1.0; 3],
            dice,
            config,
        }
    }

    fn share(&self, pop: usize) -> f64 {
        let alive: Vec<_> = self.edges[pop].iter().flatten().collect();
        let given: f64 = alive.iter().map(|edge| edge.spill.share()).sum();
        if alive.is_empty() {
            0.0
        } else {
            given / alive.len() as f64
        }
    }

    fn loads(&self) -> [f64; 3] {
        let mut demand = [0.0; 3];
        for client in &self.clients {
            // Half of the capacity of all edges.
            demand[client.at] += self.crowd[client.home] * 0.5 * EDGES as f64 / CLIENTS as f64;
        }
        let mut loads = [0.0; 3];
        for pop in 0..3 {
            loads[pop] = demand[pop] / self.edges[pop].iter().flatten().count().max(1) as f64;
        }
        loads
    }

    fn tick(&mut self) -> Tick {
        self.now += 1;
        let loads = self.loads();
        let shares = [0, 1, 2].map(|pop| self.share(pop));
        // Name servers hear of it by their probes, at different times.
        for (n, server) in self.name_servers.iter_mut().enumerate() {
            if self.now % 2 == n as u64 {
                let names = NAMES.map(PopName::from);
                let now = UNIX_EPOCH + Duration::from_secs(self.now);
                *server =
                    Spilled::new(names.iter().zip(shares), Duration::from_secs(3_600)).at(now);
            }
        }
        for (pop, edges) in self.edges.iter_mut().enumerate() {
            for edge in edges.iter_mut().flatten() {
                // What is above the capacity is refused, so nobody sees more than 1; and it jitters.
                let load = loads[pop] * (0.9 + 0.2 * roll(&mut self.dice));
                edge.seen.push(load.min(1.0));
                let epoch = self.config.epoch.as_secs();
                if (self.now + edge.phase).is_multiple_of(epoch) {
                    let mean = edge.seen.iter().sum::<f64>() / edge.seen.len() as f64;
                    edge.spill = edge.spill.step(mean, &self.config);
                    edge.seen.clear();
                }
            }
        }
        let alive: Vec<usize> = (0..3)
            .filter(|pop| self.edges[*pop].iter().any(Option::is_some))
            .collect();
        for (n, client) in self.clients.iter_mut().enumerate() {
            if client.expires <= self.now {
                let mut order: Vec<(usize, Option<f64>)> = alive
                    .iter()
                    .map(|pop| (*pop, Some((client.place - PLACES[*pop]).abs())))
                    .collect();
                // Whoever is of a PoP is of it, however far the spread brings it.
                let is_guest = |pop: usize| pop != client.home;
                order.sort_by(|a, b| {
                    is_guest(a.0)
                        .cmp(&is_guest(b.0))
                        .then(a.1.partial_cmp(&b.1).unwrap())
                });
                let server = &self.name_servers[n % 2];
                client.at = pick(server, n as u128, order.into_iter()).unwrap();
                client.expires = self.now + TTL;
            }
        }
        let away = self
            .clients
            .iter()
            .filter(|client| client.at != client.home)
            .count();
        Tick {
            now: self.now,
            loads,
            shares,
            away: away as f64 / self.clients.len() as f64,
        }
    }

    fn run(&mut self, seconds: u64) -> Vec<Tick> {
        (0..seconds).map(|_| self.tick()).collect()
    }
}

fn roll(dice: &mut u64) -> f64 {
    *dice = xxhash_rust::xxh3::xxh3_64(&dice.to_le_bytes());
    (*dice >> 11) as f64 / (1_u64 << 53) as f64
}

fn print(what: &str, ticks: &[Tick]) {
    println!("\n{what}\n     t   load fra  ams  waw   given fra  ams  waw   away");
    for tick in ticks
        .iter()
        .filter(|tick| tick.now % 20 == 0 && tick.now <= 1_020)
    {
        let [a, b, c] = tick.loads.map(|load| format!("{:3.0} %", load * 100.0));
        let [x, y, z] = tick.shares.map(|share| format!("{:3.0} %", share * 100.0));
        let Tick { now, away, .. } = tick;
        println!(
            "{now:6} s   {a} {b} {c}       {x} {y} {z}   {:3.0} %",
            away * 100.0
        );
    }
}

/// The longest time without a break that a PoP has more than it can take.
fn longest_above_full(ticks: &[Tick]) -> u64 {
    let mut longest = 0;
    for pop in 0..3 {
        let mut lasts = 0;
        for tick in ticks {
            lasts = if tick.loads[pop] > 1.0 { lasts + 1 } else { 0 };
            longest = longest.max(lasts);
        }
    }
    longest
}

/// How far the load of any PoP moves up and down.
fn amplitude(ticks: &[Tick]) -> f64 {
    let of = |pop: usize| {
        let loads = || ticks.iter().map(move |tick| tick.loads[pop]);
        loads().fold(0.0, f64::max) - loads().fold(f64::MAX, f64::min)
    };
    (0..3).map(of).fold(0.0, f64::max)
}

/// How often the share of a PoP turns from up to down or back, by more than a few hundredths.
fn turns(ticks: &[Tick]) -> usize {
    let of = |pop: usize| {
        let (mut extreme, mut is_rising, mut turns) = (ticks[0].shares[pop], true, 0);
        for share in ticks.iter().map(|tick| tick.shares[pop]) {
            if (share > extreme) == is_rising {
                extreme = share;
            } else if (share - extreme).abs() > 0.03 {
                (extreme, is_rising) = (share, !is_rising);
                turns += 1;
            }
        }
        turns
    };
    (0..3).map(of).max().unwrap_or_default()
}

/// A quiet minute, ten of trouble, and fifteen of quiet again.
fn story(spread: f64, trouble: impl Fn(&mut World)) -> Vec<Tick> {
    let mut world = World::new(spread, SpillConfig::default());
    let mut ticks = world.run(60);
    let quiet = World::new(spread, SpillConfig::default());
    trouble(&mut world);
    ticks.extend(world.run(600));
    world.crowd = quiet.crowd;
    // Those that died begin anew; the others go on with what they give away.
    let all = world.edges.iter_mut().flatten();
    for (edge, new) in all.zip(quiet.edges.iter().flatten()) {
        if edge.is_none() {
            edge.clone_from(new);
        }
    }
    ticks.extend(world.run(1_000));
    ticks
}

/// What must be true of each story; it is printed where it is to be seen.
fn judge(what: &str, story: impl Fn(f64) -> Vec<Tick>) {
    for spread in [10.0, 150.0, 600.0] {
        let ticks = story(spread);
        print(
            &format!("{what}; clients within {spread} km of their PoP"),
            &ticks,
        );
        let (above, rest) = (longest_above_full(&ticks), &ticks[360..660]);
        let (swing, turns) = (amplitude(rest), turns(rest));
        println!("above full for {above} s; then swings by {swing:.2} with {turns} turns");
        assert_eq!(ticks[59].away, 0.0, "nobody is sent away before");
        assert!(above <= 5 * TTL, "above full for {above} s");
        assert!(
            swing <= 0.1 && turns <= 2,
            "swings by {swing}, {turns} turns"
        );
        let last = ticks.last().unwrap();
        assert_eq!(
            (last.away, last.shares),
            (0.0, [0.0; 3]),
            "all are home again"
        );
    }
}

#[test]
fn a_flash_crowd_spills_over_and_goes_home_again() {
    for times in [1.65, 2.2, 3.0] {
        judge(
            &format!("fra has {times} times its clients from 60 s to 660 s"),
            |spread| story(spread, |world| world.crowd[0] = times),
        );
    }
}

#[test]
fn what_a_pop_that_lost_half_of_its_edges_cannot_take_spills_over() {
    judge(
        "fra has half of its edges and 1.8 times its clients from 60 s to 660 s",
        |spread| {
            story(spread, |world| {
                world.crowd[0] = 1.8;
                world.edges[0][..EDGES / 2].fill(None);
            })
        },
    );
}

#[test]
fn a_pop_that_is_lost_whole_spills_over_from_its_neighbour() {
    judge(
        "fra is gone from 60 s to 660 s, and ams has 1.5 times its clients",
        |spread| {
            story(spread, |world| {
                world.crowd[1] = 1.5;
                world.edges[0].fill(None);
            })
        },
    );
}

#[test]
fn where_all_are_full_all_stay_at_home() {
    let ticks = story(150.0, |world| world.crowd = [3.0; 3]);
    print(
        "everybody has three times its clients from 60 s to 660 s",
        &ticks,
    );
    let rest = &ticks[360..660];
    assert!(
        rest.iter().all(|tick| tick.away < 0.05),
        "nobody is sent from one full PoP to another"
    );
    assert!(amplitude(rest) <= 0.1);
}
