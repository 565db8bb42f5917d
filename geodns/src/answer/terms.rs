//! What an answer depends on beside the request and the snapshot.

use std::time::SystemTime;

use crate::asker::{Asker, Transport};
use crate::dnssec::Standing;

/// What an answer depends on beside the request and the snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) asker: Asker,
    pub(crate) now: SystemTime,
    /// The whole cookie that is told, to who sent one (RFC 7873).
    pub(crate) cookie: Option<[u8; 24]>,
    /// Whether the asker's address may be forged: over UDP, without a cookie of ours.
    pub(crate) may_be_forged: bool,
    /// What is sent in place of the answer.
    pub(crate) instead: Option<Instead>,
}

/// What may be sent in place of an answer. All of it is as short as the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instead {
    /// A code, such as BADCOOKIE.
    Code(u16),
    /// TC, so that the client comes over TCP.
    Truncated,
}

impl Terms {
    /// Nothing but who asks, and when.
    pub(crate) fn new(asker: Asker, now: SystemTime) -> Self {
        Terms {
            asker,
            now,
            may_be_forged: asker.transport == Transport::Udp,
            cookie: None,
            instead: None,
        }
    }

    pub(crate) fn is_udp(&self) -> bool {
        self.asker.transport == Transport::Udp
    }

    /// Whether the asker can be held to what it asks.
    pub(crate) fn standing(&self) -> Standing {
        if self.may_be_forged {
            Standing::Spoofable
        } else {
            Standing::Proven
        }
    }

    /// Whether EDNS may tell how long the connection may be idle: QUIC and HTTP do that themselves.
    pub(crate) fn has_keepalive(&self) -> bool {
        matches!(self.asker.transport, Transport::Tcp | Transport::Tls)
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        match self.asker.transport {
            Transport::Udp | Transport::Tcp => false,
            Transport::Tls | Transport::Https | Transport::Quic => true,
        }
    }
}
