//! The keys of the zone, as time goes by.

use std::{
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use tokio::time::sleep;
use tracing::{info, warn};

use super::Shared;
use crate::{
    answer::{sign_ahead, usable_edges},
    config::Config,
    dnssec::{Counters, Signer},
    snapshot::Snapshot,
    zone::Zone,
};

/// How often it is looked at what is to be signed.
const LOOK: Duration = Duration::from_millis(500);
/// Signatures that begin within this time are made ahead.
const AHEAD: Duration = Duration::from_secs(300);

/// The signer that a configuration wants, if it wants one.
///
/// # Errors
/// If its keys cannot be used.
pub(super) fn signer(
    config: &Config,
    before: Option<&Arc<Signer>>,
    counters: &Counters,
) -> Result<Option<Arc<Signer>>, String> {
    let load = |dnssec| {
        let before = before.map(AsRef::as_ref);
        let signer = Signer::load(dnssec, &config.zone, before, SystemTime::now())?;
        Ok(Arc::new(signer.counting(counters.clone())))
    };
    config.dnssec.as_ref().map(load).transpose()
}

/// Keeps to the dates of the keys, and signs ahead what can be asked for, until the name server is gone.
pub(super) async fn keep(shared: Weak<Shared>) {
    let mut signed: Option<Signed> = None;
    loop {
        sleep(LOOK).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let now = SystemTime::now();
        shared.keep_dates(now);
        let snapshot = shared.snapshot.load_full();
        drop(shared);
        if signed
            .as_ref()
            .is_some_and(|signed| signed.is_of(&snapshot, now))
        {
            continue;
        }
        signed = Signed::of(&snapshot, now);
        let Some(Signed { signer, .. }) = &signed else {
            continue;
        };
        // The other half is for what is asked for besides.
        let most = signer.capacity() / 2;
        let ahead = tokio::task::spawn_blocking(move || {
            sign_ahead(&snapshot, now, most) + sign_ahead(&snapshot, now + AHEAD * 2, most)
        });
        if ahead.await.is_err() {
            warn!("answers could not be signed ahead; they are signed when they are asked for");
        }
    }
}

/// What was signed ahead.
struct Signed {
    zone: Arc<Zone>,
    signer: Arc<Signer>,
    usable: Vec<bool>,
    /// Then the next signatures come near.
    until: SystemTime,
}

impl Signed {
    fn of(snapshot: &Snapshot, now: SystemTime) -> Option<Self> {
        Some(Signed {
            zone: Arc::clone(&snapshot.zone),
            signer: Arc::clone(snapshot.signer.as_ref()?),
            usable: usable_edges(snapshot),
            until: now + AHEAD,
        })
    }

    /// Whether nothing else can be asked for by now.
    fn is_of(&self, snapshot: &Snapshot, now: SystemTime) -> bool {
        let signer = snapshot.signer.as_ref();
        Arc::ptr_eq(&self.zone, &snapshot.zone)
            && signer.is_some_and(|signer| Arc::ptr_eq(&self.signer, signer))
            && self.usable == usable_edges(snapshot)
            && now < self.until
    }
}

impl Shared {
    /// Lets the keys do what their dates say for now.
    fn keep_dates(&self, now: SystemTime) {
        let mut state = self.state();
        let Some(signer) = state.signer.clone().filter(|signer| signer.is_over(now)) else {
            return;
        };
        let Some(dnssec) = state.config.dnssec.clone() else {
            return;
        };
        match signer.renewed(&dnssec, now) {
            Ok(new) => {
                info!("the zone's keys change what they do: {new}");
                state.signer = Some(Arc::new(new));
                self.refresh(&state);
            }
            // It goes on with what it has.
            Err(error) => warn!(%error, "the zone's keys should change what they do, and cannot"),
        }
    }
}
