//! TLS: who is trusted, and for which name.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{net::TcpListener, net::TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::{
    Body, Endpoint, Limits, SendErrorKind, Target, body,
    testing::{LONG, endpoint_with, get, scripted, serve_connection, text, url_target},
};

/// A certificate authority with its file.
pub(super) struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    pub(super) fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        let issuer = rcgen::Issuer::new(params, key);
        Authority { issuer, folder }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Serves https with a certificate for `name`.
    pub(super) async fn serve<F, A>(&self, name: &str, answer: F) -> SocketAddr
    where
        F: Fn(Request<Bytes>) -> A + Clone + Send + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let chain = vec![CertificateDer::from(certificate)];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(accept(acceptor.clone(), stream, answer.clone()));
            }
        });
        addr
    }
}

async fn accept<F, A>(acceptor: TlsAcceptor, stream: TcpStream, answer: F)
where
    F: Fn(Request<Bytes>) -> A + Clone + Send + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    if let Ok(stream) = acceptor.accept(stream).await {
        serve_connection(stream, answer).await;
    }
}

async fn hello(request: Request<Bytes>) -> Response<Body> {
    let host = request.headers()["host"].to_str().unwrap().to_owned();
    Response::new(body::full(format!("hello {host}")))
}

fn https(addr: SocketAddr, ca: &Authority, sni: Option<&str>, host: Option<&str>) -> Arc<Endpoint> {
    let target = Target::Url {
        base: format!("https://{addr}").parse().unwrap(),
        host: host.map(|host| host.parse().unwrap()),
        sni: sni.map(str::to_owned),
        ca_file: Some(ca.file()),
    };
    endpoint_with(target, Limits::default())
}

#[tokio::test]
async fn sni_and_host_can_be_set() {
    let ca = Authority::new();
    let addr = ca.serve("inner.example", hello).await;
    let both = https(addr, &ca, Some("inner.example"), Some("app.example"));
    let response = both.send(get("/")).await.unwrap();
    assert_eq!(text(response).await, "hello app.example");
    let client_host = https(addr, &ca, Some("inner.example"), None);
    let response = client_host.send(get("/")).await.unwrap();
    assert_eq!(text(response).await, "hello www.example");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let ca = Authority::new();
    let addr = ca.serve("other.example", hello).await;
    for sni in [None, Some("inner.example")] {
        let error = https(addr, &ca, sni, None)
            .send(get("/"))
            .await
            .unwrap_err();
        assert_eq!(error.kind, SendErrorKind::Connect, "{error}");
        assert!(
            error.detail.contains("TLS: invalid peer certificate"),
            "{error}"
        );
        assert!(
            error.detail.starts_with(&format!("www (https://{addr})")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn another_authority_is_not_trusted() {
    let (ca, other) = (Authority::new(), Authority::new());
    let addr = ca.serve("inner.example", hello).await;
    let endpoint = https(addr, &other, Some("inner.example"), None);
    let error = endpoint.send(get("/")).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Connect);
    assert!(
        error.detail.contains("TLS: invalid peer certificate"),
        "{error}"
    );
}

#[tokio::test]
async fn a_handshake_that_hangs_falls_under_the_connect_timeout() {
    let (addr, _) = scripted(|stream, _| async move {
        tokio::time::sleep(LONG).await;
        drop(stream);
    })
    .await;
    let ca = Authority::new();
    let mut target = url_target(&format!("https://{addr}"));
    if let Target::Url { ca_file, .. } = &mut target {
        *ca_file = Some(ca.file());
    }
    let limits = Limits {
        connect_timeout: std::time::Duration::from_millis(100),
        ..Limits::default()
    };
    let error = endpoint_with(target, limits)
        .send(get("/"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Connect);
    assert!(
        error.detail.contains("not connected within 100ms"),
        "{error}"
    );
}
