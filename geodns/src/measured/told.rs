//! What each edge has told, and when. Pure: time is passed in.

use std::{
    collections::HashMap,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use ipnet::IpNet;
use perigee_cluster::NodeName;

/// What each edge has told last: networks of clients, and milliseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    edges: HashMap<NodeName, Heard>,
}

#[derive(Clone, Debug)]
struct Heard {
    at: Instant,
    prefixes: Vec<(IpNet, f32)>,
}

impl Told {
    /// An edge has told this.
    pub(crate) fn hear(&mut self, edge: NodeName, prefixes: Vec<(IpNet, f32)>, now: Instant) {
        self.edges.insert(edge, Heard { at: now, prefixes });
    }

    /// Forgets what is older than `keep`, and edges that are not there any more.
    pub(crate) fn forget(
        &mut self,
        now: Instant,
        keep: Duration,
        is_there: impl Fn(&NodeName) -> bool,
    ) {
        self.edges.retain(|edge, heard| {
            is_there(edge) && now.saturating_duration_since(heard.at) <= keep
        });
    }

    /// What an edge has told.
    pub(crate) fn of(&self, edge: &NodeName) -> &[(IpNet, f32)] {
        self.edges.get(edge).map_or(&[], |heard| &heard.prefixes)
    }
}

/// Shorter intervals count as this one.
const LEAST: Duration = Duration::from_millis(100);

/// How long until edges are asked again: at multiples of the interval since 1970, so that all name
/// servers ask at the same moments.
pub(crate) fn until_next(now: SystemTime, interval: Duration) -> Duration {
    let interval = interval.max(LEAST).as_millis();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = interval - since.as_millis() % interval;
    Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_or_of_nobody_is_forgotten() {
        let (mut told, start) = (Told::default(), Instant::now());
        let minute = Duration::from_secs(60);
        let times = || vec![("192.0.2.0/24".parse().unwrap(), 5.0)];
        told.hear("fra-1".into(), times(), start);
        told.hear("fra-2".into(), times(), start + minute);
        told.hear("gone".into(), times(), start + minute);
        let is_there = |edge: &NodeName| edge.as_str() != "gone";
        told.forget(start + minute, minute, is_there);
        let count =
            |told: &Told| ["fra-1", "fra-2", "gone"].map(|edge| told.of(&edge.into()).len());
        assert_eq!(count(&told), [1, 1, 0]);
        told.forget(start + 90 * minute / 60, minute, is_there);
        assert_eq!(count(&told), [0, 1, 0]);
    }

    #[test]
    fn all_ask_at_the_same_moments() {
        let soon = until_next(UNIX_EPOCH, Duration::from_nanos(1));
        assert_eq!(soon, LEAST);
        let interval = Duration::from_secs(30);
        let at = |millis: u64| {
            let now = UNIX_EPOCH + Duration::from_millis(millis);
            until_next(now, interval).as_millis()
        };
        assert_eq!(
            [at(0), at(1), at(29_999), at(30_000)],
            [30_000, 29_999, 1, 30_000]
        );
    }
}
