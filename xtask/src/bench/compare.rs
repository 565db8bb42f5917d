//! Work for each CPU second: all servers run side by side, and take turns under load.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{
    check::{self, Client},
    loads,
    pace::{self, Pace},
    results::Measured,
    rows::{self, Load, Row, Unit},
    servers::Server,
};

/// What may ask the origin beside the load: a node's own checks, a refresh.
const FEW: u64 = 20;

/// Measures one row with all servers that are in it.
pub(super) fn measure(row: &Row, servers: &[Server], origin: u16, pace: &Pace) -> Measured {
    let mut measured = Measured::new(pace.seconds as f64);
    let mut concerned: Vec<&Server> = servers.iter().filter(|s| row.has(&s.peer)).collect();
    concerned.retain(|server| match warm(row, server, pace) {
        Ok(()) => true,
        Err(why) => {
            measured.lacks(&server.name, why);
            false
        }
    });
    for round in 0..pace.rounds {
        if pace.is_over() {
            break;
        }
        pace::rotate(&mut concerned, round);
        concerned.retain(
            |server| match pace::twice(|| once(row, server, origin, pace)) {
                Ok(value) => {
                    super::say(&format!("  {:12} {value:9.2}", server.name));
                    measured.push(&server.name, value);
                    true
                }
                Err(why) => {
                    measured.lacks(&server.name, why);
                    false
                }
            },
        );
    }
    measured.done()
}

/// Has everything that hits are to find, if need be in more than one cache; and a first load, which does
/// not count.
fn warm(row: &Row, server: &Server, pace: &Pace) -> Result<(), String> {
    let mut client = match row.needs_tls() {
        true => Client::tls(server.tls.ok_or("no TLS")?, &server.certificate())?,
        false => Client::plain(server.http)?,
    };
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
        pace.check()?;
    }
    let tag = judge(row, server)?;
    loads::run(row, server, 1, &tag, unique()).map(|_| ())
}

/// One round: the work done, for each CPU second of the server.
fn once(row: &Row, server: &Server, origin: u16, pace: &Pace) -> Result<f64, String> {
    let tag = judge(row, server)?;
    let before = (server.cpu(), check::asked(origin)?);
    let done = loads::run(row, server, pace.seconds, &tag, unique())?;
    let cpu = server.cpu().since(before.0);
    let asked = check::asked(origin)? - before.1;
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
