//! How nodes of one CDN know each other: an HMAC-SHA-256 over what is asked and when, keyed with
//! the shared secret, so that the secret itself is never on the wire. Checked in constant time.
//!
//! **Replay.** Who reads a request on the wire can send the same method, host, target and markers
//! again, to any node of the CDN, for as long as its time is within [`Credential::TOLERANCE`] of
//! the receiver's clock: 2 minutes if the clocks agree, at most 4 if the sender's runs ahead by
//! all that is allowed.
//! Nothing is remembered to refuse it sooner: such a request only asks again what was asked.
//! Bodies and other fields are not covered; where the network is not trusted, use TLS below.

use std::{
    error, fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{constant_time, hmac};

/// Bytes of an HMAC-SHA-256.
const TAG_BYTES: usize = 32;

/// Hashed before all else, so that a proof serves no other purpose and no other version.
const CONTEXT: &[u8] = b"perigee-auth v1";

const HEX: &[u8; 16] = b"0123456789abcdef";

/// What a node proves its membership with.
pub struct Credential {
    key: hmac::Key,
    node: Box<str>,
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

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for CredentialError {}

/// Why a proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It does not parse.
    Malformed,
    /// Made with this secret for this request, but its time is too far from now, before or
    /// after: clocks differ, or it is a replay.
    Expired,
    /// It was not made with this secret for this request.
    Wrong,
    /// It is good, but it did not come over TLS with a certificate.
    NoCertificate,
    /// It is good, but the certificate names another node.
    OtherName,
    /// It came to an address that is for clients alone.
    Elsewhere,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::Malformed => "the proof of membership does not parse",
            Refused::Expired => "the proof of membership is of another time: compare the clocks",
            Refused::Wrong => "the proof of membership is not of this CDN's secret",
            Refused::NoCertificate => "nodes come with a certificate, and none was shown",
            Refused::OtherName => "the certificate is not of the node that the request claims",
            Refused::Elsewhere => "nodes are not served at this address, but at `tier_listen`",
        })
    }
}

impl error::Error for Refused {}

impl Credential {
    /// How far apart the clocks of two nodes may be, either way.
    pub const TOLERANCE: Duration = Duration::from_secs(120);

    /// Bytes that a secret must have at least.
    pub const MIN_SECRET: usize = 16;

    /// Bytes that a node's name may have at most.
    pub const MAX_NODE: usize = 255;

    /// A credential from the shared secret, for the node of this name.
    ///
    /// # Errors
    /// [`CredentialError`] if the secret is shorter than 16 bytes, or if the name is not 1 to 255
    /// visible ASCII characters without `;`.
    pub fn new(secret: &[u8], node: &str) -> Result<Self, CredentialError> {
        if secret.len() < Self::MIN_SECRET {
            return Err(CredentialError(format!(
                "the cluster secret has {} bytes; give it at least {}",
                secret.len(),
                Self::MIN_SECRET
            )));
        }
        if !is_node_name(node) {
            return Err(CredentialError(format!(
                "the node name {node:?} cannot be sent to other nodes; use 1 to {} letters, digits \
                 and hyphens",
                Self::MAX_NODE
            )));
        }
        Ok(Credential {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
            node: node.into(),
        })
    }

    /// The name of the node that this credential speaks for.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// The field value that proves `proof`, made at `now`: `v1;t=UNIX-SECONDS;n=NODE;s=HEX`.
    pub fn sign(&self, proof: &Proof<'_>, now: SystemTime) -> String {
        let time = unix_seconds(now);
        let tag = self.tag(time, &self.node, proof);
        let mut value = format!("v1;t={time};n={};s=", self.node);
        value.reserve_exact(2 * TAG_BYTES);
        for byte in tag.as_ref() {
            value.push(char::from(HEX[usize::from(byte >> 4)]));
            value.push(char::from(HEX[usize::from(byte & 15)]));
        }
        value
    }

    /// The name of the node that made this field value, if it is good at `now`.
    ///
    /// # Errors
    /// [`Refused`] says why it is not.
    pub fn verify<'v>(
        &self,
        value: &'v str,
        proof: &Proof<'_>,
        now: SystemTime,
    ) -> Result<&'v str, Refused> {
        let sent = Value::parse(value).ok_or(Refused::Malformed)?;
        let tag = self.tag(sent.time, sent.node, proof);
        constant_time::verify_slices_are_equal(tag.as_ref(), &sent.tag)
            .map_err(|_| Refused::Wrong)?;
        if sent.time.abs_diff(unix_seconds(now)) > Self::TOLERANCE.as_secs() {
            return Err(Refused::Expired);
        }
        Ok(sent.node)
    }

    /// Each field goes in behind its length, so that no two requests give the same bytes.
    fn tag(&self, time: u64, node: &str, proof: &Proof<'_>) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(CONTEXT);
        context.update(&time.to_be_bytes());
        for field in [node, proof.method, proof.host, proof.target, proof.markers] {
            context.update(&(field.len() as u64).to_be_bytes());
            context.update(field.as_bytes());
        }
        context.sign()
    }
}

impl fmt::Debug for Credential {
    /// Says whose it is, never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

/// A field value taken apart, not yet believed.
struct Value<'v> {
    time: u64,
    node: &'v str,
    tag: [u8; TAG_BYTES],
}

impl<'v> Value<'v> {
    /// Only the form that [`Credential::sign`] writes.
    fn parse(value: &'v str) -> Option<Self> {
        let rest = value.strip_prefix("v1;t=")?;
        let (time, rest) = rest.split_once(";n=")?;
        let (node, tag) = rest.split_once(";s=")?;
        Some(Value {
            time: decimal(time)?,
            node: is_node_name(node).then_some(node)?,
            tag: hex(tag)?,
        })
    }
}

fn is_node_name(name: &str) -> bool {
    (1..=Credential::MAX_NODE).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b';')
}

/// A number in digits alone, without a sign or leading zeros.
fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (canonical && digits).then(|| text.parse().ok())?
}

/// A tag in lower-case hexadecimal.
fn hex(text: &str) -> Option<[u8; TAG_BYTES]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut tag = [0; TAG_BYTES];
    if pairs.len() != TAG_BYTES || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in tag.iter_mut().zip(pairs) {
        *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
    }
    Some(tag)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests;
