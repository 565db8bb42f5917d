//! The keys of the zone, as time goes by.

use std::{
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use tokio::time::sleep;
use tracing::{info, warn};

use super::Shared;
use crate::{answer::sign_ahead, config::Config, dnssec::Signer};

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
) -> Result<Option<Arc<Signer>>, String> {
    let load = |dnssec| {
        let before = before.map(AsRef::as_ref);
        Signer::load(dnssec, &config.zone, before, SystemTime::now()).map(Arc::new)
    };
    config.dnssec.as_ref().map(load).transpose()
}

/// Keeps to the dates of the keys, and signs ahead what can be asked for, until the name server is gone.
pub(super) async fn keep(shared: Weak<Shared>) {
    let mut signed = None;
    loop {
        sleep(LOOK).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        shared.keep_dates(SystemTime::now());
        let snapshot = shared.snapshot.load_full();
        let Some(signer) = &snapshot.signer else {
            continue;
        };
        // Again, as the next signatures come near.
        let due = SystemTime::now() + AHEAD;
        let is_new = signed.as_ref().is_none_or(|(of, until)| {
            !std::ptr::eq(Weak::as_ptr(of), Arc::as_ptr(&snapshot)) || due > *until
        });
        if !is_new {
            continue;
        }
        // Long-lived room for what is asked for besides.
        let most = signer.capacity() / 2;
        signed = Some((Arc::downgrade(&snapshot), due + AHEAD / 2));
        let ahead = tokio::task::spawn_blocking(move || {
            let now = SystemTime::now();
            let made = sign_ahead(&snapshot, now, most);
            made + sign_ahead(&snapshot, now + AHEAD * 2, most)
        });
        if ahead.await.is_err() {
            warn!("answers could not be signed ahead; they are signed when they are asked for");
        }
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
