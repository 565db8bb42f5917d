//! What an answer costs, from the octets of a query to those of the response: nanoseconds, and
//! allocations, of which there are to be none.
//!
//! `cargo bench -p perigee-geodns --bench answer`

#![allow(missing_docs)]

#[path = "../tests/cdn/mod.rs"]
mod cdn;

use divan::{AllocProfiler, Bencher, black_box};
use perigee_geodns::{Memo, dnssec::Algorithm};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const A: u16 = 1;
const TXT: u16 = 16;

fn same(bencher: Bencher<'_, '_>, label: &str, rtype: u16) {
    let snapshot = cdn::snapshot();
    let query = cdn::query(label, rtype, None);
    let (mut memo, mut out) = (Memo::new(), [0; 1_232]);
    cdn::ask(&snapshot, &mut memo, &query, &mut out);
    bencher.bench_local(|| cdn::ask(&snapshot, &mut memo, black_box(&query), &mut out));
}

#[divan::bench]
fn geo_a(bencher: Bencher<'_, '_>) {
    same(bencher, "www", A);
}

/// Each query comes from another one of 20,000 networks.
#[divan::bench]
fn geo_a_with_client_subnet(bencher: Bencher<'_, '_>) {
    subnets(bencher, Memo::new());
}

/// The same, by a worker that remembers nothing.
#[divan::bench]
fn geo_a_with_client_subnet_for_the_first_time(bencher: Bencher<'_, '_>) {
    subnets(bencher, Memo::none());
}

fn subnets(bencher: Bencher<'_, '_>, mut memo: Memo) {
    let snapshot = cdn::snapshot();
    let queries: Vec<_> = (0..cdn::NETWORKS)
        .map(|number| cdn::query("www", A, Some(cdn::subnet(number * 7_919 % cdn::NETWORKS))))
        .collect();
    let mut out = [0; 1_232];
    for query in &queries {
        cdn::ask(&snapshot, &mut memo, query, &mut out);
    }
    let mut queries = queries.iter().cycle();
    bencher.bench_local(|| {
        let query = queries.next().map_or(&[][..], |query| query);
        cdn::ask(&snapshot, &mut memo, black_box(query), &mut out)
    });
}

/// Signatures that are remembered.
#[divan::bench]
fn signed_geo_a(bencher: Bencher<'_, '_>) {
    let snapshot = cdn::signed(Algorithm::EcdsaP256);
    let query = cdn::query_do("www", A);
    let (mut memo, mut out) = (Memo::new(), [0; 1_232]);
    cdn::ask(&snapshot, &mut memo, &query, &mut out);
    bencher.bench_local(|| cdn::ask(&snapshot, &mut memo, black_box(&query), &mut out));
}

/// Each query is for another name that is not there: a signature is made for each.
#[divan::bench(args = [Algorithm::EcdsaP256, Algorithm::Ed25519])]
fn signed_missing(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let snapshot = cdn::signed(algorithm);
    let (mut memo, mut out) = (Memo::new(), [0; 1_232]);
    let mut number = 0_u32;
    bencher.bench_local(|| {
        number += 1;
        let query = cdn::query_do(&format!("x{number}"), A);
        cdn::ask(&snapshot, &mut memo, &query, &mut out)
    });
}

#[divan::bench]
fn missing(bencher: Bencher<'_, '_>) {
    same(bencher, "nothing", A);
}

#[divan::bench]
fn text(bencher: Bencher<'_, '_>) {
    same(bencher, "info", TXT);
}

#[divan::bench]
fn alias(bencher: Bencher<'_, '_>) {
    same(bencher, "alias", A);
}

#[divan::bench]
fn referral(bencher: Bencher<'_, '_>) {
    same(bencher, "deep.child", A);
}
