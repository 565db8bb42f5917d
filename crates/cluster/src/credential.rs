//! How nodes of one CDN know each other: an HMAC-SHA-256 over what is asked and when, keyed with
//! the shared secret, so that the secret itself is never on the wire. Checked in constant time.

use std::time::{Duration, SystemTime};

/// What a node proves its membership with.
pub struct Credential {
    _private: (),
}

/// The request that a proof is for. Everything that the receiver will believe is in here.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// The method.
    pub method: &'a str,
    /// The Host field.
    pub host: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// The markers that tiers send each other, in the form they have on the wire.
    pub markers: &'a str,
}

/// Why a secret cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialError(pub String);

/// Why a proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It does not parse.
    Malformed,
    /// Its time is too far from now: clocks differ, or it is a replay.
    Expired,
    /// It was not made with this secret for this request.
    Wrong,
}

impl Credential {
    /// How far apart the clocks of two nodes may be.
    pub const TOLERANCE: Duration = Duration::from_secs(120);

    /// A credential from the shared secret, for the node of this name.
    ///
    /// # Errors
    /// [`CredentialError`] if the secret is shorter than 16 bytes.
    pub fn new(_secret: &[u8], _node: &str) -> Result<Self, CredentialError> {
        todo!()
    }

    /// The field value that proves `proof`, made at `now`: `v1;t=UNIX-SECONDS;n=NODE;s=HEX`.
    pub fn sign(&self, _proof: &Proof<'_>, _now: SystemTime) -> String {
        todo!()
    }

    /// The name of the node that made this field value, if it is good at `now`.
    ///
    /// # Errors
    /// [`Refused`] says why it is not.
    pub fn verify<'v>(
        &self,
        _value: &'v str,
        _proof: &Proof<'_>,
        _now: SystemTime,
    ) -> Result<&'v str, Refused> {
        todo!()
    }
}
