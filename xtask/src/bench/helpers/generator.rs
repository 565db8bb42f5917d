//! Sends requests over HTTP/1.1, on one thread: as fast as answers come, in batches, or at a given rate;
//! over many connections of which few are busy; for one object or many.

mod connection;
mod progress;

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use clap::Args;
use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, CreateFlags, Event, EventData, EventFlags},
    fd::OwnedFd,
    io::Errno,
    time::Timespec,
};

use connection::Connection;
use progress::Progress;

#[derive(Clone, Debug, Args)]
pub(crate) struct Generate {
    /// Whom to ask.
    pub(crate) to: SocketAddr,
    /// What to ask for; `{}` stands for the number of the object.
    #[arg(long)]
    pub(crate) target: String,
    /// The host to ask for; `{}` as in the target.
    #[arg(long, default_value = crate::bench::HOST)]
    pub(crate) host: String,
    /// A field line beside Host.
    #[arg(long)]
    pub(crate) field: Option<String>,
    /// The status that is right.
    #[arg(long, default_value_t = 200)]
    pub(crate) status: u16,
    /// Connections that are open.
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// Connections that wait for an answer, at most; all take turns.
    #[arg(long)]
    pub(crate) busy: Option<usize>,
    /// Asks once over each connection, says so, and goes on when it is told to by a line on standard input.
    /// Connections are closed after the next one.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Those that had an answer are asked again first: the others stay idle.
    #[arg(long)]
    pub(crate) same: bool,
    /// Requests that are sent at once on a connection.
    #[arg(long, default_value_t = 1)]
    pub(crate) batch: usize,
    /// Requests a second. The time that an answer takes is counted from when it was due to be asked for.
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// How long.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) seconds: f64,
    /// Asks for so many objects by chance.
    #[arg(long, default_value_t = 1)]
    pub(crate) among: u64,
    /// Asks for so many objects, each once, and ends, however long that takes.
    #[arg(long)]
    pub(crate) each: Option<u64>,
    /// Tells on standard error how far it is with that.
    #[arg(long)]
    pub(crate) progress: bool,
}

/// Sends as planned, and prints `requests failed p50 p99 p99.9`, the last three in microseconds.
pub(super) fn run(plan: &Generate) -> io::Result<()> {
    let mut run = Run::new(plan)?;
    let mut line = String::new();
    if plan.wait {
        run.each = Some((plan.connections * plan.batch) as u64);
        run.go()?;
        run.latencies.clear();
        println!("open");
        io::stdin().read_line(&mut line)?;
        run.each = None;
        run.asked = 0;
        run.same = plan.same;
    }
    run.go()?;
    run.latencies.sort_unstable();
    let at = |share: f64| {
        let place = (run.latencies.len() as f64 * share) as usize;
        f64::from(run.latencies.get(place).copied().unwrap_or_default()) / 1e3
    };
    println!(
        "{} {} {:.1} {:.1} {:.1}",
        run.latencies.len(),
        run.failed,
        at(0.5),
        at(0.99),
        at(0.999)
    );
    if plan.wait {
        io::stdin().read_line(&mut line)?;
    }
    Ok(())
}

struct Run<'a> {
    plan: &'a Generate,
    poll: OwnedFd,
    connections: Vec<Connection>,
    /// Whose turn it is.
    idle: VecDeque<usize>,
    asked: u64,
    /// How many are to be asked for, if not as many as go into a time.
    each: Option<u64>,
    same: bool,
    chance: u64,
    /// The next requests that are sent at once.
    requests: String,
    /// Nanoseconds.
    latencies: Vec<u32>,
    failed: u64,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Generate) -> io::Result<Run<'a>> {
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut connections = Vec::new();
        for token in 0..plan.connections {
            let connection = Connection::open(plan.to, plan.status)?;
            let data = EventData::new_u64(token as u64);
            epoll::add(&poll, &connection.stream, data, EventFlags::IN)?;
            connections.push(connection);
        }
        Ok(Run {
            plan,
            poll,
            connections,
            idle: (0..plan.connections).collect(),
            asked: 0,
            each: plan.each,
            same: plan.same && !plan.wait,
            chance: 0x9e37_79b9_7f4a_7c15,
            requests: String::new(),
            latencies: Vec::new(),
            failed: 0,
        })
    }

    fn go(&mut self) -> io::Result<()> {
        let start = Instant::now();
        let end = start + Duration::from_secs_f64(self.plan.seconds);
        let mut events: Vec<Event> = Vec::with_capacity(256);
        let mut buffer = vec![0; 256 * 1024];
        let mut progress = Progress::new(self.each.filter(|_| self.plan.progress), start);
        loop {
            let now = Instant::now();
            progress.tell(self.asked, now);
            let over = match self.each {
                Some(count) => self.asked >= count,
                None => now >= end,
            };
            if over && self.idle.len() == self.connections.len() {
                return Ok(());
            }
            if now > end + Duration::from_secs(5) && self.each.is_none() {
                return Err(io::Error::other("answers do not come"));
            }
            if !over {
                self.send(start, now)?;
            }
            // Who keeps a rate looks at the clock all the time.
            let nanoseconds = if self.plan.rate.is_some() {
                0
            } else {
                100_000_000
            };
            let timeout = Timespec {
                tv_sec: 0,
                tv_nsec: nanoseconds,
            };
            events.clear();
            match epoll::wait(&self.poll, spare_capacity(&mut events), Some(&timeout)) {
                // A signal came between.
                Err(Errno::INTR) => continue,
                waited => waited?,
            };
            for event in &events {
                self.receive(event.data.u64() as usize, &mut buffer)?;
            }
        }
    }

    /// Sends all that may be sent now.
    fn send(&mut self, start: Instant, now: Instant) -> io::Result<()> {
        // While connections are opened, all may be.
        let given = self.plan.busy.filter(|_| self.each.is_none());
        let busy = given.unwrap_or(self.plan.connections);
        while self.connections.len() - self.idle.len() < busy {
            let due = match self.plan.rate {
                Some(rate) => start + Duration::from_secs_f64(self.asked as f64 / rate),
                None => now,
            };
            if due > now || self.each.is_some_and(|count| self.asked >= count) {
                break;
            }
            let Some(token) = self.idle.pop_front() else {
                break;
            };
            let left = self.each.map_or(u64::MAX, |count| count - self.asked);
            let batch = left.min(self.plan.batch as u64) as usize;
            self.write(batch);
            self.asked += batch as u64;
            self.connections[token].send(&self.requests, batch, due)?;
        }
        Ok(())
    }

    /// Writes the next requests.
    fn write(&mut self, batch: usize) {
        // One that is always the same is written once.
        let is_one = self.plan.batch == 1 && self.plan.each.is_none() && self.plan.among == 1;
        if is_one && self.asked > 0 {
            return;
        }
        self.requests.clear();
        let field = self.plan.field.as_ref().map(|field| format!("{field}\r\n"));
        let field = field.unwrap_or_default();
        for place in 0..batch as u64 {
            let object = self.object(self.asked + place).to_string();
            let target = self.plan.target.replace("{}", &object);
            let host = self.plan.host.replace("{}", &object);
            self.requests += &format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{field}\r\n");
        }
    }

    fn receive(&mut self, token: usize, buffer: &mut [u8]) -> io::Result<()> {
        let connection = &mut self.connections[token];
        let done = connection.receive(buffer)?;
        self.failed += done.failed;
        if done.answers == 0 {
            return Ok(());
        }
        let took = connection.asked_at.elapsed().as_nanos();
        let took = u32::try_from(took).unwrap_or(u32::MAX);
        self.latencies
            .extend(std::iter::repeat_n(took, done.answers));
        if connection.waits_for == 0 {
            match self.same {
                true => self.idle.push_front(token),
                false => self.idle.push_back(token),
            }
        }
        Ok(())
    }

    /// Which object is asked for by the request of this number.
    fn object(&mut self, asked: u64) -> u64 {
        if self.plan.each.is_some() {
            return asked;
        }
        // xorshift64, by George Marsaglia.
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % self.plan.among
    }
}
