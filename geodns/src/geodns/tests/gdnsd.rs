//! gdnsd beside the GeoDNS: with the same networks at the same PoPs, both send each client to the same one, and
//! what each says of how far an answer holds is true of the other. Without `gdnsd` this test says so and
//! passes.

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
};

use super::*;
use crate::{Network, Place};

pub(super) const POPS: [&str; 3] = ["fra", "nyc", "sin"];

/// A running gdnsd. Dropped, it is killed.
struct Gdnsd {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Gdnsd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Gdnsd {
    /// Serves the zone of the fixture, with these networks at these PoPs; `None` where there is no gdnsd.
    async fn start(networks: &BTreeMap<IpNet, usize>) -> Option<Self> {
        loop {
            let folder = tempfile::tempdir().unwrap();
            // Somebody else may take the port before gdnsd does: then it ends, and another is tried.
            let free = UdpSocket::bind("127.0.0.1:0").unwrap();
            let address = free.local_addr().unwrap();
            drop(free);
            configure(folder.path(), address, networks);
            let child = Command::new("gdnsd")
                .arg("-c")
                .arg(folder.path())
                .arg("start")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let Ok(child) = child else {
                eprintln!("SKIPPED: there is no `gdnsd` on PATH (Debian: apt-get install gdnsd)");
                return None;
            };
            let mut gdnsd = Gdnsd {
                child,
                address,
                _folder: folder,
            };
            if gdnsd.is_up().await {
                return Some(gdnsd);
            }
        }
    }

    /// Whether it answers at all; false if it has ended.
    async fn is_up(&mut self) -> bool {
        let short = Duration::from_millis(300);
        loop {
            let asked = query(self.address, "cdn.example", "SOA", None, short, false).await;
            if asked.is_ok() {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn configure(folder: &Path, address: SocketAddr, networks: &BTreeMap<IpNet, usize>) {
    let write = |name: &str, text: String| {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    let rows = networks.iter().map(|(network, pop)| {
        let pop = POPS[*pop];
        format!("{network} => [{pop}]\n")
    });
    write("geoip/nets", rows.collect());
    let zone = "$TTL 60\n@ SOA ns1 hostmaster 7 3600 600 86400 60\n@ NS ns1\nns1 A 192.0.2.53\n\
                www 20 DYNA geoip!www\n";
    write("zones/cdn.example", zone.to_owned());
    let folder = folder.display();
    let config = format!(
        "options => {{ listen = {address}, udp_threads = 1, tcp_threads = 1,\n\
           run_dir = {folder}/run, state_dir = {folder}/state }}\n\
         plugins => {{ geoip => {{\n\
           maps => {{ m => {{ datacenters => [fra, nyc, sin], nets = nets }} }},\n\
           resources => {{ www => {{ map => m, dcmap => {{\n\
             fra => {{ a = 192.0.2.1, b = 192.0.2.2 }}\n\
             nyc => {{ a = 192.0.2.11, b = 192.0.2.12 }}\n\
             sin => {{ a = 192.0.2.21, b = 192.0.2.22 }}\n\
           }} }} }}\n\
         }} }}\n"
    );
    write("config", config);
}

/// Networks within networks, each at one of the PoPs.
pub(super) fn networks(lot: &mut fastrand::Rng) -> BTreeMap<IpNet, usize> {
    let mut networks = BTreeMap::new();
    while networks.len() < 600 {
        let network = match lot.u8(..3) {
            0 => IpNet::new(address_v6(lot), lot.u8(32..=64)),
            _ => IpNet::new(address_v4(lot), lot.u8(8..=32)),
        };
        networks.insert(network.unwrap().trunc(), lot.usize(..POPS.len()));
    }
    networks
}

/// One of few, so that networks nest and clients are in them.
fn address_v4(lot: &mut fastrand::Rng) -> IpAddr {
    IpAddr::from((0x0A00_0000 | lot.u32(..) & 0x0183_8383).to_be_bytes())
}

fn address_v6(lot: &mut fastrand::Rng) -> IpAddr {
    let bits = u128::from(lot.u64(..) & 0x0000_0000_8383_8383) << 64;
    IpAddr::from(((0x2001_0db8_u128 << 96) | bits).to_be_bytes())
}

/// Another address of the same prefix.
fn neighbour(of: IpAddr, prefix: u8, lot: &mut fastrand::Rng) -> IpAddr {
    match of {
        IpAddr::V4(of) => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(prefix))
                .unwrap_or_default();
            IpAddr::from(((of.to_bits() & mask) | (lot.u32(..) & !mask)).to_be_bytes())
        }
        IpAddr::V6(of) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(prefix))
                .unwrap_or_default();
            IpAddr::from(((of.to_bits() & mask) | (lot.u128(..) & !mask)).to_be_bytes())
        }
    }
}

/// The addresses that clients of this network are told, and how far that holds.
pub(super) async fn told(server: SocketAddr, client: IpNet) -> (Vec<String>, u8) {
    let answer = query(
        server,
        "www.cdn.example",
        "A",
        Some(client),
        PATIENCE,
        false,
    );
    let answer = answer.await.unwrap();
    let mut addresses: Vec<String> = answer.answers.into_iter().map(|r| r.data).collect();
    addresses.sort();
    (addresses, answer.scope.unwrap_or(0))
}

/// The CDN of the fixture, with these networks at these PoPs.
pub(super) fn with_networks(networks: &BTreeMap<IpNet, usize>) -> Config {
    let mut config = fixture::config();
    config.networks = networks
        .iter()
        .map(|(network, pop)| Network {
            network: *network,
            place: Place::Pop(POPS[*pop].into()),
        })
        .collect();
    config
}

/// Asks both for many clients. `has_scopes`: what the other one says of scopes is looked at, too, and it is
/// told of networks and not of whole addresses.
pub(super) async fn compare(
    geodns: &GeoDns,
    theirs: SocketAddr,
    networks: &BTreeMap<IpNet, usize>,
    lot: &mut fastrand::Rng,
    has_scopes: bool,
) {
    let ours = server(geodns);
    let known: Vec<IpNet> = networks.keys().copied().collect();
    let mut pops = BTreeMap::new();
    let mut same_scope = 0;
    for round in 0..600 {
        let near = known[lot.usize(..known.len())];
        let most = near.max_prefix_len();
        let address = neighbour(
            near.network(),
            near.prefix_len().saturating_sub(lot.u8(..2)),
            lot,
        );
        // Most resolvers tell less than all.
        let told_prefix = match round % 4 {
            _ if !has_scopes => most,
            0 => most,
            1 => lot.u8(1..=most),
            _ => most - most / 4,
        };
        let client = IpNet::new(address, told_prefix).unwrap().trunc();
        let (our_pop, our_scope) = told(ours, client).await;
        let (their_pop, their_scope) = told(theirs, client).await;
        assert_eq!(our_pop, their_pop, "{client}");
        // gdnsd joins networks at the same PoPs, so that nobody can say less; the order of addresses
        // makes a difference between networks of at least 16 bits, or 32.
        let least = if most == 32 { 16 } else { 32 };
        assert!(
            !has_scopes || our_scope >= their_scope.min(least),
            "{client}: {our_scope} and {their_scope}"
        );
        same_scope += usize::from(our_scope == their_scope.max(least));
        // Each scope is asked about at the other server.
        for _ in 0..4 {
            let within = neighbour(client.network(), our_scope, lot);
            let (pop, _) = told(theirs, within.into()).await;
            assert_eq!(
                pop, our_pop,
                "{client} holds for /{our_scope}, and for {within}"
            );
            if !has_scopes {
                continue;
            }
            let within = neighbour(client.network(), their_scope, lot);
            let (pop, _) = told(ours, within.into()).await;
            assert_eq!(
                pop, their_pop,
                "{client}: {within} is within their /{their_scope}"
            );
        }
        *pops.entry(our_pop).or_insert(0) += 1;
    }
    assert_eq!(pops.len(), POPS.len(), "all PoPs were asked for: {pops:?}");
    println!("600 clients and their neighbours, the same PoPs; the same scope for {same_scope}");
}

#[tokio::test]
async fn gdnsd_with_the_same_networks_sends_clients_to_the_same_pops_and_scopes_hold_for_both() {
    let mut lot = fastrand::Rng::with_seed(7_871);
    let networks = networks(&mut lot);
    let Some(gdnsd) = Gdnsd::start(&networks).await else {
        return;
    };
    let geodns = start(with_networks(&networks));
    compare(&geodns, gdnsd.address, &networks, &mut lot, true).await;
}
