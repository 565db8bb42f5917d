//! DNS over TLS, HTTPS and QUIC, asked by rustls, hyper and quinn.

use std::{fs, net::IpAddr, path::Path};

use bytes::Bytes;
use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query},
    rr::{Name, RecordType},
};
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::CertificateDer};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;
use crate::{CertificateFiles, Encrypted};

/// A certificate for the name server, and who may have issued it.
struct Issued {
    folder: TempDir,
    root: CertificateDer<'static>,
}

impl Issued {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = issue(folder.path());
        Issued { folder, root }
    }

    /// Another one, in the same files.
    fn again(&mut self) {
        self.root = issue(self.folder.path());
    }

    fn files(&self) -> CertificateFiles {
        CertificateFiles {
            cert: self.folder.path().join("ns.pem"),
            key: self.folder.path().join("ns.key"),
        }
    }

    /// Everything is listened on.
    fn config(&self) -> Config {
        let any = vec!["127.0.0.1:0".parse().unwrap()];
        let mut config = fixture::config();
        config.encrypted = Encrypted {
            tls_listen: any.clone(),
            https_listen: any.clone(),
            quic_listen: any,
            certificate: Some(self.files()),
            ..Encrypted::default()
        };
        config
    }

    fn client(&self, protocol: &[u8]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        config
    }

    async fn connect(
        &self,
        server: SocketAddr,
        protocol: &[u8],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(server).await?;
        let connector = TlsConnector::from(Arc::new(self.client(protocol)));
        connector
            .connect("ns.cdn.example".try_into().unwrap(), stream)
            .await
    }

    async fn quic(&self, server: SocketAddr) -> Result<quinn::Connection, quinn::ConnectionError> {
        let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(self.client(b"doq"));
        let config = quinn::ClientConfig::new(Arc::new(crypto.unwrap()));
        let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let connecting = endpoint.connect_with(config, server, "ns.cdn.example");
        connecting.unwrap().await
    }
}

fn issue(folder: &Path) -> CertificateDer<'static> {
    let issued = rcgen::generate_simple_self_signed(["ns.cdn.example".to_owned()]).unwrap();
    fs::write(folder.join("ns.pem"), issued.cert.pem()).unwrap();
    fs::write(folder.join("ns.key"), issued.signing_key.serialize_pem()).unwrap();
    issued.cert.der().clone()
}

/// A query with EDNS.
fn message(id: u16, name: &str) -> Vec<u8> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    message.edns = Some(Edns::new());
    message.to_vec().unwrap()
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes(), message].concat()
}

/// How many addresses a response has.
fn addresses_of(response: &[u8]) -> Vec<IpAddr> {
    let message = Message::from_vec(response).unwrap();
    let answers = message.answers.iter();
    answers.filter_map(|record| record.data.ip_addr()).collect()
}

async fn read(stream: &mut TlsStream<TcpStream>) -> std::io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; length.into()];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn over_quic(connection: &quinn::Connection, octets: &[u8]) -> Option<Vec<u8>> {
    let (mut send, mut receive) = connection.open_bi().await.ok()?;
    send.write_all(octets).await.ok()?;
    send.finish().ok()?;
    receive.read_to_end(70_000).await.ok()
}

async fn over_https(
    issued: &Issued,
    server: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Response<Bytes> {
    let stream = TokioIo::new(issued.connect(server, b"h2").await.unwrap());
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

fn post(body: Vec<u8>) -> Request<Full<Bytes>> {
    Request::post("https://ns.cdn.example/dns-query")
        .header(header::CONTENT_TYPE, "application/dns-message")
        .body(body.into())
        .unwrap()
}

#[tokio::test]
async fn all_transports_answer_alike() {
    let issued = Issued::new();
    let geodns = start(issued.config());
    let encrypted = geodns.encrypted_addresses();

    let mut tls = issued.connect(encrypted.tls[0], b"dot").await.unwrap();
    tls.write_all(&framed(&message(1, "www.cdn.example.")))
        .await
        .unwrap();
    let by_tls = addresses_of(&read(&mut tls).await.unwrap());
    assert!(!by_tls.is_empty());

    let answer = over_https(
        &issued,
        encrypted.https[0],
        post(message(0, "www.cdn.example.")),
    )
    .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()[header::CONTENT_TYPE],
        "application/dns-message"
    );
    assert_eq!(
        answer.headers()[header::CACHE_CONTROL],
        "private, max-age=20"
    );
    assert_eq!(addresses_of(answer.body()), by_tls);

    let quic = issued.quic(encrypted.quic[0]).await.unwrap();
    let response = over_quic(&quic, &framed(&message(0, "www.cdn.example.")))
        .await
        .unwrap();
    assert_eq!(
        usize::from(response[0]) << 8 | usize::from(response[1]),
        response.len() - 2
    );
    assert_eq!(addresses_of(&response[2..]), by_tls);

    geodns.shutdown().await;
    assert!(TcpStream::connect(encrypted.tls[0]).await.is_err());
}

#[tokio::test]
async fn what_is_pipelined_over_tls_is_answered_in_whatever_pieces_it_comes() {
    let issued = Issued::new();
    let geodns = start(issued.config());
    let server = geodns.encrypted_addresses().tls[0];
    let mut tls = issued.connect(server, b"dot").await.unwrap();
    let queries: Vec<u8> = (0..50)
        .flat_map(|id| framed(&message(id, "www.cdn.example.")))
        .collect();
    for piece in queries.chunks(7) {
        tls.write_all(piece).await.unwrap();
        tls.flush().await.unwrap();
    }
    for id in 0..50_u16 {
        let response = read(&mut tls).await.unwrap();
        assert_eq!(response[..2], id.to_be_bytes());
    }
    // Who stops in the middle of a message, or is no client, is let go.
    tls.write_all(&[0, 3, 1, 2, 3]).await.unwrap();
    assert!(read(&mut tls).await.is_err());
}

#[tokio::test]
async fn https_refuses_what_is_no_query() {
    let issued = Issued::new();
    let geodns = start(issued.config());
    let server = geodns.encrypted_addresses().https[0];
    let status = async |request| over_https(&issued, server, request).await.status().as_u16();
    let get = |path: &str| {
        let uri = format!("https://ns.cdn.example{path}");
        Request::get(uri).body(Full::default()).unwrap()
    };
    assert_eq!(status(get("/")).await, 404);
    assert_eq!(status(get("/dns-query")).await, 400);
    assert_eq!(status(get("/dns-query?dns=AAAA")).await, 400);
    assert_eq!(status(post(vec![0; 70_000])).await, 413);
    assert_eq!(status(post(Vec::new())).await, 400);
    let message = message(0, "missing.cdn.example.");
    let encoded = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, message);
    let answer = over_https(&issued, server, get(&format!("/dns-query?dns={encoded}"))).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()[header::CACHE_CONTROL],
        "private, max-age=60"
    );
}

#[tokio::test]
async fn a_quic_client_that_breaks_the_rules_is_let_go() {
    let issued = Issued::new();
    let geodns = start(issued.config());
    let server = geodns.encrypted_addresses().quic[0];
    let good = framed(&message(0, "www.cdn.example."));
    let with_id = framed(&message(7, "www.cdn.example."));
    // RFC 9250 section 5.5.2: how long it may be idle, QUIC says by itself.
    let mut keepalive = message(0, "www.cdn.example.");
    // It ends with OPT, and that with the length of its options.
    keepalive.truncate(keepalive.len() - 2);
    keepalive.extend([0, 4, 0, 11, 0, 0]);
    let keepalive = framed(&keepalive);
    for wrong in [
        &with_id[..],
        &keepalive,
        &good[..20],
        b"",
        &[&good[..], b"more"].concat(),
    ] {
        let connection = issued.quic(server).await.unwrap();
        assert!(over_quic(&connection, &good).await.is_some());
        let response = over_quic(&connection, wrong).await;
        assert_eq!(response, None, "{wrong:?}");
        let closed = timeout(PATIENCE, connection.closed()).await.unwrap();
        let quinn::ConnectionError::ApplicationClosed(closed) = closed else {
            panic!("{closed:?}");
        };
        assert_eq!(
            closed.error_code,
            quinn::VarInt::from_u32(2),
            "DOQ_PROTOCOL_ERROR"
        );
    }
}

#[tokio::test]
async fn a_client_has_no_more_connections_than_it_may_over_all_transports() {
    let issued = Issued::new();
    let mut config = issued.config();
    config.encrypted.max_connections_per_client = 2;
    config.encrypted.idle_timeout = Duration::from_secs(600);
    let geodns = start(config);
    let encrypted = geodns.encrypted_addresses();
    let first = issued.connect(encrypted.tls[0], b"dot").await.unwrap();
    let _second = issued.quic(encrypted.quic[0]).await.unwrap();
    assert!(issued.connect(encrypted.https[0], b"h2").await.is_err());
    assert!(issued.quic(encrypted.quic[0]).await.is_err());
    drop(first);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while issued.connect(encrypted.https[0], b"h2").await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "no seat is free");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn who_is_idle_is_let_go() {
    let issued = Issued::new();
    let mut config = issued.config();
    config.encrypted.idle_timeout = Duration::from_millis(1_500);
    let geodns = start(config);
    let encrypted = geodns.encrypted_addresses();
    // Half a message, octet by octet, is no reason to stay: the limit is for all of it.
    let mut slow = issued.connect(encrypted.tls[0], b"dot").await.unwrap();
    let dripping = async {
        slow.write_all(&[0xff]).await?;
        loop {
            slow.write_all(&[0xff]).await?;
            slow.flush().await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended: std::io::Result<()> = timeout(PATIENCE, dripping).await.unwrap();
    assert!(ended.is_err());

    let stream = TokioIo::new(issued.connect(encrypted.https[0], b"h2").await.unwrap());
    let handshake =
        hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), stream);
    let (sender, connection) = handshake.await.unwrap();
    timeout(PATIENCE, connection).await.unwrap().unwrap();
    drop(sender);

    let quic = issued.quic(encrypted.quic[0]).await.unwrap();
    timeout(PATIENCE, quic.closed()).await.unwrap();

    // So is who never says a word of TLS.
    let mut silent = TcpStream::connect(encrypted.tls[0]).await.unwrap();
    let read = timeout(PATIENCE, silent.read_u8()).await.unwrap();
    assert!(read.is_err());
}

#[tokio::test]
async fn certificates_are_replaced_without_a_restart() {
    let mut issued = Issued::new();
    let config = issued.config();
    let geodns = start(config.clone());
    let encrypted = geodns.encrypted_addresses();
    let mut before = issued.connect(encrypted.tls[0], b"dot").await.unwrap();

    issued.again();
    assert!(issued.connect(encrypted.tls[0], b"dot").await.is_err());
    reload(&geodns, config.clone()).unwrap();
    assert!(issued.connect(encrypted.tls[0], b"dot").await.is_ok());
    assert!(issued.quic(encrypted.quic[0]).await.is_ok());

    // One that is broken is refused, and the one before serves.
    fs::write(issued.files().key, "rubbish").unwrap();
    let refused = reload(&geodns, config.clone()).unwrap_err().to_string();
    assert!(refused.contains("ns.key"), "{refused}");
    assert!(issued.connect(encrypted.https[0], b"h2").await.is_ok());

    // Who was there stays.
    before
        .write_all(&framed(&message(1, "www.cdn.example.")))
        .await
        .unwrap();
    assert!(read(&mut before).await.is_ok());

    let mut moved = config;
    moved.encrypted.https_path = "/other".to_owned();
    issued.again();
    assert!(
        reload(&geodns, moved)
            .unwrap_err()
            .to_string()
            .contains("restart")
    );
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_says_which_and_why() {
    let issued = Issued::new();
    let refused = |change: &dyn Fn(&mut Encrypted)| {
        let mut config = issued.config();
        change(&mut config.encrypted);
        let started = GeoDns::start(config, trust(), &mut Registry::default(), None);
        started.unwrap_err().to_string()
    };
    assert!(refused(&|it| it.certificate = None).contains("[dns.tls]"));
    let missing = refused(&|it| it.certificate.as_mut().unwrap().cert = "/nowhere".into());
    assert!(missing.contains("/nowhere: cannot be read"), "{missing}");
    let swapped = refused(&|it| {
        let files = it.certificate.as_mut().unwrap();
        files.cert = files.key.clone();
    });
    assert!(swapped.contains("has no certificate in PEM"), "{swapped}");
}
