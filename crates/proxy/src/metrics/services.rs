//! What is counted of each delivery service.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use perigee_http_cache::Miss;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter},
};

use super::tally::Tally;
use crate::cache_status::{Detail, Handling};

/// How requests were handled, as the label `outcome` says it. Then bytes, and what was cut.
const OUTCOMES: [&str; 6] = ["hit", "miss", "stale", "passed", "refused", "gone"];
const HIT: usize = 0;
const MISS: usize = 1;
const STALE: usize = 2;
const PASSED: usize = 3;
const REFUSED: usize = 4;
/// The client left before there was an answer.
const GONE: usize = 5;
const BYTES: usize = 6;
const CUT: usize = 7;

/// The counts of one service: as many as fit into a line of memory.
#[derive(Debug, Default)]
pub struct ServiceMetrics(Tally<8>);

impl ServiceMetrics {
    /// So many hits that are sent whole, of so many bytes each.
    pub(crate) fn hits(&self, times: u64, bytes: u64) {
        self.0
            .add([(HIT, times), (BYTES, times.saturating_mul(bytes))]);
    }

    pub(crate) fn count(&self, handling: &Handling, bytes: u64, complete: bool) {
        let outcome = match handling {
            Handling { hit: true, .. } => HIT,
            Handling {
                detail: Some(Detail::StaleIfError),
                ..
            } => STALE,
            Handling {
                forwarded: Some(Miss::Bypass | Miss::Method),
                ..
            } => PASSED,
            Handling {
                forwarded: Some(_), ..
            } => MISS,
            Handling {
                detail: Some(Detail::Refused),
                ..
            } => REFUSED,
            Handling { .. } => GONE,
        };
        self.0.add([(outcome, 1), (BYTES, bytes)]);
        if !complete {
            self.0.add([(CUT, 1)]);
        }
    }

    #[cfg(test)]
    pub(crate) fn hits_and_bytes(&self) -> (u64, u64) {
        (self.0.sum(HIT), self.0.sum(BYTES))
    }
}

/// All services that there were since the start.
#[derive(Clone, Debug, Default)]
pub(super) struct AllServices(Arc<Mutex<BTreeMap<String, Arc<ServiceMetrics>>>>);

impl AllServices {
    pub(super) fn of(&self, name: &str) -> Arc<ServiceMetrics> {
        let mut services = self.lock();
        match services.get(name) {
            Some(service) => Arc::clone(service),
            None => Arc::clone(services.entry(name.to_owned()).or_default()),
        }
    }

    /// It is whole after each change, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<ServiceMetrics>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for AllServices {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let services = self.lock().clone();
        let mut requests = encoder.encode_descriptor(
            "perigee_requests",
            "Requests answered, by delivery service and by how the cache handled them",
            None,
            MetricType::Counter,
        )?;
        for (service, metrics) in &services {
            for (which, outcome) in OUTCOMES.into_iter().enumerate() {
                let label = [("service", service.as_str()), ("outcome", outcome)];
                let count = ConstCounter::new(metrics.0.sum(which));
                count.encode(requests.encode_family(&label)?)?;
            }
        }
        for (name, help, which) in [
            (
                "perigee_response_body_bytes",
                "Bytes of response bodies sent",
                BYTES,
            ),
            (
                "perigee_responses_cut",
                "Responses whose body was not sent whole",
                CUT,
            ),
        ] {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (service, metrics) in &services {
                let count = ConstCounter::new(metrics.0.sum(which));
                count.encode(family.encode_family(&[("service", service.as_str())])?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::{encoding::text::encode, registry::Registry};

    use super::*;

    #[test]
    fn each_request_counts_once() {
        let service = ServiceMetrics::default();
        let stale = Handling {
            detail: Some(Detail::StaleIfError),
            ..Handling::forwarded(Miss::Stale)
        };
        service.hits(1, 4);
        service.count(&Handling::hit(1), 6, true);
        service.count(&Handling::forwarded(Miss::Uri), 20, false);
        service.count(&stale, 30, true);
        service.count(&Handling::forwarded(Miss::Bypass), 0, true);
        service.count(&Handling::forwarded(Miss::Method), 0, true);
        service.count(&Handling::refused(), 0, true);
        service.count(&Handling::default(), 0, false);
        let counts = [HIT, MISS, STALE, PASSED, REFUSED, GONE, BYTES, CUT];
        let counts = counts.map(|which| service.0.sum(which));
        assert_eq!(counts, [2, 1, 1, 2, 1, 1, 60, 2]);
    }

    #[test]
    fn a_service_keeps_its_counts_when_it_is_built_again() {
        let all = AllServices::default();
        let (before, after) = (all.of("www"), all.of("www"));
        before.hits(1, 1);
        assert_eq!(after.hits_and_bytes(), (1, 1));
    }

    #[test]
    fn the_text_names_service_and_outcome() {
        let (all, mut registry) = (AllServices::default(), Registry::default());
        registry.register_collector(Box::new(all.clone()));
        all.of("www").count(&Handling::hit(1), 10, false);
        let mut text = String::new();
        encode(&mut text, &registry).expect("text");
        for line in [
            "# TYPE perigee_requests counter",
            "perigee_requests_total{service=\"www\",outcome=\"hit\"} 1",
            "perigee_requests_total{service=\"www\",outcome=\"miss\"} 0",
            "perigee_response_body_bytes_total{service=\"www\"} 10",
            "perigee_responses_cut_total{service=\"www\"} 1",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }
}
