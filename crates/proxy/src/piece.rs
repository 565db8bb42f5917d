//! Fetching a piece of what is being sent: by the fetch of another one that brings it, or by its
//! own.

use std::{ops::Range, sync::Arc, time::Instant};

use http::StatusCode;
use perigee_http_cache::{CacheKey, StoredHead};
use perigee_storage::Stored;
use tokio::sync::oneshot;

use crate::{
    exchange::Exchange,
    fetch::{MAX_TRIED, Trip},
    flight::{Joined, Lead, Progress},
    lead::{Errand, Landed},
    moment::Moment,
    stitched::{Cut, Piece},
    told::Listener,
};

impl Exchange {
    /// The first of the bytes wanted of the version that the trip asks for, as many as one fetch
    /// brings; or out of the store, if that is sound and another fetch has just brought them.
    pub(crate) async fn piece(
        self: &Arc<Self>,
        trip: &Trip,
        wanted: &Range<u64>,
        is_sound: bool,
    ) -> Result<Piece, Cut> {
        let mut tried = Vec::new();
        while trip.may_be_shared() && tried.len() < MAX_TRIED {
            let (key, now) = (&trip.inbound.key, Instant::now());
            match self.flights.join(key, trip.sought(), &tried, now) {
                Joined::Lead(lead) => {
                    let stored = match is_sound {
                        true => self.stored_of(trip).await,
                        false => None,
                    };
                    return match stored.and_then(|stored| Piece::of(&stored, wanted)) {
                        Some(piece) => Ok(piece),
                        None => self.fetch_piece(lead, trip, wanted).await,
                    };
                }
                Joined::Follow(id, progress) => {
                    if let Some(stored) = self.brought(progress).await
                        && let Ok(piece) = piece_of(trip, &stored, wanted)
                    {
                        return Ok(piece);
                    }
                    // Whatever it was, this one asks for itself what is true of its version.
                    tried.push(id);
                }
                Joined::Marked => break,
            }
        }
        let lead = self.flights.alone(&trip.inbound.key, trip.sought());
        self.fetch_piece(lead, trip, wanted).await
    }

    /// What is stored of the version that the trip asks for.
    async fn stored_of(&self, trip: &Trip) -> Option<Stored> {
        let head = trip.wanted.head()?;
        self.stored_version(&trip.inbound.key, head).await
    }

    /// What is stored of this version now.
    pub(crate) async fn stored_version(&self, key: &CacheKey, head: &StoredHead) -> Option<Stored> {
        let variants = self.store.lookup(key).get().await;
        let mut same = variants.iter().filter(|it| it.head.is_same_version(head));
        same.next().cloned()
    }

    /// What another one's fetch comes to.
    async fn brought(&self, progress: Listener<Progress>) -> Option<Stored> {
        let settled = progress.until(Progress::is_settled);
        let waited = tokio::time::timeout(self.config.coalesce_wait, settled).await;
        match waited.ok()?? {
            Progress::Arrived(arrival) => Some(arrival.stored),
            _ => None,
        }
    }

    async fn fetch_piece(
        self: &Arc<Self>,
        lead: Lead,
        trip: &Trip,
        wanted: &Range<u64>,
    ) -> Result<Piece, Cut> {
        let (to_leader, landed) = oneshot::channel();
        let trip = Arc::new(trip.clone());
        let errand = Errand {
            exchange: Arc::clone(self),
            lead,
            trip: Arc::clone(&trip),
            to_leader,
            now: Moment::now(),
        };
        tokio::spawn(errand.run());
        match landed.await {
            Ok(Landed::Stored(landed)) => piece_of(&trip, &landed.arrival.stored, wanted),
            Ok(Landed::Alone(arrived)) if says_changed(arrived.response.status()) => {
                Err(Cut::Changed)
            }
            Ok(Landed::ForItself) => Err(Cut::Changed),
            _ => Err(Cut::Failed),
        }
    }
}

/// The bytes wanted, out of a response that has just come. It is another version, or it has none of
/// them.
fn piece_of(trip: &Trip, stored: &Stored, wanted: &Range<u64>) -> Result<Piece, Cut> {
    let is_same = trip
        .wanted
        .head()
        .is_some_and(|head| stored.head.is_same_version(head));
    match is_same {
        true => Piece::of(stored, wanted).ok_or(Cut::Failed),
        false => Err(Cut::Changed),
    }
}

/// Whether an answer to a condition and a Range, which is not stored, says that the version is
/// another one by now.
pub(crate) fn says_changed(status: StatusCode) -> bool {
    status.is_success()
        || matches!(
            status,
            StatusCode::PRECONDITION_FAILED
                | StatusCode::RANGE_NOT_SATISFIABLE
                | StatusCode::NOT_FOUND
                | StatusCode::GONE
        )
}
