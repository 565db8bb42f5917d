//! Workers for connections that are too many to have one each.

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use crate::{
    asker::{Asker, Transport},
    worker::{Shared, Worker},
};

/// As many workers as there are threads that answer at the same moment: a worker is had only while it
/// writes a response, which waits for nothing.
pub(super) struct Responder {
    shared: Shared,
    idle: Mutex<Vec<Bench>>,
}

/// A worker, and where it writes to.
struct Bench {
    worker: Worker,
    out: Box<[u8]>,
}

impl Responder {
    pub(super) fn new(shared: Shared) -> Self {
        Responder {
            shared,
            idle: Mutex::default(),
        }
    }

    /// Gives the response to a message to `take`; `None` if nothing is to be sent.
    pub(super) fn respond<R>(
        &self,
        message: &[u8],
        client: SocketAddr,
        transport: Transport,
        take: impl FnOnce(&[u8]) -> R,
    ) -> Option<R> {
        let asker = Asker {
            address: client,
            transport,
        };
        let mut bench = self.bench();
        let Bench { worker, out } = &mut bench;
        let length = worker.respond(message, asker, SystemTime::now(), out);
        let taken = length.and_then(|length| out.get(..length)).map(take);
        self.idle().push(bench);
        taken
    }

    fn bench(&self) -> Bench {
        let idle = self.idle().pop();
        idle.unwrap_or_else(|| Bench {
            worker: Worker::new(self.shared.clone()),
            out: vec![0; usize::from(u16::MAX)].into(),
        })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Bench>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
