//! How long clients wait at a rate that is far from what a server could do.

use super::{loads, results::Measured, servers::Server};

/// Requests a second.
const RATE: f64 = 5_000.0;
const CONNECTIONS: usize = 64;
const TARGET: &str = "/1024/hit";
/// What is told, in the order of the generator.
pub(super) const SHARES: [(&str, &str); 3] = [("p50", "p50"), ("p99", "p99"), ("p999", "p99.9")];

/// Measures all servers in turns: p50, p99 and p99.9, in microseconds.
pub(super) fn measure(servers: &[Server], rounds: usize, seconds: u64) -> [Measured; 3] {
    let mut measured = SHARES.map(|_| Measured::new(seconds as f64));
    for _ in 0..rounds {
        for server in servers {
            let rate = RATE.to_string();
            let options = ["--rate", &rate];
            // What is asked for is there after the first answers, which are not counted.
            let warmed = loads::generate(server.http, TARGET, CONNECTIONS, 0.2, &options);
            let took = warmed.and_then(|_| {
                loads::generate(server.http, TARGET, CONNECTIONS, seconds as f64, &options)
            });
            match took {
                Ok(numbers) => {
                    let told: Vec<String> = numbers[2..].iter().map(f64::to_string).collect();
                    super::say(&format!("  {:12} {}", server.name, told.join(" ")));
                    for (measured, value) in measured.iter_mut().zip(&numbers[2..]) {
                        measured.push(&server.name, *value);
                    }
                }
                Err(why) => super::say(&format!("  {:12} {why}", server.name)),
            }
        }
    }
    for one in &mut measured {
        one.load = super::machine::load();
    }
    measured
}
