//! What clients' connections there are and were, read whenever the metrics are.

use std::fmt::Error;

use perigee_server::{Meter, Stats};
use prometheus_client::{collector::Collector, encoding::DescriptorEncoder, registry::Registry};

use crate::store_metrics::{counter, gauge};

/// Puts the metrics of a server onto the registry. They end with it.
pub(crate) fn register(registry: &mut Registry, meter: Meter) {
    registry.register_collector(Box::new(ConnectionMetrics(meter)));
}

#[derive(Debug)]
struct ConnectionMetrics(Meter);

impl Collector for ConnectionMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let Some(stats) = self.0.read() else {
            return Ok(());
        };
        for (name, help, value) in gauges(&stats) {
            gauge(&mut encoder, name, help, value)?;
        }
        for (name, help, value) in counters(&stats) {
            counter(&mut encoder, name, help, value)?;
        }
        Ok(())
    }
}

type Metric = (&'static str, &'static str, u64);

fn gauges(stats: &Stats) -> [Metric; 2] {
    [
        (
            "perigee_connections",
            "Connections of clients and nodes that are open",
            stats.connections as u64,
        ),
        (
            "perigee_connections_io_uring",
            "Those of them that are served through io_uring",
            stats.through_io_uring as u64,
        ),
    ]
}

fn counters(stats: &Stats) -> [Metric; 5] {
    [
        (
            "perigee_connections_accepted",
            "Connections accepted, refused ones included",
            stats.accepted,
        ),
        (
            "perigee_connections_refused",
            "Connections closed at once because their client had too many",
            stats.refused,
        ),
        (
            "perigee_tls_handshake_failures",
            "TLS handshakes that failed or took too long",
            stats.handshake_failures,
        ),
        (
            "perigee_bad_requests",
            "Requests that were malformed, too large or not acceptable, and went no further",
            stats.bad_requests,
        ),
        (
            "perigee_connections_received_bytes",
            "Bytes received on all connections, those of TLS included",
            stats.bytes_received,
        ),
    ]
}
