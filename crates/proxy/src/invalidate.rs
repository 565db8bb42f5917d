//! What is not valid any more: by a purge, or by what an unsafe request has done (RFC 9111 section
//! 4.4, RFC 9875 section 3).

use std::sync::Arc;

use http::{HeaderMap, StatusCode, header};
use perigee_http_cache::{StoredHead, TargetUri, invalidation};
use perigee_storage::Purge;

use crate::{Inbound, exchange::Exchange, outdated::Asked};

impl Exchange {
    /// A request is about to be sent.
    pub(crate) fn asking(&self) -> Asked {
        Asked {
            paths: self.outdated_paths.now(),
            groups: self.outdated_groups.now(),
        }
    }

    /// Removes what `purge` names. What was asked for before it comes to those who wait for it
    /// already; it is not stored, and who asks from now on does not see it. Answers with the
    /// number of keys removed.
    pub async fn purge(&self, purge: &Purge) -> u64 {
        let mut removed = 0;
        match purge {
            Purge::Key(key) => {
                self.outdated_paths.note(key.split_query().0);
                self.flights.purge(key);
                // What this URL would have been answered from under another one.
                if let Some(same) = self.searches.purge(key) {
                    self.flights.purge(&same);
                    removed += self.store.purge(&Purge::Key(same)).get().await;
                }
            }
            Purge::Group { origin, group } => {
                self.outdated_groups.note((&**origin, group.as_str()));
                self.flights.purge_group(origin, group);
            }
        }
        removed + self.store.purge(purge).get().await
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
        for key in found.keys {
            self.purge(&Purge::Key(key)).await;
        }
        let origin: Arc<str> = inbound.key.origin().into();
        for group in found.groups {
            let origin = Arc::clone(&origin);
            self.purge(&Purge::Group { origin, group }).await;
        }
    }

    /// Whether a response was asked for before one of its groups was made invalid. Asked after a
    /// fill has begun, it misses none: one that is made invalid later finds the fill in the store.
    pub(crate) fn is_outdated(&self, inbound: &Inbound, head: &StoredHead, asked: Asked) -> bool {
        let origin = inbound.key.origin();
        let mut groups = head.groups();
        groups.any(|group| self.outdated_groups.since(asked.groups, (origin, group)))
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
