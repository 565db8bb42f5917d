use std::{
    net::{Ipv4Addr, Ipv6Addr},
    time::{Duration, UNIX_EPOCH},
};

use proptest::prelude::*;

use super::*;

const TARGET: &str = "/a?b=c";

fn trust(node: &str) -> std::sync::Arc<Trust> {
    Trust::by_secret(b"a secret of some length", node).unwrap()
}

fn markers() -> Markers {
    Markers {
        from: Role::Edge,
        https: true,
        client: Ipv4Addr::new(192, 0, 2, 1).into(),
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The fields of a request of fra-1 for `TARGET` at www.example.com, made at 1,000.
fn stamped() -> HeaderMap {
    let fields = stamp(
        &trust("fra-1"),
        &markers(),
        "GET",
        "www.example.com",
        TARGET,
        at(1_000),
    );
    HeaderMap::from_iter(fields)
}

fn admitted(headers: &HeaderMap) -> Result<Option<(Markers, &str)>, Refused> {
    let shield = trust("shield-1");
    admit(
        &shield,
        "GET",
        "www.example.com",
        TARGET,
        headers,
        None,
        at(1_001),
    )
}

#[test]
fn the_wire_form() {
    let mut markers = markers();
    assert_eq!(markers.encode(), "from=edge;scheme=https;client=192.0.2.1");
    markers.from = Role::Shield;
    markers.https = false;
    markers.client = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into();
    assert_eq!(
        markers.encode(),
        "from=shield;scheme=http;client=2001:db8::1"
    );
}

#[test]
fn other_forms_are_not_markers() {
    for text in [
        "",
        "from=edge",
        "from=edge;scheme=https",
        "from=edge;scheme=https;client=",
        "from=edge;scheme=https;client=192.0.2.256",
        "from=edge;scheme=https;client=192.0.2.1;",
        "from=edge;scheme=https;client=192.0.2.1;client=192.0.2.2",
        "from=edge;scheme=https;client=192.0.2.1 ",
        "from=edge;scheme=https;client=192.0.2.1:80",
        "from=edge;scheme=https;client=[2001:db8::1]",
        "from=edge;scheme=HTTPS;client=192.0.2.1",
        "from=Edge;scheme=https;client=192.0.2.1",
        "from=edge;from=edge;scheme=https;client=192.0.2.1",
        "from=edge; scheme=https; client=192.0.2.1",
        "scheme=https;from=edge;client=192.0.2.1",
        " from=edge;scheme=https;client=192.0.2.1",
        "from=edge;scheme=ftp;client=192.0.2.1",
        "from=origin;scheme=https;client=192.0.2.1",
    ] {
        assert_eq!(Markers::decode(text), None, "{text:?}");
    }
}

#[test]
fn a_stamped_request_is_admitted() {
    assert_eq!(admitted(&stamped()), Ok(Some((markers(), "fra-1"))));
}

#[test]
fn markers_without_a_proof_mean_nothing() {
    let mut headers = stamped();
    headers.remove(&AUTH_FIELD);
    assert_eq!(admitted(&headers), Ok(None));
}

#[test]
fn a_proof_is_for_one_request() {
    let shield = trust("shield-1");
    let headers = stamped();
    for (method, host, target) in [
        ("POST", "www.example.com", TARGET),
        ("GET", "www.example.net", TARGET),
        ("GET", "www.example.com", "/"),
    ] {
        let refused = admit(&shield, method, host, target, &headers, None, at(1_001));
        assert_eq!(refused, Err(Refused::Wrong));
    }
    let later = admit(
        &shield,
        "GET",
        "www.example.com",
        TARGET,
        &headers,
        None,
        at(1_200),
    );
    assert_eq!(later, Err(Refused::Expired));
}

#[test]
fn changed_markers_are_refused() {
    let mut headers = stamped();
    let forged = Markers {
        client: Ipv4Addr::LOCALHOST.into(),
        ..markers()
    };
    headers.insert(VIA_FIELD.clone(), value(forged.encode()));
    assert_eq!(admitted(&headers), Err(Refused::Wrong));
    headers.remove(&VIA_FIELD);
    assert_eq!(admitted(&headers), Err(Refused::Wrong));
}

#[test]
fn fields_come_once_and_in_ascii() {
    for name in [&AUTH_FIELD, &VIA_FIELD] {
        let mut twice = stamped();
        let again = twice[name].clone();
        twice.append(name, again);
        assert_eq!(admitted(&twice), Err(Refused::Malformed));

        let mut odd = stamped();
        odd.insert(name, HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(admitted(&odd), Err(Refused::Malformed));
    }
}

#[test]
fn a_proof_without_markers_admits_the_node_alone() {
    let proof = Proof {
        method: "GET",
        host: "www.example.com",
        target: TARGET,
        markers: "",
    };
    let auth = trust("fra-1").sign(&proof, at(1_000));
    let headers = HeaderMap::from_iter([(AUTH_FIELD.clone(), value(auth))]);
    let shield = trust("shield-1");
    let node = admit_node(
        &shield,
        "GET",
        "www.example.com",
        TARGET,
        &headers,
        None,
        at(1_000),
    );
    assert_eq!(node, Ok(Some("fra-1")));
    assert_eq!(admitted(&headers), Err(Refused::Malformed));
    let nobody = HeaderMap::new();
    let node = admit_node(
        &shield,
        "GET",
        "www.example.com",
        TARGET,
        &nobody,
        None,
        at(1_000),
    );
    assert_eq!(node, Ok(None));
}

#[test]
fn only_our_fields_are_stripped() {
    let mut headers = stamped();
    for name in [
        "perigee-via",
        "Perigee-Later",
        "perigeeish",
        "x-perigee-auth",
        "host",
    ] {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_static("1"));
    }
    let taken = headers.keys().filter(|name| is_ours(name.as_str())).count();
    assert!(taken > 0 && is_ours("Perigee-X") && !is_ours("perigee") && !is_ours("x-perigee-x"));
    strip(&mut headers);
    assert!(!headers.keys().any(|name| is_ours(name.as_str())));
    let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    left.sort_unstable();
    assert_eq!(left, ["host", "perigeeish", "x-perigee-auth"]);
}

proptest! {
    #[test]
    fn what_is_encoded_decodes(
        from in prop_oneof![Just(Role::Edge), Just(Role::Shield), Just(Role::GeoDns)],
        https: bool,
        client: IpAddr,
    ) {
        let markers = Markers { from, https, client };
        prop_assert_eq!(Markers::decode(&markers.encode()), Some(markers));
    }

    #[test]
    fn junk_does_not_panic(text in "(from=edge)?(;scheme=http)?(;client=)?.*") {
        if let Some(markers) = Markers::decode(&text) {
            prop_assert_eq!(Markers::decode(&markers.encode()), Some(markers));
        }
    }
}
