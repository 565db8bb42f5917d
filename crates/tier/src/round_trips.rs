//! How far clients are, by what the kernel has measured of their connections: kept by network, and told
//! to name servers.

mod table;

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use perigee_cluster::NodeLatencies;
use perigee_server::Gauge;
use table::Table;

/// What an edge keeps of how far its clients are.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureConfig {
    /// Networks that are kept at once, up to [`perigee_cluster::MOST_PREFIXES`]. Default 4096.
    pub prefixes: usize,
    /// The share of connections that are measured. Default 1.
    pub sample: f64,
    /// Connections after which a network is told. Default 3.
    pub connections: u32,
    /// How long a network is told after its last connection. Default 24 h.
    pub keep: Duration,
    /// Whether loopback, private and link-local addresses are measured, too. Default false.
    pub private: bool,
}

impl Default for MeasureConfig {
    fn default() -> Self {
        MeasureConfig {
            prefixes: 4_096,
            sample: 1.0,
            connections: 3,
            keep: Duration::from_secs(24 * 3_600),
            private: false,
        }
    }
}

/// What a node has measured. The table is taken when a connection ends and when it is told, never while
/// a request is served.
#[derive(Default)]
pub(crate) struct RoundTrips {
    config: ArcSwapOption<MeasureConfig>,
    /// Connections that ended.
    ended: AtomicU64,
    table: Mutex<Option<Table>>,
}

impl RoundTrips {
    /// Measures as it says from now on; `None`: no more. What is there stays if it has the same room.
    pub(crate) fn configure(&self, config: Option<&MeasureConfig>) {
        let mut table = self.table();
        let prefixes = table.as_ref().map(Table::prefixes);
        if prefixes != config.map(|config| config.prefixes) {
            *table = config.map(|config| Table::new(config.prefixes));
        }
        self.config.store(config.cloned().map(Into::into));
    }

    /// Whether anything is measured.
    pub(crate) fn is_on(&self) -> bool {
        self.config.load().is_some()
    }

    /// What other nodes are told.
    pub(crate) fn told(&self, node: String, now: Instant) -> NodeLatencies {
        let config = self.config.load();
        let prefixes = match (&*config, &*self.table()) {
            (Some(config), Some(table)) => table.told(now, config.keep),
            _ => Vec::new(),
        };
        NodeLatencies { node, prefixes }
    }

    fn add(&self, client: IpAddr, round_trip: Duration, now: Instant) {
        let config = self.config.load();
        if let (Some(config), Some(table)) = (&*config, &mut *self.table()) {
            let ms = round_trip.as_secs_f32() * 1_000.0;
            table.add(NodeLatencies::network(client), ms, now, config);
        }
    }

    fn table(&self) -> MutexGuard<'_, Option<Table>> {
        // An entry is whole at any moment.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gauge for RoundTrips {
    fn wants(&self, client: IpAddr) -> bool {
        let config = self.config.load();
        let Some(config) = &*config else {
            return false;
        };
        if !config.private && !is_public(client) {
            return false;
        }
        let before = self.ended.fetch_add(1, Ordering::Relaxed);
        is_sampled(before, config.sample)
    }

    fn take(&self, client: IpAddr, round_trip: Duration) {
        self.add(client, round_trip, Instant::now());
    }
}

/// Whether this one is among the share, after so many others: evenly, without chance.
fn is_sampled(before: u64, share: f64) -> bool {
    let so_far = |count: u64| (count as f64 * share).floor();
    so_far(before + 1) > so_far(before)
}

/// Whether an address may be that of a client far away.
fn is_public(client: IpAddr) -> bool {
    match client.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            // RFC 6598: shared by the clients of a provider.
            let shared = first == 100 && second & 0xc0 == 64;
            let near = v4.is_loopback() || v4.is_private() || v4.is_link_local() || shared;
            !near && !v4.is_unspecified()
        }
        IpAddr::V6(v6) => {
            let near = v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local();
            !near && !v6.is_unspecified()
        }
    }
}

impl fmt::Debug for RoundTrips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoundTrips").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn who_is_near_by_nature_is_not_measured_unless_that_is_wanted() {
        let it = RoundTrips::default();
        assert!(!it.wants(address("192.0.2.1")));
        it.configure(Some(&MeasureConfig::default()));
        for public in ["192.0.2.1", "100.128.0.1", "2001:db8::1"] {
            assert!(it.wants(address(public)), "{public}");
        }
        for private in [
            "127.0.0.1",
            "10.0.0.1",
            "::ffff:10.0.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.0.1",
            "0.0.0.0",
            "::1",
            "fd00::1",
            "fe80::1",
        ] {
            assert!(!it.wants(address(private)), "{private}");
        }
        let private = true;
        let config = MeasureConfig::default();
        it.configure(Some(&MeasureConfig { private, ..config }));
        assert!(it.wants(address("127.0.0.1")));
    }

    #[test]
    fn samples_are_as_many_as_they_should_be() {
        for (share, of_thousand) in [(1.0, 1_000), (0.25, 250), (0.001, 1), (0.0, 0)] {
            let sampled = (0..1_000).filter(|n| is_sampled(*n, share)).count();
            assert_eq!(sampled, of_thousand, "{share}");
        }
    }

    #[test]
    fn a_reload_keeps_what_is_there_unless_the_room_changes() {
        let it = RoundTrips::default();
        let config = MeasureConfig {
            connections: 1,
            ..MeasureConfig::default()
        };
        it.configure(Some(&config));
        let now = Instant::now();
        it.add(address("192.0.2.1"), Duration::from_millis(20), now);
        let count = || it.told("fra-1".to_owned(), now).prefixes.len();
        let (keep, prefixes) = (Duration::from_secs(60), 64);
        it.configure(Some(&MeasureConfig { keep, ..config }));
        assert_eq!(count(), 1);
        it.configure(Some(&MeasureConfig { prefixes, ..config }));
        assert_eq!(count(), 0);
        it.configure(None);
        it.add(address("192.0.2.1"), Duration::from_millis(20), now);
        assert_eq!(count(), 0);
    }
}
