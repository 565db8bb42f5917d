//! What a request costs, counted: `cargo xtask instructions` runs this under callgrind.
//!
//! `perigee-instructions ROW`: starts what answers, asks it until it is warm, and then calls
//! [`counted`] with a known number of requests, which is printed. Everything is one thread with
//! one runtime, over real sockets on loopback. What clients and origins do is left out of the
//! count, and clock and random numbers are the same each time (`same`).

mod counted;
mod dns;
mod edge;
mod hit;
mod http2;
mod miss;
mod origin;
mod same;
mod wire;

use std::process::ExitCode;

/// Asks, and returns how many of its requests were counted.
type Row = fn() -> usize;

/// What can be counted.
const ROWS: &[(&str, Row)] = &[
    ("hit", hit::hit),
    ("hit-304", hit::not_modified),
    ("hit-http2", http2::hit),
    ("miss", miss::miss),
    ("dns-a", dns::a),
    ("dns-client-subnet", dns::client_subnet),
    ("dns-nxdomain", dns::nxdomain),
    ("dns-signed", dns::signed),
];

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1);
    let Some((_, run)) = ROWS.iter().find(|row| wanted.as_deref() == Some(row.0)) else {
        for (name, _) in ROWS {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    };
    println!("{}", run());
    ExitCode::SUCCESS
}
