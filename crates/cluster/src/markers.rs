//! The fields that tiers use among themselves. They are believed only with a proof of membership,
//! and never go to or come from clients and origins.

use std::{fmt, net::IpAddr, time::SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{Proof, Refused, Role, Trust};

/// The proof that a node of this CDN asks: [`Trust::sign`].
pub static AUTH_FIELD: HeaderName = HeaderName::from_static("perigee-auth");

/// What the node says of the request: [`Markers`].
pub static VIA_FIELD: HeaderName = HeaderName::from_static("perigee-via");

/// How the names of all such fields begin.
const PREFIX: &str = "perigee-";

/// What a node says of a request that it sends to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Markers {
    /// What the sender does.
    pub from: Role,
    /// Whether the client came by https; else by http.
    pub https: bool,
    /// Who the client is, as the edge saw it.
    pub client: IpAddr,
}

impl Markers {
    /// The field value: `from=ROLE;scheme=http|https;client=ADDRESS`.
    pub fn encode(&self) -> String {
        self.to_string()
    }

    /// The markers in a field value; `None` if it is in any other form.
    pub fn decode(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("from=")?;
        let (from, rest) = rest.split_once(";scheme=")?;
        let (scheme, client) = rest.split_once(";client=")?;
        Some(Markers {
            from: Role::from_name(from)?,
            https: match scheme {
                "http" => false,
                "https" => true,
                _ => return None,
            },
            client: client.parse().ok()?,
        })
    }
}

impl fmt::Display for Markers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.from.as_str();
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "from={from};scheme={scheme};client={}", self.client)
    }
}

/// The fields to put on a request to another tier. `host` and `target` (path and query) must be
/// as they will be on the wire.
pub fn stamp(
    trust: &Trust,
    markers: &Markers,
    method: &str,
    host: &str,
    target: &str,
    now: SystemTime,
) -> [(HeaderName, HeaderValue); 2] {
    let markers = markers.encode();
    let proof = Proof {
        method,
        host,
        target,
        markers: &markers,
    };
    [
        (AUTH_FIELD.clone(), value(trust.sign(&proof, now))),
        (VIA_FIELD.clone(), value(markers)),
    ]
}

/// Who sent a request, and what it says of it; `Ok(None)` if it does not claim to be of this CDN.
/// Without a proof, markers mean nothing: [`strip`] them. `certificate` is as for [`Trust::verify`].
///
/// # Errors
/// [`Refused`] if there is a proof and it is not good, or if there are no markers with it.
pub fn admit<'a>(
    trust: &Trust,
    method: &str,
    host: &str,
    target: &str,
    headers: &'a HeaderMap,
    certificate: Option<&[String]>,
    now: SystemTime,
) -> Result<Option<(Markers, &'a str)>, Refused> {
    let Some(node) = admit_node(trust, method, host, target, headers, certificate, now)? else {
        return Ok(None);
    };
    let markers = only(headers, &VIA_FIELD)?.and_then(Markers::decode);
    Ok(Some((markers.ok_or(Refused::Malformed)?, node)))
}

/// Like [`admit`], for requests that need no markers, such as those for readiness: the name of
/// the node that asks.
///
/// # Errors
/// [`Refused`] if there is a proof and it is not good.
pub fn admit_node<'a>(
    trust: &Trust,
    method: &str,
    host: &str,
    target: &str,
    headers: &'a HeaderMap,
    certificate: Option<&[String]>,
    now: SystemTime,
) -> Result<Option<&'a str>, Refused> {
    let Some(auth) = only(headers, &AUTH_FIELD)? else {
        return Ok(None);
    };
    let proof = Proof {
        method,
        host,
        target,
        markers: only(headers, &VIA_FIELD)?.unwrap_or_default(),
    };
    trust.verify(auth, &proof, certificate, now).map(Some)
}

/// Removes every field that tiers use among themselves: from all that comes from or goes to
/// clients and origins.
pub fn strip(headers: &mut HeaderMap) {
    // Names are in lower case here. Nearly always there are none.
    let is_ours = |name: &&HeaderName| name.as_str().starts_with(PREFIX);
    if !headers.keys().any(|name| is_ours(&name)) {
        return;
    }
    let ours: Vec<HeaderName> = headers.keys().filter(is_ours).cloned().collect();
    for name in ours {
        headers.remove(name);
    }
}

/// Whether a field, its name in any case, is one of those.
pub fn is_ours(name: &str) -> bool {
    let start = name.as_bytes().get(..PREFIX.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(PREFIX.as_bytes()))
}

/// The value of a field that may come once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refused> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match (value.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text)),
        _ => Err(Refused::Malformed),
    }
}

/// Node names, numbers, roles and addresses are all visible ASCII.
fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("proofs and markers are visible ASCII")
}

#[cfg(test)]
mod tests;
