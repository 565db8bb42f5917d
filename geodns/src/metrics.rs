//! What is counted. Each worker counts for itself, in memory that no other one writes; who reads the
//! metrics adds up.

mod counts;
mod labels;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use crate::{
    answer::Facts,
    asker::Transport,
    config::Config,
    snapshot::{PopState, Snapshot},
};
use counts::Counts;
use labels::{RCODES, TRANSPORTS, TYPES};
pub(crate) use labels::{rcode_label, transport_label};

/// The metrics of a name server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    /// Of signatures.
    pub(crate) signatures: crate::dnssec::Counters,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Of those who count now.
    counting: Vec<Arc<Counts>>,
    /// Of those who are gone.
    gone: Totals,
    /// By what their names are counted under. Names that are gone were counted, too.
    services: HashMap<u64, Service>,
    /// How many files that tell places are broken, so that what they held before goes on.
    broken_files: u32,
    /// What PoPs give away of their clients.
    spill: BTreeMap<String, f64>,
    pops: HashMap<u64, String>,
}

#[derive(Clone, Debug)]
struct Service {
    name: String,
    policy: String,
}

/// Sums over workers.
#[derive(Clone, Debug, Default)]
struct Totals {
    /// By type, response code and transport.
    queries: BTreeMap<usize, u64>,
    /// By service and PoP.
    answers: BTreeMap<(u64, u64), u64>,
}

/// What one worker counts. Dropped, what it counted stays counted.
#[derive(Debug)]
pub(crate) struct Tally {
    metrics: Metrics,
    counts: Arc<Counts>,
}

impl Metrics {
    /// Puts them onto the registry.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Metrics::default();
        metrics.signatures.register(registry);
        registry.register_collector(Box::new(metrics.clone()));
        metrics
    }

    /// Learns what services and PoPs are called.
    pub(crate) fn know(&self, config: &Config) {
        let mut inner = self.lock();
        for service in &config.services {
            let known = Service {
                name: service.name.clone(),
                policy: policy(service),
            };
            inner.services.insert(counts::service(&service.name), known);
        }
        for pop in &config.pops {
            let name = pop.name.as_str();
            inner.pops.insert(counts::pop(name), name.to_owned());
        }
    }

    /// For one more worker.
    pub(crate) fn tally(&self) -> Tally {
        let counts = Arc::new(Counts::new());
        self.lock().counting.push(Arc::clone(&counts));
        Tally {
            metrics: self.clone(),
            counts,
        }
    }

    /// Answers so far, by the PoP that they are of.
    pub(crate) fn answers_by_pop(&self) -> HashMap<String, u64> {
        let inner = self.lock();
        let mut by_pop = HashMap::new();
        for ((_, pop), count) in inner.totals().answers {
            if let Some(name) = inner.pops.get(&pop) {
                *by_pop.entry(name.clone()).or_default() += count;
            }
        }
        by_pop
    }

    /// Notes how many files that tell places are broken.
    pub(crate) fn broken_files(&self, count: usize) {
        self.lock().broken_files = u32::try_from(count).unwrap_or(u32::MAX);
    }

    /// Notes which shares of their clients the PoPs of a snapshot give away.
    pub(crate) fn spill(&self, snapshot: &Snapshot) {
        let pops = snapshot.pops.iter().enumerate();
        let share = |(place, pop): (usize, &PopState)| {
            (pop.name.to_string(), snapshot.spilled.share(place))
        };
        self.lock().spill = pops.map(share).collect();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Only maps and sums, which are whole at any moment.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of the policy by which a service is answered; without one, by the nearest PoP.
fn policy(service: &crate::config::Service) -> String {
    let named = service.policy.clone();
    named.unwrap_or_else(|| "nearest".to_owned())
}

impl Inner {
    fn totals(&self) -> Totals {
        let mut totals = self.gone.clone();
        for counts in &self.counting {
            totals.add(counts);
        }
        totals
    }
}

impl Totals {
    fn add(&mut self, counts: &Counts) {
        for (at, count) in counts.queries() {
            *self.queries.entry(at).or_default() += count;
        }
        for (key, count) in counts.answers() {
            *self.answers.entry(key).or_default() += count;
        }
    }
}

impl Tally {
    /// Counts an answer.
    pub(crate) fn count(&self, snapshot: &Snapshot, facts: &Facts<'_>, transport: Transport) {
        let place = labels::place(facts.rtype, facts.rcode, transport);
        self.counts.query(place);
        let pop = facts.pop.and_then(|pop| snapshot.pops.get(pop));
        if let (Some(name), Some(pop)) = (facts.name, pop) {
            self.counts.answer(name, pop.seed);
        }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let mut inner = self.metrics.lock();
        inner
            .counting
            .retain(|counts| !Arc::ptr_eq(counts, &self.counts));
        inner.gone.add(&self.counts);
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let inner = self.lock();
        let totals = inner.totals();
        let help = "DNS queries answered, by type of question, response code and transport";
        let kind = MetricType::Counter;
        let mut family = encoder.encode_descriptor("perigee_dns_queries", help, None, kind)?;
        for (place, count) in totals.queries {
            let (rtype, rcode, transport) = labels::at(place);
            let labels = [("type", rtype), ("rcode", rcode), ("transport", transport)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        let help = "DNS answers with edges, by service, policy, and the PoP that they are of";
        let mut family = encoder.encode_descriptor("perigee_dns_answers", help, None, kind)?;
        for ((service, pop), count) in totals.answers {
            let service = inner.services.get(&service);
            let labels = [
                ("service", service.map_or("other", |s| s.name.as_str())),
                ("policy", service.map_or("other", |s| s.policy.as_str())),
                ("pop", inner.pops.get(&pop).map_or("other", String::as_str)),
            ];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        let help = "Files with places, networks or latencies that are broken: what they held before goes on";
        let name = "perigee_dns_broken_place_files";
        let broken = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(inner.broken_files).encode(broken)?;
        let help =
            "The share of its clients that a PoP with too much to do gives to others, from 0 to 1";
        let kind = MetricType::Gauge;
        let mut family = encoder.encode_descriptor("perigee_dns_spill", help, None, kind)?;
        for (pop, share) in &inner.spill {
            let labels = [("pop", pop.as_str())];
            ConstGauge::new(*share).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
