//! Runs what makes load, on a core of its own, and reads what it says.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use super::{
    HOST,
    rows::{Load, Row},
    servers::{Server, on_cores},
    watched::{self, Watched},
};

/// How much longer than it should take a load may take, before it is ended.
const GRACE: Duration = Duration::from_secs(20);

/// Connections over which a cache is filled, and requests that are sent at once on each.
const FILLERS: usize = 64;
const FILL_BATCH: usize = 8;

/// What was done in one round.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    pub(super) requests: f64,
    pub(super) bytes: f64,
}

/// Puts the load of a row on a server. `tag` is the validator of what is asked for, `round` a number that
/// no round before had.
pub(super) fn run(
    row: &Row,
    server: &Server,
    seconds: u64,
    tag: &str,
    round: u64,
) -> Result<Done, String> {
    let tls = || server.tls.ok_or_else(|| "no TLS".to_owned());
    let connections = row.connections;
    match row.load {
        Load::Http2 => h2load(tls()?, row.target, seconds),
        Load::Handshakes => handshakes(server, tls()?, row.target, seconds),
        Load::Tls => wrk("https", tls()?, row, seconds, &[]),
        Load::Hit => wrk("http", server.http, row, seconds, &[]),
        Load::Keen => generated(row, server, seconds, &[]),
        Load::NotModified => {
            let field = format!("If-None-Match: {tag}");
            let fields = ["--status", "304", "--field", &field];
            generated(row, server, seconds, &fields)
        }
        Load::Range | Load::Zipf | Load::Miss => {
            let name = match row.load {
                Load::Range => "range.lua",
                Load::Zipf => "zipf.lua",
                _ => "miss.lua",
            };
            let script = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../bench/load")
                .join(name);
            let script = script.display().to_string();
            let options = ["-s".to_owned(), script, "--".to_owned(), round.to_string()];
            wrk("http", server.http, row, seconds, &options)
        }
    }
    .map_err(|error| format!("{error} ({connections} connections)"))
}

/// Runs it where load belongs, for no longer than it should take, and gives what it prints.
fn output(command: &Command, seconds: f64) -> Result<String, String> {
    let limit = Duration::from_secs_f64(seconds) + GRACE;
    watched::output(on_cores(super::load_core(), command), limit)
}

fn wrk(
    scheme: &str,
    to: SocketAddr,
    row: &Row,
    seconds: u64,
    options: &[String],
) -> Result<Done, String> {
    let mut command = Command::new("wrk");
    command.args(["-t", "1", "-c", &row.connections.to_string()]);
    command.args(["-d", &format!("{seconds}s"), "-H", &format!("Host: {HOST}")]);
    // The URL goes before what is meant for the script.
    let split = options
        .iter()
        .position(|o| o == "--")
        .unwrap_or(options.len());
    command.args(&options[..split]);
    command.arg(format!("{scheme}://{to}{}", row.target));
    command.args(&options[split..]);
    let text = output(&command, seconds as f64)?;
    let is_wrong = |line: &&str| line.starts_with("Non-2xx") || line.starts_with("Socket errors");
    if let Some(line) = text.lines().map(str::trim).find(is_wrong) {
        return Err(line.to_owned());
    }
    let total = text
        .lines()
        .find(|line| line.contains(" requests in "))
        .unwrap_or_default();
    let mut words = total.split_whitespace();
    let requests = words.next().and_then(|n| n.parse().ok());
    let bytes = total
        .trim()
        .rsplit(", ")
        .next()
        .and_then(|text| text.strip_suffix(" read"));
    Ok(Done {
        requests: requests.ok_or_else(|| format!("what wrk says is not known: {text}"))?,
        bytes: bytes.and_then(size).unwrap_or_default(),
    })
}

/// What our own generator has done; bytes are not counted.
fn generated(row: &Row, server: &Server, seconds: u64, options: &[&str]) -> Result<Done, String> {
    let seconds = seconds as f64;
    let numbers = generate(server.http, row.target, row.connections, seconds, options)?;
    Ok(Done {
        requests: numbers[0],
        bytes: 0.0,
    })
}

/// Our own generator, where wrk does not do: it is slower than the fastest servers of small responses, takes a 304
/// with Content-Length for one with a body, cannot keep a rate, and keeps all connections busy. Gives requests, failed ones (none), and p50, p99, p99.9 in
/// microseconds.
pub(super) fn generate(
    to: SocketAddr,
    target: &str,
    connections: usize,
    seconds: f64,
    options: &[&str],
) -> Result<Vec<f64>, String> {
    let command = generator((to, target), connections, seconds, options)?;
    judged(&output(&command, seconds)?)
}

/// The same on given cores, and requests for each CPU second of the server while all connections were
/// open: neither to open nor to close them counts.
pub(super) fn generate_open(
    cores: &str,
    (server, target): (&Server, &str),
    connections: usize,
    seconds: f64,
    options: &[&str],
) -> Result<f64, String> {
    let mut command = generator((server.http, target), connections, seconds, options)?;
    command.arg("--wait");
    let mut command = on_cores(cores, &command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut watched = Watched::start(&mut command, Duration::from_secs_f64(seconds) + 2 * GRACE)?;
    let (Some(mut tell), Some(said), _) = watched.pipes() else {
        return Err("no pipes".to_owned());
    };
    let mut said = BufReader::new(said).lines();
    let mut step = || said.next().and_then(Result::ok).unwrap_or_default();
    let opened = step();
    let before = server.cpu();
    let told = tell.write_all(b"go\n");
    let line = step();
    let cpu = server.cpu().since(before);
    drop(tell);
    watched.wait()?;
    told.map_err(|error| format!("{error} {opened}"))?;
    Ok(judged(&line)?[0] / cpu)
}

/// Asks for so many objects, each once, and tells how far it is.
pub(super) fn fill(
    server: &Server,
    target: &str,
    objects: u64,
    limit: Duration,
) -> Result<(), String> {
    let each = objects.to_string();
    let batch = FILL_BATCH.to_string();
    let options = ["--each", &each, "--batch", &batch, "--progress"];
    let command = generator((server.http, target), FILLERS, 0.0, &options)?;
    let text = watched::output(on_cores(super::load_core(), &command), limit);
    judged(&text.map_err(|why| format!("filling: {why}"))?).map(|_| ())
}

fn generator(
    (to, target): (SocketAddr, &str),
    connections: usize,
    seconds: f64,
    options: &[&str],
) -> Result<Command, String> {
    let mut command = super::myself()?;
    command.args(["helper", "generate", &to.to_string(), "--target", target]);
    command.args(["--connections", &connections.to_string()]);
    command
        .args(["--seconds", &seconds.to_string()])
        .args(options);
    Ok(command)
}

/// What it printed, if nothing failed.
fn judged(text: &str) -> Result<Vec<f64>, String> {
    let numbers = numbers(text)?;
    match numbers[..] {
        [_, 0.0, _, _, _] => Ok(numbers),
        _ => Err(format!("requests, failed, latencies: {numbers:?}")),
    }
}

/// `1.25GB`, as wrk writes it.
fn size(text: &str) -> Option<f64> {
    let text = text.strip_suffix('B')?;
    let units = [("K", 10), ("M", 20), ("G", 30), ("T", 40)];
    for (unit, bits) in units {
        if let Some(number) = text.strip_suffix(unit) {
            return Some(number.parse::<f64>().ok()? * (1_u64 << bits) as f64);
        }
    }
    text.parse().ok()
}

fn h2load(to: SocketAddr, target: &str, seconds: u64) -> Result<Done, String> {
    let mut command = Command::new("h2load");
    command.args(["-D", &seconds.to_string(), "-c", "32", "-m", "8"]);
    command.arg(format!("--connect-to={to}"));
    command.arg(format!("https://{HOST}{target}"));
    let text = output(&command, seconds as f64)?;
    let line = |start: &str| {
        let found = text.lines().find(|line| line.starts_with(start));
        found.unwrap_or_default().to_owned()
    };
    let before = |line: &str, what: &str| -> f64 {
        let words: Vec<&str> = line
            .split([' ', ','])
            .filter(|word| !word.is_empty())
            .collect();
        let place = words.iter().position(|word| *word == what).unwrap_or(0);
        let number = place
            .checked_sub(1)
            .and_then(|place| words[place].parse().ok());
        number.unwrap_or_default()
    };
    let statuses = line("status codes:");
    let good = before(&statuses, "2xx");
    let other: f64 = ["3xx", "4xx", "5xx"]
        .iter()
        .map(|s| before(&statuses, s))
        .sum();
    if good == 0.0 || other > 0.0 {
        return Err(format!("{statuses} {}", line("requests:")));
    }
    if !text.contains("Application protocol: h2") {
        return Err("not HTTP/2".to_owned());
    }
    Ok(Done {
        requests: good,
        bytes: good * 1024.0,
    })
}

fn handshakes(server: &Server, to: SocketAddr, target: &str, seconds: u64) -> Result<Done, String> {
    let mut command = super::myself()?;
    command.args(["helper", "handshakes", &to.to_string(), "--target", target]);
    command.arg("--trust").arg(server.certificate());
    command.args(["--seconds", &seconds.to_string()]);
    let numbers = numbers(&output(&command, seconds as f64)?)?;
    match numbers[..] {
        [done, 0.0] => Ok(Done {
            requests: done,
            bytes: done * 1024.0,
        }),
        _ => Err(format!("done and failed: {numbers:?}")),
    }
}

/// Numbers with blanks between them, as our own generators print them.
pub(super) fn numbers(text: &str) -> Result<Vec<f64>, String> {
    let parsed: Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
    parsed.map_err(|_| format!("not understood: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_wrk_writes_them() {
        let sizes = [
            ("900B", 900.0),
            ("1.50KB", 1536.0),
            ("2.00GB", 2147483648.0),
        ];
        for (text, bytes) in sizes {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        assert_eq!((size("12"), size("xKB")), (None, None));
    }

    #[test]
    fn a_failed_request_makes_a_round_void() {
        assert!(judged("100 0 1.0 2.0 3.0").is_ok());
        assert!(judged("100 1 1.0 2.0 3.0").is_err());
        assert!(judged("answers do not come").is_err());
    }
}
