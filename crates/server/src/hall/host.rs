//! What the thread of one room does.

use std::{
    io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

use tokio::runtime::Handle;

use super::{
    Counts, Guest, Look, Message, Place, Room,
    load::Load,
    ring::{Bell, Completion, Ring},
};
use crate::coarse::Glance;

/// What stands for the bell among the tokens of the ring.
const BELL: u64 = u64::MAX - 1;

/// No buffer was left for what came: it waits in the socket.
const NO_BUFFER: i32 = -libc::ENOBUFS;

/// Starts a thread; `None` if there is no ring for it. `is_alone`: there is no other room.
pub(super) fn open(runtime: &Handle, is_alone: bool) -> Option<Arc<Room>> {
    let opened = Bell::new().and_then(|bell| start(bell, runtime.clone(), is_alone));
    opened
        .inspect_err(|error| {
            tracing::info!(%error, "no io_uring: connections are served without");
        })
        .ok()
}

fn start(bell: Bell, runtime: Handle, is_alone: bool) -> io::Result<Arc<Room>> {
    let room = Arc::new(Room {
        messages: Mutex::new(Some(Vec::new())),
        bell,
        turns: AtomicU32::new(0),
        guests: AtomicUsize::new(0),
        load: AtomicU32::new(0),
    });
    let (told, hear) = mpsc::sync_channel(1);
    let theirs = Arc::clone(&room);
    thread::Builder::new()
        .name("hall".into())
        .spawn(move || match Ring::new() {
            Ok(ring) => {
                let _ = told.send(Ok(()));
                let _context = runtime.enter();
                Host::new(ring, theirs, is_alone).run();
            }
            Err(error) => {
                let _ = told.send(Err(error));
            }
        })?;
    hear.recv().map_err(io::Error::other)??;
    Ok(room)
}

/// What becomes of one who stands here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    /// Goes back to its task, once nothing comes any more.
    Leaves,
    /// Is closed then.
    Ends,
}

struct Standing {
    turn: u32,
    fate: Fate,
    guest: Box<dyn Guest>,
}

struct Host {
    ring: Ring,
    room: Arc<Room>,
    /// By descriptor.
    standing: Vec<Option<Standing>>,
    count: usize,
    closing: bool,
    is_alone: bool,
    load: Load,
    /// Who is served next goes elsewhere.
    gives_away: bool,
    look: Look,
    /// `None`: nobody is here.
    counts: Option<Arc<dyn Counts>>,
}

impl Place {
    fn token(self) -> u64 {
        u64::from(self.turn) << 32 | u64::from(self.socket)
    }

    fn of(token: u64) -> Self {
        Place {
            socket: token as u32,
            turn: (token >> 32) as u32,
        }
    }
}

impl Host {
    fn new(ring: Ring, room: Arc<Room>, is_alone: bool) -> Self {
        Host {
            ring,
            room,
            standing: Vec::new(),
            count: 0,
            closing: false,
            is_alone,
            load: Load::default(),
            gives_away: false,
            look: Look::default(),
            counts: None,
        }
    }

    fn run(mut self) {
        let mut completions = Vec::new();
        self.ring.listen(&self.room.bell, BELL);
        while !(self.closing && self.count == 0) {
            if let Err(error) = self.turn(&mut completions) {
                tracing::error!(%error, "io_uring fails: its connections are closed");
                return;
            }
        }
    }

    /// Waits for what comes, and does what is to be done.
    fn turn(&mut self, completions: &mut Vec<Completion>) -> io::Result<()> {
        self.ring.wait(completions)?;
        self.weigh(completions.len());
        self.look.glance = Glance::default();
        self.look.herd.begin(completions.len());
        for completion in completions.drain(..) {
            self.look.herd.next();
            match completion.token {
                BELL => self.hear(&completion),
                _ => self.take(&completion),
            }
        }
        self.count_others();
        if self.count == 0 {
            // What answers is not kept by who has nobody to serve.
            self.counts = None;
        }
        Ok(())
    }

    /// Has those counted who had the answer of somebody else.
    fn count_others(&self) {
        if let (Some(others), Some(counts)) = (self.look.herd.others(), &self.counts) {
            // A panic in it is nobody's end: they have their answers.
            let _ = catch_unwind(AssertUnwindSafe(|| {
                counts.count(others.asked, others.content, others.count);
            }));
        }
    }

    /// Notes how much there was to do.
    fn weigh(&mut self, completions: usize) {
        if !self.is_alone {
            let (average, is_to_move) = self.load.found(completions);
            self.room.load.store(average, Relaxed);
            self.gives_away |= is_to_move;
        }
    }

    /// Does what tasks have asked for.
    fn hear(&mut self, completion: &Completion) {
        self.ring.hush(&self.room.bell);
        if !completion.more {
            self.ring.listen(&self.room.bell, BELL);
        }
        for message in self.room.take() {
            match message {
                Message::Enter(place, guest) => self.enter(place, guest),
                Message::Recall(place) => self.dismiss(place, Fate::Leaves),
                Message::Dismiss(place) => self.dismiss(place, Fate::Ends),
                Message::Close => {
                    self.closing = true;
                    for socket in 0..self.standing.len() {
                        self.end(socket);
                    }
                }
            }
        }
    }

    fn enter(&mut self, place: Place, guest: Box<dyn Guest>) {
        let socket = place.socket as usize;
        if self.standing.len() <= socket {
            self.standing.resize_with(socket + 1, || None);
        }
        if self.counts.is_none() {
            self.counts = Some(guest.counts());
        }
        if let Some(from) = guest.socket() {
            self.ring.receive(from, place.token());
            self.standing[socket] = Some(Standing {
                turn: place.turn,
                fate: Fate::Stays,
                guest,
            });
            self.counted(self.count + 1);
        }
    }

    fn counted(&mut self, count: usize) {
        self.count = count;
        self.room.guests.store(count, Relaxed);
        if count == 0 {
            self.load = Load::default();
            self.room.load.store(0, Relaxed);
        }
    }

    fn dismiss(&mut self, place: Place, fate: Fate) {
        // Who is to end does, whoever asks for it back.
        let standing = self.at(place);
        if let Some(standing) = standing.filter(|standing| standing.fate != Fate::Ends) {
            let was = mem::replace(&mut standing.fate, fate);
            if was == Fate::Stays {
                self.ring.cancel(place.token());
            }
        }
    }

    fn end(&mut self, socket: usize) {
        if let Some(Some(standing)) = self.standing.get(socket) {
            let place = Place {
                socket: socket as u32,
                turn: standing.turn,
            };
            self.dismiss(place, Fate::Ends);
        }
    }

    fn at(&mut self, place: Place) -> Option<&mut Standing> {
        let standing = self.standing.get_mut(place.socket as usize)?.as_mut();
        standing.filter(|standing| standing.turn == place.turn)
    }

    /// Something came for somebody, or nothing will any more.
    fn take(&mut self, completion: &Completion) {
        let place = Place::of(completion.token);
        let Some(Some(standing)) = self.standing.get_mut(place.socket as usize) else {
            return self.ring.give_back(completion);
        };
        let bytes = self.ring.bytes(completion);
        let was = standing.fate;
        standing.fate = match (was, bytes.is_empty()) {
            (Fate::Stays, false) => match served(&mut *standing.guest, bytes, &mut self.look) {
                // By its task, which finds it a room.
                Fate::Stays if mem::take(&mut self.gives_away) => Fate::Leaves,
                fate => fate,
            },
            (Fate::Leaves, false) => {
                standing.guest.came_late(bytes, &mut self.look.glance);
                was
            }
            // It goes on when others have given back what they had.
            (Fate::Stays, true) if completion.result == NO_BUFFER => was,
            // Its task sees what it is.
            (Fate::Stays, true) => Fate::Leaves,
            (_, _) => was,
        };
        let fate = standing.fate;
        self.ring.give_back(completion);
        match (completion.more, fate) {
            (true, Fate::Leaves | Fate::Ends) if was == Fate::Stays => {
                self.ring.cancel(completion.token);
            }
            (true, _) => {}
            (false, Fate::Stays) => {
                if let Some(from) = standing.guest.socket() {
                    self.ring.receive(from, completion.token);
                }
            }
            (false, _) => self.go(place, fate),
        }
    }

    fn go(&mut self, place: Place, fate: Fate) {
        let standing = self.standing[place.socket as usize].take();
        if let Some(standing) = standing {
            // Before it is seen that it is gone.
            self.counted(self.count - 1);
            let _ = catch_unwind(AssertUnwindSafe(|| match fate {
                Fate::Leaves => standing.guest.leave(),
                Fate::Stays | Fate::Ends => drop(standing.guest),
            }));
        }
    }
}

impl Drop for Host {
    /// Whoever tells something from now on is not waited for in vain.
    fn drop(&mut self) {
        self.room.close();
    }
}

/// Serves one what it has asked for. A panic ends that connection alone, as one in its task would.
fn served(guest: &mut dyn Guest, bytes: &[u8], look: &mut Look) -> Fate {
    match catch_unwind(AssertUnwindSafe(|| guest.came(bytes, look))) {
        Ok(true) => Fate::Stays,
        Ok(false) => Fate::Leaves,
        Err(_) => Fate::Ends,
    }
}
