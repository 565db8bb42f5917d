//! Connections: TCP, TLS over it, one time limit over all of it, and what is known of each.

use std::{
    fmt, io,
    mem::MaybeUninit,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use arc_swap::ArcSwap;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, MaybeHttpsStream};
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector},
    rt::TokioIo,
};
use rustls::{ClientConfig, pki_types::ServerName};
use socket2::SockRef;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tower_service::Service;

use crate::{admission::Permit, body::BoxError, resolve::Resolve};

/// Makes connections to one endpoint. Clones share the resolver.
#[derive(Clone)]
pub(crate) struct Dial {
    route: Route,
    limit: Duration,
}

#[derive(Clone)]
enum Route {
    Plain(HttpConnector<Resolve>),
    Tls(HttpConnector<Resolve>, Tls),
}

/// How to encrypt, and the name to verify.
pub(crate) type Tls = (Arc<ArcSwap<ClientConfig>>, ServerName<'static>);

impl Dial {
    /// Connections over TLS if `tls` says how, and verified for which name.
    pub(crate) fn new(tls: Option<Tls>, limit: Duration) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolve::default());
        tcp.set_nodelay(true);
        // Shared out among the addresses of a name, so that one that is dead leaves time for the next.
        tcp.set_connect_timeout(Some(limit));
        tcp.enforce_http(tls.is_none());
        let route = match tls {
            None => Route::Plain(tcp),
            Some(tls) => Route::Tls(tcp, tls),
        };
        Dial { route, limit }
    }
}

impl Service<Uri> for Dial {
    type Response = Socket;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Socket, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match &mut self.route {
            Route::Plain(tcp) => tcp.poll_ready(cx).map_err(Into::into),
            Route::Tls(tcp, _) => tcp.poll_ready(cx).map_err(Into::into),
        }
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let Dial { mut route, limit } = self.clone();
        Box::pin(async move {
            let connecting = async {
                match &mut route {
                    Route::Plain(tcp) => Ok(MaybeHttpsStream::Http(tcp.call(to).await?)),
                    Route::Tls(tcp, (config, name)) => {
                        let name = Arc::new(FixedServerNameResolver::new(name.clone()));
                        let config = config.load_full();
                        HttpsConnector::new(tcp.clone(), config, true, name)
                            .call(to)
                            .await
                    }
                }
            };
            match timeout(limit, connecting).await {
                Ok(connected) => connected.map(Socket::new),
                Err(_) => Err(TooSlow(limit).into()),
            }
        })
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

/// What is known of one connection. Found among the extensions of its responses and errors.
#[derive(Clone, Debug)]
pub(crate) struct Facts(Arc<FactsInner>);

#[derive(Debug)]
struct FactsInner {
    opened: Instant,
    used: AtomicBool,
    // Between two exchanges: a response has come whole, and no request has been written since.
    resting: AtomicBool,
    held: Mutex<Option<Permit>>,
}

impl Facts {
    /// Since when it is open.
    pub(crate) fn opened(&self) -> Instant {
        self.0.opened
    }

    /// Whether it has carried a response.
    pub(crate) fn is_used(&self) -> bool {
        self.0.used.load(Relaxed)
    }

    /// Notes that it has.
    pub(crate) fn mark_used(&self) {
        self.0.used.store(true, Relaxed);
    }

    /// Notes that a response has come whole: until the next request there is nothing to say.
    pub(crate) fn rest(&self) {
        self.0.resting.store(true, Relaxed);
    }

    /// Keeps a permit until the connection is closed.
    pub(crate) fn hold(&self, permit: Permit) {
        *self.0.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(permit);
    }
}

/// One connection, plain or TLS, with its facts.
pub(crate) struct Socket {
    stream: MaybeHttpsStream<TokioIo<TcpStream>>,
    facts: Facts,
}

impl Socket {
    fn new(stream: MaybeHttpsStream<TokioIo<TcpStream>>) -> Self {
        let facts = Facts(Arc::new(FactsInner {
            opened: Instant::now(),
            used: AtomicBool::new(false),
            resting: AtomicBool::new(false),
            held: Mutex::new(None),
        }));
        Socket { stream, facts }
    }
}

impl Socket {
    /// Before the first byte of a request on a connection that has served: nothing may have come
    /// on it meanwhile. What an origin says unasked would be taken for the answer (RFC 9112
    /// section 9.2), and whether something is there only the kernel knows for certain.
    fn check_silence(&self) -> io::Result<()> {
        if !self.facts.0.resting.load(Relaxed) {
            return Ok(());
        }
        self.facts.0.resting.store(false, Relaxed);
        let mut byte = [MaybeUninit::uninit()];
        match SockRef::from(self.tcp()).peek(&mut byte) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
            Ok(0) => Err(io::ErrorKind::ConnectionReset.into()),
            Ok(_) => Err(io::Error::other("it spoke before it was asked")),
        }
    }

    fn tcp(&self) -> &TcpStream {
        match &self.stream {
            MaybeHttpsStream::Http(tcp) => tcp.inner(),
            MaybeHttpsStream::Https(tls) => tls.inner().get_ref().0.inner().inner(),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Others may still hold the facts; the permit ends with the connection.
        let held = &self.facts.0.held;
        held.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        self.stream.connected().extra(self.facts.clone())
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl Write for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_silence()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_silence()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}
