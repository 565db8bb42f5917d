//! Requests to one endpoint: HTTP/1.1, over TLS where the URL says https, with limits on time and size.

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde_json::Value;
use tokio::time::timeout;

use super::error::Fault;

/// Bytes that an answer, or one message of a stream, may have.
pub(super) const MAX_BYTES: usize = 32 << 20;

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(60);

/// Sends requests to endpoints.
pub(super) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

impl Transport {
    /// Verifies https endpoints against the authorities in `ca`, or else the system's.
    pub(super) fn new(timeout: Duration, tls: bool, ca: Option<&Path>) -> Result<Self, String> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(timeout));
        tcp.enforce_http(false);
        let roots = match (tls, ca) {
            (false, _) => RootCertStore::empty(),
            (true, Some(file)) => from_file(file)?,
            (true, None) => of_system()?,
        };
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(2)
            .build(connector);
        Ok(Transport { client, timeout })
    }

    /// The whole answer to a POST.
    pub(super) async fn post(
        &self,
        endpoint: &Uri,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Result<Bytes, Fault> {
        let answer = async {
            let answer = self.send(endpoint, path, token, body).await?;
            collect(answer).await
        };
        let answered = timeout(self.timeout, answer).await;
        let (status, body) = answered.map_err(|_| self.late())??;
        match status {
            StatusCode::OK => Ok(body),
            status => Err(Fault::of_answer(status, &body)),
        }
    }

    /// The beginning of an answer that goes on for as long as both sides like.
    pub(super) async fn open(
        &self,
        endpoint: &Uri,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Result<Incoming, Fault> {
        let opened = async {
            let answer = self.send(endpoint, path, token, body).await?;
            match answer.status() {
                StatusCode::OK => Ok(answer.into_body()),
                status => Err(Fault::of_answer(status, &collect(answer).await?.1)),
            }
        };
        timeout(self.timeout, opened)
            .await
            .map_err(|_| self.late())?
    }

    fn late(&self) -> Fault {
        Fault::Away(format!("no answer in {:?}", self.timeout))
    }

    async fn send(
        &self,
        endpoint: &Uri,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Result<Response<Incoming>, Fault> {
        let base = endpoint.to_string();
        let mut request = Request::post(format!("{}{path}", base.trim_end_matches('/')))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, token);
        }
        let request = request
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| Fault::Refused(format!("cannot be asked: {error}")))?;
        let answer = self.client.request(request).await;
        answer.map_err(|error| Fault::Away(root_cause(&error)))
    }
}

async fn collect(answer: Response<Incoming>) -> Result<(StatusCode, Bytes), Fault> {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MAX_BYTES).collect().await;
    let body = body.map_err(|error| Fault::Away(root_cause(&*error)))?;
    Ok((head.status, body.to_bytes()))
}

/// The error at the bottom, which names the cause.
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<std::io::Error>() {
        Some(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => io.kind().to_string(),
        _ => cause.to_string(),
    }
}

fn from_file(file: &Path) -> Result<RootCertStore, String> {
    let fault = |what: String| format!("the CA file {}: {what}", file.display());
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(file).map_err(|e| fault(e.to_string()))?;
    for certificate in found {
        let certificate = certificate.map_err(|e| fault(e.to_string()))?;
        roots.add(certificate).map_err(|e| fault(e.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(fault("there is no certificate in it".to_owned())),
        false => Ok(roots),
    }
}

fn of_system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match roots.is_empty() {
        true => Err("no certificate authorities are found on this system: set `ca`".to_owned()),
        false => Ok(roots),
    }
}
