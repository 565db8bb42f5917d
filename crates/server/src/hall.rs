//! Where connections stand whose requests are answered at once, again and again: a thread for each core takes what
//! comes on all of them from the kernel with one system call, and neither a readiness nor a task is between a request
//! and its answer. What cannot be answered so goes back to the connection's task, with the connection, and as it came.
//!
//! The tasks of these connections stay: they keep the times, and ask for the connection back when it is to end.
//! `host` is what a thread does, `load` says which one gets a connection, `ring` asks the kernel (`io_uring`), and a
//! `herd` asks for the very same together. Where the kernel has no such thing, or does not allow it, no connection comes
//! here.

mod herd;
mod host;
mod load;
#[cfg(not(target_os = "linux"))]
#[path = "hall/no_ring.rs"]
mod ring;
#[cfg(target_os = "linux")]
mod ring;

use std::{
    fmt, mem,
    os::fd::{AsRawFd, BorrowedFd},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use tokio::runtime::Handle;

use crate::coarse::Glance;
pub(crate) use herd::{Herd, MOST_ASKED};
use ring::Bell;

/// A connection, as those see it who serve it here.
pub(crate) trait Guest: Send {
    /// Where its requests come from.
    fn socket(&self) -> Option<BorrowedFd<'_>>;

    /// These bytes came. Whether all that was asked is answered, and all answers are sent; otherwise it leaves.
    fn came(&mut self, bytes: &[u8], look: &mut Look) -> bool;

    /// These came while it was about to leave.
    fn came_late(&mut self, bytes: &[u8], glance: &mut Glance);

    /// It goes back to its task.
    fn leave(self: Box<Self>);

    /// Who counts those that had the answer of somebody else.
    fn counts(&self) -> Arc<dyn Counts>;
}

/// Counts requests that were answered with what somebody else was given.
pub(crate) trait Counts: Send + Sync {
    /// So many more than one have asked for this, and had an answer with so much content.
    fn count(&self, request: &[u8], content: u64, times: u64);
}

/// One look at what has come: when that was, and who of those that came asks for the same.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) glance: Glance,
    pub(crate) herd: Herd,
}

/// Where one connection stands among those of a room: its descriptor, and when it came, by which it is told from one
/// that had the same descriptor before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    socket: u32,
    turn: u32,
}

/// What tasks tell a room.
enum Message {
    Enter(Place, Box<dyn Guest>),
    /// It is to go back to its task.
    Recall(Place),
    /// Nobody waits for it any more.
    Dismiss(Place),
    Close,
}

/// Where a thread hears from tasks.
struct Room {
    /// `None`: nobody hears them any more.
    messages: Mutex<Option<Vec<Message>>>,
    bell: Bell,
    /// Connections that have come.
    turns: AtomicU32,
    /// Connections that are here.
    guests: AtomicUsize,
    /// How much comes at a time, on an average: see [`load`].
    load: AtomicU32,
}

impl Room {
    /// What nobody hears is dropped, with the connection that it is about.
    fn tell(&self, message: Message) {
        let is_first = self.lock().as_mut().is_some_and(|messages| {
            messages.push(message);
            messages.len() == 1
        });
        // For those that come behind it the bell has been rung, or is about to be.
        if is_first {
            self.bell.ring();
        }
    }

    fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    fn take(&self) -> Vec<Message> {
        self.lock().as_mut().map(mem::take).unwrap_or_default()
    }

    fn close(&self) {
        let unheard = self.lock().take();
        self.guests.store(0, Relaxed);
        drop(unheard);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Message>>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rooms of a server. What comes together costs less, so a room is used only when those before it are busy.
pub(crate) struct Hall {
    /// Their threads are started when first somebody comes. `None`: it could not be.
    rooms: Box<[OnceLock<Option<Arc<Room>>>]>,
}

impl Hall {
    pub(crate) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Hall {
            rooms: (0..cores).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Whether there may be a room; not, once the kernel has allowed none.
    pub(crate) fn is_there(&self) -> bool {
        let is_none = |room: &OnceLock<_>| matches!(room.get(), Some(None));
        !self.rooms.iter().all(is_none)
    }

    /// Connections that stand here.
    pub(crate) fn guests(&self) -> usize {
        let rooms = self.rooms.iter().filter_map(|room| room.get()?.as_ref());
        rooms.map(|room| room.guests.load(Relaxed)).sum()
    }

    /// Serves a connection, until it leaves or its seat is dropped. What answers its requests is in the context of
    /// the runtime in which somebody came first.
    ///
    /// # Errors
    /// There is no room: it stays what it is.
    pub(crate) fn enter<G: Guest + 'static>(&self, guest: Box<G>) -> Result<Seat, Box<G>> {
        let loads = self.rooms.iter().map(|room| match room.get() {
            Some(Some(room)) if room.is_open() => room.load.load(Relaxed),
            Some(_) => u32::MAX,
            None => 0,
        });
        let Some(chosen) = load::choose(loads) else {
            return Err(guest);
        };
        let is_alone = self.rooms.len() == 1;
        let room = self.rooms[chosen].get_or_init(|| host::open(&Handle::current(), is_alone));
        let Some(room) = room.as_ref().filter(|room| room.is_open()) else {
            return Err(guest);
        };
        let socket = guest.socket().map(|socket| socket.as_raw_fd());
        let Some(socket) = socket.and_then(|socket| u32::try_from(socket).ok()) else {
            return Err(guest);
        };
        let turn = room.turns.fetch_add(1, Relaxed);
        let place = Place { socket, turn };
        room.tell(Message::Enter(place, guest));
        Ok(Seat {
            room: Arc::clone(room),
            place,
            left: false,
        })
    }
}

impl fmt::Debug for Hall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hall").finish_non_exhaustive()
    }
}

impl Drop for Hall {
    fn drop(&mut self) {
        for room in self.rooms.iter().filter_map(|room| room.get()?.as_ref()) {
            room.tell(Message::Close);
        }
    }
}

/// What the task of a connection has that stands in a room. When it is dropped before the connection has left, that
/// is closed.
pub(crate) struct Seat {
    room: Arc<Room>,
    place: Place,
    left: bool,
}

impl Seat {
    /// Asks for the connection back.
    pub(crate) fn recall(&self) {
        self.room.tell(Message::Recall(self.place));
    }

    /// The connection is back.
    pub(crate) fn left(mut self) {
        self.left = true;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.left {
            self.room.tell(Message::Dismiss(self.place));
        }
    }
}
