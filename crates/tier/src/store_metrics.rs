//! What is in the store, read whenever the metrics are.

use std::{fmt::Error, sync::Arc};

use perigee_storage::{DiskStats, Stats, Store};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

/// Puts the metrics of a store onto the registry.
pub(crate) fn register(registry: &mut Registry, store: Arc<dyn Store>) {
    registry.register_collector(Box::new(StoreMetrics(store)));
}

#[derive(Debug)]
struct StoreMetrics(Arc<dyn Store>);

impl Collector for StoreMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        Snapshot(self.0.stats()).encode(encoder)
    }
}

/// What was in a store at one moment.
#[derive(Debug)]
struct Snapshot(Stats);

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let Snapshot(stats) = self;
        for metric in BY_TIER {
            metric.encode(&mut encoder, stats)?;
        }
        gauge(
            &mut encoder,
            "perigee_store_filling_bytes",
            "Bytes of memory claimed for bodies that are arriving",
            stats.filling_bytes,
        )?;
        counter(
            &mut encoder,
            "perigee_store_hits",
            "Lookups that found something in memory",
            stats.hits,
        )?;
        counter(
            &mut encoder,
            "perigee_store_evicted",
            "Objects evicted from memory to make room; what is on disk stays there",
            stats.evicted,
        )?;
        match &stats.disk {
            Some(disk) => encode_disk(&mut encoder, disk),
            None => Ok(()),
        }
    }
}

/// The same of memory and of disk.
struct ByTier {
    name: &'static str,
    help: &'static str,
    memory: fn(&Stats) -> u64,
    disk: fn(&DiskStats) -> u64,
}

const BY_TIER: [ByTier; 3] = [
    ByTier {
        name: "perigee_store_keys",
        help: "Keys stored, by tier",
        memory: |stats| stats.keys,
        disk: |disk| disk.keys,
    },
    ByTier {
        name: "perigee_store_bytes",
        help: "Bytes stored, by tier",
        memory: |stats| stats.bytes,
        disk: |disk| disk.bytes,
    },
    ByTier {
        name: "perigee_store_capacity_bytes",
        help: "The most bytes that may be stored, by tier",
        memory: |stats| stats.capacity,
        disk: |disk| disk.capacity,
    },
];

impl ByTier {
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>, stats: &Stats) -> Result<(), Error> {
        let mut metric =
            encoder.encode_descriptor(self.name, self.help, None, MetricType::Gauge)?;
        let memory = ConstGauge::new((self.memory)(stats));
        memory.encode(metric.encode_family(&[("tier", "memory")])?)?;
        if let Some(disk) = &stats.disk {
            let disk = ConstGauge::new((self.disk)(disk));
            disk.encode(metric.encode_family(&[("tier", "disk")])?)?;
        }
        Ok(())
    }
}

fn encode_disk(encoder: &mut DescriptorEncoder<'_>, disk: &DiskStats) -> Result<(), Error> {
    let gauges = [
        (
            "perigee_disk_segments",
            "Segments on the disk",
            disk.segments,
        ),
        (
            "perigee_disk_index_bytes",
            "Bytes of memory that the index of the disk takes",
            disk.index_bytes,
        ),
        (
            "perigee_disk_queue_bytes",
            "Bytes that wait to be written to the disk",
            disk.queued,
        ),
        (
            "perigee_disk_queue_capacity_bytes",
            "The most bytes that may wait to be written to the disk",
            disk.queue_capacity,
        ),
        (
            "perigee_disk_usable",
            "1, or 0 while the disk cannot be used",
            u64::from(disk.unusable.is_none()),
        ),
    ];
    for (name, help, value) in gauges {
        gauge(encoder, name, help, value)?;
    }
    let loaded = encoder.encode_descriptor(
        "perigee_disk_index_loaded_ratio",
        "The share of the disk's index that is loaded after the start",
        None,
        MetricType::Gauge,
    )?;
    ConstGauge::new(disk.loaded()).encode(loaded)?;
    for (name, help, value) in counters(disk) {
        counter(encoder, name, help, value)?;
    }
    Ok(())
}

fn counters(disk: &DiskStats) -> [(&'static str, &'static str, u64); 7] {
    [
        (
            "perigee_disk_hits",
            "Lookups that found something on the disk, and nothing in memory",
            disk.hits,
        ),
        (
            "perigee_disk_segments_evicted",
            "Segments evicted from the disk to make room",
            disk.segments_evicted,
        ),
        (
            "perigee_disk_written_bytes",
            "Bytes written to the disk",
            disk.written,
        ),
        (
            "perigee_disk_readmitted_bytes",
            "Bytes written anew because their segment was evicted and they had been asked for",
            disk.readmitted,
        ),
        (
            "perigee_disk_shed",
            "Writes that were not admitted: the queue was full, or the disk could not be used",
            disk.shed,
        ),
        (
            "perigee_disk_write_errors",
            "Writes that were admitted, and failed",
            disk.write_errors,
        ),
        (
            "perigee_disk_damaged",
            "Objects and parts of them that could not be read as they were written, and were dropped",
            disk.damaged,
        ),
    ]
}

pub(crate) fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), Error> {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(value).encode(metric)
}

pub(crate) fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), Error> {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(value).encode(metric)
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    fn told(stats: Stats) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Snapshot(stats)));
        let mut text = String::new();
        encode(&mut text, &registry).expect("a text can be written");
        text
    }

    #[test]
    fn each_tier_is_told_of() {
        let stats = Stats {
            keys: 3,
            disk: Some(DiskStats {
                keys: 70,
                damaged: 2,
                is_loading: true,
                segments_loaded: 1,
                segments_to_load: 4,
                ..DiskStats::default()
            }),
            ..Stats::default()
        };
        let text = told(stats);
        for line in [
            "perigee_store_keys{tier=\"memory\"} 3",
            "perigee_store_keys{tier=\"disk\"} 70",
            "perigee_disk_damaged_total 2",
            "perigee_disk_index_loaded_ratio 0.25",
            "perigee_disk_usable 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }

    #[test]
    fn without_a_disk_there_is_none_to_tell_of() {
        let text = told(Stats::default());
        assert!(text.contains("perigee_store_keys{tier=\"memory\"} 0"));
        assert!(
            !text.contains("disk\"") && !text.contains("perigee_disk"),
            "{text}"
        );
    }
}
