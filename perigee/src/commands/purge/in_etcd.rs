//! The log of purges in etcd, where a CDN has one: written first, so that whoever is not reached, or is
//! not there at all, learns of it from there.
//!
//! A node that learns of it so may do so before a shield or an edge that it fetches from was told, and
//! refill with what was purged. Who is told directly carries it out after all of those; for the others
//! it is written once more at the end.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use perigee_edge::{EtcdKeeper, PurgeEntry, PurgeOrder, Role};

use super::Report;
use crate::{
    commands::{fleet::Fleet, registered::Registered},
    style::print,
};

/// What became of purges in etcd.
pub(super) struct InEtcd {
    keeper: EtcdKeeper,
    registered: Registered,
    keep: u64,
    entries: Vec<PurgeEntry>,
    outcome: Result<Written, String>,
}

/// They are there.
struct Written {
    /// The number of the last of them.
    position: u64,
    at: SystemTime,
    took: Duration,
}

impl InEtcd {
    /// Writes these orders, unless the CDN has no etcd.
    pub(super) async fn write(
        fleet: &mut Fleet,
        orders: &[PurgeOrder],
        begun: Instant,
    ) -> Result<Option<Self>, String> {
        let Some(registered) = fleet.registered.take() else {
            return Ok(None);
        };
        let entries = orders.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let etcd = Arc::clone(&registered.etcd);
        let keeper = EtcdKeeper::new(etcd, &registered.config.prefix);
        let keep = fleet.document.purge_entries();
        let outcome = append(&keeper, &entries, keep, begun).await;
        Ok(Some(InEtcd {
            keeper,
            registered,
            keep,
            entries,
            outcome,
        }))
    }

    /// Whether whoever was not told learns of it.
    pub(super) fn is_written(&self) -> bool {
        self.outcome.is_ok()
    }

    /// Writes them once more if there is anybody who was not told directly.
    pub(super) async fn write_again(&mut self, told: &[Report]) {
        if !self.is_written() || self.is_told_to_all(told).await {
            return;
        }
        for entry in &self.entries {
            if let Err(why) = self.keeper.append_again(entry, self.keep).await {
                self.outcome = Err(why);
                return;
            }
        }
    }

    async fn is_told_to_all(&self, told: &[Report]) -> bool {
        // Some may have come meanwhile. Name servers are never told.
        let Ok(members) = self.registered.look().await else {
            return false;
        };
        let is_told = |name: &str| told.iter().any(|it| it.node == name && it.result.is_ok());
        let all = told.iter().all(|it| it.result.is_ok());
        let mut nodes = members.nodes.iter().map(|it| &it.member.node);
        all && nodes.all(|node| node.role == Role::GeoDns || is_told(node.name.as_str()))
    }

    /// Says what became of it, and what it means if it is not there.
    pub(super) fn tell(&self, without: &str) {
        match &self.outcome {
            Ok(written) => {
                let ms = written.took.as_secs_f64() * 1_000.0;
                let position = written.position;
                print(&format!("in etcd after {ms:.1} ms, as number {position}\n"));
            }
            Err(why) => eprintln!("perigee: etcd cannot be written: {why}\nperigee: {without}"),
        }
    }

    /// Says what becomes of nodes that have not acknowledged.
    pub(super) fn tell_what_comes(&self, out_of_touch: Duration) {
        let Ok(written) = &self.outcome else { return };
        let from = httpdate::fmt_http_date(written.at + out_of_touch + Duration::from_secs(1));
        let seconds = out_of_touch.as_secs_f64();
        eprintln!(
            "perigee: they learn of it from etcd, and carry it out before they serve what they held: \
             one that is down when it starts; one that runs and does not hear of etcd validates all \
             that is older than {seconds} s, from {from} on at the latest"
        );
    }
}

async fn append(
    keeper: &EtcdKeeper,
    entries: &[PurgeEntry],
    keep: u64,
    begun: Instant,
) -> Result<Written, String> {
    let mut position = 0;
    for entry in entries {
        position = keeper.append(entry, keep).await?.position;
    }
    Ok(Written {
        position,
        at: SystemTime::now(),
        took: begun.elapsed(),
    })
}

/// As logs have it. What no node would take must not get there: a node that does not understand a
/// purge of others purges all.
fn entry(order: &PurgeOrder) -> Result<PurgeEntry, String> {
    order.check()?;
    let (id, order) = order.identified()?;
    let at = SystemTime::now().duration_since(UNIX_EPOCH);
    let at = at.unwrap_or_default().as_millis();
    Ok(PurgeEntry {
        id: id.ok_or("the purge has no id")?,
        at: u64::try_from(at).unwrap_or(u64::MAX),
        order: serde_json::to_string(&order).map_err(|why| why.to_string())?,
        again_by: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_node_would_take_is_not_written() {
        let order = |url: &str| PurgeOrder {
            id: Some("a1".into()),
            ..PurgeOrder::of_url(url)
        };
        let good = entry(&order("http://www.cdn.test/page")).unwrap();
        assert_eq!(good.id, "a1");
        let back: PurgeOrder = serde_json::from_str(&good.order).unwrap();
        assert_eq!(back, PurgeOrder::of_url("http://www.cdn.test/page"));
        assert!(entry(&order("no URL")).is_err());
        assert!(entry(&PurgeOrder::of_url("http://www.cdn.test/page")).is_err());
    }
}
