//! What holds of any CDN.

use proptest::prelude::*;

use super::*;

/// A CDN of any shape: networks nested at random, edges with and without families, down or not.
fn any_cdn() -> impl Strategy<Value = (Config, Vec<String>)> {
    let network = (
        any::<u32>(),
        0u8..=32,
        -90.0..90.0f64,
        -180.0..180.0f64,
        0usize..4,
    );
    let networks = proptest::collection::vec(network, 0..10);
    let edge = (any::<bool>(), any::<bool>(), any::<bool>());
    (networks, proptest::collection::vec(edge, 6)).prop_map(|(networks, edges)| {
        let mut config = config();
        config.networks.clear();
        for (bits, length, latitude, longitude, pop) in networks {
            // Few distinct addresses, so that networks nest.
            let address = std::net::Ipv4Addr::from_bits(bits & 0xC0C0_C0C0);
            let network = ipnet::IpNet::new(address.into(), length).unwrap().trunc();
            let place = match config.pops.get(pop) {
                Some(pop) => Place::Pop(pop.name.clone()),
                None => Place::Point(latitude, longitude),
            };
            config.networks.push(crate::Network { network, place });
        }
        let mut down = Vec::new();
        let all = config.pops.iter_mut().flat_map(|pop| &mut pop.edges);
        for (edge, (v4, v6, up)) in all.zip(edges) {
            edge.ipv4 = edge.ipv4.filter(|_| v4);
            edge.ipv6 = v6.then(|| "2001:db8::1".parse().unwrap());
            if !up {
                down.push(edge.node.name.to_string());
            }
        }
        (config, down)
    })
}

proptest! {
    #[test]
    fn the_answer_holds_for_its_whole_scope(
        (config, down) in any_cdn(), address: u32, other: u32, now in 0u64..1_000_000, v6: bool,
    ) {
        let down: Vec<&str> = down.iter().map(String::as_str).collect();
        let snapshot = snapshot_with(&config, &down, &[]);
        let rtype = if v6 { RecordType::AAAA } else { RecordType::A };
        let query = question("www.cdn.example", rtype);
        let ask = |bits: u32| {
            let address = std::net::Ipv4Addr::from_bits(bits);
            answer(&snapshot, &query, Client::Source(address.into()), at(now))
        };
        let answer = ask(address & 0xC0C0_C0FF);
        prop_assert!(answer.scope <= 32);
        let mask = u32::MAX.checked_shl(32 - u32::from(answer.scope)).unwrap_or(0);
        let neighbour = (address & 0xC0C0_C0FF & mask) | (other & !mask);
        prop_assert_eq!(ask(neighbour), answer);
    }

    #[test]
    fn the_answer_holds_for_its_whole_scope_in_ipv6(address: u128, other: u128) {
        let snapshot = snapshot();
        let query = question("www.cdn.example", RecordType::A);
        let ask = |bits: u128| {
            let address = std::net::Ipv6Addr::from_bits(bits);
            answer(&snapshot, &query, Client::Subnet(IpAddr::V6(address).into()), at(0))
        };
        let answer = ask(address);
        prop_assert!(answer.scope <= 128);
        let mask = u128::MAX.checked_shl(128 - u32::from(answer.scope)).unwrap_or(0);
        prop_assert_eq!(ask((address & mask) | (other & !mask)), answer);
    }

    #[test]
    fn never_panics(labels in "([a-z0-9*-]{1,9}[.]){0,4}(cdn[.]example)?", rtype: u16, class: u16) {
        let Ok(mut name) = Name::from_ascii(&labels) else { return Ok(()) };
        name.set_fqdn(true);
        let mut query = Query::query(name, RecordType::from(rtype));
        query.set_query_class(DNSClass::from(class));
        let answer = answer(&snapshot(), &query, Client::Withheld, at(0));
        let answered = [ResponseCode::NoError, ResponseCode::NXDomain].contains(&answer.rcode);
        prop_assert_eq!(answer.authoritative, answered);
    }
}
