//! Knot beside the GeoDNS: it serves the same zone file and answers the same, and it takes the zone as
//! a secondary. Without `knotd` these tests say so and pass.

use std::{
    fs,
    net::UdpSocket,
    path::Path,
    process::{Child, Command, Stdio},
};

use super::*;
use crate::{
    RecordText, Zone,
    static_zone::{ZONE, questions},
};

/// A running knotd. Dropped, it is killed.
struct Knot {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Knot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Knot {
    /// Serves this zone file, or is a secondary of this server; `None` where there is no knotd.
    async fn start(zone: Option<&str>, primary: Option<SocketAddr>) -> Option<Self> {
        Knot::start_with(zone, primary, "").await
    }

    /// The same with this module, which may be missing, too.
    async fn start_with(
        zone: Option<&str>,
        primary: Option<SocketAddr>,
        module: &str,
    ) -> Option<Self> {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            if let Some(zone) = zone {
                fs::write(folder.path().join("zone.db"), zone).unwrap();
            }
            // Somebody else may take the port before Knot does: then it ends, and another is tried.
            let free = UdpSocket::bind("127.0.0.1:0").unwrap();
            let address = free.local_addr().unwrap();
            drop(free);
            let file = folder.path().join("knot.conf");
            fs::write(&file, conf(folder.path(), address, primary, module)).unwrap();
            let child = Command::new("knotd")
                .arg("-c")
                .arg(&file)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let Ok(child) = child else {
                eprintln!("skipped: knotd (Debian: apt install knot) is not installed");
                return None;
            };
            let mut knot = Knot {
                child,
                address,
                _folder: folder,
            };
            if knot.is_up().await {
                return Some(knot);
            }
        }
        assert!(!module.is_empty(), "knotd does not start");
        eprintln!("skipped: knotd has no mod-geoip (Debian: apt install knot-module-geoip)");
        None
    }

    /// Whether it answers at all; false if it has ended.
    async fn is_up(&mut self) -> bool {
        let short = Duration::from_millis(300);
        loop {
            if query(self.address, "cdn.example", "SOA", None, short, false)
                .await
                .is_ok()
            {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until it answers this.
    async fn until(&self, name: &str, rtype: &str, expected: &[&str]) {
        let deadline = tokio::time::Instant::now() + 3 * PATIENCE;
        loop {
            let answered = query(self.address, name, rtype, None, PATIENCE, false).await;
            let answered = answered.map(|response| data(&response)).unwrap_or_default();
            if answered == expected {
                return;
            }
            let late = tokio::time::Instant::now() > deadline;
            assert!(!late, "{name} {rtype}: still {answered:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn conf(folder: &Path, address: SocketAddr, primary: Option<SocketAddr>, module: &str) -> String {
    let uses = match module {
        "" => "",
        _ => "    module: mod-geoip/geo\n",
    };
    let folder = folder.display();
    let (ip, port) = (address.ip(), address.port());
    let (remote, secondary) = match primary {
        None => (String::new(), ""),
        Some(primary) => (
            format!(
                "remote:\n  - id: geodns\n    address: {}@{}\n\
                 acl:\n  - id: told\n    address: {}\n    action: notify\n",
                primary.ip(),
                primary.port(),
                primary.ip()
            ),
            "    master: geodns\n    acl: told\n",
        ),
    };
    format!(
        "server:\n  rundir: {folder}\n  listen: {ip}@{port}\n  udp-workers: 1\n  tcp-workers: 1\n  \
         edns-client-subnet: on\n\
         database:\n  storage: {folder}\n{remote}{module}\
         zone:\n  - domain: cdn.example\n    storage: {folder}\n    file: zone.db\n{secondary}{uses}"
    )
}

fn data(response: &QueryResponse) -> Vec<String> {
    let mut data: Vec<String> = response.answers.iter().map(|r| r.data.clone()).collect();
    data.sort();
    data
}

/// What is to be the same.
fn said(response: QueryResponse) -> String {
    let section = |mut records: Vec<crate::QueryRecord>| {
        records.sort_by(|a, b| (&a.name, &a.rtype, &a.data).cmp(&(&b.name, &b.rtype, &b.data)));
        let text = |r: crate::QueryRecord| {
            let name = r.name.to_ascii_lowercase();
            format!(
                "{name} {} {} {}",
                r.ttl,
                r.rtype,
                r.data.to_ascii_lowercase()
            )
        };
        records.into_iter().map(text).collect::<Vec<_>>().join("; ")
    };
    format!(
        "{} aa={} [{}] [{}]",
        response.rcode,
        response.authoritative,
        section(response.answers),
        section(response.authority)
    )
}

#[tokio::test]
async fn knot_with_the_same_zone_file_answers_the_same() {
    let Some(knot) = Knot::start(Some(ZONE), None).await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone.db");
    fs::write(&file, ZONE).unwrap();
    let mut config = fixture::config();
    config.services.clear();
    config.contents.zone_file = Some(file);
    let geodns = start(config);

    let mut asked = 0;
    for (name, rtype) in questions() {
        let ours = query(server(&geodns), &name, rtype, None, PATIENCE, false).await;
        let theirs = query(knot.address, &name, rtype, None, PATIENCE, false).await;
        let (ours, theirs) = (said(ours.unwrap()), said(theirs.unwrap()));
        assert_eq!(ours, theirs, "{name} {rtype}");
        asked += 1;
    }
    println!("{asked} questions, the same answers");
}

#[tokio::test]
async fn knot_is_told_of_changes_and_takes_the_zone() {
    let mut config = fixture::config();
    config.contents.serial_is_time = true;
    config.contents.transfer_to = vec!["127.0.0.0/8".parse().unwrap()];
    let geodns = start(config.clone());
    let Some(knot) = Knot::start(None, Some(server(&geodns))).await else {
        return;
    };
    config.contents.notify = vec![knot.address];
    reload(&geodns, config.clone()).unwrap();
    // By the default answer, whoever asks.
    knot.until("www.cdn.example", "A", &["192.0.2.1", "192.0.2.2"])
        .await;
    let soa = |serial: u32| {
        format!("ns1.cdn.example. hostmaster.cdn.example. {serial} 3600 600 86400 60")
    };
    knot.until("cdn.example", "SOA", &[&soa(7)]).await;

    config.contents.records.push(RecordText {
        name: "new".to_owned(),
        rtype: "TXT".to_owned(),
        ttl: 60,
        data: vec!["here".to_owned()],
    });
    reload(&geodns, config.clone()).unwrap();
    assert_eq!(geodns.status().serial, 8);
    knot.until("cdn.example", "SOA", &[&soa(8)]).await;
    knot.until("new.cdn.example", "TXT", &["\"here\""]).await;

    // All of it is there.
    let zone = Zone::build(&config).unwrap();
    let count = |records: &[crate::QueryRecord]| records.len();
    for node in zone.nodes() {
        for set in &node.rrsets {
            let rtype = hickory_proto::rr::RecordType::from(set.rtype).to_string();
            let name = node.name.to_string();
            let theirs = query(knot.address, &name, &rtype, None, PATIENCE, false).await;
            assert_eq!(
                count(&theirs.unwrap().answers),
                set.rdata().len(),
                "{name} {rtype}"
            );
        }
    }
}

/// With the same networks at the same PoPs, Knot's module geoip sends each client to the same one, and so it does
/// all within our scope. Its own scopes are not compared: gdnsd's are.
#[tokio::test]
async fn knot_geoip_sends_clients_to_the_same_pops() {
    let mut lot = fastrand::Rng::with_seed(7_871);
    let networks = gdnsd::networks(&mut lot);
    let folder = tempfile::tempdir().unwrap();
    let addresses = [
        "192.0.2.1, 192.0.2.2",
        "192.0.2.11, 192.0.2.12",
        "192.0.2.21, 192.0.2.22",
    ];
    let rows = networks.iter().map(|(network, pop)| {
        let addresses = addresses[*pop];
        format!("  - net: {network}\n    A: [{addresses}]\n")
    });
    let rows: String = rows.collect();
    let geo = folder.path().join("geo.conf");
    fs::write(&geo, format!("www.cdn.example:\n{rows}")).unwrap();
    // Who fits nowhere is at the first PoP.
    let zone = "$TTL 20\n@ SOA ns1 hostmaster 7 3600 600 86400 60\n@ NS ns1\nns1 A 192.0.2.53\n\
                www A 192.0.2.1\nwww A 192.0.2.2\n";
    let module = format!(
        "mod-geoip:\n  - id: geo\n    config-file: {}\n    ttl: 20\n    mode: subnet\n",
        geo.display()
    );
    let Some(knot) = Knot::start_with(Some(zone), None, &module).await else {
        return;
    };
    let geodns = start(gdnsd::with_networks(&networks));
    gdnsd::compare(&geodns, knot.address, &networks, &mut lot, false).await;
}
