//! Queries over UDP: threads that block, each with a socket and a [`Worker`] of its own.

#[cfg(target_os = "linux")]
mod batch;
#[cfg(not(target_os = "linux"))]
#[path = "udp/single.rs"]
mod batch;
#[cfg(test)]
mod tests;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

use socket2::SockRef;
use tracing::{error, warn};

use crate::{
    asker::{Asker, Transport},
    worker::{Shared, Worker},
};
use batch::Batch;

/// How long a thread waits for a query before it looks whether it shall stop. On Linux it is woken
/// for that, elsewhere it is not.
const LOOK_UP: Duration = Duration::from_millis(250);
/// After a receive that failed for no reason that is known.
const RECEIVE_AGAIN: Duration = Duration::from_millis(100);
/// The last queries are taken in this many batches at most, lest a flood hold up the stop.
const LAST_BATCHES: usize = 1_000;

/// The threads that answer. Dropped, they stop.
pub(crate) struct Udp {
    stop: Arc<AtomicBool>,
    /// The threads' sockets, to wake them.
    sockets: Vec<UdpSocket>,
    threads: Vec<JoinHandle<()>>,
}

impl Udp {
    pub(crate) fn new() -> Self {
        Udp {
            stop: Arc::default(),
            sockets: Vec::new(),
            threads: Vec::new(),
        }
    }

    /// Answers on this socket, too.
    pub(crate) fn serve(&mut self, socket: UdpSocket, shared: Shared) -> io::Result<()> {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(LOOK_UP))?;
        self.sockets.push(socket.try_clone()?);
        let stop = Arc::clone(&self.stop);
        let name = format!("dns-udp-{}", self.threads.len());
        let (told, started) = std::sync::mpsc::sync_channel(1);
        // What the batch points to stays in its thread.
        let run = move || match Batch::new(socket) {
            Ok(mut batch) => {
                let _ = told.send(Ok(()));
                serve(&mut batch, &shared, &stop);
            }
            Err(error) => {
                let _ = told.send(Err(error));
            }
        };
        let thread = thread::Builder::new().name(name).spawn(run)?;
        self.threads.push(thread);
        started.recv().map_err(io::Error::other)?
    }

    /// Lets the threads answer what they have received, and end.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        for socket in &self.sockets {
            // It is not connected, and says so; but who waits for a query is woken.
            let _ = SockRef::from(socket).shutdown(std::net::Shutdown::Read);
        }
    }

    /// Stops, and gives the threads to wait for.
    pub(crate) fn ending(&mut self) -> Vec<JoinHandle<()>> {
        self.stop();
        self.sockets.clear();
        std::mem::take(&mut self.threads)
    }
}

impl Drop for Udp {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Answers until it is time to stop, and then what has come before.
fn serve(batch: &mut Batch, shared: &Shared, stop: &AtomicBool) {
    let mut worker = Worker::new(shared.clone());
    let mut failing = false;
    while !stop.load(Ordering::Acquire) {
        match batch.receive(true) {
            Ok(_) => {
                failing = false;
                answer(batch, &mut worker, shared);
            }
            Err(error) if is_passing(&error) => worker.rest(),
            Err(error) => {
                if !failing {
                    warn!(%error, "cannot receive DNS queries over UDP");
                }
                failing = true;
                thread::sleep(RECEIVE_AGAIN);
            }
        }
    }
    let _ = leave(batch.socket());
    for _ in 0..LAST_BATCHES {
        match batch.receive(false) {
            Ok(1..) => answer(batch, &mut worker, shared),
            _ => break,
        }
    }
}

/// Takes no queries any more: the socket listens to itself alone, so that what comes from now on goes to
/// another socket on its port, if there is one. What it has received is still there.
fn leave(socket: &UdpSocket) -> io::Result<()> {
    let own = socket.local_addr()?;
    let own = match (own.ip().is_unspecified(), own) {
        (false, own) => own,
        (true, SocketAddr::V4(own)) => (Ipv4Addr::LOCALHOST, own.port()).into(),
        (true, SocketAddr::V6(own)) => (Ipv6Addr::LOCALHOST, own.port()).into(),
    };
    socket.connect(own)
}

/// Nothing came, or what the network said of a response that was sent before.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable,
        TimedOut, WouldBlock,
    };
    matches!(
        error.kind(),
        WouldBlock
            | TimedOut
            | Interrupted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | NetworkUnreachable
    )
}

/// All queries of a batch at one reading of the clock.
fn answer(batch: &mut Batch, worker: &mut Worker, shared: &Shared) {
    let now = SystemTime::now();
    batch.answer(|query, address, out| {
        let transport = Transport::Udp;
        let asker = Asker { address, transport };
        // A query that nobody has thought of must not cost those that come after it theirs.
        let respond = AssertUnwindSafe(|| worker.respond(query, asker, now, out));
        catch_unwind(respond).unwrap_or_else(|_| {
            error!(%address, "a DNS query made the name server stumble; it goes on with the next");
            *worker = Worker::new(shared.clone());
            None
        })
    });
}
