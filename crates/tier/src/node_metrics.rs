//! How far other nodes are, read whenever the metrics are.

use std::{
    fmt::{self, Error},
    sync::Weak,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
    registry::Registry,
};

use crate::{handler::Shared, state::State};

/// Puts the metrics of the nodes that are watched onto the registry.
pub(crate) fn register<S: State>(registry: &mut Registry, shared: Weak<Shared<S>>) {
    registry.register_collector(Box::new(NodeMetrics(shared)));
}

struct NodeMetrics<S>(Weak<Shared<S>>);

impl<S> fmt::Debug for NodeMetrics<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeMetrics")
    }
}

impl<S: State> Collector for NodeMetrics<S> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let Some(shared) = self.0.upgrade() else {
            return Ok(());
        };
        let hops = shared.state.load().next_hops();
        let help = "How long another node takes to answer a probe, a moving mean";
        let kind = MetricType::Gauge;
        let mut family =
            encoder.encode_descriptor("perigee_node_latency_seconds", help, None, kind)?;
        for hop in hops {
            if let Some(latency) = hop.latency_ms {
                let labels = [("node", hop.name.as_str()), ("kind", hop.kind.as_str())];
                let gauge = ConstGauge::new(latency / 1_000.0);
                gauge.encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
