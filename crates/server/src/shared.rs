//! What all listeners and connections of a server share.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::{
    CertStore, Gauge, Limits, Pages, Stats, clients::Clients, hall::Hall, lending::Lender,
    registry::Registry, slots::Slots, stats::Counters, timers::Phase,
};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: ArcSwap<Limits>,
    pub(crate) tls: ArcSwapOption<rustls::ServerConfig>,
    pub(crate) private_tls: ArcSwapOption<rustls::ServerConfig>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) clients: Arc<Clients>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) counters: Counters,
    pub(crate) gauge: Option<Arc<dyn Gauge>>,
    pub(crate) lender: Option<Arc<Lender>>,
    pub(crate) hall: Hall,
    away: AtomicBool,
    draining: OnceLock<Instant>,
}

impl Shared {
    pub(crate) fn new(
        limits: Limits,
        certs: Option<&Arc<CertStore>>,
        private_tls: Option<Arc<rustls::ServerConfig>>,
        gauge: Option<Arc<dyn Gauge>>,
        pages: Option<Arc<dyn Pages>>,
    ) -> Self {
        let lender = pages.map(|pages| Arc::new(Lender::new(pages, limits.max_lending)));
        Shared {
            slots: Arc::new(Slots::new(limits.max_connections)),
            limits: ArcSwap::from_pointee(limits),
            tls: ArcSwapOption::new(certs.map(CertStore::server_config)),
            private_tls: ArcSwapOption::new(private_tls),
            clients: Arc::default(),
            registry: Arc::default(),
            counters: Counters::default(),
            gauge,
            lender,
            hall: Hall::new(),
            away: AtomicBool::new(false),
            draining: OnceLock::new(),
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            connections: self.registry.count(),
            bytes_received: self.registry.received(),
            through_io_uring: self.hall.guests(),
            ..self.counters.read()
        }
    }

    /// What the server is doing, as a connection sees it that was accepted at `born`.
    pub(crate) fn phase(&self, born: Instant) -> Phase {
        match self.draining.get() {
            Some(since) => Phase::Draining(since.saturating_duration_since(born)),
            None if self.away.load(Ordering::Acquire) => Phase::Away,
            None => Phase::Serving,
        }
    }

    /// Whether clients are to use another server from now on.
    pub(crate) fn is_leaving(&self) -> bool {
        self.away.load(Ordering::Acquire) || self.draining.get().is_some()
    }

    pub(crate) fn turn_away(&self, away: bool) {
        self.away.store(away, Ordering::Release);
        self.registry.each(|connection| connection.task.wake());
    }

    pub(crate) fn begin_drain(&self, now: Instant) {
        self.draining.get_or_init(|| now);
        self.registry.each(|connection| connection.task.wake());
    }
}
