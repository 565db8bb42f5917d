//! How a request was handled, as Cache-Status (RFC 9211) tells it.

use std::fmt;

use perigee_http_cache::Miss;

/// How one cache handled one request: the parameters of RFC 9211 section 2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Handling {
    /// Served from the store, without asking anyone.
    pub(crate) hit: bool,
    /// Why it was forwarded, if it was.
    pub(crate) forwarded: Option<Miss>,
    /// The status that came back, if it is not the one that was sent.
    pub(crate) forward_status: Option<u16>,
    /// Whether the response was stored.
    pub(crate) stored: bool,
    /// Whether the request was answered by another one's fetch.
    pub(crate) collapsed: bool,
    /// Seconds of freshness left.
    pub(crate) ttl: Option<i64>,
    /// What else is worth knowing.
    pub(crate) detail: Option<Detail>,
}

/// The `detail` parameter (RFC 9211 section 2.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Forwarded to this node of the same PoP.
    Peer(String),
    /// What was stored was served, though stale, while it is validated in the background.
    StaleWhileRevalidate,
    /// The next tier failed; what was stored was served, though stale.
    StaleIfError,
    /// The next tier failed, and there was nothing to serve.
    NextTierFailed,
    /// The last response was not to be shared: forwarded without waiting for others.
    HitForMiss,
    /// Refused before anything was looked up.
    Refused,
}

impl Handling {
    /// Served from the store.
    pub(crate) fn hit(ttl: i64) -> Self {
        Handling {
            hit: true,
            ttl: Some(ttl),
            ..Handling::default()
        }
    }

    /// Served from the store though it is stale, and validated in the background.
    pub(crate) fn hit_stale(ttl: i64) -> Self {
        Handling {
            detail: Some(Detail::StaleWhileRevalidate),
            ..Handling::hit(ttl)
        }
    }

    /// Forwarded, for this reason.
    pub(crate) fn forwarded(why: Miss) -> Self {
        Handling {
            forwarded: Some(why),
            ..Handling::default()
        }
    }

    /// Forwarded, and this status came back.
    pub(crate) fn with_status(self, status: u16) -> Self {
        Handling {
            forward_status: Some(status),
            ..self
        }
    }

    /// Refused before the store was asked.
    pub(crate) fn refused() -> Self {
        Handling {
            detail: Some(Detail::Refused),
            ..Handling::default()
        }
    }
}

impl fmt::Display for Handling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.hit {
            f.write_str("; hit")?;
        }
        if let Some(why) = self.forwarded {
            write!(f, "; fwd={}", why.as_str())?;
        }
        if let Some(status) = self.forward_status {
            write!(f, "; fwd-status={status}")?;
        }
        if self.stored {
            f.write_str("; stored")?;
        }
        if self.collapsed {
            f.write_str("; collapsed")?;
        }
        if let Some(ttl) = self.ttl {
            write!(f, "; ttl={ttl}")?;
        }
        match &self.detail {
            None => Ok(()),
            Some(Detail::Peer(name)) => write!(f, "; detail=\"peer {name}\""),
            Some(Detail::StaleWhileRevalidate) => f.write_str("; detail=stale-while-revalidate"),
            Some(Detail::StaleIfError) => f.write_str("; detail=stale-if-error"),
            Some(Detail::NextTierFailed) => f.write_str("; detail=next-tier-failed"),
            Some(Detail::HitForMiss) => f.write_str("; detail=hit-for-miss"),
            Some(Detail::Refused) => f.write_str("; detail=refused"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_stand_in_a_fixed_order() {
        assert_eq!(Handling::hit(12).to_string(), "; hit; ttl=12");
        assert_eq!(
            Handling::hit_stale(-3).to_string(),
            "; hit; ttl=-3; detail=stale-while-revalidate"
        );
        let handling = Handling {
            forward_status: Some(304),
            stored: true,
            collapsed: true,
            detail: Some(Detail::Peer("fra-2".to_owned())),
            ..Handling::forwarded(Miss::Stale)
        };
        assert_eq!(
            handling.to_string(),
            "; fwd=stale; fwd-status=304; stored; collapsed; detail=\"peer fra-2\""
        );
    }
}
