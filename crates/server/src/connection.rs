//! The life of one connection: TLS or a look at the first bytes, then HTTP until it is over.

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    Client, Handler, Limits, exchange, http1, http2,
    io::ClientIo,
    shared::Shared,
    state::State,
    stats::count,
    timers::{Action, Stage},
    watch::Watch,
};

/// What an HTTP/2 client sends first (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

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

impl<H: Handler> Connection<H> {
    pub(crate) async fn run(self, io: ClientIo) {
        let watch = Watch::new(
            Arc::clone(&self.state),
            Arc::clone(&self.shared),
            Arc::clone(&self.limits),
        );
        if self.client.tls {
            self.run_tls(io, watch).await;
        } else {
            self.run_cleartext(io, watch).await;
        }
    }

    async fn run_tls(mut self, io: ClientIo, mut watch: Watch) {
        let Some(stream) = self.handshake(io, &mut watch).await else {
            count(&self.shared.counters.handshake_failures);
            return;
        };
        let session = stream.get_ref().1;
        let http2 = session.alpn_protocol() == Some(b"h2");
        self.client.certificate = session.peer_certificates().and_then(names);
        self.run_http(stream, http2, watch).await;
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

    async fn run_cleartext(self, mut io: ClientIo, mut watch: Watch) {
        if let Ok(Ok((http2, first))) = watch.guard(sniff(&mut io)).await {
            io.unread(first);
            self.run_http(io, http2, watch).await;
        }
    }

    async fn run_http<I>(self, io: I, http2: bool, watch: Watch)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Connection {
            handler,
            client,
            limits,
            shared,
            state,
        } = self;
        state.enter(if http2 { Stage::Http2 } else { Stage::Http1 });
        let exchange = exchange::Exchange {
            handler,
            client: client.clone(),
            shared: Arc::clone(&shared),
            state: Arc::clone(&state),
        };
        if http2 {
            let service = exchange::service(exchange, limits.max_fields);
            let connection = http2::builder(&limits).serve_connection(TokioIo::new(io), service);
            let ended = drive(pin!(connection), |it| it.graceful_shutdown(), &state, watch).await;
            if let Err(error) = &ended
                && error.is_parse()
            {
                count(&shared.counters.bad_requests);
            }
            note(&client, ended);
        } else {
            let connection = http1::serve(io, exchange, limits);
            // It sees by its state that it is to finish.
            note(
                &client,
                drive(pin!(connection), |_| (), &state, watch).await,
            );
        }
    }
}

fn note<E: std::fmt::Display>(client: &Client, ended: Result<(), E>) {
    if let Err(error) = ended {
        tracing::debug!(client = %client.address, %error, "connection ended");
    }
}

/// The DNS names of the client's certificate.
fn names(chain: &[CertificateDer<'static>]) -> Option<Arc<[String]>> {
    let leaf = webpki::EndEntityCert::try_from(chain.first()?).ok()?;
    Some(leaf.valid_dns_names().map(str::to_owned).collect())
}

/// Runs a connection to its end, and watches over it. When this returns the socket is
/// closed, or about to be as the connection is dropped.
async fn drive<C, E>(
    mut connection: Pin<&mut C>,
    finish: impl Fn(Pin<&mut C>),
    state: &State,
    mut watch: Watch,
) -> Result<(), E>
where
    C: Future<Output = Result<(), E>>,
{
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => {
                result?;
                break;
            }
            action = watch.next() => match action {
                Action::Finish => {
                    state.closing();
                    finish(connection.as_mut());
                }
                Action::Cut => {
                    if state.has_unsent() {
                        state.reset_on_close();
                    }
                    return Ok(());
                }
            },
        }
    }
    // Someone else has the socket of an upgraded connection now.
    if state.stage() == Stage::Upgraded && watch.next().await == Action::Cut {
        state.cut();
    }
    Ok(())
}

/// Whether the client speaks HTTP/2, and the bytes read to find out.
async fn sniff(io: &mut ClientIo) -> io::Result<(bool, Bytes)> {
    let mut first = BytesMut::with_capacity(FIRST_READ);
    loop {
        let length = first.len().min(PREFACE.len());
        if length == PREFACE.len() || first[..length] != PREFACE[..length] {
            return Ok((first.starts_with(PREFACE), first.freeze()));
        }
        if io.read_buf(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
