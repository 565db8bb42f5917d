//! Work for each CPU second: all servers run side by side, and take turns under load.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{
    check::{self, Client},
    loads,
    results::Measured,
    rows::{self, Load, Row, Unit},
    servers::Server,
};

/// What may ask the origin beside the load: a node's own checks, a refresh.
const FEW: u64 = 20;

pub(super) struct Rounds {
    pub(super) rounds: usize,
    pub(super) seconds: u64,
    pub(super) origin: u16,
}

/// Measures one row with all servers that are in it.
pub(super) fn measure(row: &Row, servers: &[Server], rounds: &Rounds) -> Measured {
    let mut measured = Measured::new(rounds.seconds as f64);
    let mut concerned: Vec<&Server> = servers.iter().filter(|s| row.has(&s.peer)).collect();
    concerned.retain(|server| match warm(row, server) {
        Ok(()) => true,
        Err(why) => {
            measured.missing.insert(server.name.clone(), why);
            false
        }
    });
    for round in 0..rounds.rounds {
        // In turns, each one begins.
        let turn = round % concerned.len().max(1);
        concerned.rotate_left(turn.min(1));
        concerned.retain(|server| match once(row, server, rounds) {
            Ok(value) => {
                super::say(&format!("  {:12} {value:9.2}", server.name));
                measured.push(&server.name, value);
                true
            }
            Err(why) => {
                super::say(&format!("  {:12} {why}", server.name));
                measured.rounds.remove(&server.name);
                measured.missing.insert(server.name.clone(), why);
                false
            }
        });
    }
    measured.load = super::machine::load();
    measured
}

/// Has everything that hits are to find, if need be in more than one cache.
fn warm(row: &Row, server: &Server) -> Result<(), String> {
    let mut clients = vec![Client::plain(server.http)?];
    if row.needs_tls() {
        let to = server.tls.ok_or("no TLS")?;
        clients = vec![Client::tls(to, &server.certificate())?];
    }
    for client in &mut clients {
        for _ in 0..3 {
            match row.load {
                Load::Miss => {}
                Load::Zipf => {
                    for target in rows::zipf() {
                        client.get(&target, "")?;
                    }
                }
                _ => drop(client.get(row.target, "")?),
            }
        }
    }
    Ok(())
}

/// One round: the work done, for each CPU second of the server.
fn once(row: &Row, server: &Server, rounds: &Rounds) -> Result<f64, String> {
    let tag = judge(row, server)?;
    let before = (server.cpu(), check::asked(rounds.origin)?);
    let done = loads::run(row, server, rounds.seconds, &tag, unique())?;
    let cpu = server.cpu().since(before.0);
    let asked = check::asked(rounds.origin)? - before.1;
    match row.load {
        Load::Miss if (asked as f64) < 0.99 * done.requests => {
            return Err(format!("{asked} at the origin of {}", done.requests));
        }
        Load::Miss => {}
        _ if asked > FEW => return Err(format!("{asked} requests went on to the origin")),
        _ => {}
    }
    Ok(match row.unit {
        Unit::Requests => done.requests / cpu / 1e3,
        Unit::Bytes => done.bytes / cpu / 1e9,
    })
}

/// Asks once, and judges every byte. Gives the entity tag.
fn judge(row: &Row, server: &Server) -> Result<String, String> {
    let mut client = match row.needs_tls() {
        true => Client::tls(server.tls.ok_or("no TLS")?, &server.certificate())?,
        false => Client::plain(server.http)?,
    };
    if row.load == Load::Miss {
        let target = format!("/1024/judged/{}", unique());
        client.get(&target, "")?.is_right(200, 0, 1024)?;
        return Ok(String::new());
    }
    let size = row
        .target
        .split('/')
        .nth(1)
        .and_then(|size| size.parse().ok())
        .unwrap_or(0);
    let answer = client.get(row.target, "")?;
    answer.is_right(200, 0, size)?;
    let tag = answer.field("etag").unwrap_or_default().to_owned();
    match row.load {
        Load::NotModified => {
            let field = format!("If-None-Match: {tag}\r\n");
            client.get(row.target, &field)?.is_right(304, 0, 0)?;
        }
        Load::Range => {
            let fields = "Range: bytes=3145728-4194303\r\n";
            client
                .get(row.target, fields)?
                .is_right(206, 3 << 20, 1 << 20)?;
        }
        Load::Zipf => {
            let target = rows::zipf().nth(4711).unwrap_or_default();
            let size = target
                .split('/')
                .nth(1)
                .and_then(|size| size.parse().ok())
                .unwrap_or(0);
            client.get(&target, "")?.is_right(200, 0, size)?;
        }
        _ => {}
    }
    Ok(tag)
}

/// A number that was not given before.
fn unique() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.as_micros() as u64
}
