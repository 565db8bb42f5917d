//! A running server.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    CertStore, DrainReport, Gauge, Handler, Limits, Pages, Stats,
    accept::{self, Door},
    drain,
    shared::Shared,
};

/// What a server is started with.
#[derive(Debug)]
pub struct ServerConfig {
    /// Cleartext listeners: HTTP/1.1 and HTTP/2 with prior knowledge.
    pub http: Vec<TcpListener>,
    /// TLS listeners: HTTP/1.1 and HTTP/2 by ALPN. Need `certs`.
    pub https: Vec<TcpListener>,
    /// Listeners that are not for everybody: [`crate::Client::private`] says so to the handler.
    pub private: Vec<TcpListener>,
    /// TLS for `private`; without it they are cleartext.
    pub private_tls: Option<Arc<rustls::ServerConfig>>,
    /// The certificates for `https`.
    pub certs: Option<Arc<CertStore>>,
    /// Limits on clients.
    pub limits: Limits,
    /// Who wants to know how far clients are. Those of `private` are none.
    pub gauge: Option<Arc<dyn Gauge>>,
    /// Which pages may be lent to sockets, so that bodies go out without a copy.
    pub pages: Option<Arc<dyn Pages>>,
}

/// A running server: its accept loops and connections. Cheap to clone. It goes on when dropped,
/// until it is drained.
#[derive(Clone, Debug)]
pub struct Server {
    running: Arc<Running>,
}

#[derive(Debug)]
struct Running {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    acceptors: Mutex<Vec<JoinHandle<()>>>,
}

impl Server {
    /// Starts accepting. Needs a tokio runtime.
    pub fn start<H: Handler>(config: ServerConfig, handler: Arc<H>) -> Self {
        let private_tls = config.private_tls.is_some();
        let shared = Shared::new(
            config.limits,
            config.certs.as_ref(),
            config.private_tls,
            config.gauge,
            config.pages,
        );
        let shared = Arc::new(shared);
        let (stop, stopped) = watch::channel(false);
        let http = config.http.into_iter().map(|it| (it, false, false));
        let https = config.https.into_iter().map(|it| (it, true, false));
        let private = config.private.into_iter();
        let private = private.map(|it| (it, private_tls, true));

        let mut addresses = Vec::new();
        let mut acceptors = Vec::new();
        for (listener, tls, private) in http.chain(https).chain(private) {
            let local = listener.local_addr().ok();
            addresses.extend(local);
            let door = Door {
                local: local.filter(|local| !local.ip().is_unspecified()),
                tls,
                private,
                handler: Arc::clone(&handler),
                shared: Arc::clone(&shared),
            };
            acceptors.push(tokio::spawn(accept::run(listener, door, stopped.clone())));
        }
        let acceptors = Mutex::new(acceptors);
        Server {
            running: Arc::new(Running {
                shared,
                addresses,
                stop,
                acceptors,
            }),
        }
    }

    /// The addresses that are listened on: cleartext, TLS, private.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.running.addresses.clone()
    }

    /// Puts new certificates and limits in place for connections accepted from now on. Without
    /// `certs` or `private_tls` the ones in use stay.
    pub fn reload(
        &self,
        certs: Option<Arc<CertStore>>,
        private_tls: Option<Arc<rustls::ServerConfig>>,
        limits: Limits,
    ) {
        let shared = &self.running.shared;
        if private_tls.is_some() {
            shared.private_tls.store(private_tls);
        }
        if let Some(certs) = certs {
            shared.tls.store(Some(certs.server_config()));
        }
        shared.slots.resize(limits.max_connections);
        if let Some(lender) = &shared.lender {
            lender.resize(limits.max_lending);
        }
        shared.limits.store(Arc::new(limits));
    }

    /// Connections open now.
    pub fn connections(&self) -> usize {
        self.running.shared.registry.count()
    }

    /// Counts since the start, and what there is now.
    pub fn stats(&self) -> Stats {
        self.running.shared.stats()
    }

    /// Tells the same to who does not keep it running.
    pub fn meter(&self) -> Meter {
        Meter(Arc::downgrade(&self.running.shared))
    }

    /// From now on each HTTP/1.1 response says `Connection: close` and HTTP/2 connections get
    /// GOAWAY, while new connections are still accepted, so that clients move away.
    pub fn turn_away(&self) {
        self.running.shared.turn_away(true);
    }

    /// Takes [`Server::turn_away`] back: connections are kept alive again.
    pub fn welcome(&self) {
        self.running.shared.turn_away(false);
    }

    /// Stops accepting, lets requests under way finish, closes idle connections; cuts what is
    /// left at the deadline.
    ///
    /// A connection that has asked nothing yet gets half a second to do so: its request may have
    /// been sent before its client could know of the drain.
    pub async fn drain(&self, deadline: Duration) -> DrainReport {
        let running = &self.running;
        let began = Instant::now();
        running.shared.begin_drain(began);
        running.stop.send_replace(true);
        let acceptors = std::mem::take(
            &mut *running
                .acceptors
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for acceptor in acceptors {
            // Only a panic could end one early, and then it is stopped too.
            let _ = acceptor.await;
        }
        drain::run(&running.shared.registry, (began + deadline).into()).await
    }
}

/// What tells how a server is doing, as long as there is one.
#[derive(Clone, Debug)]
pub struct Meter(Weak<Shared>);

impl Meter {
    /// Counts since the start, and what there is now. `None`: the server is gone.
    pub fn read(&self) -> Option<Stats> {
        self.0.upgrade().map(|shared| shared.stats())
    }
}
