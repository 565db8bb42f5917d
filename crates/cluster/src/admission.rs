//! Markers and proof on whole request heads: who asks, and what for.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};

use crate::{
    AUTH_FIELD, LATENCIES_PATH, Markers, PURGES_PATH, READY_PATH, Refused, Trust, VIA_FIELD,
    markers::{admit, admit_node, stamp},
};

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Somebody who does not claim to be of this CDN.
    Stranger,
    /// A node that wants to know whether this one is ready, or what it has purged.
    Prober,
    /// A node that sends a request on, and what it says of the client.
    Node(Markers),
}

/// Says who sent a request. `certificate` has the names of the other side's certificate, if it has
/// shown one of the CDN's authority.
///
/// # Errors
/// [`Refused`] if it claims to come from a node and does not prove it.
pub fn caller<B>(
    trust: &Trust,
    request: &Request<B>,
    certificate: Option<&[String]>,
    now: SystemTime,
) -> Result<Caller, Refused> {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let (host, target) = (host(headers), target(uri));
    // With markers, it is a client's request that a node sends on: readiness is not for clients.
    let is_probe = !headers.contains_key(&VIA_FIELD);
    if is_probe
        && method == Method::GET
        && matches!(uri.path(), READY_PATH | PURGES_PATH | LATENCIES_PATH)
    {
        let method = method.as_str();
        let node = admit_node(trust, method, host, target, headers, certificate, now)?;
        return Ok(node.map_or(Caller::Stranger, |_| Caller::Prober));
    }
    let method = method.as_str();
    let admitted = admit(trust, method, host, target, headers, certificate, now)?;
    Ok(admitted.map_or(Caller::Stranger, |(markers, _)| Caller::Node(markers)))
}

/// Says who sent a request to an address where nodes are not served: none may claim to be one.
///
/// # Errors
/// [`Refused::Elsewhere`] if it does, whatever its proof.
pub fn no_node<B>(request: &Request<B>) -> Result<Caller, Refused> {
    let headers = request.headers();
    match headers.contains_key(&AUTH_FIELD) || headers.contains_key(&VIA_FIELD) {
        true => Err(Refused::Elsewhere),
        false => Ok(Caller::Stranger),
    }
}

/// Markers and proof for a request in origin form that is otherwise ready to be sent: its method,
/// its target, and its Host.
pub fn vouch(
    trust: &Trust,
    markers: &Markers,
    (method, uri, host): (&Method, &Uri, Option<&HeaderValue>),
    now: SystemTime,
) -> [(HeaderName, HeaderValue); 2] {
    let (method, host) = (method.as_str(), text(host));
    stamp(trust, markers, method, host, target(uri), now)
}

fn host(headers: &HeaderMap) -> &str {
    text(headers.get(header::HOST))
}

fn text(host: Option<&HeaderValue>) -> &str {
    host.and_then(|host| host.to_str().ok()).unwrap_or_default()
}

fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |target| target.as_str())
}

#[cfg(test)]
mod tests {
    use http::request;

    use super::*;
    use crate::Role;

    fn trust() -> std::sync::Arc<Trust> {
        Trust::by_secret(b"sixteen bytes and more", "fra-1").unwrap()
    }

    fn put_on(trust: &Trust, markers: &Markers, parts: &mut request::Parts, now: SystemTime) {
        let host = parts.headers.get(header::HOST);
        let fields = vouch(trust, markers, (&parts.method, &parts.uri, host), now);
        parts.headers.extend(fields);
    }

    fn request(path: &str) -> Request<()> {
        Request::get(path)
            .header(header::HOST, "www.example.com")
            .body(())
            .unwrap()
    }

    #[test]
    fn who_vouches_is_known_and_others_are_strangers() {
        let (trust, now) = (trust(), SystemTime::UNIX_EPOCH);
        assert_eq!(
            caller(&trust, &request("/a?b"), None, now),
            Ok(Caller::Stranger)
        );
        let markers = Markers {
            from: Role::Edge,
            https: true,
            client: [192, 0, 2, 1].into(),
        };
        let (mut parts, ()) = request("/a?b").into_parts();
        put_on(&trust, &markers, &mut parts, now);
        let vouched = Request::from_parts(parts.clone(), ());
        assert_eq!(
            caller(&trust, &vouched, None, now),
            Ok(Caller::Node(markers))
        );

        parts.uri = Uri::from_static("/other");
        let moved = Request::from_parts(parts, ());
        assert_eq!(caller(&trust, &moved, None, now), Err(Refused::Wrong));
    }

    #[test]
    fn where_no_node_is_served_none_is_believed() {
        let (trust, now) = (trust(), SystemTime::UNIX_EPOCH);
        assert_eq!(no_node(&request("/a")), Ok(Caller::Stranger));
        let markers = Markers {
            from: Role::Edge,
            https: true,
            client: [192, 0, 2, 1].into(),
        };
        let (mut parts, ()) = request("/a").into_parts();
        put_on(&trust, &markers, &mut parts, now);
        let mut vouched = Request::from_parts(parts, ());
        assert_eq!(no_node(&vouched), Err(Refused::Elsewhere));
        vouched.headers_mut().remove(&crate::AUTH_FIELD);
        assert_eq!(no_node(&vouched), Err(Refused::Elsewhere));
    }

    #[test]
    fn readiness_is_for_probes_and_not_for_clients_through_a_node() {
        let (trust, now) = (trust(), SystemTime::UNIX_EPOCH);
        let (mut parts, ()) = request(READY_PATH).into_parts();
        let proof = crate::Proof {
            method: "GET",
            host: "www.example.com",
            target: READY_PATH,
            markers: "",
        };
        let proof = trust.sign(&proof, now);
        let mut probe = request(READY_PATH);
        let value = http::HeaderValue::try_from(proof).unwrap();
        probe.headers_mut().insert(&crate::AUTH_FIELD, value);
        assert_eq!(caller(&trust, &probe, None, now), Ok(Caller::Prober));

        let markers = Markers {
            from: Role::Edge,
            https: true,
            client: [192, 0, 2, 1].into(),
        };
        put_on(&trust, &markers, &mut parts, now);
        let sent_on = Request::from_parts(parts, ());
        assert_eq!(
            caller(&trust, &sent_on, None, now),
            Ok(Caller::Node(markers))
        );
    }
}
