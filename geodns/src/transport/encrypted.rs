//! DNS over TLS (RFC 7858), HTTPS (RFC 8484) and QUIC (RFC 9250). The protocols are those of rustls,
//! hyper and quinn; what a message is answered is the worker's matter, as everywhere.

mod accept;
mod certificate;
mod config;
mod freshness;
mod https;
mod https_request;
mod listen;
mod quic;
mod responder;
mod seats;
mod tls;

use std::{net::SocketAddr, sync::Arc};

use tokio::{sync::watch, task::JoinSet};

pub use config::{CertificateFiles, Encrypted};

use self::{accept::Accept, certificate::Certificate, responder::Responder, seats::Seats};
use super::Clients;
use crate::{StartError, worker};

/// What all encrypted transports share.
#[derive(Clone)]
struct Common {
    config: Encrypted,
    responder: Arc<Responder>,
    seats: Arc<Seats>,
    /// True when it is time to stop.
    stop: watch::Receiver<bool>,
}

/// The listeners for encrypted transports.
pub(crate) struct EncryptedServer {
    certificate: Arc<Certificate>,
    addresses: Addresses,
}

/// Where it is listened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// For DNS over TLS.
    pub tls: Vec<SocketAddr>,
    /// For DNS over HTTPS.
    pub https: Vec<SocketAddr>,
    /// For DNS over QUIC.
    pub quic: Vec<SocketAddr>,
}

impl EncryptedServer {
    /// Binds the addresses. Its tasks answer until `stop` says so, and end then; dropped, they stop
    /// at once. `None` if there are no addresses.
    ///
    /// # Errors
    /// [`StartError`] if an address or the certificate cannot be used.
    pub(crate) fn start(
        config: &Encrypted,
        shared: worker::Shared,
        clients: Clients,
        stop: watch::Receiver<bool>,
    ) -> Result<Option<(Self, JoinSet<()>)>, StartError> {
        if !config.listens() {
            return Ok(None);
        }
        let (most, per_client) = (config.max_connections, config.max_connections_per_client);
        let seats = Seats::new(most, per_client, clients);
        let common = Common {
            config: config.clone(),
            responder: Arc::new(Responder::new(shared)),
            seats: Arc::new(seats),
            stop,
        };
        let mut server = EncryptedServer {
            certificate: Certificate::load(config).map_err(StartError)?,
            addresses: Addresses::default(),
        };
        let mut tasks = JoinSet::new();
        server.tls(&common, &mut tasks)?;
        server.https(&common, &mut tasks)?;
        server.quic(&common, &mut tasks)?;
        Ok(Some((server, tasks)))
    }

    fn tls(&mut self, common: &Common, tasks: &mut JoinSet<()>) -> Result<(), StartError> {
        let acceptor = self.certificate.acceptor(&[b"dot"]).map_err(StartError)?;
        for &address in &common.config.tls_listen {
            let (bound, listener) = listen::tcp(address, "DNS over TLS")?;
            self.addresses.tls.push(bound);
            let accept = Accept::new(common, acceptor.clone());
            tasks.spawn(accept.serve(listener, tls::connection));
        }
        Ok(())
    }

    fn https(&mut self, common: &Common, tasks: &mut JoinSet<()>) -> Result<(), StartError> {
        let acceptor = self.certificate.acceptor(&[b"h2", b"http/1.1"]);
        let acceptor = acceptor.map_err(StartError)?;
        for &address in &common.config.https_listen {
            let (bound, listener) = listen::tcp(address, "DNS over HTTPS")?;
            self.addresses.https.push(bound);
            let accept = Accept::new(common, acceptor.clone());
            tasks.spawn(accept.serve(listener, https::connection));
        }
        Ok(())
    }

    fn quic(&mut self, common: &Common, tasks: &mut JoinSet<()>) -> Result<(), StartError> {
        let crypto = self.certificate.for_quic().map_err(StartError)?;
        for &address in &common.config.quic_listen {
            let (bound, endpoint) = quic::bind(address, Arc::clone(&crypto), &common.config)?;
            self.addresses.quic.push(bound);
            tasks.spawn(quic::serve(endpoint, common.clone()));
        }
        Ok(())
    }

    /// Where it is listened: the ports that were given for 0, too.
    pub(crate) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Checks the files of a new configuration, and gives what puts them in place.
    pub(crate) fn prepare(&self, config: &Encrypted) -> Result<impl FnOnce() + use<>, String> {
        let new = certificate::load(config)?;
        let certificate = Arc::clone(&self.certificate);
        Ok(move || certificate.replace(new))
    }
}
