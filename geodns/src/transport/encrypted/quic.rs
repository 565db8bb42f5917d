//! DNS over QUIC (RFC 9250): each query has a stream of its own.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use perigee_dns_wire::Request;
use quinn::{
    Connection, ConnectionError, Endpoint, EndpointConfig, Incoming, RecvStream, SendStream,
    ServerConfig, TokioRuntime, TransportConfig, VarInt, crypto::rustls::QuicServerConfig,
};
use tokio::{task::JoinSet, time::timeout};
use tracing::debug;

use super::{Common, Encrypted, listen, seats::Seat};
use crate::{StartError, asker::Transport};

const NAME: &str = "DNS over QUIC";
/// RFC 9250 section 4.3.
const NO_ERROR: VarInt = VarInt::from_u32(0);
const PROTOCOL_ERROR: VarInt = VarInt::from_u32(2);
/// A message, and its length before it.
const LONGEST: u32 = 2 + 65_535;
/// Connections of which nothing is known yet, and what they may have sent by then, in bytes.
const MAX_INCOMING: usize = 256;
const INCOMING_BUFFER: u64 = 64 << 10;
/// What connections that end may take to say so.
const GOODBYE: Duration = Duration::from_secs(1);

/// Listens.
pub(super) fn bind(
    address: SocketAddr,
    crypto: Arc<QuicServerConfig>,
    config: &Encrypted,
) -> Result<(SocketAddr, Endpoint), StartError> {
    let refused = |error: io::Error| listen::refused(address, NAME, &error);
    let mut server = ServerConfig::with_crypto(crypto);
    server
        .transport_config(Arc::new(transport(config)))
        .max_incoming(MAX_INCOMING)
        .incoming_buffer_size(INCOMING_BUFFER)
        .incoming_buffer_size_total(MAX_INCOMING as u64 * INCOMING_BUFFER / 16);
    let (bound, socket) = listen::udp(address, NAME)?;
    let runtime = Arc::new(TokioRuntime);
    let endpoint = Endpoint::new(EndpointConfig::default(), Some(server), socket, runtime);
    Ok((bound, endpoint.map_err(refused)?))
}

fn transport(config: &Encrypted) -> TransportConfig {
    let mut transport = TransportConfig::default();
    let idle = u64::try_from(config.idle_timeout.as_millis()).unwrap_or(u64::MAX);
    let idle = VarInt::from_u64(idle).unwrap_or(VarInt::MAX);
    transport
        .max_idle_timeout(Some(idle.into()))
        .max_concurrent_bidi_streams(config.max_streams.into())
        .max_concurrent_uni_streams(0_u8.into())
        .stream_receive_window(LONGEST.into())
        .receive_window((4 * LONGEST).into())
        .send_window(4 * u64::from(LONGEST))
        .datagram_receive_buffer_size(None);
    transport
}

/// Serves connections until it is told to stop; then no longer than the answers under way take.
pub(super) async fn serve(endpoint: Endpoint, common: Common) {
    let mut stop = common.stop.clone();
    let mut connections = JoinSet::new();
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Some(incoming) = incoming else {
            break;
        };
        admit(&mut connections, incoming, &common);
        while connections.try_join_next().is_some() {}
    }
    endpoint.set_server_config(None);
    while connections.join_next().await.is_some() {}
    endpoint.close(NO_ERROR, b"");
    let _ = timeout(GOODBYE, endpoint.wait_idle()).await;
}

/// Those over the limits are refused; and while there are many, each must show that it is where it
/// says before anything is done for it (RFC 9000 section 8.1.2).
fn admit(connections: &mut JoinSet<()>, incoming: Incoming, common: &Common) {
    let client = incoming.remote_address();
    if common.seats.are_scarce() && incoming.may_retry() {
        if let Err(error) = incoming.retry() {
            debug!(%client, %error, "a connection cannot be tried again");
        }
        return;
    }
    let Some(seat) = common.seats.take(client.ip()) else {
        debug!(%client, "too many connections");
        incoming.refuse();
        return;
    };
    let common = common.clone();
    connections.spawn(async move {
        if let Err(error) = connection(incoming, client, common, seat).await {
            debug!(%client, %error, "a connection broke");
        }
    });
}

/// Answers until the client ends or is idle.
async fn connection(
    incoming: Incoming,
    client: SocketAddr,
    common: Common,
    _seat: Seat,
) -> io::Result<()> {
    let mut stop = common.stop.clone();
    let connection = timeout(common.config.idle_timeout, incoming).await??;
    let mut queries = JoinSet::new();
    loop {
        let (send, receive) = tokio::select! {
            opened = connection.accept_bi() => match opened {
                Ok(streams) => streams,
                Err(ConnectionError::ApplicationClosed(_) | ConnectionError::TimedOut) => {
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            },
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (connection, common) = (connection.clone(), common.clone());
        queries.spawn(async move {
            let patience = common.config.idle_timeout;
            let answered = query(send, receive, client, &common);
            match timeout(patience, answered).await {
                Ok(Ok(())) => {}
                Ok(Err(Broken::Rules)) => close(&connection, PROTOCOL_ERROR),
                // The stream is reset when it is dropped.
                Ok(Err(Broken::Stream)) | Err(_) => {}
            }
        });
        while queries.try_join_next().is_some() {}
    }
    while queries.join_next().await.is_some() {}
    close(&connection, NO_ERROR);
    Ok(())
}

fn close(connection: &Connection, code: VarInt) {
    connection.close(code, b"");
}

/// Why there is no answer on a stream.
enum Broken {
    /// The client has ended it, or the connection.
    Stream,
    /// The client does not keep to RFC 9250: the connection must end.
    Rules,
}

/// One query, one answer.
async fn query(
    mut send: SendStream,
    mut receive: RecvStream,
    client: SocketAddr,
    common: &Common,
) -> Result<(), Broken> {
    let received = receive.read_to_end(LONGEST as usize).await;
    let received = received.map_err(|error| match error {
        quinn::ReadToEndError::TooLong => Broken::Rules,
        quinn::ReadToEndError::Read(_) => Broken::Stream,
    })?;
    let message = framed(&received).ok_or(Broken::Rules)?;
    if speaks_of_tcp(message) {
        return Err(Broken::Rules);
    }
    let response = common
        .responder
        .respond(message, client, Transport::Quic, |response| {
            [&(response.len() as u16).to_be_bytes(), response].concat()
        });
    let response = response.ok_or(Broken::Rules)?;
    send.write_all(&response)
        .await
        .map_err(|_| Broken::Stream)?;
    send.finish().map_err(|_| Broken::Stream)?;
    // Until the client has it; then nothing is left to be done for the stream.
    let _ = send.stopped().await;
    Ok(())
}

/// Whether a query has edns-tcp-keepalive, which must not be sent over QUIC (section 5.5.2).
fn speaks_of_tcp(message: &[u8]) -> bool {
    let edns = Request::read(message).ok().and_then(|request| request.edns);
    edns.is_some_and(|edns| edns.tcp_keepalive)
}

/// The one message of a stream, if there is one, and its ID is zero (section 4.2.1).
fn framed(received: &[u8]) -> Option<&[u8]> {
    let (length, message) = received.split_first_chunk::<2>()?;
    let whole = usize::from(u16::from_be_bytes(*length)) == message.len();
    (whole && message.starts_with(&[0, 0])).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_holds_one_message_with_the_id_zero() {
        assert_eq!(framed(&[0, 3, 0, 0, 7]), Some(&[0, 0, 7][..]));
        assert_eq!(framed(&[0, 3, 0, 1, 7]), None);
        assert_eq!(framed(&[0, 2, 0, 0, 7]), None);
        assert_eq!(framed(&[0, 4, 0, 0, 7]), None);
        assert_eq!(framed(&[0]), None);
        assert_eq!(framed(&[0, 0]), None);
    }
}
