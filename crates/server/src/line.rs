//! What a handler may do on an HTTP/1.1 connection besides answering: send interim responses, and
//! take the connection over.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    task::{Context, Poll, ready},
};

use http::{HeaderMap, StatusCode};
use tokio::sync::oneshot;

use crate::{state::State, upgraded::Upgraded};

/// The way back to the client of one request, beside its response. Cheap to clone. Once the head
/// of the response is out it does nothing any more.
#[derive(Clone, Debug)]
pub struct Line {
    shared: Arc<Shared>,
    request: u64,
}

/// The line of a connection, which serves one request after the other.
#[derive(Debug)]
pub(crate) struct Shared {
    connection: Arc<State>,
    max_interim: usize,
    /// The number of the request that is being answered; 0: none that may use it.
    open: AtomicU64,
    /// Whether there may be mail.
    written: AtomicBool,
    mail: Mutex<Mail>,
}

#[derive(Debug, Default)]
struct Mail {
    /// The request that this is of.
    request: u64,
    interim: VecDeque<(StatusCode, HeaderMap)>,
    /// Interim responses of the request so far.
    count: usize,
    upgrade: Option<oneshot::Sender<Upgraded>>,
}

impl Mail {
    /// Throws away what is left of another request.
    fn turn_to(&mut self, request: u64) {
        if self.request != request {
            *self = Mail {
                request,
                ..Mail::default()
            };
        }
    }
}

impl Line {
    /// Sends an interim response (RFC 9110 section 15.2) before the final one, fields of framing
    /// and of the connection left out. Whether it will be sent: only statuses 100 to 199 without
    /// 101, at most [`crate::Limits::max_interim`] of them, never to HTTP/1.0.
    pub fn inform(&self, status: StatusCode, headers: HeaderMap) -> bool {
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return false;
        }
        let accepted = self.write(|mail, max| {
            let accepted = mail.count < max;
            if accepted {
                mail.count += 1;
                mail.interim.push_back((status, headers));
            }
            accepted
        });
        if accepted == Some(true) {
            self.shared.connection.task.wake();
        }
        accepted == Some(true)
    }

    /// The connection itself, once a 101 has been sent (RFC 9110 section 7.8). `None` for
    /// HTTP/1.0. It can be had once.
    pub fn upgrade(&self) -> Option<OnUpgrade> {
        self.write(|mail, _| {
            if mail.upgrade.is_some() {
                return None;
            }
            let (send, receive) = oneshot::channel();
            mail.upgrade = Some(send);
            Some(OnUpgrade(receive))
        })
        .flatten()
    }

    fn write<T>(&self, write: impl FnOnce(&mut Mail, usize) -> T) -> Option<T> {
        let Line { shared, request } = self;
        let mut mail = shared.mail();
        // Under the lock: what is written is read, or thrown away as another request's.
        if shared.open.load(Acquire) != *request {
            return None;
        }
        mail.turn_to(*request);
        shared.written.store(true, Release);
        Some(write(&mut mail, shared.max_interim))
    }
}

impl Shared {
    pub(crate) fn new(connection: &Arc<State>, max_interim: usize) -> Arc<Self> {
        Arc::new(Shared {
            connection: Arc::clone(connection),
            max_interim,
            open: AtomicU64::new(0),
            written: AtomicBool::new(false),
            mail: Mutex::default(),
        })
    }

    /// The line of the request of this number, counted from 1.
    pub(crate) fn open(self: &Arc<Self>, request: u64, usable: bool) -> Line {
        self.open.store(if usable { request } else { 0 }, Release);
        Line {
            shared: Arc::clone(self),
            request,
        }
    }

    /// From here on nothing can be written.
    pub(crate) fn close(&self) {
        self.open.store(0, Release);
    }

    /// The interim responses that wait to be sent.
    pub(crate) fn interim(&self, request: u64) -> VecDeque<(StatusCode, HeaderMap)> {
        if !self.written.load(Relaxed) {
            return VecDeque::new();
        }
        let mut mail = self.mail();
        mail.turn_to(request);
        std::mem::take(&mut mail.interim)
    }

    /// Who wants to take over the connection.
    pub(crate) fn successor(&self, request: u64) -> Option<oneshot::Sender<Upgraded>> {
        let mut mail = self.mail();
        mail.turn_to(request);
        mail.upgrade.take()
    }

    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is to be taken over: see [`Line::upgrade`].
#[derive(Debug)]
pub struct OnUpgrade(oneshot::Receiver<Upgraded>);

impl Future for OnUpgrade {
    type Output = io::Result<Upgraded>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let received = ready!(Pin::new(&mut self.0).poll(cx));
        let none = |_| io::Error::other("the protocol was not switched");
        Poll::Ready(received.map_err(none))
    }
}
