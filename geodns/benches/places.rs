//! What it costs to find the place of an address: nanoseconds, and the memory of the process with a
//! large City database in memory or mapped.
//!
//! `cargo bench -p perigee-geodns --bench places`

#![allow(missing_docs)]

#[path = "../tests/cdn/mod.rs"]
mod cdn;

use std::{fmt::Write, fs, net::IpAddr, path::PathBuf, sync::LazyLock};

use divan::{Bencher, black_box};
use perigee_geodns::{Config, Network, Place, Places, build_database};

/// As many records as a City database of 60 MB has, about: each with a name of its own.
const RECORDS: u32 = 400_000;
const NETWORKS: u32 = 20_000;

fn main() {
    for mapped in [true, false] {
        let places = places(mapped, &[]);
        // Clients of a few thousand networks ask.
        for address in addresses().take(5_000) {
            black_box(places.locate(address));
        }
        let file = fs::metadata(&*DATABASE).map_or(0, |file| file.len());
        println!("mapped: {mapped}, file: {} MB, {}", file >> 20, resident());
    }
    divan::main();
}

/// The resident memory of this process.
fn resident() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status
        .lines()
        .filter(|line| line.starts_with("Vm") || line.starts_with("Rss"));
    let told = ["VmRSS", "RssAnon", "RssFile"];
    let lines = lines.filter(|line| told.iter().any(|name| line.starts_with(name)));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A database on disk, made by another process: what that needs is not counted here.
static DATABASE: LazyLock<PathBuf> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("perigee-bench-{RECORDS}.mmdb"));
    if !path.exists() {
        let mut table = String::new();
        for n in 0..RECORDS {
            let network = IpAddr::from(network(n).to_be_bytes());
            let (latitude, longitude) = (f64::from(n % 170) - 85.0, f64::from(n % 359) - 179.0);
            let name = format!("Town {n}, which has a name that is long enough to count");
            let _ = writeln!(
                table,
                "{network}/24,{latitude}.5,{longitude}.5,EU,DE-BE,{name}"
            );
        }
        if let Ok(database) = build_database(&table) {
            let _ = fs::write(&path, database);
        }
    }
    path
});

/// Spread over the addresses from 1.0.0.0 on.
fn network(n: u32) -> u32 {
    (1 << 24) + ((n * 32) << 8)
}

fn addresses() -> impl Iterator<Item = IpAddr> + Clone {
    let numbers = (0..RECORDS).map(|n| n.wrapping_mul(7_919) % RECORDS);
    numbers.map(|n| IpAddr::from((network(n) + 9).to_be_bytes()))
}

fn places(mapped: bool, networks: &[Network]) -> Places {
    let mut config: Config = cdn::config(0);
    config.networks = networks.to_vec();
    config.place.databases = if networks.is_empty() {
        vec![DATABASE.clone()]
    } else {
        Vec::new()
    };
    config.place.mapped = mapped;
    Places::load(&config, None).expect("the database was just made")
}

fn find(bencher: Bencher<'_, '_>, places: &Places, addresses: usize) {
    let addresses: Vec<IpAddr> = addresses_of(addresses);
    let mut next = addresses.iter().cycle();
    bencher.bench_local(|| {
        next.next()
            .map(|&address| places.locate(black_box(address)))
    });
}

fn addresses_of(count: usize) -> Vec<IpAddr> {
    addresses().take(count).collect()
}

#[divan::bench(args = [1_000, 20_000], sample_size = 20_000)]
fn city_in_memory(bencher: Bencher<'_, '_>, clients: usize) {
    find(bencher, &places(false, &[]), clients);
}

#[divan::bench(args = [1_000, 20_000], sample_size = 20_000)]
fn city_mapped(bencher: Bencher<'_, '_>, clients: usize) {
    find(bencher, &places(true, &[]), clients);
}

/// 20,000 networks of the configuration, from which 20,000 clients ask.
#[divan::bench(sample_size = 20_000)]
fn configured_networks(bencher: Bencher<'_, '_>) {
    let networks: Vec<Network> = addresses_of(NETWORKS as usize)
        .into_iter()
        .map(|address| Network {
            network: ipnet::IpNet::new(address, 24)
                .expect("24 is a length")
                .trunc(),
            place: Place::Point(1.0, 2.0),
        })
        .collect();
    find(bencher, &places(false, &networks), NETWORKS as usize);
}
