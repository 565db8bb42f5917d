//! An answer costs no allocation, whatever it is.
//!
//! A file of its own, for an allocator is that of a whole process.

mod cdn;
mod counting;

use counting::allocations;
use perigee_geodns::{Memo, dnssec::Algorithm};

#[test]
fn what_allocates_is_counted() {
    let (count, text) = allocations(|| vec![1_u8, 2]);
    assert_eq!((count, text.len()), (1, 2));
}

#[test]
fn no_answer_allocates() {
    const RCODE: usize = 3;
    let snapshot = cdn::snapshot();
    let mut out = [0; 1_232];
    for mut memo in [Memo::new(), Memo::none()] {
        // The memo takes its room once.
        cdn::ask(&snapshot, &mut memo, &cdn::query("www", 1, None), &mut out);
        for (label, rtype, rcode, answers) in [
            ("www", 1, 0, 2),        // chosen edges
            ("www", 28, 0, 0),       // NODATA
            ("info", 16, 0, 1),      // records of the zone
            ("alias", 1, 0, 3),      // an alias, and edges
            ("any.wild", 16, 0, 1),  // a wildcard
            ("nothing", 1, 3, 0),    // NXDOMAIN
            ("deep.child", 1, 0, 0), // a referral
            ("", 6, 0, 1),           // SOA
            ("", 2, 0, 1),           // NS
            ("", 15, 0, 1),          // MX
            ("www", 255, 0, 1),      // ANY
            ("www", 252, 5, 0),      // AXFR, which is refused
        ] {
            for subnet in [None, Some(cdn::subnet(7)), Some([203, 0, 113, 0].into())] {
                let query = cdn::query(label, rtype, subnet);
                let (count, length) =
                    allocations(|| cdn::ask(&snapshot, &mut memo, &query, &mut out));
                assert_eq!(count, 0, "{label} {rtype} {subnet:?}");
                assert_eq!(out[RCODE] & 0xF, rcode, "{label} {rtype}");
                assert_eq!(out[6..8], [0, answers], "{label} {rtype}");
                assert!(length > query.len() - 11);
            }
        }
        // What cannot be read is answered, too.
        let query = cdn::query("www", 1, None);
        let cut = &query[..query.len() - 1];
        let (count, _) = allocations(|| cdn::ask(&snapshot, &mut memo, cut, &mut out));
        assert_eq!((count, out[RCODE] & 0xF), (0, 1));
    }
}

#[test]
fn no_answer_with_remembered_signatures_allocates() {
    let snapshot = cdn::signed(Algorithm::EcdsaP256);
    let mut out = [0; 1_232];
    let mut memo = Memo::new();
    for (label, rtype, answers, authorities) in [
        ("www", 1, 3, 0),        // chosen edges
        ("www", 28, 0, 4),       // NODATA
        ("info", 16, 2, 0),      // records of the zone
        ("alias", 1, 5, 0),      // an alias, and edges
        ("any.wild", 16, 2, 0),  // a wildcard
        ("nothing", 1, 0, 4),    // a name that is not there
        ("deep.child", 1, 0, 3), // a referral, and that the child is not signed
        ("", 6, 2, 0),           // SOA
        ("", 48, 2, 0),          // DNSKEY
        ("www", 255, 2, 0),      // ANY
    ] {
        let query = cdn::query_do(label, rtype);
        let first = cdn::ask(&snapshot, &mut memo, &query, &mut out);
        let (count, length) = allocations(|| cdn::ask(&snapshot, &mut memo, &query, &mut out));
        assert_eq!((count, length), (0, first), "{label} {rtype}");
        assert_eq!(out[6..10], [0, answers, 0, authorities], "{label} {rtype}");
    }
}
