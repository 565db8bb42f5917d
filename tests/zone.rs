//! The zone beside the services: from the file, from a zone file, and as both change.

use std::{fs, path::PathBuf, time::Duration};

use perigee_geodns::{QueryResponse, query};
use tempfile::TempDir;

use crate::harness::{
    cdn::{Cdn, Plan},
    origin::Origin,
    wait,
};

const ZONE: &str = "$TTL 300\n@ MX 10 mail\nmail A 192.0.2.25\n*.dev TXT \"dev\"\n";

fn plan(origin: String) -> Plan {
    Plan {
        geodns: true,
        service: "dns.names = [\"www\", \"@\", \"*.img\"]\n".to_owned(),
        tables: "[[dns.records]]\nname = \"_sip._tcp\"\ntype = \"SRV\"\n\
                 data = [\"10 20 5060 mail\"]\n[reload]\ncheck_interval = \"100ms\"\n"
            .to_owned(),
        ..Plan::small(origin)
    }
}

/// A CDN with a zone file beside its own.
async fn start(origin: &Origin) -> (Cdn, PathBuf, TempDir) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("zone.db");
    write(&file, ZONE);
    let line = format!("[dns]\nzone_file = {:?}\n", file.to_str().unwrap());
    let cdn = Cdn::start_with(plan(origin.url()), |text| {
        assert!(text.contains("[dns]\n"), "{text}");
        text.replace("[dns]\n", &line)
    });
    (cdn.await, file, folder)
}

/// By rename, so that nobody reads half of it.
fn write(file: &PathBuf, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(&new, file).unwrap();
}

async fn ask(cdn: &Cdn, name: &str, rtype: &str) -> QueryResponse {
    let timeout = Duration::from_secs(10);
    query(cdn.at("ns1"), name, rtype, None, timeout, false)
        .await
        .unwrap()
}

async fn answered(cdn: &Cdn, name: &str, rtype: &str) -> Vec<String> {
    let response = ask(cdn, name, rtype).await;
    response.answers.into_iter().map(|r| r.data).collect()
}

async fn serial(cdn: &Cdn) -> u32 {
    let soa = answered(cdn, "cdn.test", "SOA").await;
    soa[0].split(' ').nth(2).unwrap().parse().unwrap()
}

#[tokio::test]
async fn records_stand_beside_services_and_follow_the_zone_file() {
    let origin = Origin::cacheable("content").await;
    let (mut cdn, file, _folder) = start(&origin).await;
    assert_eq!(
        answered(&cdn, "cdn.test", "MX").await,
        ["10 mail.cdn.test."]
    );
    assert_eq!(answered(&cdn, "x.dev.cdn.test", "TXT").await, ["\"dev\""]);
    assert_eq!(
        answered(&cdn, "_sip._tcp.cdn.test", "SRV").await,
        ["10 20 5060 mail.cdn.test."]
    );
    let edges = |mut all: Vec<String>| {
        all.sort();
        all
    };
    let www = edges(answered(&cdn, "www.cdn.test", "A").await);
    assert_eq!(www.len(), 2);
    for name in ["cdn.test", "a.b.img.cdn.test"] {
        assert_eq!(edges(answered(&cdn, name, "A").await), www, "{name}");
    }

    // Another file is taken, and its serial number is greater.
    let before = serial(&cdn).await;
    write(&file, &format!("{ZONE}new TXT \"new\"\n"));
    wait::until("the new record", || async {
        (answered(&cdn, "new.cdn.test", "TXT").await == ["\"new\""]).then_some(())
    })
    .await;
    let after = serial(&cdn).await;
    assert!(after > before, "{before} {after}");

    // A broken one is refused, with the place, and the old one goes on.
    write(&file, &format!("{ZONE}www A 192.0.2.1\n"));
    let place = format!("{}:5:1", file.display());
    wait::until("the log tells of the broken file", || {
        let said = cdn.node("ns1").stderr() + &cdn.node("ns1").stdout();
        let is_told = said.contains(&place) && said.contains("www.cdn.test.");
        async move { is_told.then_some(()) }
    })
    .await;
    assert_eq!(answered(&cdn, "new.cdn.test", "TXT").await, ["\"new\""]);
    assert_eq!(serial(&cdn).await, after);
    assert_eq!(edges(answered(&cdn, "www.cdn.test", "A").await), www);
    write(&file, &format!("{ZONE}newer TXT \"newer\"\n"));
    wait::until("the newer record", || async {
        (answered(&cdn, "newer.cdn.test", "TXT").await == ["\"newer\""]).then_some(())
    })
    .await;
    assert_eq!(ask(&cdn, "new.cdn.test", "TXT").await.rcode, "NXDOMAIN");
}
