//! What HTTP/2 costs between tiers, beside pooled HTTP/1.1: both over mutual TLS 1.3, between two
//! processes, from hyper's clients to `perigee_server` (as nodes listen).
//!
//! `cargo bench -p perigee-server --bench tiers`: requests per second, and the time of a CPU that a
//! response takes in the process that asks and in the one that answers.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use perigee_server::{Client, Handler, Limits, RequestBody, Server, ServerConfig};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::WebPkiClientVerifier,
    version::TLS13,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const SIZES: [(&str, usize); 3] = [("1 KiB", 1 << 10), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20)];
/// Requests under way at once.
const WORKERS: usize = 32;
const TIME: Duration = Duration::from_secs(3);

struct Answers(Vec<Bytes>);

impl Handler for Answers {
    type Body = Full<Bytes>;

    async fn handle(&self, request: Request<RequestBody>, _: Client) -> Response<Full<Bytes>> {
        let size: usize = request.uri().path()[1..].parse().unwrap_or(0);
        let body = self.0.iter().find(|body| body.len() == size);
        Response::new(Full::new(body.cloned().unwrap_or_default()))
    }
}

/// An authority and a certificate, as PEM files.
fn make_certificates(folder: &Path) -> Result<(), Failure> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(folder.join("ca.pem"), ca.self_signed(&ca_key)?.pem())?;
    let key = KeyPair::generate()?;
    let params = CertificateParams::new(vec!["node".to_owned()])?;
    let node = params.signed_by(&key, &Issuer::new(ca, ca_key))?;
    fs::write(folder.join("node.pem"), node.pem())?;
    fs::write(folder.join("node.key"), key.serialize_pem())?;
    Ok(())
}

type Identity = (
    Arc<RootCertStore>,
    Vec<CertificateDer<'static>>,
    PrivateKeyDer<'static>,
);

fn identity(folder: &Path) -> Result<Identity, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("ca.pem"))?)?;
    let cert = CertificateDer::from_pem_file(folder.join("node.pem"))?;
    let key = PrivateKeyDer::from_pem_file(folder.join("node.key"))?;
    Ok((Arc::new(roots), vec![cert], key))
}

/// Answers until its standard input ends.
async fn serve(folder: &Path) -> Result<(), Failure> {
    let (roots, cert, key) = identity(folder)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let clients =
        WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build()?;
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(clients)
        .with_single_cert(cert, key)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let bodies = SIZES.iter().map(|(_, size)| Bytes::from(vec![b'x'; *size]));
    let config = ServerConfig {
        http: Vec::new(),
        https: Vec::new(),
        private: vec![TcpListener::bind("127.0.0.1:0").await?],
        private_tls: Some(Arc::new(tls)),
        certs: None,
        limits: Limits::default(),
        gauge: None,
        pages: None,
    };
    let server = Server::start(config, Arc::new(Answers(bodies.collect())));
    for address in server.addresses() {
        println!("{address}");
    }
    let wait = || std::io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(wait).await??;
    Ok(())
}

async fn connect(
    folder: &Path,
    address: SocketAddr,
    alpn: &[u8],
) -> Result<TokioIo<TlsStream<TcpStream>>, Failure> {
    let (roots, cert, key) = identity(folder)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(cert, key)?;
    tls.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("node")?;
    let stream = TlsConnector::from(Arc::new(tls))
        .connect(name, stream)
        .await?;
    Ok(TokioIo::new(stream))
}

/// Asks by `WORKERS` tasks until time is up; how many were answered whole, and in what time.
async fn ask(
    folder: &Path,
    address: SocketAddr,
    size: usize,
    is_http2: bool,
) -> Result<(u64, Duration), Failure> {
    let answered = Arc::new(AtomicU64::new(0));
    let request = move || {
        Request::get(format!("https://node/{size}"))
            .header("host", "node")
            .body(Empty::<Bytes>::new())
    };
    let mut workers = Vec::new();
    let mut shared = None;
    if is_http2 {
        let io = connect(folder, address, b"h2").await?;
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(connection);
        shared = Some(sender);
    }
    let began = Instant::now();
    for _ in 0..WORKERS {
        let (answered, shared) = (Arc::clone(&answered), shared.clone());
        let mut own = None;
        if shared.is_none() {
            let io = connect(folder, address, b"http/1.1").await?;
            let (sender, connection) = http1::handshake(io).await?;
            tokio::spawn(connection);
            own = Some(sender);
        }
        workers.push(tokio::spawn(async move {
            while began.elapsed() < TIME {
                let response = match (&mut own, &shared) {
                    (Some(own), _) => {
                        own.ready().await?;
                        own.send_request(request()?).await?
                    }
                    (None, Some(shared)) => shared.clone().send_request(request()?).await?,
                    (None, None) => return Err("no connection".into()),
                };
                let mut body = response.into_body();
                let mut length = 0;
                while let Some(frame) = body.frame().await {
                    length += frame?.data_ref().map_or(0, Bytes::len);
                }
                assert_eq!(length, size);
                answered.fetch_add(1, Relaxed);
            }
            Ok::<(), Failure>(())
        }));
    }
    for worker in workers {
        worker.await??;
    }
    Ok((answered.load(Relaxed), began.elapsed()))
}

/// The time of a CPU that a process has had, in microseconds.
fn cpu(id: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let after = text.rsplit_once(')').map_or("", |(_, after)| after);
    let fields: Vec<f64> = after
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0.0))
        .collect();
    // utime and stime, in hundredths of a second.
    let ticks = fields.get(11..13).map_or(0.0, |times| times.iter().sum());
    ticks * 10_000.0
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("--serve") {
        let folder = arguments.next().ok_or("a folder is needed")?;
        return serve(Path::new(&folder)).await;
    }
    let folder = tempfile::TempDir::new()?;
    make_certificates(folder.path())?;
    let mut server = Command::new(std::env::current_exe()?)
        .arg("--serve")
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let told = server.stdout.take().ok_or("it says nothing")?;
    BufReader::new(told).read_line(&mut line)?;
    let address = line.trim().parse()?;

    println!("| body | protocol | requests/s | µs CPU, asks | µs CPU, answers |");
    println!("|---|---|---|---|---|");
    for (name, size) in SIZES {
        for (protocol, is_http2) in [("HTTP/1.1", false), ("HTTP/2", true)] {
            let before = (cpu(std::process::id()), cpu(server.id()));
            let (answered, time) = ask(folder.path(), address, size, is_http2).await?;
            let after = (cpu(std::process::id()), cpu(server.id()));
            let count = answered.max(1) as f64;
            println!(
                "| {name} | {protocol} | {:.0} | {:.0} | {:.0} |",
                count / time.as_secs_f64(),
                (after.0 - before.0) / count,
                (after.1 - before.1) / count,
            );
        }
    }
    drop(server.stdin.take());
    server.wait()?;
    Ok(())
}
