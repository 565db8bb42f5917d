//! Full TLS handshakes: each connection asks for one object of 1 KiB and is closed.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    client::Resumption,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

#[derive(Clone, Debug, Args)]
pub(crate) struct Handshakes {
    /// Whom to ask.
    pub(crate) to: SocketAddr,
    /// The certificate that is trusted, a PEM file.
    #[arg(long)]
    pub(crate) trust: PathBuf,
    /// What to ask for.
    #[arg(long)]
    pub(crate) target: String,
    /// Connections at once.
    #[arg(long, default_value_t = 8)]
    pub(crate) connections: usize,
    /// How long.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) seconds: f64,
}

/// How a client is that trusts one certificate and resumes nothing.
pub(crate) fn client(trust: &PathBuf) -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(trust).map_err(io::Error::other)?;
    roots.add(certificate).map_err(io::Error::other)?;
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Prints how many were done, and how many failed.
pub(super) fn run(plan: &Handshakes) -> io::Result<()> {
    let config = client(&plan.trust)?;
    let end = Instant::now() + Duration::from_secs_f64(plan.seconds);
    let clients: Vec<_> = (0..plan.connections)
        .map(|_| {
            let (plan, config) = (plan.clone(), config.clone());
            thread::spawn(move || {
                let (mut done, mut failed) = (0_u64, 0_u64);
                while Instant::now() < end {
                    match once(&plan, &config) {
                        Ok(()) => done += 1,
                        Err(_) => failed += 1,
                    }
                }
                (done, failed)
            })
        })
        .collect();
    let (mut done, mut failed) = (0, 0);
    for client in clients {
        let (more, wrong) = client
            .join()
            .map_err(|_| io::Error::other("a client broke"))?;
        done += more;
        failed += wrong;
    }
    println!("{done} {failed}");
    Ok(())
}

fn once(plan: &Handshakes, config: &Arc<ClientConfig>) -> io::Result<()> {
    let host = crate::bench::HOST;
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    let client = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
    let socket = TcpStream::connect(plan.to)?;
    socket.set_nodelay(true)?;
    let mut stream = StreamOwned::new(client, socket);
    let target = &plan.target;
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    match stream.read_to_end(&mut response) {
        // Some close without close_notify.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
        _ => {}
    }
    match response.starts_with(b"HTTP/1.1 200") && response.len() > 1024 {
        true => Ok(()),
        false => Err(io::Error::other("no answer")),
    }
}
