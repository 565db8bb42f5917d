//! Answers of the name server, from the octets of a query to those of the response.

use perigee_geodns::{Memo, Snapshot, dnssec::Algorithm};

use crate::counted::counted;

#[path = "../../geodns/tests/cdn/mod.rs"]
mod cdn;

const A: u16 = 1;
const COUNTED: usize = 2_000;

/// An address, from the network of the resolver.
pub(crate) fn a() -> usize {
    run(&cdn::snapshot(), &[cdn::query("www", A, None)])
}

/// With Client Subnet, each from another network of many.
pub(crate) fn client_subnet() -> usize {
    let networks = (0..COUNTED as u32).map(|number| number * 7_919 % cdn::NETWORKS);
    let queries: Vec<_> = networks
        .map(|number| cdn::query("www", A, Some(cdn::subnet(number))))
        .collect();
    run(&cdn::snapshot(), &queries)
}

/// A name that is not there.
pub(crate) fn nxdomain() -> usize {
    run(&cdn::snapshot(), &[cdn::query("nothing", A, None)])
}

/// Signed, with a signature that is remembered.
pub(crate) fn signed() -> usize {
    let snapshot = cdn::signed(Algorithm::EcdsaP256);
    run(&snapshot, &[cdn::query_do("www", A)])
}

/// Asks these in turns, once before it is counted.
fn run(snapshot: &Snapshot, queries: &[Vec<u8>]) -> usize {
    let (mut memo, mut out) = (Memo::new(), [0; 1_232]);
    for query in queries {
        assert!(cdn::ask(snapshot, &mut memo, query, &mut out) > query.len() - 11);
    }
    counted(&mut || {
        for query in queries.iter().cycle().take(COUNTED) {
            cdn::ask(snapshot, &mut memo, query, &mut out);
        }
    });
    COUNTED
}
