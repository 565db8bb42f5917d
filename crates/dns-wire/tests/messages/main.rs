//! The bodies of the fuzz targets on octets that are the same at each run, and another codec's word
//! on what is read and written.

mod against_hickory;
mod bodies;

use proptest::prelude::*;

/// A query with the common options.
fn good() -> Vec<u8> {
    let mut query = vec![0xAB, 0xCD, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    query.extend(b"\x03wWw\x03cdn\x07Example\x00\x00\x01\x00\x01");
    query.extend(b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x25");
    query.extend(b"\x00\x08\x00\x07\x00\x01\x18\x00\x0a\x31\x07");
    query.extend(b"\x00\x0a\x00\x08\x01\x02\x03\x04\x05\x06\x07\x08");
    query.extend(b"\x00\x03\x00\x00\x00\x0b\x00\x00\x00\x0c\x00\x02\x00\x00");
    query
}

proptest! {
    #[test]
    fn any_octets(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        bodies::message(&octets);
    }

    #[test]
    fn a_good_query_with_octets_changed(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<proptest::sample::Index>(),
        whole: bool,
    ) {
        let mut octets = good();
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        if !whole {
            octets.truncate(cut.index(octets.len()));
        }
        bodies::message(&octets);
    }

    #[test]
    fn any_subnet(data in proptest::collection::vec(any::<u8>(), 0..24)) {
        bodies::subnet(&data);
    }

    #[test]
    fn a_subnet_that_may_be_right(family in 0u16..4, source: u8, address: [u8; 16]) {
        let mut data = family.to_be_bytes().to_vec();
        data.extend([source, 0]);
        let octets = usize::from(source).div_ceil(8).min(16);
        data.extend(&address[..octets]);
        bodies::subnet(&data);
    }
}

#[test]
fn the_good_query_is_good() {
    let query = good();
    let request = perigee_dns_wire::Request::read(&query).unwrap();
    assert_eq!(request.error, None);
    let edns = request.edns.unwrap();
    assert!(edns.dnssec_ok && edns.nsid && edns.tcp_keepalive && edns.padding);
    assert_eq!(edns.subnet.unwrap().source, 24);
    assert_eq!(edns.cookie.unwrap().client, [1, 2, 3, 4, 5, 6, 7, 8]);
    bodies::message(&query);
}
