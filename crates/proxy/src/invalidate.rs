//! What is not valid any more: by a purge, or by what an unsafe request has done (RFC 9111 section
//! 4.4, RFC 9875 section 3).

use std::{sync::Arc, time::SystemTime};

use http::{HeaderMap, StatusCode, header};
use perigee_http_cache::{TargetUri, invalidation};
use perigee_storage::{Purge, Target};

use crate::{Inbound, exchange::Exchange};

impl Exchange {
    /// What is named is gone, or stale, from now on. What was asked for before comes to those who
    /// wait for it already; it is not stored as if it were asked for after, and who asks from now on
    /// does not see it. None but the store need be told: whoever looks at a response, or at a fetch
    /// under way, goes by the revision.
    pub async fn purge(&self, purges: &[Purge], at: SystemTime) -> Outcome {
        let answers: Vec<_> = purges
            .iter()
            .flat_map(|purge| [Some(purge.clone()), self.alike_to(purge)])
            .flatten()
            .map(|purge| self.store.purge(&purge, at))
            .collect();
        // All are carried out; some may still be written down.
        let mut outcome = Outcome {
            keys: Some(0),
            unwritten: None,
        };
        for answer in answers {
            let purged = answer.get().await;
            outcome.keys = outcome.keys.zip(purged.keys).map(|(one, more)| one + more);
            outcome.unwritten = outcome.unwritten.or(purged.unwritten);
        }
        outcome
    }

    /// What a URL that is purged would have been answered from under another one.
    fn alike_to(&self, purge: &Purge) -> Option<Purge> {
        let Target::Key(key) = &purge.target else {
            return None;
        };
        let target = Target::Key(self.searches.purge(key)?);
        let soft = purge.soft;
        Some(Purge { target, soft })
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
        let origin: Arc<str> = inbound.key.origin().into();
        let group = |group: String| Target::Group {
            origin: Arc::clone(&origin),
            group: group.into(),
        };
        let keys = found.keys.into_iter().map(Target::Key);
        let targets = keys.chain(found.groups.into_iter().map(group));
        let purges: Vec<_> = targets.map(Purge::hard).collect();
        self.purge(&purges, SystemTime::now()).await;
    }
}

/// What came of some purges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Keys that had what is gone or stale now, where that is known of all of them.
    pub keys: Option<u64>,
    /// Why they hold until a restart only.
    pub unwritten: Option<String>,
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
