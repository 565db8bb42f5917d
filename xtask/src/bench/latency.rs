//! How long clients wait at a rate that is far from what a server could do.

use super::{
    loads,
    pace::{self, Pace},
    results::Measured,
    servers::Server,
};

/// Requests a second.
const RATE: f64 = 5_000.0;
const CONNECTIONS: usize = 64;
const TARGET: &str = "/1024/hit";
/// What is told, in the order of the generator.
pub(super) const SHARES: [(&str, &str); 3] = [("p50", "p50"), ("p99", "p99"), ("p999", "p99.9")];

/// Measures all servers in turns: p50, p99 and p99.9, in microseconds.
pub(super) fn measure(servers: &[Server], pace: &Pace) -> [Measured; 3] {
    let seconds = pace.seconds as f64;
    let mut measured = SHARES.map(|_| Measured::new(seconds));
    let mut concerned: Vec<&Server> = servers.iter().collect();
    for round in 0..pace.rounds {
        if pace.is_over() {
            break;
        }
        pace::rotate(&mut concerned, round);
        concerned.retain(|server| match pace::twice(|| once(server, seconds)) {
            Ok(waited) => {
                let told: Vec<String> = waited.iter().map(|t| format!("{t:9.1}")).collect();
                super::say(&format!("  {:12} {}", server.name, told.join(" ")));
                for (measured, value) in measured.iter_mut().zip(waited) {
                    measured.push(&server.name, value);
                }
                true
            }
            Err(why) => {
                for measured in &mut measured {
                    measured.lacks(&server.name, why.clone());
                }
                false
            }
        });
    }
    measured.map(Measured::done)
}

fn once(server: &Server, seconds: f64) -> Result<Vec<f64>, String> {
    let rate = RATE.to_string();
    let run = |seconds| {
        let options = ["--rate", &rate];
        loads::generate(server.http, TARGET, CONNECTIONS, seconds, &options)
    };
    // What is asked for is there after the first answers, which are not counted.
    run(0.2)?;
    Ok(run(seconds)?.split_off(2))
}
