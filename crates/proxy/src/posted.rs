//! The answer to a POST, stored for later GETs (RFC 9110 section 9.3.3).

use std::sync::Arc;

use http::Response;
use perigee_http_cache::{Miss, ResponseHead, StoredHead, posted};
use perigee_storage::Fill;

use crate::{
    Body, Inbound, answer::Answer, arriving::Arriving, claims::overrides_method,
    exchange::Exchange, pass::relayed, send::Arrived,
};

impl Exchange {
    /// Makes invalid what the request has changed, and only then stores the answer, if that may be
    /// (see [`posted`]). Not if something else has made the path invalid since it was asked for:
    /// which of the two the origin did last, nobody knows here.
    pub(crate) async fn passed(&self, inbound: &Inbound, arrived: Arrived, why: Miss) -> Answer {
        let purges = self.store.purges();
        let is_overtaken = purges.path_was_purged(&inbound.key, arrived.asked);
        let (status, headers) = (arrived.response.status(), arrived.response.headers());
        self.invalidate(inbound, status, headers).await;
        let invalidated = purges.now();
        // What goes by the store for another reason stays out of it.
        let head = match why {
            Miss::Method if !is_overtaken => self.storable(inbound, &arrived),
            _ => None,
        };
        let Some(head) = head else {
            return relayed(arrived, why);
        };
        let length = head.length;
        let fill = self
            .store
            .fill(&inbound.key, Arc::new(head), length, invalidated);
        match fill.is_kept() {
            true => self.filling(arrived, fill),
            false => relayed(arrived, why),
        }
    }

    /// What comes from the owner of the key is stored there, and not here. And a POST goes to the origin
    /// as it came: with query parameters that are not in the key, or with another method than its own,
    /// it may have shaped an answer that no GET would get.
    fn storable(&self, inbound: &Inbound, arrived: &Arrived) -> Option<StoredHead> {
        let is_as_keyed = inbound.fetched.is_none() && !overrides_method(&inbound.head.headers);
        if arrived.peer().is_some() || !is_as_keyed {
            return None;
        }
        let response = ResponseHead {
            status: arrived.response.status(),
            headers: arrived.response.headers(),
        };
        let policy = inbound.policy();
        posted(
            &inbound.as_sent(),
            inbound.target(),
            response,
            policy,
            self.in_touch.came(arrived.times).honest(),
        )
    }
}

impl Exchange {
    /// The answer as it came; its body goes into the store, and the client reads along.
    fn filling(&self, arrived: Arrived, mut fill: Fill) -> Answer {
        let (finish, flights) = (self.config.streaming.finish, self.flights.clone());
        let reader = fill.body().read();
        let Arrived {
            response,
            cache_status,
            hop,
            times,
            asked,
        } = arrived;
        let (parts, body) = response.into_parts();
        tokio::spawn(async move {
            // Unless it comes to a clean end, the client sees it break, and nothing is stored.
            let mut arriving = Arriving::for_one(body, finish);
            if arriving.pour_into(&mut fill).await.is_ok() {
                let _ = fill.commit();
                flights.note_landing();
            }
        });
        let arrived = Arrived {
            response: Response::from_parts(parts, perigee_upstream::body::empty()),
            cache_status,
            hop,
            times,
            asked,
        };
        let mut answer = relayed(arrived, Miss::Method);
        answer.handling.stored = true;
        *answer.response.body_mut() = Body::stored(reader);
        answer
    }
}
