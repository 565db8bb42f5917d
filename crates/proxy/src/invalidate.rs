//! What is not valid any more: by a purge, or by what an unsafe request has done (RFC 9111 section
//! 4.4, RFC 9875 section 3).

use std::{sync::Arc, time::SystemTime};

use http::{HeaderMap, StatusCode, header};
use perigee_http_cache::{TargetUri, invalidation};
use perigee_storage::{Purge, Purged, Target};

use crate::{Inbound, exchange::Exchange};

impl Exchange {
    /// What `purge` names is gone, or stale, from now on. What was asked for before comes to those
    /// who wait for it already; it is not stored as if it were asked for after, and who asks from
    /// now on does not see it. None but the store need be told: whoever looks at a response, or at
    /// a fetch under way, goes by the revision.
    pub async fn purge(&self, purge: &Purge, at: SystemTime) -> Purged {
        let mut purged = self.store.purge(purge, at).get().await;
        // What this URL would have been answered from under another one.
        if let Target::Key(key) = &purge.target
            && let Some(same) = self.searches.purge(key)
        {
            let same = Purge {
                target: Target::Key(same),
                soft: purge.soft,
            };
            let too = self.store.purge(&same, at).get().await;
            purged = Purged {
                keys: purged.keys.zip(too.keys).map(|(one, other)| one + other),
                unwritten: purged.unwritten.or(too.unwritten),
                ..too
            };
        }
        purged
    }

    /// What an unsafe request has changed is not served any more. Each node that it passes does
    /// this, so the invalidation holds on the way that it took: at the edge that the client came
    /// to, at the owner of the key and at its shield. What other nodes keep is for a purge to
    /// remove.
    pub(crate) async fn invalidate(
        &self,
        inbound: &Inbound,
        status: StatusCode,
        headers: &HeaderMap,
    ) {
        let found = invalidation(
            &inbound.head.method,
            inbound.target(),
            status,
            headers,
            &inbound.policy().key,
        );
        let Some(found) = found else { return };
        let now = SystemTime::now();
        for key in found.keys {
            self.purge(&Purge::key(key), now).await;
        }
        let origin: Arc<str> = inbound.key.origin().into();
        for group in found.groups {
            let (origin, group) = (Arc::clone(&origin), group.into());
            let target = Target::Group { origin, group };
            self.purge(&Purge::hard(target), now).await;
        }
    }
}

impl Inbound {
    /// The target URI (RFC 9110 section 7.1).
    pub(crate) fn target(&self) -> TargetUri<'_> {
        let host = self.head.headers.get(header::HOST);
        TargetUri {
            scheme: self.scheme,
            host: host.and_then(|host| host.to_str().ok()).unwrap_or_default(),
            path_and_query: self.head.uri.path_and_query().map_or("/", |t| t.as_str()),
        }
    }
}
