//! What is counted and logged of a request, once its response has ended.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use http::Method;

use crate::{
    access::{AccessLog, AccessRecord},
    cache_status::Handling,
    metrics::ServiceMetrics,
};

/// Counts a request as under way for as long as it lives.
#[derive(Debug)]
pub struct InFlight(Arc<AtomicU64>);

impl InFlight {
    /// Counts one more, unless there are `max` already.
    pub fn enter(count: &Arc<AtomicU64>, max: u64) -> Option<Self> {
        if count.fetch_add(1, Ordering::Relaxed) >= max {
            count.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(InFlight(Arc::clone(count)))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the log wants to know of a request; gathered only if there is a log.
pub(crate) struct LogEntry {
    pub(crate) log: Arc<dyn AccessLog>,
    pub(crate) tier: &'static str,
    pub(crate) client: IpAddr,
    pub(crate) service: Option<String>,
    pub(crate) method: Method,
    pub(crate) url: Arc<str>,
}

/// A request whose response is being sent.
pub(crate) struct Observation {
    pub(crate) at: SystemTime,
    pub(crate) started: Instant,
    pub(crate) first_byte: Duration,
    pub(crate) status: u16,
    pub(crate) handling: Handling,
    pub(crate) metrics: Option<Arc<ServiceMetrics>>,
    pub(crate) entry: Option<LogEntry>,
    pub(crate) in_flight: Option<InFlight>,
    /// Fields of the response that are text already.
    pub(crate) lines: Vec<u8>,
    bytes: u64,
    end: End,
}

/// How far a response body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    NotYet,
    Whole,
    Broken,
}

impl std::fmt::Debug for Observation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observation").finish_non_exhaustive()
    }
}

impl Observation {
    pub(crate) fn new(at: SystemTime, started: Instant, entry: Option<LogEntry>) -> Self {
        Observation {
            at,
            started,
            first_byte: Duration::ZERO,
            status: 0,
            handling: Handling::default(),
            metrics: None,
            entry,
            in_flight: None,
            lines: Vec::new(),
            bytes: 0,
            end: End::NotYet,
        }
    }

    pub(crate) fn sent(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    pub(crate) fn ended(&mut self) {
        // A body that broke off says that it is at its end, too.
        if self.end != End::Broken {
            self.end = End::Whole;
        }
    }

    pub(crate) fn broke(&mut self, error: &(dyn std::error::Error + Send + Sync)) {
        tracing::debug!(error = %error, "a response body was cut short");
        self.end = End::Broken;
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.in_flight.take();
        let complete = self.end == End::Whole;
        if let Some(metrics) = &self.metrics {
            metrics.count(&self.handling, self.bytes, complete);
        }
        let Some(entry) = self.entry.take() else {
            return;
        };
        entry.log.write(AccessRecord {
            at: self.at,
            tier: entry.tier,
            client: entry.client,
            service: entry.service,
            method: entry.method,
            url: entry.url,
            status: self.status,
            cache: self.handling.to_string(),
            bytes: self.bytes,
            first_byte: self.first_byte,
            total: self.started.elapsed(),
            complete,
        });
    }
}
