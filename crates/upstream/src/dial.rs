//! Connections: TCP, TLS over it, one time limit over all of it.

use std::{fmt, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::{body::BoxError, http1::Socket, resolve::Resolve};

/// Makes connections to one endpoint.
pub(crate) struct Dial {
    to: Uri,
    // Names to addresses, and the first of these that answers (RFC 8305).
    tcp: HttpConnector<Resolve>,
    tls: Option<Tls>,
    limit: Duration,
}

/// How to encrypt, and the name to verify.
pub(crate) type Tls = (Arc<ArcSwap<ClientConfig>>, ServerName<'static>);

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dial")
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

impl Dial {
    /// Connections over TLS if `tls` says how, and verified for which name.
    pub(crate) fn new(to: Uri, tls: Option<Tls>, limit: Duration) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolve::default());
        tcp.set_nodelay(true);
        // Shared out among the addresses of a name, so that one that is dead leaves time for the next.
        tcp.set_connect_timeout(Some(limit));
        tcp.enforce_http(false);
        Dial {
            to,
            tcp,
            tls,
            limit,
        }
    }

    /// A new connection.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn connect(&self) -> Result<Socket, BoxError> {
        let connecting = async {
            // A connector is ready for any number of connections at once.
            let tcp = self.tcp.clone().call(self.to.clone()).await?.into_inner();
            let Some((config, name)) = &self.tls else {
                return Ok(Socket::Plain(tcp));
            };
            let tls = TlsConnector::from(config.load_full());
            let tls = tls.connect(name.clone(), tcp).await?;
            Ok(Socket::Tls(Box::new(tls)))
        };
        match timeout(self.limit, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(TooSlow(self.limit).into()),
        }
    }
}

/// Name look-up, TCP and TLS together took too long.
#[derive(Debug)]
struct TooSlow(Duration);

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not connected within {:?}", self.0)
    }
}

impl std::error::Error for TooSlow {}
