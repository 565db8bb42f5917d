//! Accepts connections on one listener.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    Client, Handler, clients, connection::Connection, io::ClientIo, shared::Shared, slots::Slot,
    state::State, stats::count, timers::Stage,
};

/// How long to leave a listener alone that cannot accept, for want of file descriptors mostly.
const BACK_OFF: Duration = Duration::from_millis(50);

/// How many connections that the kernel has accepted are still taken when a drain begins.
const LAST_CALL: usize = 4_096;

/// Accepts on `listener` until told to stop. It is closed when this returns.
pub(crate) async fn run<H: Handler>(
    listener: TcpListener,
    door: Door<H>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                back_off(&error).await;
                continue;
            }
        };
        let Some(entry) = door.enter(address) else {
            continue;
        };
        // With all places taken this one waits here, and the rest in the kernel's backlog.
        let slot = tokio::select! {
            biased;
            slot = door.shared.slots.take() => slot,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        if let Some(slot) = slot {
            door.serve(stream, address, entry, slot);
        }
    }
    if let Ok(listener) = listener.into_std() {
        last_call(&listener, &door);
    }
}

/// Takes the connections that the kernel has accepted already: closing the listener would reset
/// them, with requests perhaps under way.
fn last_call<H: Handler>(listener: &std::net::TcpListener, door: &Door<H>) {
    for _ in 0..LAST_CALL {
        let Some(slot) = door.shared.slots.try_take() else {
            return;
        };
        let Ok((stream, address)) = listener.accept() else {
            return;
        };
        let stream = stream
            .set_nonblocking(true)
            .and_then(|()| TcpStream::from_std(stream));
        if let (Ok(stream), Some(entry)) = (stream, door.enter(address)) {
            door.serve(stream, address, entry, slot);
        }
    }
}

/// An error of one connection is passed over; one of the system needs a moment to go away.
async fn back_off(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    let kind = error.kind();
    if !matches!(
        kind,
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    ) {
        tracing::warn!(%error, "cannot accept connections");
        tokio::time::sleep(BACK_OFF).await;
    }
}

/// Lets connections of one listener in.
pub(crate) struct Door<H> {
    /// Where all of them come in; `None` if the listener has more than one address.
    pub(crate) local: Option<SocketAddr>,
    pub(crate) tls: bool,
    pub(crate) private: bool,
    pub(crate) handler: Arc<H>,
    pub(crate) shared: Arc<Shared>,
}

impl<H: Handler> Door<H> {
    /// Counts a connection, unless its client has too many.
    fn enter(&self, address: SocketAddr) -> Option<clients::Entry> {
        count(&self.shared.counters.accepted);
        let limit = self.shared.limits.load().max_connections_per_client;
        let entry = self.shared.clients.enter(address.ip(), limit);
        if entry.is_none() {
            count(&self.shared.counters.refused);
            tracing::debug!(%address, "too many connections from one client");
        }
        entry
    }

    fn serve(&self, stream: TcpStream, address: SocketAddr, entry: clients::Entry, slot: Slot) {
        // Fails only for a socket that is gone.
        let Some(local) = self.local.or_else(|| stream.local_addr().ok()) else {
            return;
        };
        let _ = stream.set_nodelay(true);

        let stage = if self.tls {
            Stage::Handshake
        } else {
            Stage::Sniff
        };
        let state = Arc::new(State::new(Instant::now(), stage));
        let registered = self.shared.registry.enter(Arc::clone(&state));
        let gauge = self.shared.gauge.clone().filter(|_| !self.private);
        let gauge = gauge.map(|gauge| (gauge, address.ip().to_canonical()));
        let io = ClientIo::new(
            stream,
            Arc::clone(&state),
            gauge,
            self.shared.lender.clone(),
            (registered, entry, slot),
        );
        let connection = Connection {
            handler: Arc::clone(&self.handler),
            client: Client {
                address,
                local,
                tls: self.tls,
                private: self.private,
                certificate: None,
            },
            limits: self.shared.limits.load_full(),
            shared: Arc::clone(&self.shared),
            state,
        };
        tokio::spawn(connection.run(io));
    }
}
