//! Encrypted transports and DNS Cookies as the clients of others see them, and floods.

use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use perigee_geodns::query;
use tempfile::TempDir;

use crate::harness::{
    cdn::{Cdn, Plan},
    origin::Origin,
    validator::{are_installed, dig, kdig},
    wait,
};

const TLS: u16 = 8853;
const HTTPS: u16 = 8443;

fn plan(origin: String, tables: String) -> Plan {
    Plan {
        geodns: true,
        tables,
        ..Plan::small(origin)
    }
}

fn issue(folder: &Path, host: &str) {
    let issued = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    fs::write(folder.join("ns1.key"), issued.signing_key.serialize_pem()).unwrap();
    fs::write(folder.join("ns1.pem"), issued.cert.pem()).unwrap();
}

/// A CDN whose name server answers over encrypted transports, and the folder of its certificate.
async fn encrypted(origin: &Origin) -> (Cdn, TempDir) {
    let folder = TempDir::new().unwrap();
    issue(folder.path(), "ns1.cdn.test");
    let path = folder.path().display();
    let tables = format!(
        "[dns.tls]\ncert = \"{path}/{{node}}.pem\"\nkey = \"{path}/{{node}}.key\"\n\
         [reload]\ncheck_interval = \"100ms\"\n"
    );
    let cdn = Cdn::start_with(plan(origin.url(), tables), |text| {
        let line = text.lines().find(|line| line.contains(":5300\"")).unwrap();
        let also = |key: &str, port| {
            line.replace("listen", key)
                .replace(":5300", &format!(":{port}"))
        };
        let all = [
            line.to_owned(),
            also("tls_listen", TLS),
            also("https_listen", HTTPS),
            also("quic_listen", TLS),
        ];
        text.replace(line, &all.join("\n"))
    });
    (cdn.await, folder)
}

fn at(cdn: &Cdn, port: u16) -> SocketAddr {
    SocketAddr::new(cdn.at("ns1").ip(), port)
}

#[tokio::test]
async fn clients_of_others_ask_over_encrypted_transports() {
    if !are_installed(&["kdig", "dig"]) {
        return;
    }
    let origin = Origin::cacheable("content").await;
    let (cdn, _folder) = encrypted(&origin).await;
    let edge = cdn.at("fra-1").ip().to_string();
    let ways: [(&str, u16, &[&str]); 5] = [
        ("TLS", TLS, &["+tls"]),
        ("HTTPS", HTTPS, &["+https"]),
        ("HTTPS by GET", HTTPS, &["+https", "+https-get"]),
        ("QUIC", TLS, &["+quic"]),
        ("TLS with its name", TLS, &["+tls", "+tls-sni=ns1.cdn.test"]),
    ];
    for (way, port, options) in ways {
        let args = [&[Cdn::HOST, "A", "+padding"][..], options].concat();
        let said = kdig(at(&cdn, port), &args);
        assert!(said.contains("status: NOERROR"), "{way}: {said}");
        assert!(said.contains(&edge), "{way}: {said}");
        assert!(said.contains("PADDING"), "{way}: {said}");
        assert!(said.contains("Received 468 B"), "{way}: {said}");
    }
    for options in [&["+tls"][..], &["+https"], &["+https-get"]] {
        let port = if options[0] == "+tls" { TLS } else { HTTPS };
        let said = dig(at(&cdn, port), &[&[Cdn::HOST, "A"][..], options].concat());
        // A dig that was built without knows nothing of it.
        if !said.contains("Invalid option") {
            assert!(said.contains(&edge), "{options:?}: {said}");
        }
    }
}

#[tokio::test]
async fn a_certificate_that_changes_is_shown_and_a_broken_one_is_not() {
    if !are_installed(&["kdig"]) {
        return;
    }
    let origin = Origin::cacheable("content").await;
    let (mut cdn, folder) = encrypted(&origin).await;
    // The certificate is its own authority.
    let ca = folder.path().join("ca.pem");
    let (server, edge) = (at(&cdn, TLS), cdn.at("fra-1").ip().to_string());
    let trusted = || {
        let ca = format!("+tls-ca={}", ca.display());
        let args = [Cdn::HOST, "A", "+tls", &ca, "+tls-hostname=ns1.cdn.test"];
        kdig(server, &args).contains(&edge)
    };
    fs::copy(folder.path().join("ns1.pem"), &ca).unwrap();
    assert!(trusted());

    issue(folder.path(), "ns1.cdn.test");
    fs::copy(folder.path().join("ns1.pem"), &ca).unwrap();
    wait::until("the new certificate is shown", || async {
        trusted().then_some(())
    })
    .await;

    fs::write(folder.path().join("ns1.pem"), "rubbish").unwrap();
    let node = cdn.node("ns1");
    wait::until("the broken certificate is refused", || {
        let refused = node.stderr().contains("ns1.pem: has no certificate");
        async move { refused.then_some(()) }
    })
    .await;
    assert!(trusted());
}

#[tokio::test]
async fn clients_of_others_bring_cookies_back() {
    if !are_installed(&["dig", "kdig"]) {
        return;
    }
    let origin = Origin::cacheable("content").await;
    let required = "[dns.cookies]\nmode = \"require\"\n".to_owned();
    let cdn = Cdn::start(plan(origin.url(), required)).await;
    let server = cdn.at("ns1");

    // Both send a cookie of their own, are refused, and ask again with what they were sent.
    let said = dig(server, &[Cdn::HOST, "A", "+cookie", "+showbadcookie"]);
    assert!(said.contains("status: BADCOOKIE"), "{said}");
    assert!(said.contains("(good)"), "{said}");
    assert!(said.contains("status: NOERROR"), "{said}");
    let said = kdig(server, &[Cdn::HOST, "A", "+cookie", "+badcookie"]);
    assert!(said.contains("status: NOERROR"), "{said}");

    // Who knows no cookies is answered, and so is who comes over TCP.
    let said = dig(server, &[Cdn::HOST, "A", "+nocookie"]);
    assert!(said.contains("status: NOERROR"), "{said}");
    let said = dig(server, &[Cdn::HOST, "A", "+cookie", "+tcp", "+nobadcookie"]);
    assert!(said.contains("status: NOERROR"), "{said}");
}

/// Somebody who sends rubbish and questions that are none of ours, as fast as they are taken.
fn flood(server: SocketAddr, from: &str, stop: &AtomicBool, sent: &AtomicU64) {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    socket.connect(server).unwrap();
    let patience = Duration::from_millis(100);
    socket.set_read_timeout(Some(patience)).unwrap();
    let mut number = 0_u64;
    let mut buffer = [0; 2_048];
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..64 {
            number = number
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let octets = number.to_be_bytes();
            let label = [&[8][..], &octets].concat();
            let question = |zone: &[u8]| {
                let header = b"\0\x07\0\0\0\x01\0\0\0\0\0\0";
                [&header[..], &label, zone, b"\0\0\x01\0\x01"].concat()
            };
            let message = match number >> 33 & 3 {
                0 => octets.repeat(1 + (number >> 40) as usize % 60),
                1 => question(b"\x04test"),
                2 => question(b"\x03cdn\x04test"),
                // Half a message.
                _ => question(b"\x09elsewhere")[..20].to_vec(),
            };
            // The socket may be full, or the kernel tell of an answer that was not taken.
            let _ = socket.send(&message);
            sent.fetch_add(1, Ordering::Relaxed);
        }
        // No faster than the server is: wait for any answer before the next stretch.
        let _ = socket.recv(&mut buffer);
        socket.set_nonblocking(true).unwrap();
        while socket.recv(&mut buffer).is_ok() {}
        socket.set_nonblocking(false).unwrap();
    }
}

/// The pages of memory that a process has, in KiB.
fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let mut words = line.unwrap().split_whitespace();
    words.nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_flood_of_rubbish_leaves_good_questions_answered() {
    let origin = Origin::cacheable("content").await;
    // Here, floods come from this machine.
    let limited = "[dns.rate_limit]\nexempt = [\"127.0.0.0/24\"]\n".to_owned();
    let mut cdn = Cdn::start(plan(origin.url(), limited)).await;
    let server = cdn.at("ns1");
    let process = cdn.node("ns1").id();
    let before = resident(process);

    let (stop, sent) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let floods: Vec<_> = ["127.9.1.1", "127.9.2.1"]
        .map(|from| {
            let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
            thread::spawn(move || flood(server, from, &stop, &sent))
        })
        .into();
    let mut good = 0;
    while good < 200 || sent.load(Ordering::Relaxed) < 20_000 {
        let answer = query(server, Cdn::HOST, "A", None, wait::DEADLINE, false).await;
        assert!(!answer.unwrap().answers.is_empty());
        good += 1;
    }
    stop.store(true, Ordering::Relaxed);
    for flood in floods {
        flood.join().unwrap();
    }
    let grown = resident(process).saturating_sub(before);
    let sent = sent.load(Ordering::Relaxed);
    eprintln!("{good} good questions answered beside {sent} of a flood; {grown} KiB more memory");
    assert!(grown < 32 << 10, "{grown} KiB");
    assert!(cdn.node("ns1").is_running());
}
