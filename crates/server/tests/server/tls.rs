//! TLS: certificates by name, protocols by ALPN, new certificates while running.

use std::{fs, path::Path, sync::Arc};

use perigee_server::{CertFiles, CertStore, Limits, ServerConfig};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::support::{Raw, Running, SHORT, http2, listen, request, soon, start_with, text, until};

/// A certificate for some hosts, written to files.
struct Made {
    files: CertFiles,
    der: CertificateDer<'static>,
}

fn make(folder: &Path, hosts: &[&str]) -> Made {
    let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let name = hosts[0].replace('*', "any");
    let files = CertFiles {
        hosts: Vec::new(),
        cert: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
    };
    fs::write(&files.cert, made.cert.pem()).unwrap();
    fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    Made {
        files,
        der: made.cert.der().clone(),
    }
}

fn store(made: &[&Made]) -> Arc<CertStore> {
    let files: Vec<_> = made.iter().map(|made| made.files.clone()).collect();
    Arc::new(CertStore::load(&files).unwrap())
}

async fn start(made: &[&Made], limits: Limits) -> Running {
    let certs = Some(store(made));
    start_with(ServerConfig {
        http: Vec::new(),
        private: Vec::new(),
        private_tls: None,
        https: vec![listen().await],
        certs,
        limits,
        gauge: None,
        pages: None,
    })
}

/// A client that trusts one certificate and asks for one host.
async fn connect(
    it: &Running,
    trusted: &Made,
    host: &'static str,
    alpn: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(it.address).await.unwrap();
    let host = ServerName::try_from(host).unwrap();
    soon(TlsConnector::from(Arc::new(config)).connect(host, stream)).await
}

#[tokio::test]
async fn the_certificate_is_chosen_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let default = make(folder.path(), &["default.example", "192.0.2.1"]);
    let exact = make(folder.path(), &["a.example", "b.example"]);
    let wild = make(folder.path(), &["*.w.example"]);
    let it = start(&[&default, &exact, &wild], Limits::default()).await;

    for (made, host) in [
        (&default, "default.example"),
        (&default, "192.0.2.1"),
        (&exact, "a.example"),
        (&exact, "B.Example"),
        (&wild, "x.w.example"),
    ] {
        let mut client = Raw(connect(&it, made, host, &["http/1.1"]).await.expect(host));
        client.get("/").await;
        assert!(
            client.read_until("cl=0").await.contains("tls=true"),
            "{host}"
        );
    }
    // The default is shown for these, and is not for them.
    for host in ["w.example", "x.y.w.example", "other.example"] {
        assert!(connect(&it, &wild, host, &[]).await.is_err(), "{host}");
    }
    until(
        || it.server.stats().handshake_failures == 3,
        || format!("{:?}", it.server.stats()),
    )
    .await;
}

#[tokio::test]
async fn alpn_decides_the_protocol() {
    let folder = tempfile::tempdir().unwrap();
    let made = make(folder.path(), &["a.example"]);
    let it = start(&[&made], Limits::default()).await;

    let stream = connect(&it, &made, "a.example", &["http/1.1", "h2"])
        .await
        .unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut send, _connection) = http2(stream).await;
    let response = soon(send.send_request(request("https://a.example/")))
        .await
        .unwrap();
    assert_eq!(
        text(response).await.unwrap(),
        "/ host=a.example tls=true te=0 cl=0"
    );

    let mut without = Raw(connect(&it, &made, "a.example", &[]).await.unwrap());
    without.get("/").await;
    assert!(
        without
            .read_until("cl=0")
            .await
            .starts_with("HTTP/1.1 200 ")
    );

    assert!(connect(&it, &made, "a.example", &["smtp"]).await.is_err());
}

#[tokio::test]
async fn what_is_said_over_tls_is_said_at_once_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let made = make(folder.path(), &["a.example"]);
    let it = start(&[&made], Limits::default()).await;
    let mut client = Raw(connect(&it, &made, "a.example", &["http/1.1"])
        .await
        .unwrap());
    client.get("/hints").await;
    let hint = client.read_until("\r\n\r\n").await;
    assert!(hint.starts_with("HTTP/1.1 103 "), "{hint}");
    it.paths.release.add_permits(1);
    client.read_until("taken=16.").await;

    let body = "x".repeat(300 << 10);
    let head = "POST /body HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n";
    client
        .send(&format!("{head}content-length: {}\r\n\r\n", body.len()))
        .await;
    let told = client.read_until("\r\n\r\n").await;
    assert!(told.starts_with("HTTP/1.1 100 "), "{told}");
    client.send(&body).await;
    client.read_until("\r\n\r\n").await;
    assert_eq!(client.read_until(&body).await.len(), body.len());
    client.get("/pieces").await;
    client.read_until("0\r\n\r\n").await;
}

#[tokio::test]
async fn new_certificates_serve_new_connections_and_leave_the_others_alone() {
    let folder = tempfile::tempdir().unwrap();
    let old = make(folder.path(), &["a.example"]);
    let it = start(&[&old], Limits::default()).await;
    let mut before = Raw(connect(&it, &old, "a.example", &[]).await.unwrap());
    before.get("/").await;
    before.read_until("cl=0").await;

    let new = make(folder.path(), &["a.example"]);
    it.server
        .reload(Some(store(&[&new])), None, Limits::default());
    assert!(connect(&it, &old, "a.example", &[]).await.is_err());
    connect(&it, &new, "a.example", &[]).await.unwrap();

    it.server.reload(None, None, Limits::default());
    connect(&it, &new, "a.example", &[]).await.unwrap();
    before.get("/").await;
    before.read_until("cl=0").await;
}

#[tokio::test]
async fn handshakes_that_do_not_come_to_an_end_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let made = make(folder.path(), &["a.example"]);
    let it = start(
        &[&made],
        Limits {
            handshake_timeout: SHORT,
            ..Limits::default()
        },
    )
    .await;
    let client = TcpStream::connect(it.address).await.unwrap();
    assert!(Raw(client).is_closed().await);
    let mut cleartext = it.connect().await;
    cleartext.get("/").await;
    // What comes is a TLS alert, if anything.
    let mut alert = Vec::new();
    let _ = soon(tokio::io::AsyncReadExt::read_to_end(
        &mut cleartext.0,
        &mut alert,
    ))
    .await;
    assert!(!alert.starts_with(b"HTTP"));
    until(
        || it.server.stats().handshake_failures == 2,
        || format!("{:?}", it.server.stats()),
    )
    .await;
}

#[tokio::test]
async fn a_silent_client_is_closed_after_the_handshake_too() {
    let folder = tempfile::tempdir().unwrap();
    let made = make(folder.path(), &["a.example"]);
    let it = start(
        &[&made],
        Limits {
            idle_timeout: SHORT,
            ..Limits::default()
        },
    )
    .await;
    for alpn in ["h2", "http/1.1"] {
        let mut client = Raw(connect(&it, &made, "a.example", &[alpn]).await.unwrap());
        let mut rest = Vec::new();
        let _ = soon(tokio::io::AsyncReadExt::read_to_end(
            &mut client.0,
            &mut rest,
        ))
        .await;
    }
    it.wait_for_connections(0).await;
}
