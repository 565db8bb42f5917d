//! A body into the store, from one source after the other.

use std::{ops::Range, sync::Arc, time::Instant};

use perigee_http_cache::StoredHead;
use perigee_storage::Fill;
use perigee_upstream::Body as Relayed;

use crate::{
    arriving::{Arriving, Ended},
    exchange::Exchange,
    fetch::Trip,
    rest::{Lacking, MOST_RESUMED},
};

impl Exchange {
    /// Moves a body into the store. One that breaks off goes on from the next source, for all who
    /// read along.
    pub(crate) async fn pump(
        &self,
        trip: &Trip,
        head: &StoredHead,
        mut arriving: Arriving,
        mut fill: Fill,
    ) {
        let mut resumed = 0;
        // A piece that brings nothing is asked for anew by those who wait for it.
        let mut came = trip.wanted.midway.is_some().then_some(0);
        let ended = loop {
            let why = match arriving.pour_into(&mut fill).await {
                Ok(()) if resumed > 0 && lacking(head, &fill).is_some() => {
                    "it ended before its end".to_owned()
                }
                Ok(()) => {
                    let stored = fill.commit();
                    self.flights.note_landing();
                    break stored.map_err(|error| error.to_string());
                }
                Err(Ended::There(why)) => why,
                Err(Ended::Here(why)) => break give_up(arriving, fill, why),
            };
            let has_come = came.replace(fill.received()) != Some(fill.received());
            let goes_on = has_come && resumed < MOST_RESUMED && !fill.is_unread();
            let rest = match lacking(head, &fill).filter(|_| goes_on) {
                Some(bytes) => Box::pin(self.rest_of_fill(trip, head, bytes)).await,
                None => None,
            };
            match rest {
                Some(rest) => arriving.go_on(rest),
                None => break give_up(arriving, fill, why),
            }
            resumed += 1;
        };
        if let Err(error) = ended
            && let Some(held_back) = self.failures.pass(Instant::now())
        {
            let key = &trip.inbound.key;
            tracing::info!(%key, error, held_back, "a response is not stored");
        }
    }

    async fn rest_of_fill(
        &self,
        trip: &Trip,
        head: &StoredHead,
        bytes: Range<u64>,
    ) -> Option<Relayed> {
        let lacking = Lacking {
            inbound: &trip.inbound,
            next: &trip.next,
            head,
            bytes,
            is_fetch: true,
        };
        // Who is healthy may be others by now.
        let route = trip.next.route(&trip.inbound);
        let beside = route.sideways.into_iter().filter(|_| trip.copy.is_some());
        let hops: Vec<_> = beside.chain(route.up).collect();
        self.rest_of(lacking, &hops).await.ok()
    }
}

/// The bytes of the representation that have yet to come, if their rest can be asked for.
fn lacking(head: &StoredHead, fill: &Fill) -> Option<Range<u64>> {
    let span = head.span().filter(|_| head.can_be_completed())?;
    let rest = span.start.saturating_add(fill.received())..span.end;
    (!rest.is_empty()).then_some(rest)
}

/// Nobody joins any more when those who read along see the break, and ask again. What has come is
/// kept where it can be completed.
fn give_up(arriving: Arriving, fill: Fill, why: String) -> Result<(), String> {
    drop(arriving);
    keep_front(fill);
    Err(why)
}

/// A body has broken off: what has come of it is kept where it can be completed (RFC 9111 section
/// 3.3), and else nothing is.
fn keep_front(fill: Fill) {
    let front = fill.stored().head.cut_short(fill.received());
    if let Some(head) = front {
        fill.keep_part(Arc::new(head));
    }
}
