//! HTTPS: a certificate per host, HTTP/1.1 and HTTP/2, renewed without a restart.

use std::{net::SocketAddr, path::Path, sync::Arc};

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    harness::{
        client::get,
        net::Net,
        origin::{Origin, fresh},
        process::Process,
        wait,
    },
    one_proxy::Proxy,
};

/// Writes a self-signed certificate for these names, as PEM files.
pub(crate) fn write_certificate(folder: &Path, cert: &str, key: &str, names: &[&str]) {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(folder.join(key), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join(cert), made.cert.pem()).unwrap();
}

/// Connects as a client that trusts this certificate, and offers these protocols.
async fn connect(
    address: SocketAddr,
    name: &str,
    trusted: &Path,
    alpn: &[&[u8]],
) -> Result<TlsStream<TcpStream>, String> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(trusted).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|&protocol| protocol.to_vec()).collect();
    let stream = TcpStream::connect(address)
        .await
        .map_err(|e| e.to_string())?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector
        .connect(name, stream)
        .await
        .map_err(|e| e.to_string())
}

/// GET over HTTP/2 on any connection: status, Cache-Status, body.
async fn get_h2<S>(stream: S, uri: &str) -> (u16, String, String)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = Request::get(uri).body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    let status = response.status().as_u16();
    let field = response.headers().get("cache-status").unwrap();
    let field = field.to_str().unwrap().to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, field, String::from_utf8(body.to_vec()).unwrap())
}

struct Https {
    address: SocketAddr,
    plain: SocketAddr,
    process: Process,
    folder: TempDir,
}

impl Https {
    async fn start(origin: &str) -> Self {
        let folder = TempDir::new().unwrap();
        write_certificate(folder.path(), "cert.pem", "key.pem", &["www.example.com"]);
        let net = Net::new();
        let (address, plain) = (net.at(1, 8443), net.at(1, 8080));
        let (tls, listen) = (address.to_string(), plain.to_string());
        let path = |name| folder.path().join(name).to_str().unwrap().to_owned();
        let (cert, key) = (path("cert.pem"), path("key.pem"));
        let args = [
            "edge",
            "--origin",
            origin,
            "--listen",
            &listen,
            "--tls-listen",
            &tls,
            "--cert",
            &cert,
            "--key",
            &key,
        ];
        let process = Process::start("edge", folder.path(), &args);
        wait::until("it listens", || async move {
            TcpStream::connect(address).await.ok()
        })
        .await;
        Https {
            address,
            plain,
            process,
            folder,
        }
    }

    fn cert(&self) -> std::path::PathBuf {
        self.folder.path().join("cert.pem")
    }
}

/// The scheme is in the key: an answer that was made for http is not served to https.
#[tokio::test]
async fn http_and_https_do_not_share_what_is_stored() {
    let origin =
        Origin::start(|asked| async move { fresh(asked.field("x-forwarded-proto").to_owned()) })
            .await;
    let edge = Https::start(&origin.url()).await;
    let name = "www.example.com";
    for time in 0..2 {
        let plain = get(edge.plain, name, "/same").send().await;
        assert_eq!((plain.text(), plain.is_hit()), ("http", time == 1));
        let stream = connect(edge.address, name, &edge.cert(), &[b"h2"]).await;
        let (status, how, body) = get_h2(stream.unwrap(), "https://www.example.com/same").await;
        assert_eq!((status, body.as_str()), (200, "https"));
        assert_eq!(how.contains("; hit"), time == 1, "{how}");
    }
    assert_eq!(origin.count("/same"), 2);
}

#[tokio::test]
async fn http2_and_http1_by_alpn_and_the_origin_learns_the_scheme() {
    let origin =
        Origin::start(|asked| async move { fresh(asked.field("x-forwarded-proto").to_owned()) })
            .await;
    let edge = Https::start(&origin.url()).await;
    let name = "www.example.com";

    let stream = connect(edge.address, name, &edge.cert(), &[b"h2", b"http/1.1"])
        .await
        .unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (status, _, body) = get_h2(stream, "https://www.example.com/s").await;
    assert_eq!((status, body.as_str()), (200, "https"));

    let stream = connect(edge.address, name, &edge.cert(), &[b"http/1.1"])
        .await
        .unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(origin.asked()[0].field("host"), name);
}

#[tokio::test]
async fn a_renewed_certificate_is_used_without_a_restart() {
    let origin = Origin::cacheable("content").await;
    let edge = Https::start(&origin.url()).await;
    let name = "www.example.com";
    connect(edge.address, name, &edge.cert(), &[])
        .await
        .unwrap();
    write_certificate(edge.folder.path(), "cert.pem", "key.pem", &[name]);
    wait::until("the new certificate is used", || async {
        connect(edge.address, name, &edge.cert(), &[]).await.ok()
    })
    .await;
}

#[tokio::test]
async fn a_bad_certificate_changes_nothing_and_says_why() {
    let origin = Origin::cacheable("content").await;
    let edge = Https::start(&origin.url()).await;
    let name = "www.example.com";
    let old = edge.folder.path().join("old.pem");
    std::fs::copy(edge.cert(), &old).unwrap();

    for (bad, nth) in [("not a certificate", 1), ("", 2)] {
        std::fs::write(edge.cert(), bad).unwrap();
        wait::until("the edge says what is wrong", || async {
            let said = edge.process.stderr();
            let refused = said.matches("not reloaded").count();
            (refused >= nth && said.contains("cert.pem")).then_some(())
        })
        .await;
        connect(edge.address, name, &old, &[]).await.unwrap();
    }
    std::fs::remove_file(edge.cert()).unwrap();
    wait::until("the edge says that it is gone", || async {
        edge.process.stderr().contains("No such file").then_some(())
    })
    .await;
    connect(edge.address, name, &old, &[]).await.unwrap();

    write_certificate(edge.folder.path(), "cert.pem", "key.pem", &[name]);
    wait::until("the new certificate is used", || async {
        connect(edge.address, name, &edge.cert(), &[]).await.ok()
    })
    .await;
}

#[tokio::test]
async fn head_has_no_content_over_http2() {
    // Nobody listens there: the answer is the proxy's own, with a text.
    let proxy = Proxy::start("http://127.0.0.1:9", &[]).await;
    let stream = TcpStream::connect(proxy.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    for (method, length) in [("GET", 16), ("HEAD", 0)] {
        let request = Request::builder()
            .uri("http://www.example.com/")
            .method(method);
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 502, "{method}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), length, "{method}: {body:?}");
    }
}

#[tokio::test]
async fn a_get_with_content_over_http2_passes_by_the_store() {
    let origin = Origin::start(|asked| async move { fresh(asked.body) }).await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let stream = TcpStream::connect(proxy.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    // That content comes, only the end of the stream tells: there is no Content-Length.
    for content in ["", "one", "two", ""] {
        let request = Request::get("http://www.example.com/echo");
        let content_of_no_stated_length = Full::new(Bytes::from(content)).map_frame(|frame| frame);
        let request = request.body(content_of_no_stated_length).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, content);
    }
}

#[tokio::test]
async fn http2_with_prior_knowledge_in_clear() {
    let origin = Origin::cacheable("content").await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    for expected in ["fwd=uri-miss", "; hit"] {
        let stream = TcpStream::connect(proxy.address).await.unwrap();
        let (status, field, body) = get_h2(stream, "http://www.example.com/h2c").await;
        assert_eq!((status, body.as_str()), (200, "content"));
        assert!(field.contains(expected), "{field}");
    }
}
