//! What one connection is doing, as marks that its IO and its requests set and its watch reads.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    task::{Context, Waker},
    time::{Duration, Instant},
};

use http::Extensions;

use crate::{
    NoClient,
    coarse::{self, Glance},
    timers::{Phase, Stage, Usual, View},
};

/// A moment in a connection's life, or none.
#[derive(Debug, Default)]
struct Mark(AtomicU64);

impl Mark {
    fn set(&self, at: Duration) {
        let millis = u64::try_from(at.as_millis()).unwrap_or(u64::MAX - 1);
        self.0.store(millis + 1, Relaxed);
    }

    fn clear(&self) {
        self.0.store(0, Relaxed);
    }

    fn get(&self) -> Option<Duration> {
        self.0
            .load(Relaxed)
            .checked_sub(1)
            .map(Duration::from_millis)
    }
}

/// Who is to be woken. It is the same task nearly always, so that its waker stays here.
#[derive(Debug, Default)]
pub(crate) struct WakerCell {
    /// Which waker that is, or `NULL`: as long as it is kept, no other one has this address.
    known: AtomicPtr<()>,
    waker: Mutex<Option<Waker>>,
}

impl WakerCell {
    pub(crate) fn register(&self, cx: &Context<'_>) {
        let data = cx.waker().data().cast_mut();
        if !data.is_null() && self.known.load(Relaxed) == data {
            return;
        }
        let mut waker = self.lock();
        *waker = Some(cx.waker().clone());
        self.known.store(data, Relaxed);
    }

    pub(crate) fn wake(&self) {
        let waker = self.lock().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one connection is doing.
#[derive(Debug)]
pub(crate) struct State {
    born: Instant,
    /// The same, see [`coarse::since_boot`].
    born_coarse: Duration,
    stage: AtomicU8,
    active: AtomicUsize,
    used: AtomicBool,
    /// What it serves is no client.
    no_client: AtomicBool,
    idle: Mark,
    head: Mark,
    request: Mark,
    offered: AtomicUsize,
    untaken: Mark,
    blocked: Mark,
    closing: Mark,
    linger: Mark,
    received: AtomicU64,
    cut: AtomicBool,
    gone: AtomicBool,
    reset: AtomicBool,
    /// The connection's task.
    pub(crate) task: WakerCell,
    /// Who reads and writes an upgraded connection.
    pub(crate) reader: WakerCell,
    pub(crate) writer: WakerCell,
}

impl State {
    pub(crate) fn new(born: Instant, stage: Stage) -> Self {
        let state = State {
            born,
            born_coarse: coarse::since_boot().saturating_sub(born.elapsed()),
            stage: AtomicU8::new(stage as u8),
            active: AtomicUsize::new(0),
            used: AtomicBool::new(false),
            no_client: AtomicBool::new(false),
            idle: Mark::default(),
            head: Mark::default(),
            request: Mark::default(),
            offered: AtomicUsize::new(0),
            untaken: Mark::default(),
            blocked: Mark::default(),
            closing: Mark::default(),
            linger: Mark::default(),
            received: AtomicU64::new(0),
            cut: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            reset: AtomicBool::new(false),
            task: WakerCell::default(),
            reader: WakerCell::default(),
            writer: WakerCell::default(),
        };
        state.idle.set(Duration::ZERO);
        state
    }

    /// When the connection was accepted.
    pub(crate) fn born(&self) -> Instant {
        self.born
    }

    /// Time since the connection was accepted.
    pub(crate) fn age(&self) -> Duration {
        self.born.elapsed()
    }

    /// The same as of some milliseconds ago at the most, for what each request marks.
    fn recent_age(&self, glance: &mut Glance) -> Duration {
        glance.since_boot().saturating_sub(self.born_coarse)
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.stage.load(Acquire) {
            s if s == Stage::Handshake as u8 => Stage::Handshake,
            s if s == Stage::Sniff as u8 => Stage::Sniff,
            s if s == Stage::Http1 as u8 => Stage::Http1,
            s if s == Stage::Http2 as u8 => Stage::Http2,
            _ => Stage::Upgraded,
        }
    }

    /// The connection has come to `stage`.
    pub(crate) fn enter(&self, stage: Stage) {
        // Bytes of a handshake or of the HTTP/2 preface were no request head.
        if stage == Stage::Http2 || self.stage() == Stage::Handshake {
            self.head.clear();
        }
        self.stage.store(stage as u8, Release);
    }

    /// A snapshot for the watch.
    pub(crate) fn view(&self, phase: Phase) -> View {
        View {
            stage: self.stage(),
            phase,
            active: self.active.load(Acquire),
            used: self.used.load(Relaxed),
            idle: self.idle.get().unwrap_or_default(),
            head: self.head.get(),
            request: self.request.get(),
            untaken: self
                .untaken
                .get()
                .filter(|_| self.offered.load(Acquire) > 0),
            blocked: self.blocked.get(),
            closing: self.closing.get(),
            linger: self.linger.get(),
        }
    }

    /// What it is doing, if that is the usual; then [`State::view`] would say no more.
    pub(crate) fn usual(&self) -> Option<Usual> {
        let unusual = [&self.untaken, &self.blocked, &self.closing, &self.linger];
        let is_usual = unusual.iter().all(|mark| mark.0.load(Relaxed) == 0);
        if !is_usual || self.stage.load(Acquire) != Stage::Http1 as u8 {
            return None;
        }
        match self.active.load(Acquire) {
            0 if self.head.get().is_some() => None,
            0 => Some(Usual::Waits(self.idle.get().unwrap_or_default())),
            _ => self.request.get().map(Usual::Answers),
        }
    }

    /// How many bytes the client has sent.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// So many bytes came from the client.
    pub(crate) fn bytes_came(&self, count: usize, glance: &mut Glance) {
        // Only the connection writes it.
        let received = self.received() + count as u64;
        self.received.store(received, Relaxed);
        if self.active.load(Acquire) == 0
            && matches!(self.stage(), Stage::Sniff | Stage::Http1)
            && self.head.get().is_none()
        {
            self.head.set(self.recent_age(glance));
        }
    }

    /// Bytes are there that are not a whole request head.
    pub(crate) fn head_began(&self) {
        if self.head.get().is_none() {
            self.head.set(self.age());
        }
    }

    /// What came was no part of a head after all.
    pub(crate) fn head_ended(&self) {
        self.head.clear();
    }

    /// A request's head is complete.
    pub(crate) fn request_began(&self) {
        self.active.fetch_add(1, AcqRel);
        self.used.store(true, Relaxed);
        if self.stage() == Stage::Http1 {
            // A pipelined request came while the one before was served: it begins now.
            self.request
                .set(self.head.get().unwrap_or_else(|| self.age()));
            self.head.clear();
        }
    }

    /// A request came, and its response is in the row already.
    pub(crate) fn answered_at_once(&self) {
        if !self.used.load(Relaxed) {
            self.used.store(true, Relaxed);
        }
        // One that came together with another one leaves the mark of that: it is a moment old.
        if let Some(came) = self.head.get() {
            self.idle.set(came);
            self.head.clear();
        }
    }

    /// Looks at what a response says of its connection.
    pub(crate) fn answered(&self, extensions: &Extensions) {
        // Mostly there are none, which is seen at once.
        if extensions.get::<NoClient>().is_some() {
            self.no_client.store(true, Relaxed);
        }
    }

    /// Whether there was a request, and all that there were came from a client.
    pub(crate) fn served_a_client(&self) -> bool {
        self.used.load(Relaxed) && !self.no_client.load(Relaxed)
    }

    /// A response was handed over whole, or is given up.
    pub(crate) fn request_ended(&self) {
        if self.active.load(Acquire) == 1 {
            self.idle.set(self.age());
            self.request.clear();
        }
        self.active.fetch_sub(1, AcqRel);
    }

    /// A stream has response data for the client.
    pub(crate) fn offered(&self) {
        if self.offered.fetch_add(1, AcqRel) == 0 {
            self.untaken.set(self.age());
        }
    }

    /// Response data that was offered has been taken.
    pub(crate) fn taken(&self) {
        self.untaken.set(self.age());
        self.offered.fetch_sub(1, AcqRel);
    }

    /// The socket takes no more bytes.
    pub(crate) fn write_blocked(&self) {
        if self.blocked.get().is_none() {
            self.blocked.set(self.age());
            if self.stage() == Stage::Upgraded {
                self.task.wake();
            }
        }
    }

    /// The socket took bytes.
    pub(crate) fn wrote(&self) {
        if self.blocked.get().is_some() {
            self.blocked.clear();
            if self.active.load(Acquire) == 0 {
                self.idle.set(self.age());
            }
        }
    }

    /// Our FIN is out.
    pub(crate) fn lingering(&self) {
        self.linger.set(self.age());
    }

    /// Whether the connection was told to finish.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.get().is_some()
    }

    /// The connection was told to finish.
    pub(crate) fn closing(&self) {
        self.closing.set(self.age());
    }

    /// Closes the connection as soon as its task and its IO are polled, which this sees to.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Release);
        self.task.wake();
        self.reader.wake();
        self.writer.wake();
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Acquire)
    }

    /// The socket is closed.
    pub(crate) fn gone(&self) {
        self.gone.store(true, Release);
        self.task.wake();
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Acquire)
    }

    /// Whether a response has not been sent whole.
    pub(crate) fn has_unsent(&self) -> bool {
        self.active.load(Acquire) > 0 || self.blocked.get().is_some()
    }

    /// The connection ends before a response has: no FIN, so that it cannot look complete.
    pub(crate) fn reset_on_close(&self) {
        self.reset.store(true, Release);
    }

    pub(crate) fn is_reset_on_close(&self) -> bool {
        self.reset.load(Acquire)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Limits, timers};

    /// Moments, mostly none.
    fn mark() -> impl Strategy<Value = Option<u64>> {
        prop_oneof![3 => Just(None), 1 => (0_u64..200_000).prop_map(Some)]
    }

    proptest! {
        /// The glance sees what the whole look sees.
        #[test]
        fn the_usual_is_due_when_all_that_is_known_says_so(
            stage in prop::sample::select(vec![
                Stage::Handshake, Stage::Sniff, Stage::Http1, Stage::Http1, Stage::Http1,
                Stage::Http2, Stage::Upgraded,
            ]),
            (active, offered, used) in (0_usize..3, 0_usize..2, any::<bool>()),
            idle in 0_u64..200_000,
            marks in prop::array::uniform6(mark()),
        ) {
            let state = State::new(Instant::now(), stage);
            state.active.store(active, Relaxed);
            state.offered.store(offered, Relaxed);
            state.used.store(used, Relaxed);
            state.idle.set(Duration::from_millis(idle));
            let all = [
                &state.head, &state.request, &state.untaken, &state.blocked, &state.closing,
                &state.linger,
            ];
            for (mark, at) in all.into_iter().zip(marks) {
                at.into_iter().for_each(|at| mark.set(Duration::from_millis(at)));
            }
            if let Some(usual) = state.usual() {
                let limits = Limits::default();
                let known = timers::next(&state.view(Phase::Serving), &limits);
                prop_assert_eq!(Some(timers::usual(usual, &limits)), known);
            }
        }
    }

    #[test]
    fn what_is_usual_is_known_at_a_glance() {
        let state = State::new(Instant::now(), Stage::Http1);
        assert_eq!(state.usual(), Some(Usual::Waits(Duration::ZERO)));
        state.request_began();
        assert!(matches!(state.usual(), Some(Usual::Answers(_))));
        state.request_ended();
        assert!(matches!(state.usual(), Some(Usual::Waits(_))));
        state.head_began();
        assert_eq!(state.usual(), None);
    }
}
