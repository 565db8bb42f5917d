//! The life of one connection: TLS or a look at the first bytes, then HTTP until it is over.

use std::{
    future::{Future, poll_fn},
    io,
    mem::MaybeUninit,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use perigee_http2::PREFACE;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    Client, Handler, Limits, exchange, http1, http2,
    io::ClientIo,
    shared::Shared,
    socket::Movable,
    state::State,
    stats::count,
    timers::Stage,
    watch::{Watch, Watched},
};

/// How much is read to tell the protocol: mostly a whole request.
const FIRST_READ: usize = 2_048;

/// One connection and what it is served with.
pub(crate) struct Connection<H> {
    pub(crate) handler: Arc<H>,
    pub(crate) client: Client,
    pub(crate) limits: Arc<Limits>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) state: Arc<State>,
}

/// A connection that has come to HTTP, with what watches over it.
type Served = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<H: Handler> Connection<H> {
    /// What a stage needs is in a box of its own, which goes when the next begins: open connections
    /// are many, and one that waits for its next request is to be small.
    pub(crate) async fn run(self, io: ClientIo) {
        let begun: Pin<Box<dyn Future<Output = Option<Served>> + Send>> = match self.client.tls {
            true => Box::pin(self.begin_tls(io)),
            false => Box::pin(self.begin_cleartext(io)),
        };
        if let Some(served) = begun.await {
            served.await;
        }
    }

    fn watch(&self) -> Watch {
        let (state, shared) = (Arc::clone(&self.state), Arc::clone(&self.shared));
        Watch::new(state, shared, Arc::clone(&self.limits))
    }

    async fn begin_tls(mut self, io: ClientIo) -> Option<Served> {
        let mut watch = self.watch();
        let Some(stream) = self.handshake(io, &mut watch).await else {
            count(&self.shared.counters.handshake_failures);
            return None;
        };
        let session = stream.get_ref().1;
        let http2 = session.alpn_protocol() == Some(b"h2");
        self.client.certificate = session.peer_certificates().and_then(names);
        Some(self.serve(stream, http2, watch))
    }

    async fn handshake(&self, io: ClientIo, watch: &mut Watch) -> Option<TlsStream<ClientIo>> {
        let config = match self.client.private {
            true => &self.shared.private_tls,
            false => &self.shared.tls,
        };
        let Some(config) = config.load_full() else {
            tracing::error!(local = %self.client.local, "no certificates for a TLS listener");
            return None;
        };
        match watch.guard(TlsAcceptor::from(config).accept(io)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(client = %self.client.address, %error, "TLS handshake failed");
                None
            }
            Err(_) => None,
        }
    }

    async fn begin_cleartext(self, mut io: ClientIo) -> Option<Served> {
        let mut watch = self.watch();
        let (http2, first) = watch.guard(sniff(&mut io)).await.ok()?.ok()?;
        io.unread(first);
        Some(self.serve(io, http2, watch))
    }

    fn serve<I>(self, io: I, http2: bool, watch: Watch) -> Served
    where
        I: AsyncRead + AsyncWrite + Movable + Unpin + Send + 'static,
    {
        let Connection {
            handler,
            client,
            limits,
            shared,
            state,
        } = self;
        state.enter(if http2 { Stage::Http2 } else { Stage::Http1 });
        let address = client.address;
        let exchange = exchange::Exchange {
            handler,
            client,
            shared,
            state,
        };
        let ended = move |ended| note(address, ended);
        // They see by the state that they are to finish.
        if http2 {
            Box::pin(Watched::new(
                http2::serve(io, exchange, limits),
                ended,
                watch,
            ))
        } else {
            Box::pin(Watched::new(
                http1::serve(io, exchange, limits),
                ended,
                watch,
            ))
        }
    }
}

fn note<E: std::fmt::Display>(client: SocketAddr, ended: Result<(), E>) {
    if let Err(error) = ended {
        tracing::debug!(%client, %error, "connection ended");
    }
}

/// The DNS names of the client's certificate.
fn names(chain: &[CertificateDer<'static>]) -> Option<Arc<[String]>> {
    let leaf = webpki::EndEntityCert::try_from(chain.first()?).ok()?;
    Some(leaf.valid_dns_names().map(str::to_owned).collect())
}

/// Whether the client speaks HTTP/2, and the bytes read to find out.
async fn sniff(io: &mut ClientIo) -> io::Result<(bool, Bytes)> {
    let mut first = BytesMut::new();
    loop {
        let length = first.len().min(PREFACE.len());
        if length == PREFACE.len() || first[..length] != PREFACE[..length] {
            return Ok((first.starts_with(PREFACE), first.freeze()));
        }
        if poll_fn(|cx| poll_more(io, &mut first, cx)).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Reads more bytes. The space for them is on the stack, so that a connection which has sent none takes
/// none.
fn poll_more(
    io: &mut ClientIo,
    first: &mut BytesMut,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut space = [MaybeUninit::uninit(); FIRST_READ];
    let mut buf = ReadBuf::uninit(&mut space);
    ready!(Pin::new(io).poll_read(cx, &mut buf))?;
    first.extend_from_slice(buf.filled());
    Poll::Ready(Ok(buf.filled().len()))
}
