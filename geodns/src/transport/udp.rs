//! Queries over UDP.

use std::{io, time::SystemTime};

use tokio::{net::UdpSocket, sync::watch};
use tracing::debug;

use crate::worker::{Asker, Shared, Transport, Worker};

/// What all sockets share.
#[derive(Clone)]
pub(crate) struct Udp {
    shared: Shared,
    /// True when it is time to stop.
    stop: watch::Receiver<bool>,
}

impl Udp {
    pub(crate) fn new(shared: Shared, stop: watch::Receiver<bool>) -> Self {
        Udp { shared, stop }
    }

    /// Answers until it is told to stop; what was received by then is answered.
    pub(crate) async fn serve(mut self, socket: UdpSocket) {
        let mut worker = Worker::new(self.shared);
        let (mut message, mut response) = (vec![0; 65_535], vec![0; 65_535]);
        loop {
            let stopping = tokio::select! {
                biased;
                ready = socket.readable() => ready.is_err(),
                _ = self.stop.wait_for(|stop| *stop) => true,
            };
            loop {
                match socket.try_recv_from(&mut message) {
                    Ok((length, address)) => {
                        let asker = Asker {
                            address,
                            transport: Transport::Udp,
                        };
                        let message = &message[..length];
                        let now = SystemTime::now();
                        let written = worker.respond(message, asker, now, &mut response);
                        if let Some(length) = written
                            && let Err(error) = socket.send_to(&response[..length], address).await
                        {
                            debug!(%error, client = %address, "response not sent");
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // Of another datagram that could not be delivered.
                    Err(error) => debug!(%error, "cannot receive over UDP"),
                }
            }
            if stopping {
                return;
            }
        }
    }
}
